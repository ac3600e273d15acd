// One monitor as a row of the fleet.

import { el } from "./dom.js";
import { ago, date, dateTime, duration, integer, MISSING, number, plural, share, times } from "./format.js";
import { sparkline, verdictStrip } from "./sparkline.js";
import { action, batch, freshness, gate, overall, severity, state } from "./states.js";
import { monitorPage } from "./view.js";

const cell = (label, className, ...children) =>
  el("td", { role: "cell", "data-label": label, class: className }, children.length ? children : MISSING);
const sub = (...children) => el("div", { class: "sub" }, ...children);

function name(m) {
  const title = el("a", { class: "title", id: `monitor-${m.id}`, href: monitorPage(m.dag_id) }, m.id);
  return el("th", { scope: "row", role: "rowheader" }, title, sub(m.owner ?? "no owner"));
}

function lastWindow(m) {
  if (!m.window) return [sub("none yet")];
  return [
    el("div", { class: "nowrap" }, m.window.label),
    sub(state(batch(m.window.status)), m.window.rows === null ? "" : ` · ${integer(m.window.rows)} rows`),
  ];
}

const verdicts = (m) => (m.trend?.gate ?? []).map((verdict, i) => verdict ?? (m.trend.status[i] === "failed" ? "fail" : "none"));

function gateCell(m) {
  const history = verdicts(m);
  const count = (wanted) => history.filter((verdict) => verdict === wanted).length;
  const label = `Gate, last ${plural(history.length, "window")}: ${count("fail")} stopped, ${count("warn")} with warnings`;
  const failed = m.gate?.failed ? ` · ${m.gate.failed} of ${m.gate.evaluated}` : "";
  return [m.gate ? state(gate(m.gate.verdict), { extra: failed }) : MISSING, verdictStrip({ verdicts: history, label, width: 90 })];
}

function driftCell(m) {
  if (!m.drift) return [sub("not measured yet")];
  const { share: value, threshold, verdict, drifted_columns: drifted, judged_columns: judged } = m.drift;
  const limit = threshold === null ? "" : `, limit ${share(threshold)}`;
  const label = `Drift share over the last ${plural(m.trend.drift_share.length, "window")}, now ${share(value)}${limit}`;
  return [
    el(
      "div",
      { class: "pair" },
      el(
        "div",
        {},
        el("div", { class: verdict === "alarm" ? "value alarm" : "value" }, share(value), verdict === "alarm" ? " !" : ""),
        sub(`${integer(drifted)} of ${integer(judged)} columns`),
      ),
      sparkline({ values: m.trend.drift_share, verdicts: m.trend.drift_verdict, limit: threshold, label, width: 72 }),
    ),
  ];
}

function performanceCell(m) {
  if (!m.performance) return [sub("not measured yet")];
  const { metric, value, reference, ratio, verdict, threshold } = m.performance;
  const span = plural(m.trend.performance.length, "window");
  const label = `${metric} over the last ${span}, now ${number(value)}, reference ${number(reference)}`;
  const against = ratio === null || ratio === undefined ? "no reference" : `${times(ratio)} ref. ${number(reference)}`;
  return [
    el(
      "div",
      { class: "pair" },
      el(
        "div",
        {},
        el("div", { class: verdict === "alarm" ? "value alarm" : "value" }, `${metric} ${number(value)}`, verdict === "alarm" ? " !" : ""),
        sub(against),
      ),
      sparkline({ values: m.trend.performance, verdicts: m.trend.performance_verdict, limit: threshold ?? null, label, width: 72 }),
    ),
  ];
}

function incidentsCell(m) {
  const { open, acknowledged, worst } = m.incidents;
  if (!open) return [el("span", { class: "dim" }, "none")];
  return [
    el("a", { href: `${monitorPage(m.dag_id)}#incidents` }, state(severity(worst), { badge: true, extra: ` · ${open}` })),
    acknowledged ? sub(`${acknowledged} acknowledged`) : null,
  ];
}

function championCell(m) {
  if (!m.champion) return [sub("none yet")];
  const since = m.champion.since;
  return [
    el("div", { class: "nowrap" }, `version ${m.champion.version}`),
    since ? sub("since ", el("span", { class: "nowrap", title: dateTime(since, m.timezone) }, date(since, m.timezone))) : null,
  ];
}

function decisionCell(m) {
  if (!m.decision) return [sub("none yet")];
  return [
    el("span", { title: (m.decision.reasons ?? []).join("\n") }, state(action(m.decision.action))),
    sub(el("span", { class: "nowrap" }, m.decision.window.label)),
  ];
}

function late({ behind_seconds: seconds, behind_windows: windows }) {
  if (windows > 1) return ` · ${plural(windows, "window")}`;
  return seconds ? ` · ${duration(seconds)}` : "";
}

function nextCell(m) {
  const fresh = m.freshness ?? { state: "no_window" };
  const next = m.next_run
    ? el("div", { class: "nowrap", title: `${dateTime(m.next_run, m.timezone)} ${m.timezone}` }, ago(m.next_run))
    : null;
  return [next, sub(state(freshness(fresh.state), { extra: fresh.state === "late" ? late(fresh) : "", size: 12 }))];
}

const figure = (title, detail, drawing) =>
  el("figure", { class: "panel" }, el("figcaption", {}, el("strong", {}, title), " ", el("span", { class: "dim small" }, detail)), drawing);

/** The last windows of monitor `m`, drawn larger: for fleets that are small enough. */
export function fleetTrends(m) {
  if (!m.window) return null;
  const { trend } = m;
  const size = { width: 400, height: 84 };
  const span = `last ${plural(trend.start.length, "window")} until ${trend.label.at(-1)}`;
  return el(
    "section",
    { class: "trends", "aria-label": `Last windows of ${m.id}` },
    m.performance
      ? figure(
          `${m.id}: ${m.performance.metric}`,
          m.performance.threshold === null ? span : `limit ${number(m.performance.threshold)}, ${span}`,
          sparkline({
            values: trend.performance,
            verdicts: trend.performance_verdict,
            limit: m.performance.threshold,
            label: `${m.performance.metric}, ${span}`,
            ...size,
          }),
        )
      : null,
    m.drift
      ? figure(
          `${m.id}: drift share`,
          m.drift.threshold === null ? span : `limit ${share(m.drift.threshold)}, ${span}`,
          sparkline({
            values: trend.drift_share,
            verdicts: trend.drift_verdict,
            limit: m.drift.threshold,
            label: `Drift share, ${span}`,
            ...size,
          }),
        )
      : null,
    figure(
      `${m.id}: gate`,
      `low: pass, middle: warn, high: stopped; ${span}`,
      verdictStrip({ verdicts: verdicts(m), label: `Gate, ${span}`, ...size, height: 60 }),
    ),
  );
}

/** The row of monitor `m` of the fleet's answer. */
export function fleetRow(m) {
  return el(
    "tr",
    { role: "row", class: m.state, "data-monitor": m.id },
    name(m),
    cell(
      null,
      "wide",
      state(overall(m.state), { badge: true }),
      m.state_reasons?.length ? el("div", { class: "sub reasons" }, m.state_reasons.join("; ")) : null,
    ),
    cell("Last window", "", lastWindow(m)),
    cell("Gate", "", gateCell(m)),
    cell("Drift share", "", driftCell(m)),
    cell("Performance", "", performanceCell(m)),
    cell("Open incidents", "", incidentsCell(m)),
    cell("Champion", "", championCell(m)),
    cell("Last decision", "", decisionCell(m)),
    cell("Next run", "", nextCell(m)),
  );
}
