// Which column is behind it: a heat map of columns by windows, the ranked columns, and the series of the chosen one.

import { el, put } from "./dom.js";
import { integer, plural, share, times } from "./format.js";
import { heatChart, legend } from "./heat_chart.js";
import { troubleBetween, windowName } from "./history.js";
import { chartBox, panel } from "./panels.js";
import { seriesBox } from "./trend_panels.js";

const STEPS = [25, 60, 200];
const FAMILIES = { target: "target_drift", prediction: "prediction_drift", prediction_proba: "prediction_drift" };
const MEASURES = [
  ["drift_score", "Drift"],
  ["missing_share", "Missing"],
];

function familyOf(page, map, name) {
  const ranked = map?.columns.find((column) => column.name === name && column.family !== "data_quality");
  const role = page.monitor.columns?.find((column) => column.name === name)?.role;
  return ranked?.family ?? FAMILIES[role] ?? "data_drift";
}

function ranking(columns, chosen, choose) {
  const worst = Math.max(...columns.map((column) => Math.min(column.worst ?? 0, 10)), 1);
  return columns.map((column) => {
    const fill = el("i", { class: column.worst > 1 ? "over" : "" });
    fill.style.width = `${Math.max(3, (Math.min(column.worst ?? 0, 10) / worst) * 100)}%`;
    const often = `${plural(column.alarms, "alarm")} in ${plural(column.windows, "window")}`;
    const words = `${column.name}: ${often}, at worst ${times(column.worst)} the threshold`;
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", title: words, "aria-pressed": String(column.name === chosen), onclick: () => choose(column.name) },
        el("span", { class: "column-name" }, column.name),
        el("span", { class: "meter", "aria-hidden": "true" }, fill),
        el("span", { class: "times" }, times(column.worst) || "–"),
        el("span", { class: column.alarms ? "alarms some" : "alarms" }, integer(column.alarms)),
      ),
    );
  });
}

export function columnsPanel(page) {
  const { view } = page;
  let map = null;
  let search = "";
  let limit = STEPS[0];
  let turn = 0;
  const heat = chartBox(200, (node) =>
    heatChart(node, { onwindow: (start, column) => page.chooseWindow(start, column), oncolumn: page.chooseColumn }),
  );
  const more = el("button", { type: "button", onclick: () => step() });
  const counted = el("span", { class: "small dim", "aria-live": "polite" });
  const key = el("ul", { class: "legend small dim" });
  const list = el("ol", { class: "ranking" });
  const title = el("h3", { class: "chosen" });
  const drift = seriesBox(page, 200);
  const missing = seriesBox(page, 130);
  const measures = MEASURES.map(([value, name]) => el("button", { type: "button", value, onclick: () => page.chooseMeasure(value) }, name));
  const box = el("input", {
    type: "search",
    placeholder: "Search columns",
    "aria-label": "Search columns",
    oninput: (event) => later(event.target.value),
  });
  const tools = [el("div", { class: "segmented", role: "group", "aria-label": "Heat map of" }, measures), box];
  const node = el(
    "div",
    { class: "stack" },
    panel(
      "Columns by windows",
      { tools, id: "heatmap" },
      el("div", { class: "inside heat" }, heat.node, key),
      el("footer", {}, counted, more),
    ),
    panel(
      "Columns, furthest from normal first",
      { id: "columns" },
      el(
        "div",
        { class: "columns" },
        el(
          "div",
          { class: "ranked" },
          el(
            "div",
            { class: "ranked-head small dimmer", "aria-hidden": "true" },
            el("span", {}, "column"),
            el("span", {}, "at worst"),
            el("span", {}, "alarms"),
          ),
          list,
        ),
        el("div", { class: "chosen-column" }, title, el("h4", {}, "Drift score"), drift.node, el("h4", {}, "Missing share"), missing.node),
      ),
    ),
  );

  function later(text) {
    clearTimeout(later.timer);
    later.timer = setTimeout(() => {
      search = text;
      page.chooseMeasure(view.measure);
    }, 250);
  }

  function step() {
    limit = STEPS[Math.min(STEPS.indexOf(limit) + 1, STEPS.length - 1)];
    page.chooseMeasure(view.measure);
  }

  function drawCounts() {
    const { totals, rule } = map;
    for (const button of measures) button.setAttribute("aria-pressed", String(button.value === view.measure));
    put(counted, `${integer(totals.shown)} of ${plural(totals.columns, "column")}, most alarms first · ${rule}`);
    const next = STEPS[STEPS.indexOf(limit) + 1];
    more.hidden = !next || totals.shown < limit;
    put(more, `Show up to ${next}`);
    put(key, legend());
  }

  function drawHeat() {
    if (!map.columns.length) return heat.nothing(search ? `No column's name contains “${search}”.` : "No scores in this range.");
    return heat.show({ map, current: view.window, column: view.column, name: windowName(page.monitor) });
  }

  async function draw() {
    if (!map) return;
    drawCounts();
    const { scrollTop } = list;
    put(list, ranking(map.columns, view.column, page.chooseColumn));
    list.scrollTop = scrollTop;
    await drawHeat();
    drift.draw();
    missing.draw();
  }

  async function loadColumn() {
    const column = view.column ?? map?.columns[0]?.name;
    for (const button of list.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.firstChild.textContent === column));
    put(title, column ?? "");
    if (!column) return;
    await Promise.all([
      drift.load({
        family: familyOf(page, map, column),
        metric: "drift_score",
        column,
        name: `drift score of ${column}`,
        nothing: "No drift score of this column in this range: it is not judged, or no window was measured.",
      }),
      missing.load({
        family: "data_quality",
        metric: "missing_share",
        column,
        name: `missing share of ${column}`,
        format: share,
        nothing: "No missing share of this column in this range.",
      }),
    ]);
  }

  async function load() {
    const mine = ++turn;
    const found = await page.ask("/heatmap", {
      metric: view.measure,
      limit,
      search,
      windows: innerWidth < 700 ? 60 : 300,
      ...page.range.parameters,
    });
    if (mine !== turn) return;
    const { marks } = page.range;
    map = { ...found, windows: found.windows.map((window) => ({ ...window, trouble: troubleBetween(marks, window.start, window.end) })) };
    await draw();
    await loadColumn();
  }

  return { node, load, loadColumn, draw };
}
