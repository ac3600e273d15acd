// How the model did over time: performance, share of drifted columns, rows and gate, business KPIs.

import { el, put } from "./dom.js";
import { share } from "./format.js";
import { windowLength } from "./history.js";
import { chartBox, panel, samplingNote } from "./panels.js";
import { performanceBox } from "./performance_box.js";
import { rowsChart } from "./rows_chart.js";
import { overTime, seriesBox } from "./series_box.js";

const MOST_KPIS = 6;

function metricPicker(page) {
  const names = page.monitor.performance_metrics ?? [];
  const chosen = () => (names.includes(page.view.metric) ? page.view.metric : (page.monitor.main_metric ?? names[0]));
  const options = names.map((name) => el("option", { value: name, selected: name === chosen() }, name));
  const select = el("select", { "aria-label": "Performance metric", onchange: (event) => page.chooseMetric(event.target.value) }, options);
  return { select, chosen };
}

function kpiNames(page) {
  return (page.monitor.metrics ?? [])
    .filter(({ family }) => family === "kpi")
    .map(({ metric }) => metric)
    .slice(0, MOST_KPIS);
}

export function trendPanels(page) {
  const picker = metricPicker(page);
  const performance = performanceBox(page, 230);
  const drift = seriesBox(page, 230);
  const rows = chartBox(150, (node) => rowsChart(node, overTime(page)));
  const kpis = el("div", { class: "grid" });
  const lookOfRows = el(
    "span",
    { class: "small dim keys" },
    el("i", { class: "key plain" }),
    "passed ",
    el("i", { class: "key amber" }),
    "warnings ",
    el("i", { class: "key hatched" }),
    "stopped ",
    "× no data",
  );
  const node = el(
    "div",
    { class: "stack" },
    el(
      "div",
      { class: "grid" },
      panel("Performance", { tools: [performance.legend, picker.select], id: "performance" }, performance.node),
      panel("Share of drifted columns", { id: "drift" }, drift.node),
    ),
    panel("Rows and gate", { tools: [lookOfRows], id: "rows" }, rows.node),
    kpis,
  );
  let boxes = [];

  function drawRows() {
    const { history } = page.range ?? {};
    if (!history) return null;
    if (!history.start.length) return rows.nothing("No windows in this range.");
    return rows.show(
      { history, zone: page.zone, least: windowLength(page.monitor), current: page.view.window },
      samplingNote(history.sampling),
    );
  }

  function loadKpis() {
    const names = kpiNames(page);
    boxes = names.map(() => seriesBox(page, 150));
    put(
      kpis,
      names.map((name, i) => panel(`KPI: ${name}`, {}, boxes[i].node)),
    );
    return Promise.all(
      names.map((name, i) => boxes[i].load({ family: "kpi", metric: name, name, zero: false, nothing: "No values in this range." })),
    );
  }

  async function load() {
    const metric = picker.chosen();
    await Promise.all([
      performance.load(metric),
      drift.load({
        family: "data_drift",
        metric: "drift_share",
        verdicts: "dataset_drift",
        name: "drift share",
        format: share,
        nothing: "No window was measured in this range.",
      }),
      drawRows(),
      loadKpis(),
    ]);
  }

  return { node, load, draw: () => [performance, drift, ...boxes].forEach((box) => box.draw()) ?? drawRows() };
}
