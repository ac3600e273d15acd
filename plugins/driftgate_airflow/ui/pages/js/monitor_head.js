// Head of the monitor page: who it is, its state, and the verdicts of its last window as tiles.

import { el } from "./dom.js";
import { ago, date, dateTime, duration, integer, number, plural, share, times } from "./format.js";
import { airflowLink, outsideLink } from "./leave.js";
import { newestRow, range, rowRatio } from "./numbers.js";
import { action, batch, dataset, freshness, gate, metric, overall, retraining, state } from "./states.js";
import { empty } from "./shell.js";

function tile(title, value, ...below) {
  return el(
    "div",
    { class: "tile" },
    el("dt", {}, title),
    el(
      "dd",
      {},
      el("div", { class: "value" }, value),
      below.filter(Boolean).map((line) => el("div", { class: "below" }, line)),
    ),
  );
}

const isNewest = (m) => m.measured && m.window && m.measured.key === m.window.key;

const windowTile = (m, numbers) => {
  const { window } = m;
  return tile(
    "Last window",
    window.label,
    el("span", {}, state(batch(window.status), { size: 12 }), ` · ${integer(window.rows)} rows`),
    isNewest(m) ? [rowRatio(numbers), newestRow(numbers) && `newest row ${newestRow(numbers)}`].filter(Boolean).join(", ") : null,
    window.note,
  );
};

function gateTile({ gate: result }) {
  if (!result) return tile("Gate", "–", "has not run");
  const failed = `${result.failed} of ${plural(result.evaluated, "expectation")} failed`;
  return tile(
    "Gate",
    state(gate(result.verdict), { size: 16 }),
    failed,
    result.link ? el("a", airflowLink(result.link), "Data Docs") : null,
  );
}

const judge = (verdict) => (verdict ? state(metric(verdict), { size: 12 }) : null);

function measuredTile(m, title, value, judged, ...below) {
  const other = m.measured && m.window && m.measured.key !== m.window.key ? `window ${m.measured.label}` : null;
  return tile(title, value, judged, ...below, other);
}

function driftTile(m) {
  if (!m.drift) return tile("Drift share", "–", "not measured yet");
  const { share: value, threshold, verdict, drifted_columns: drifted, judged_columns: judged } = m.drift;
  const limit = threshold === null ? null : `limit ${share(threshold)}`;
  const judgedAs = verdict ? state(verdict === "ok" || verdict === "alarm" ? dataset(verdict) : metric(verdict), { size: 12 }) : null;
  return measuredTile(
    m,
    "Drift share",
    share(value),
    judgedAs,
    [`${drifted} of ${plural(judged, "column")}`, limit].filter(Boolean).join(", "),
  );
}

/** What is estimated for the newest measured window, if that has no labels yet. */
function estimate(m, numbers) {
  const name = m.performance?.metric ?? m.main_metric;
  const found = numbers.find(`estimated_${name}`);
  if (!found || found.value === null || numbers.find(name)) return null;
  const ends = range(found);
  return { ...found, name, text: `${number(found.value)}${ends ? ` (${ends})` : ""}` };
}

function performanceTile(m, numbers) {
  const guess = estimate(m, numbers);
  if (!m.performance && guess)
    return measuredTile(m, `Estimated ${guess.name}`, number(guess.value), judge(guess.verdict), `no labels yet, 95\u00a0% range ${range(guess)}`);
  if (!m.performance) return tile("Performance", "–", "not measured yet");
  const { metric: name, value, reference, ratio, threshold, verdict, window } = m.performance;
  const against = reference === null ? "no reference" : `${times(ratio)} the reference ${number(reference)}`;
  const limit = threshold === null ? null : `limit ${number(threshold)}`;
  const ends = window.key === m.measured?.key ? range(numbers.find(name)) : "";
  const newer = guess ? [`window ${window.label}`, `since then estimated ${guess.text}`] : [];
  return measuredTile(m, `Performance: ${name}`, number(value), judge(verdict), ends && `95\u00a0% range ${ends}`, against, limit, ...newer);
}

function championTile({ champion, retraining: last, timezone }) {
  const trained = last
    ? el("span", {}, "last retraining ", last.window.label, ": ", state(retraining(last.verdict), { size: 12 }))
    : "never retrained";
  if (!champion) return tile("Champion", "–", "none promoted yet");
  return tile("Champion", `version ${champion.version}`, champion.since ? `since ${date(champion.since, timezone)}` : null, trained);
}

function decisionTile({ decision }) {
  if (!decision) return tile("Last decision", "–", "none yet");
  return tile("Last decision", state(action(decision.action), { size: 16 }), `window ${decision.window.label}`, decision.reasons?.[0]);
}

function nextTile({ next_run: next, freshness: fresh, schedule, timezone }) {
  const late = fresh?.state === "late" ? ` by ${duration(fresh.behind_seconds)}` : "";
  const cron = schedule?.cron ? `schedule ${schedule.cron}` : "no schedule";
  return tile(
    "Next run",
    next ? ago(next) : "–",
    next ? dateTime(next, timezone) : null,
    fresh ? state(freshness(fresh.state), { extra: late, size: 12 }) : null,
    cron,
  );
}

function rules({ policy }) {
  if (!policy?.rules?.length) return null;
  const when = policy.consecutive > 1 ? `retrains after ${plural(policy.consecutive, "such window")} in a row` : "retrains at once";
  const cooldown = policy.cooldown_seconds ? `, at most once in ${duration(policy.cooldown_seconds)}` : "";
  return el(
    "p",
    { class: "dim small" },
    el("span", { class: "strong" }, "A window is bad when: "),
    policy.rules.join("; or "),
    ". ",
    `Driftgate ${when}${cooldown}.`,
  );
}

function links(m) {
  const found = m.links ?? {};
  return el(
    "div",
    { class: "links" },
    found.dag ? el("a", airflowLink(found.dag), "DAG ", el("code", {}, m.dag_id)) : null,
    found.retrain_dag ? el("a", airflowLink(found.retrain_dag), "Retraining DAG") : null,
    found.grafana ? el("a", outsideLink(found.grafana), "Grafana") : null,
  );
}

function noWindow(m) {
  return empty(
    "No window has run yet",
    m.paused
      ? `Its DAG ${m.dag_id} is paused: switch it on, or trigger a window with its form.`
      : `Its DAG ${m.dag_id} shows the first window here when its run has reached the records.`,
    m.links?.dag ? el("a", airflowLink(m.links.dag), "Open the DAG") : "",
  );
}

/** Name, links, rules and tiles of monitor `m`; `numbers` are those of its newest measured window. */
export function monitorHead(m, numbers) {
  const title = el(
    "div",
    { class: "title-line" },
    el("h1", {}, m.id),
    state(overall(m.state), { badge: true }),
    m.state_reasons?.length ? el("span", { class: "dim" }, m.state_reasons.join("; ")) : null,
  );
  const about = el(
    "p",
    { class: "dim" },
    [m.description, `owner ${m.owner ?? "unknown"}`, m.task, `times in ${m.timezone}`].filter(Boolean).join(" · "),
  );
  const tiles = m.window
    ? el(
        "dl",
        { class: "tiles" },
        windowTile(m, numbers),
        gateTile(m),
        performanceTile(m, numbers),
        driftTile(m),
        decisionTile(m),
        championTile(m),
        nextTile(m),
      )
    : noWindow(m);
  return [el("div", { class: "head-line" }, el("div", {}, title, about), links(m)), tiles, rules(m)];
}
