// Which column is behind it: a heat map of columns by windows, the ranked columns, and the series of the chosen one.

import { columnCharts } from "./column_charts.js";
import { columnLabel, CONCEPT, familyOf } from "./column_names.js";
import { el, put } from "./dom.js";
import { integer, plural, times } from "./format.js";
import { heatChart, legend } from "./heat_chart.js";
import { troubleBetween, windowName } from "./history.js";
import { chartBox, panel } from "./panels.js";

const STEPS = [25, 60, 200];
const MEASURES = [
  ["drift_score", "Drift", "each window alone"],
  ["slow_drift", "Slow drift", "up to 14 windows together: changes too small to show in one"],
  ["missing_share", "Missing", "missing values"],
];
/** What the heat map can show. */
export const MEASURE_NAMES = MEASURES.map(([value]) => value);

function meter(column, worst) {
  if (column.too_few === column.windows) return el("span", { class: "meter-words dim" }, "too few rows");
  const fill = el("i", { class: column.worst > 1 ? "over" : "" });
  fill.style.width = `${Math.max(3, (Math.min(column.worst ?? 0, 10) / worst) * 100)}%`;
  return el("span", { class: "meter", "aria-hidden": "true" }, fill);
}

function ranking(columns, chosen, choose) {
  const worst = Math.max(...columns.map((column) => Math.min(column.worst ?? 0, 10)), 1);
  return columns.map((column) => {
    const often = `${plural(column.alarms, "alarm")} in ${plural(column.windows, "window")}`;
    const few = column.too_few ? `, ${integer(column.too_few)} of them with too few rows to judge` : "";
    const far = column.worst === null ? "" : `, at worst ${times(column.worst)} the threshold`;
    const attributes = {
      type: "button",
      title: `${columnLabel(column)}: ${often}${few}${far}`,
      "data-column": column.name,
      "aria-pressed": String(column.name === chosen),
      onclick: () => choose(column.name),
    };
    return el(
      "li",
      {},
      el(
        "button",
        attributes,
        el("span", { class: "column-name" }, columnLabel(column)),
        meter(column, worst),
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
  const about = el("p", { class: "about dim small" });
  const charts = columnCharts(page);
  const measures = MEASURES.map(([value, name, title]) => el("button", { type: "button", value, title, onclick: () => page.chooseMeasure(value) }, name));
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
        el("div", { class: "chosen-column" }, title, about, charts.node),
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
    const about = MEASURES.find(([value]) => value === view.measure)[2];
    put(counted, `${about} · ${integer(totals.shown)} of ${plural(totals.columns, "column")}, most alarms first · ${rule}`);
    const next = STEPS[STEPS.indexOf(limit) + 1];
    more.hidden = !next || totals.shown < limit;
    put(more, `Show up to ${next}`);
    put(key, legend());
  }

  function drawHeat() {
    if (!map.columns.length) return heat.nothing(search ? `No column's name contains “${search}”.` : "No scores in this range.");
    return heat.show({ map, current: view.window, column: view.column, name: windowName(page.monitor), monitor: page.monitor });
  }

  async function draw() {
    if (!map) return;
    drawCounts();
    const { scrollTop } = list;
    put(list, ranking(map.columns, view.column, page.chooseColumn));
    list.scrollTop = scrollTop;
    await drawHeat();
    charts.draw();
  }

  async function loadColumn() {
    const name = view.column ?? map?.columns[0]?.name ?? null;
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.column === name));
    const ranked = map?.columns.find((column) => column.name === name && column.family !== "data_quality");
    const family = ranked?.family ?? familyOf(page, name);
    put(title, name === null ? "" : columnLabel({ name }));
    put(about, family === CONCEPT ? "the model's errors: prediction less truth, or whether it was wrong" : "");
    if (name !== null) await charts.load(name, family);
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
