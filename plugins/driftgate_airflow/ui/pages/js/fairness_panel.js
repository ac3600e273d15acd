// How differently the model treats the groups of a column: every gap with its limit, its groups, and how it went.

import { el, put } from "./dom.js";
import { number } from "./format.js";
import { windowName } from "./history.js";
import { keyOf } from "./numbers.js";
import { panel } from "./panels.js";
import { FIELDS, known } from "./points.js";
import { sparkline } from "./sparkline.js";
import { metric, state } from "./states.js";

const MOST_COLUMNS = 12; // of one request
const MOST_GROUPS = 8;
const GROUP_VALUES = {
  demographic_parity_gap: "selection_rate",
  equal_opportunity_gap: "true_positive_rate",
  false_positive_rate_gap: "false_positive_rate",
  accuracy_gap: "group_accuracy",
  mae_gap: "group_mae",
  mean_error_gap: "group_mean_error",
};

const words = (name) => name.replaceAll("_", " ");

async function gaps(page) {
  const { columns, gaps: names } = page.monitor.fairness;
  const ask = (name) => page.ask("/series", { family: "fairness", metric: name, column: columns.slice(0, MOST_COLUMNS), ...page.range.parameters });
  const answers = await Promise.all(names.map(ask));
  return answers.flatMap(({ series }, i) =>
    series.map((item) => ({ gap: names[i], column: item.column, points: known(item) })).filter(({ points }) => points.length),
  );
}

// The values of the groups are those of the newest window with a gap; the windows of all gaps are asked for once each.
async function groups(page, found) {
  const keys = [...new Set(found.map(({ points }) => keyOf(points.at(-1)[FIELDS.start], points.at(-1)[FIELDS.end])))];
  const answers = await Promise.all(keys.map((key) => page.ask("/numbers", { window: key, family: "fairness" })));
  return new Map(keys.map((key, i) => [key, answers[i].items.filter((item) => item.segment)]));
}

function groupText({ gap, column }, items) {
  const values = items.filter((item) => item.metric === GROUP_VALUES[gap] && item.column === column);
  values.sort((a, b) => b.value - a.value);
  const shown = values.length > MOST_GROUPS ? [...values.slice(0, MOST_GROUPS / 2), null, ...values.slice(-MOST_GROUPS / 2)] : values;
  const name = (item) => item.segment.slice(column.length + 1) || item.segment;
  return shown.map((item) => (item ? `${name(item)} ${number(item.value)}` : "…")).join(" · ");
}

function row(page, item, items) {
  const { gap, column, points } = item;
  const [start, value, threshold, verdict, , reference] = points.at(-1);
  const label = `${words(gap)} of ${column}, newest ${number(value)}`;
  const trend = { values: points.map((point) => point[FIELDS.value]), verdicts: points.map((point) => point[FIELDS.verdict]), label };
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, column),
    el("td", {}, words(gap)),
    el("td", { class: "number strong" }, number(value)),
    el("td", { class: "number dim" }, number(reference)),
    el("td", { class: "number dim" }, threshold === null ? "–" : number(threshold)),
    el("td", {}, verdict ? state(metric(verdict), { size: 12 }) : el("span", { class: "dim" }, "not judged")),
    el("td", {}, sparkline({ ...trend, limit: threshold, width: 120 })),
    el("td", { class: "dim grow" }, groupText(item, items)),
    el("td", { class: "dim nowrap" }, windowName(page.monitor)(start)),
  );
}

const HEAD = ["Column", "Gap", "Newest", "Reference", "Limit", "Verdict", "In this range", "Groups", "Window"];
const NUMBERS = new Set(["Newest", "Reference", "Limit"]);

function table(rows) {
  const head = HEAD.map((title) => el("th", { scope: "col", class: NUMBERS.has(title) ? "number" : "" }, title));
  return el("table", { class: "fairness" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
}

/** The panel; hidden for monitors whose file names no groups to compare. */
export function fairnessPanel(page) {
  const body = el("div", { class: "scroll" });
  const node = panel("Fairness: largest difference between groups", { id: "fairness" }, body);
  node.hidden = true;

  async function load() {
    node.hidden = !page.monitor.fairness?.columns.length;
    if (node.hidden) return;
    const found = await gaps(page);
    const values = await groups(page, found);
    const rows = found.map((item) => {
      const newest = item.points.at(-1);
      return row(page, item, values.get(keyOf(newest[FIELDS.start], newest[FIELDS.end])) ?? []);
    });
    const none = "No gap in this range: a gap needs two groups with enough rows, and most of them labels.";
    put(body, rows.length ? table(rows) : el("p", { class: "inside dim" }, none));
  }

  return { node, load };
}
