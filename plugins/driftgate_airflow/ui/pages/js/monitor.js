// One monitor: what it looks like now, how it came to this, and which column is behind it.

import { get, monitorPath } from "./api.js";
import { columnsPanel, MEASURE_NAMES } from "./columns_panel.js";
import { byId, el, put } from "./dom.js";
import { fairnessPanel } from "./fairness_panel.js";
import { loadHistory } from "./history.js";
import { incidentCard } from "./incident.js";
import { limitsPanel } from "./limits_panel.js";
import { monitorHead } from "./monitor_head.js";
import { loadNumbers, NO_NUMBERS } from "./numbers.js";
import { rangeAround, rangeControl, rangeParameters } from "./range_control.js";
import { countIncidents, empty, errorNotice, start } from "./shell.js";
import { storyPanels } from "./story_panels.js";
import { trendPanels } from "./trend_panels.js";
import { param, remember } from "./view.js";
import { momentOfKey, windowPanel } from "./window_panel.js";

const dag = param("dag") ?? "";
const view = {
  range: param("from") || param("to") ? { from: param("from"), to: param("to") } : { last: param("last") ?? "90" },
  column: param("column"),
  measure: MEASURE_NAMES.includes(param("measure")) ? param("measure") : "drift_score",
  metric: param("metric"),
  window: momentOfKey(param("window")),
  windowKey: param("window"),
  past: false,
};
const page = { dag, view, monitor: null, zone: "UTC", ask: (rest, parameters) => get(monitorPath(dag, rest), parameters) };
let parts = null;
let turn = 0;

function keep() {
  const { range } = view;
  remember({
    last: range.last && range.last !== "90" ? range.last : null,
    from: range.from,
    to: range.to,
    column: view.column,
    measure: view.measure === "drift_score" ? null : view.measure,
    metric: view.metric,
    window: view.windowKey,
  });
}

/** Show an error where the reader is, without taking away what is there. */
const report = (error) => put(byId("trouble"), errorNotice(error));
const guarded =
  (work) =>
  async (...given) => {
    try {
      return await work(...given);
    } catch (error) {
      return report(error);
    }
  };

async function loadRange() {
  const mine = ++turn;
  const parameters = rangeParameters(view.range, page.monitor);
  const history = await loadHistory(page, parameters);
  if (mine !== turn) return;
  page.range = { parameters, marks: history.marks, history };
  parts.range.update(view.range, history);
  await Promise.all([parts.trends.load(), parts.columns.load(), parts.fairness.load()]);
}

page.chooseRange = guarded(async (range) => {
  view.range = range;
  keep();
  await loadRange();
});

page.chooseWindow = guarded(async (moment, column = null) => {
  view.window = moment;
  byId("monitor").classList.toggle("with-window", moment !== null);
  if (moment === null) parts.window.close();
  if (column !== null) await page.chooseColumn(column);
  view.windowKey = moment === null ? null : await parts.window.load(moment);
  keep();
  parts.trends.draw();
  parts.columns.draw();
});

page.chooseColumn = guarded(async (column) => {
  view.column = column;
  keep();
  await parts.columns.loadColumn();
});

page.chooseMeasure = guarded(async (measure) => {
  view.measure = measure;
  keep();
  await parts.columns.load();
});

page.chooseMetric = guarded(async (metric) => {
  view.metric = metric;
  keep();
  await parts.trends.load();
});

function incidentList({ items, open }) {
  const toggle = el(
    "button",
    {
      type: "button",
      class: "quiet",
      onclick: guarded(async () => {
        view.past = !view.past;
        await loadIncidents();
      }),
    },
    view.past ? "Only open ones" : "Show past incidents",
  );
  const none = el("p", { class: "dim" }, view.past ? "This monitor never had an incident." : "No open incident.");
  const onchange = guarded(async () => {
    await Promise.all([loadIncidents(), countIncidents().catch(() => {})]);
  });
  put(
    byId("incidents"),
    el("div", { class: "section-head" }, el("h2", {}, "Incidents"), open ? el("span", { class: "count" }, String(open)) : null, toggle),
    items.length
      ? el(
          "div",
          { class: "incident-list" },
          items.map((incident) => incidentCard(incident, { onchange, withMonitor: false })),
        )
      : none,
  );
}

async function loadIncidents() {
  incidentList(await page.ask("/incidents", { state: view.past ? "all" : "open", limit: view.past ? 100 : 20 }));
}

async function build() {
  parts = {
    range: rangeControl(page),
    window: windowPanel(page),
    story: storyPanels(page),
    trends: trendPanels(page),
    columns: columnsPanel(page),
    fairness: fairnessPanel(page),
    limits: limitsPanel(page),
  };
  put(
    byId("content"),
    el(
      "div",
      { id: "monitor" },
      el(
        "div",
        { class: "stack main-column" },
        el("div", { id: "head", class: "stack" }),
        el("section", { id: "incidents", class: "stack", "aria-label": "Incidents" }),
        parts.range.node,
        parts.trends.node,
        parts.columns.node,
        parts.fairness.node,
        parts.limits.node,
        parts.story.node,
      ),
      parts.window.node,
    ),
  );
}

function drawHead() {
  put(byId("head"), monitorHead(page.monitor, page.numbers));
  document.title = `Driftgate: ${page.monitor.id}`;
}

// A link to an old window shows the time around it, unless the link names a range itself.
async function showWindow() {
  const isShown = page.range?.history.start.includes(view.window);
  if (!isShown && !param("last") && !view.range.from) await page.chooseRange(rangeAround(view.window, page.monitor));
  await page.chooseWindow(view.window);
}

async function load() {
  if (!dag) {
    put(
      byId("content"),
      empty("Which monitor?", "This page shows one monitor.", el("a", { href: "index.html" }, "Choose one from the fleet")),
    );
    return;
  }
  page.monitor = await page.ask("");
  page.zone = page.monitor.timezone;
  page.numbers = page.monitor.measured ? await loadNumbers(page, page.monitor.measured.key) : NO_NUMBERS;
  const first = parts === null;
  if (first) await build();
  drawHead();
  parts.limits.load();
  const hasWindows = Boolean(page.monitor.window);
  byId("monitor").classList.toggle("without-windows", !hasWindows);
  await Promise.all([loadIncidents(), hasWindows ? loadRange() : null, parts.story.load()]);
  if (first && view.window) await showWindow();
  if (first && location.hash) byId(location.hash.slice(1))?.scrollIntoView();
}

await start("monitor.html", load);
