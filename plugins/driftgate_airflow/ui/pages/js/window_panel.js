// Everything about one window, beside the charts: gate, scores, decision, and where to look further.

import { el, put } from "./dom.js";
import { dateTime, integer, MISSING, number, plural, share, times } from "./format.js";
import { airflowLink, outsideLink } from "./leave.js";
import { columnLabel } from "./column_names.js";
import { neededRows, tooFewRows } from "./limits.js";
import { loadNumbers, newestRow, NO_NUMBERS, range, rowRatio } from "./numbers.js";
import { reportLink } from "./report_link.js";
import { errorNotice, loading } from "./shell.js";
import { action, batch, dataset, gate, metric, severity, state } from "./states.js";

const KEY = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/;
const WORST = 8;

/** Start of the window that a key names, as the API gives it; null if it is no key. */
export function momentOfKey(key) {
  const found = KEY.exec(key ?? "");
  return found ? `${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}:${found[6]}Z` : null;
}

const justAfter = (moment) => new Date(Date.parse(moment) + 1000).toISOString();
const row = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
const list = (title, items) =>
  items.length
    ? [
        el("h3", {}, title),
        el(
          "ul",
          { class: "what" },
          items.map((item) => el("li", {}, item)),
        ),
      ]
    : null;

function links(page, item) {
  const found = item.links ?? {};
  const all = [
    found.dag_run ? el("a", airflowLink(found.dag_run), "Airflow run") : null,
    found.data_docs ? el("a", airflowLink(found.data_docs), "Data Docs") : null,
    reportLink(page, item),
    found.mlflow ? el("a", outsideLink(found.mlflow), "MLflow run") : null,
    found.grafana ? el("a", outsideLink(found.grafana), "Grafana") : null,
  ].filter(Boolean);
  return all.length ? el("p", { class: "links" }, all) : null;
}

function against(judged, format, words = metric) {
  if (!judged) return MISSING;
  const limit = judged.threshold === null ? "" : `, limit ${format(judged.threshold)}`;
  return [`${format(judged.value ?? judged.share)}${limit} `, judged.verdict ? state(words(judged.verdict), { size: 12 }) : null];
}

const withRange = (found) => (range(found) ? el("div", { class: "dim" }, `95\u00a0% range ${range(found)}`) : null);
const driftWords = (verdict) => (verdict === "too_few_rows" ? metric(verdict) : dataset(verdict));

function performanceRows(item, known, name) {
  const guess = known.find(`estimated_${name}`);
  const unlabelled = guess && !item.performance?.value ? el("div", { class: "dim" }, "no labels yet") : null;
  return [
    item.performance?.value != null || !guess ? row(name, against(item.performance, number), withRange(known.find(name))) : null,
    guess ? row(`Estimated ${name}`, against(guess, number), withRange(guess), unlabelled) : null,
  ];
}

function rowsRow(item, known) {
  const ratio = known.find("row_ratio");
  const usual = rowRatio(known);
  const judged = ratio?.verdict === "alarm" ? state(metric("alarm"), { size: 12 }) : null;
  return row("Rows", integer(item.rows), usual ? el("div", { class: "dim" }, usual, " ", judged) : null);
}

function numbers(item, known, name) {
  return el(
    "dl",
    { class: "pairs" },
    row("Batch", state(batch(item.status))),
    rowsRow(item, known),
    newestRow(known) ? row("Newest row", newestRow(known)) : null,
    row(
      "Gate",
      item.gate ? state(gate(item.gate.verdict), { extra: `, ${item.gate.failed} of ${item.gate.evaluated} failed` }) : "has not run",
    ),
    row("Drift share", against(item.drift, share, driftWords)),
    performanceRows(item, known, name),
    item.performance?.reference ? row("Reference", number(item.performance.reference)) : null,
    row("Model", item.model_version ? `version ${item.model_version}` : MISSING),
    row("Decision", item.decision ? state(action(item.decision.action)) : "none"),
    item.note ? row("Note", item.note) : null,
  );
}

function failures({ failed = [] }) {
  const items = failed.map((item) =>
    el(
      "li",
      {},
      state(severity(item.severity), { size: 12 }),
      " ",
      el("span", { class: "strong" }, item.column ?? "whole table"),
      " ",
      el("code", {}, item.expectation),
      el("div", { class: "dim" }, item.detail),
    ),
  );
  return items.length ? [el("h3", {}, "What the gate found"), el("ul", { class: "failures" }, items)] : null;
}

const TOO_FEW = 2; // the API's code of the verdict

function scores(map) {
  return map.columns
    .map((column, y) => ({
      ...column,
      value: map.value[y][0],
      threshold: map.threshold[y][0],
      ratio: map.verdict[y][0] === TOO_FEW ? null : map.ratio[y][0],
      tooFew: map.verdict[y][0] === TOO_FEW,
    }))
    .filter(({ value, tooFew }) => tooFew || (value !== null && value !== undefined))
    .sort((a, b) => (b.ratio ?? -1) - (a.ratio ?? -1));
}

function fewColumns(page, item, rows) {
  const few = rows.filter(({ tooFew }) => tooFew);
  if (!few.length) return null;
  const why = (column) => tooFewRows(item.rows, neededRows(page.monitor, item.model_version, { ...column, column: column.name }));
  const items = few.slice(0, WORST).map((column) => el("li", {}, `${columnLabel(column)}: ${why(column)}`));
  const more = few.length > WORST ? el("li", {}, `and ${few.length - WORST} more`) : null;
  return [el("h3", {}, "Not judged: too few rows"), el("ul", { class: "what" }, items, more)];
}

function scoreTable(title, rows, choose) {
  const judged = rows.filter(({ tooFew }) => !tooFew);
  if (!judged.length) return null;
  const line = ({ name, family, value, threshold, ratio }) =>
    el(
      "tr",
      {},
      el(
        "th",
        { scope: "row" },
        el("button", { type: "button", class: "link", onclick: () => choose(name) }, columnLabel({ name, family })),
      ),
      el("td", { class: "number" }, number(value)),
      el("td", { class: "number dim" }, number(threshold)),
      el("td", { class: ratio > 1 ? "number over" : "number" }, times(ratio), ratio > 1 ? " !" : ""),
    );
  return [
    el("h3", {}, title),
    el(
      "table",
      { class: "plain" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ["Column", "Score", "Threshold", "Times"].map((title, i) => el("th", { scope: "col", class: i ? "number" : "" }, title)),
        ),
      ),
      el("tbody", {}, judged.slice(0, WORST).map(line)),
    ),
  ];
}

function causes(incidents, window, choose) {
  const covers = ({ opened, last_seen: last }) => opened.start <= window.start && window.start <= last.start;
  const found = incidents.items.find((incident) => covers(incident) && incident.likely_causes?.length);
  if (!found) return null;
  const line = ({ column, metric: name, excess, detail }) =>
    el(
      "li",
      {},
      el("button", { type: "button", class: "link strong", onclick: () => choose(column) }, columnLabel({ name: column })),
      excess === null || excess === undefined ? ` ${name}` : ` ${name} ${times(excess + 1)} its limit`,
      detail ? el("div", { class: "dim" }, detail) : null,
    );
  return [el("h3", {}, `Likely causes (incident #${found.id})`), el("ul", { class: "what" }, found.likely_causes.slice(0, WORST).map(line))];
}

export function windowPanel(page) {
  const inside = el("div", { class: "inside" });
  const title = el("h2", { tabindex: "-1" });
  const step = (direction) => () => move(direction);
  const before = el("button", { type: "button", class: "quiet", "aria-label": "Earlier window", onclick: step(-1) }, "‹");
  const after = el("button", { type: "button", class: "quiet", "aria-label": "Later window", onclick: step(1) }, "›");
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => page.chooseWindow(null) }, "✕");
  const node = el(
    "aside",
    { id: "window", class: "panel window", "aria-label": "Window", hidden: true },
    el("header", {}, title, el("div", { class: "right" }, before, after, close)),
    inside,
  );
  node.addEventListener("keydown", (event) => event.key === "Escape" && page.chooseWindow(null));

  function neighbours(moment) {
    const starts = page.range?.history.start ?? [];
    const at = starts.indexOf(moment);
    return { earlier: at > 0 ? starts[at - 1] : null, later: at >= 0 ? (starts[at + 1] ?? null) : null };
  }

  function move(direction) {
    const { earlier, later } = neighbours(page.view.window);
    const target = direction < 0 ? earlier : later;
    if (target) page.chooseWindow(target);
  }

  function draw(item, { gates, decisions, map, slow, incidents, known }) {
    const { window } = item;
    const decision = decisions.items[0];
    const rows = scores(map);
    const changes = scores(slow).filter(({ ratio }) => ratio > 1);
    put(title, `Window ${window.label}`);
    put(
      inside,
      el("p", { class: "dim small" }, `${dateTime(window.start, page.zone)} to ${dateTime(window.end, page.zone)}, ${page.zone}`),
      links(page, item),
      numbers(item, known, item.performance?.metric ?? page.monitor.main_metric),
      decision
        ? [list("Reasons for the decision", decision.reasons ?? []), list("Reasons against doing more", decision.reasons_against ?? [])]
        : null,
      failures(gates.items[0] ?? {}),
      causes(incidents, window, page.chooseColumn),
      scoreTable("Drift scores, furthest from normal first", rows, page.chooseColumn),
      scoreTable("Changed over several windows", changes, page.chooseColumn),
      fewColumns(page, item, rows),
    );
  }

  function missing(moment) {
    put(title, `Window ${dateTime(moment, page.zone)}`);
    put(
      inside,
      el(
        "p",
        {},
        `No window of ${page.monitor.id} starts at this moment. `,
        `${plural(page.monitor.windows?.count ?? 0, "window")} recorded; choose one in a chart.`,
      ),
    );
  }

  /** Show the window that starts at `moment`; returns its key, or null if there is none. */
  async function load(moment) {
    const fresh = node.hidden;
    node.hidden = false;
    put(inside, loading());
    const { earlier, later } = neighbours(moment);
    before.disabled = !earlier;
    after.disabled = !later;
    const one = { from: moment, to: justAfter(moment) };
    try {
      const found = page.ask("/windows", { ...one, limit: 1 });
      const [windows, known, gates, decisions, map, slow, incidents] = await Promise.all([
        found,
        found.then(({ items }) => (items.length ? loadNumbers(page, items[0].window.key) : NO_NUMBERS)),
        page.ask("/gates", { ...one, limit: 1 }),
        page.ask("/decisions", { ...one, limit: 1 }),
        page.ask("/heatmap", { ...one, metric: "drift_score", limit: 20, windows: 10 }),
        page.ask("/heatmap", { ...one, metric: "slow_drift", limit: 20, windows: 10 }),
        page.ask("/incidents", { state: "all", limit: 100 }),
      ]);
      if (page.view.window !== moment) return page.view.windowKey;
      const item = windows.items[0];
      if (item) draw(item, { gates, decisions, map, slow, incidents, known });
      else missing(moment);
      if (fresh) title.focus({ preventScroll: innerWidth >= 1200 });
      return item?.window.key ?? null;
    } catch (error) {
      put(inside, errorNotice(error));
      return null;
    }
  }

  return {
    node,
    load,
    close: () => {
      node.hidden = true;
    },
  };
}
