// Everything about one window, beside the charts: gate, scores, decision, and where to look further.

import { el, put } from "./dom.js";
import { dateTime, integer, MISSING, number, plural, share, times } from "./format.js";
import { airflowLink, outsideLink } from "./leave.js";
import { errorNotice, loading } from "./shell.js";
import { action, batch, gate, metric, severity, state } from "./states.js";

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

function links({ links: found = {} }) {
  const all = [
    found.dag_run ? el("a", airflowLink(found.dag_run), "Airflow run") : null,
    found.data_docs ? el("a", airflowLink(found.data_docs), "Data Docs") : null,
    found.evidently ? el("a", outsideLink(found.evidently), "Evidently report") : null,
    found.mlflow ? el("a", outsideLink(found.mlflow), "MLflow run") : null,
    found.grafana ? el("a", outsideLink(found.grafana), "Grafana") : null,
  ].filter(Boolean);
  return all.length ? el("p", { class: "links" }, all) : null;
}

function against(judged, format) {
  if (!judged) return MISSING;
  const limit = judged.threshold === null ? "" : `, limit ${format(judged.threshold)}`;
  return [`${format(judged.value ?? judged.share)}${limit} `, judged.verdict ? state(metric(judged.verdict), { size: 12 }) : null];
}

function numbers(item) {
  return el(
    "dl",
    { class: "pairs" },
    row("Batch", state(batch(item.status))),
    row("Rows", integer(item.rows)),
    row(
      "Gate",
      item.gate ? state(gate(item.gate.verdict), { extra: `, ${item.gate.failed} of ${item.gate.evaluated} failed` }) : "has not run",
    ),
    row("Drift share", against(item.drift, share)),
    row(item.performance?.metric ?? "Performance", against(item.performance, number)),
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

function worstColumns(map, choose) {
  const rows = map.columns
    .map((column, y) => ({ name: column.name, value: map.value[y][0], threshold: map.threshold[y][0], ratio: map.ratio[y][0] }))
    .filter(({ value }) => value !== null && value !== undefined);
  if (!rows.length) return null;
  rows.sort((a, b) => (b.ratio ?? -1) - (a.ratio ?? -1));
  const line = ({ name, value, threshold, ratio }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", { type: "button", class: "link", onclick: () => choose(name) }, name)),
      el("td", { class: "number" }, number(value)),
      el("td", { class: "number dim" }, number(threshold)),
      el("td", { class: ratio > 1 ? "number over" : "number" }, times(ratio), ratio > 1 ? " !" : ""),
    );
  return [
    el("h3", {}, "Drift scores, furthest from normal first"),
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
      el("tbody", {}, rows.slice(0, WORST).map(line)),
    ),
  ];
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

  function draw(item, gates, decisions, map) {
    const { window } = item;
    const decision = decisions.items[0];
    put(title, `Window ${window.label}`);
    put(
      inside,
      el("p", { class: "dim small" }, `${dateTime(window.start, page.zone)} to ${dateTime(window.end, page.zone)}, ${page.zone}`),
      links(item),
      numbers(item),
      decision
        ? [list("Reasons for the decision", decision.reasons ?? []), list("Reasons against doing more", decision.reasons_against ?? [])]
        : null,
      failures(gates.items[0] ?? {}),
      worstColumns(map, page.chooseColumn),
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
      const [windows, gates, decisions, map] = await Promise.all([
        page.ask("/windows", { ...one, limit: 1 }),
        page.ask("/gates", { ...one, limit: 1 }),
        page.ask("/decisions", { ...one, limit: 1 }),
        page.ask("/heatmap", { ...one, metric: "drift_score", limit: 20, windows: 10 }),
      ]);
      if (page.view.window !== moment) return page.view.windowKey;
      const item = windows.items[0];
      if (item) draw(item, gates, decisions, map);
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
