// What the limits rest on: the budget of false alarms, the windows that they were learned from, and how many rows a window needs.

import { columnLabel } from "./column_names.js";
import { el, put } from "./dom.js";
import { date, duration, integer, number, plural, share } from "./format.js";
import { calibrationOf } from "./limits.js";
import { panel } from "./panels.js";
import { icon } from "./states.js";

const FEW = 10;
const DAY = 86400;

const windowWord = (monitor) => (monitor.schedule?.window_seconds === DAY ? "days" : "windows");
const versionName = (version) => (version === "source" ? "the source's own predictions" : `model version ${version}`);

function sentence(monitor, found) {
  const words = windowWord(monitor);
  const strong = (text) => el("span", { class: "strong" }, text);
  const span = `${date(found.first, monitor.timezone)} to ${date(found.last, monitor.timezone)}`;
  return el(
    "p",
    {},
    "At most ",
    strong(readable(found.budget)),
    ` for all limits together, which is a chance of ${share(found.chance_per_window)} per window. Learned for `,
    strong(versionName(found.version)),
    " from ",
    strong(`${integer(found.windows)} ${words}`),
    ` of about ${plural(Math.round(found.usual_rows), "row")}, ${span}. Limits follow the number of rows: a smaller window may differ by more.`,
  );
}

// The budget comes as the monitor file writes durations: "1 false alarm per 91d".
const UNITS = { s: 1, m: 60, h: 3600, d: DAY, w: 7 * DAY };
const readable = (budget) => budget.replace(/(\d+)([smhdw])$/, (_, count, unit) => duration(Number(count) * UNITS[unit]));

function regime(monitor, column) {
  const words = windowWord(monitor);
  if (column.regime === "sampling") return `ordinary ${words} look like random samples of the reference`;
  return `ordinary ${words} differ more than random samples: learned from ${integer(column.windows)} of them`;
}

function needed(column, usual) {
  const rows = integer(column.needed);
  if (column.needed <= usual) return rows;
  return [el("span", { class: "state warn" }, icon("warn", 12), "more than usual"), rows];
}

function columnRow(monitor, found, column) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, columnLabel({ name: column.column, family: column.family })),
    el("td", { class: "number" }, needed(column, found.usual_rows)),
    el("td", { class: "dim" }, column.method),
    el("td", { class: "dim" }, regime(monitor, column)),
  );
}

function columnTable(monitor, found) {
  const columns = [...found.columns].sort((a, b) => b.needed - a.needed);
  if (!columns.length) return null;
  const body = el("tbody", {});
  const rows = columns.map((column) => columnRow(monitor, found, column));
  body.append(...rows.slice(0, FEW));
  const rest = rows.slice(FEW);
  const unfold = (event) => {
    body.append(...rest);
    event.target.remove();
  };
  const titles = ["Drift of", "Fewest rows", "Test", "What an unchanged window looks like"];
  const cells = titles.map((title, i) => el("th", { scope: "col", class: i === 1 ? "number" : "" }, title));
  const head = el("thead", {}, el("tr", {}, cells));
  return [
    el("div", { class: "scroll" }, el("table", { class: "plain limits" }, head, body)),
    rest.length ? el("button", { type: "button", class: "quiet small", onclick: unfold }, plural(rest.length, "more column")) : null,
  ];
}

function limitText({ usual, low, high }) {
  const isKnown = (value) => value !== null && value !== undefined;
  if (isKnown(low) && isKnown(high)) return `${number(low)} to ${number(high)}`;
  return `usually ${number(usual)}, ${isKnown(high) ? `at most ${number(high)}` : `at least ${number(low)}`}`;
}

function others(found) {
  const values = found.values.map((item) =>
    el("div", {}, el("dt", {}, [item.metric, item.column].filter(Boolean).join(" of ")), el("dd", {}, limitText(item))),
  );
  if (!values.length) return null;
  return [el("h3", {}, "In a window of the usual size"), el("dl", { class: "facts" }, values)];
}

function slow(monitor, found) {
  if (!found.slow.length) return null;
  const names = [...new Set(found.slow.map((item) => columnLabel({ name: item.column, family: item.family })))];
  const words = windowWord(monitor);
  return el("p", { class: "dim" }, `Up to 14 ${words} together are also watched, for changes too small to show in one: ${names.join(", ")}.`);
}

const power = ({ change, power: chance }) =>
  `Fewest rows: with so many, a change of ${number(change)} standard ${change === 1 ? "deviation" : "deviations"} ` +
  `(categories: effect size ${number(change)}) is found with a chance of ${share(chance)}. Smaller windows are not judged.`;

function learned(monitor, found) {
  return [
    sentence(monitor, found),
    columnTable(monitor, found),
    found.columns.length ? el("p", { class: "dim small" }, power(monitor.limits.detect)) : null,
    others(found),
    slow(monitor, found),
    found.notes.length
      ? [el("h3", {}, "Without a learned limit"), el("ul", { class: "what" }, found.notes.map((note) => el("li", {}, note)))]
      : null,
  ];
}

function nothing(monitor) {
  if (monitor.limits?.thresholds !== "calibrated")
    return "The limits are fixed: the monitor file says measures.thresholds: fixed. They do not follow the data or the number of rows.";
  return `Nothing was learned yet for this model version; fixed limits hold until then. Limits are learned with the next window, or by: driftgate calibrate ${monitor.id}`;
}

/** The card; `load()` fills it from what is known of the monitor. */
export function limitsPanel(page) {
  const inside = el("div", { class: "inside spaced" });
  const select = el("select", { "aria-label": "Model version of the limits", onchange: () => draw(select.value) });
  const node = panel("What the limits rest on", { tools: [select], id: "limits" }, inside);

  function draw(version) {
    const found = calibrationOf(page.monitor, version);
    put(inside, found ? learned(page.monitor, found) : el("p", { class: "dim" }, nothing(page.monitor)));
  }

  function load() {
    const versions = page.monitor.limits?.versions ?? [];
    const shown = versions.some((item) => item.version === select.value) ? select.value : calibrationOf(page.monitor)?.version;
    put(
      select,
      versions.map(({ version }) => el("option", { value: version, selected: version === shown }, versionName(version))),
    );
    select.hidden = versions.length < 2;
    draw(shown);
  }

  return { node, load };
}
