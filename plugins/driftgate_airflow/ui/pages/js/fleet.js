// The fleet: the state of every model at a glance, worst first.

import { get } from "./api.js";
import { deliveryNotice } from "./delivery.js";
import { byId, el, put } from "./dom.js";
import { fleetRow, fleetTrends } from "./fleet_row.js";
import { incidentCard } from "./incident.js";
import { integer, plural } from "./format.js";
import { empty, loading, notice, refresh, start } from "./shell.js";
import { icon } from "./states.js";
import { param, remember } from "./view.js";

const RANK = { critical: 0, warning: 1, unknown: 2, ok: 3 };
const FEW = 12; // up to so many monitors, the open incidents are shown below the table,
const FEWEST = 4; // and up to so many, their last windows

const text = (value) => String(value ?? "").toLowerCase();
const drift = (m) => (m.drift?.share ?? -1) / (m.drift?.threshold || 1);
const COLUMNS = [
  { key: "name", title: "Monitor", by: (m) => text(m.id) },
  { key: "state", title: "State", by: (m) => [RANK[m.state] ?? 9, -m.incidents.open, -drift(m)] },
  { key: "window", title: "Last window", by: (m) => m.window?.start ?? "", down: true },
  { key: "gate", title: "Gate", by: (m) => ["fail", "warn", "pass"].indexOf(m.gate?.verdict) + (m.gate ? 0 : 9) },
  { key: "drift", title: "Drift share", by: drift, down: true },
  { key: "performance", title: "Performance", by: (m) => badness(m.performance), down: true },
  { key: "incidents", title: "Incidents", by: (m) => m.incidents.open, down: true },
  { key: "champion", title: "Champion", by: (m) => m.champion?.since ?? "", down: true },
  {
    key: "decision",
    title: "Last decision",
    by: (m) => ["trigger_retrain", "alert", "no_action"].indexOf(m.decision?.action) + (m.decision ? 0 : 9),
  },
  { key: "next", title: "Next run", by: (m) => m.next_run ?? "~" },
];

const view = { query: param("q") ?? "", problems: param("problems") === "1", sort: param("sort") ?? "state", down: param("down") === "1" };
let fleet = { monitors: [], broken: [] };
let open = [];

/** How much worse than the reference: above 1 is worse, whichever direction is better. */
function badness(performance) {
  if (!performance || performance.ratio === null || performance.ratio === undefined) return -1;
  return performance.higher_is_better ? 1 / Math.max(performance.ratio, 1e-9) : performance.ratio;
}

function compare(a, b) {
  const [left, right] = [a, b].map((value) => (Array.isArray(value) ? value : [value]));
  for (let i = 0; i < left.length; i += 1) {
    if (left[i] < right[i]) return -1;
    if (left[i] > right[i]) return 1;
  }
  return 0;
}

function shown() {
  const column = COLUMNS.find(({ key }) => key === view.sort) ?? COLUMNS[1];
  const words = text(view.query).split(/\s+/).filter(Boolean);
  const matches = (m) => words.every((word) => text([m.id, m.owner, m.description, ...(m.tags ?? [])].join(" ")).includes(word));
  const problem = (m) => !view.problems || m.state === "critical" || m.state === "warning";
  const sorted = fleet.monitors.filter((m) => matches(m) && problem(m));
  sorted.sort((a, b) => compare(column.by(a), column.by(b)) * (view.down ? -1 : 1) || compare(text(a.id), text(b.id)));
  return sorted;
}

function keep() {
  clearTimeout(keep.timer);
  keep.timer = setTimeout(() => {
    const usual = view.sort === "state" && !view.down;
    remember({ q: view.query, problems: view.problems ? 1 : null, sort: usual ? null : view.sort, down: view.down && !usual ? 1 : null });
  }, 300);
}

function change(changes) {
  Object.assign(view, changes);
  draw();
  keep();
}

function sortBy({ key, down = false }) {
  change(view.sort === key ? { down: !view.down } : { sort: key, down });
}

function heading(column) {
  const sorted = view.sort === column.key;
  const direction = sorted ? (view.down ? "descending" : "ascending") : null;
  const button = el(
    "button",
    { type: "button", id: `sort-${column.key}`, onclick: () => sortBy(column) },
    column.title,
    icon(view.down ? "down" : "up", 11),
  );
  return el("th", { scope: "col", role: "columnheader", "aria-sort": direction }, button);
}

function tile(value, name, tone = "", symbol = null) {
  return el(
    "div",
    { class: "tile" },
    el("strong", { class: value ? tone : "" }, symbol && value ? icon(symbol, 17) : null, integer(value)),
    el("span", {}, name),
  );
}

function summary() {
  const { monitors } = fleet;
  const count = (test) => monitors.filter(test).length;
  return [
    tile(monitors.length, monitors.length === 1 ? "monitor" : "monitors"),
    tile(
      count((m) => m.state === "critical"),
      "critical",
      "bad",
      "stop",
    ),
    tile(
      count((m) => m.state === "warning"),
      "warning",
      "warn",
      "warn",
    ),
    tile(
      count((m) => m.state === "ok"),
      "ok",
      "ok",
      "ok",
    ),
    tile(
      monitors.reduce((sum, m) => sum + m.incidents.open, 0),
      "open incidents",
      "bad",
      "stop",
    ),
    tile(
      count((m) => m.freshness?.state === "late"),
      "late",
      "warn",
      "clock",
    ),
  ];
}

function broken() {
  if (!fleet.broken.length) return null;
  const items = fleet.broken.map(({ name, file, problems }) =>
    el(
      "li",
      {},
      el("strong", {}, name),
      " ",
      el("span", { class: "dim" }, file),
      problems.map((problem) => el("div", {}, el("code", {}, problem))),
    ),
  );
  return notice(
    "bad",
    el("strong", {}, `${plural(fleet.broken.length, "monitor file")} cannot be read, so nothing is watched there:`),
    el("ul", { class: "broken" }, items),
  );
}

function table() {
  const rows = shown();
  if (!rows.length) return empty("No monitor matches", "Change the search, or show monitors without problems too.");
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "fleet", role: "table", "aria-label": "Monitors" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, COLUMNS.map(heading))),
      el("tbody", { role: "rowgroup" }, rows.map(fleetRow)),
    ),
  );
}

function nothing() {
  return empty(
    "There is no monitor yet",
    "A monitor is one file below include/monitors. Copy _template.yaml, name it after your model, fill in source, columns and schedule.",
    "Its DAG monitor__<id> then appears within a minute; this page shows it as soon as its first window has run.",
    el("a", { href: "incidents.html" }, "Incidents of earlier monitors"),
  );
}

function openIncidents() {
  if (!open.length) return el("p", { class: "dim" }, "No open incident. ", el("a", { href: "incidents.html?state=all" }, "Past incidents"));
  return el(
    "section",
    { class: "stack", "aria-label": "Open incidents" },
    el("h2", {}, "Open incidents"),
    open.map((incident) => incidentCard(incident, { onchange: refresh, compact: true })),
  );
}

function below() {
  const { length } = fleet.monitors;
  if (!length || length > FEW) return null;
  return el("div", { class: "stack" }, openIncidents(), length <= FEWEST ? shown().map(fleetTrends) : null);
}

function keepFocus(work) {
  const focused = document.activeElement?.id;
  work();
  if (focused && document.activeElement?.id !== focused) byId(focused)?.focus();
}

function draw() {
  const { length } = fleet.monitors;
  keepFocus(() => {
    put(byId("broken"), broken());
    put(byId("summary"), length ? summary() : null);
    byId("tools").hidden = length < 2;
    put(byId("table"), length ? table() : nothing());
    byId("table").className = length ? "panel" : "";
    put(byId("matches"), length > 1 ? `${integer(shown().length)} of ${plural(length, "monitor")}` : "");
    put(byId("below"), below());
  });
}

function build() {
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: "Search name, owner, tag",
    "aria-label": "Search monitors",
    value: view.query,
    oninput: (event) => change({ query: event.target.value }),
  });
  const problems = el("input", {
    type: "checkbox",
    id: "problems",
    checked: view.problems,
    onchange: (event) => change({ problems: event.target.checked }),
  });
  put(
    byId("content"),
    el("div", { id: "broken" }),
    el("div", { id: "delivery" }),
    el("div", { id: "summary", class: "summary", role: "group", "aria-label": "Summary" }),
    el(
      "div",
      { id: "tools", class: "tools" },
      search,
      el("label", { class: "check" }, problems, "only with problems"),
      el("span", { id: "matches", class: "dim small right", "aria-live": "polite" }),
    ),
    el("div", { id: "table" }, loading()),
    el("div", { id: "below" }),
  );
}

await start("index.html", async () => {
  const [found, incidents, undelivered] = await Promise.all([
    get("fleet"),
    get("incidents", { state: "open", limit: 5 }),
    deliveryNotice(),
  ]);
  fleet = found;
  open = incidents.items;
  if (!byId("table")) build();
  put(byId("delivery"), undelivered);
  draw();
});
