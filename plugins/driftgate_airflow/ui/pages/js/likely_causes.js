// The columns that may be behind an incident, best guess first, each a step away from its series.

import { el } from "./dom.js";
import { number, plural, share, times } from "./format.js";
import { monitorPage } from "./view.js";

const FEW = 3;
const MOST_TIMES = 10; // a longer bar would make the others look like nothing
const unfolded = new Set(); // incidents whose causes the reader has unfolded, also when the page loads again

const isKnown = (value) => value !== null && value !== undefined;
const ratio = (item) => item.excess + 1; // the API tells how far beyond the limit, as a share of it

function bar(item, worst) {
  const fill = el("i", { class: "over" });
  fill.style.width = `${Math.max(2, (Math.min(ratio(item), MOST_TIMES) / worst) * 100)}%`;
  return el("span", { class: "meter", "aria-hidden": "true" }, fill);
}

const COLUMNS = [
  { title: "Measured by", className: "dim measure", shows: () => true, cell: (item) => item.metric },
  {
    title: "Score",
    className: "number",
    shows: (item) => isKnown(item.score),
    cell: (item) => number(item.score) + (isKnown(item.threshold) ? ` against ${number(item.threshold)}` : ""),
  },
  {
    title: "Times its limit",
    className: "number",
    shows: (item) => isKnown(item.excess),
    cell: (item, worst) => [bar(item, worst), times(ratio(item))],
  },
  { title: "Importance", className: "number dim", shows: (item) => isKnown(item.importance), cell: (item) => share(item.importance) },
  { title: "Detail", className: "dim detail", shows: (item) => Boolean(item.detail), cell: (item) => item.detail },
];

function row(incident, item, columns, worst) {
  const link = el("a", { href: `${monitorPage(incident.dag_id, { column: item.column })}#columns` }, item.column || "whole data set");
  const cells = columns.map(({ className, shows, cell }) => el("td", { class: className }, shows(item) ? cell(item, worst) : null));
  return el("tr", {}, el("th", { scope: "row" }, link), cells);
}

function moreButton(incident, body, rest) {
  const unfold = (event) => {
    unfolded.add(incident.id);
    body.append(...rest);
    event.target.remove();
  };
  return el("button", { type: "button", class: "quiet small", onclick: unfold }, plural(rest.length, "more column"));
}

/** A table of the incident's likely causes; columns that say nothing about any of them are left out. Null without causes. */
export function likelyCauses(incident) {
  const list = incident.likely_causes ?? [];
  if (!list.length) return null;
  const columns = COLUMNS.filter(({ shows }) => list.some(shows));
  const worst = Math.min(Math.max(...list.map((item) => (isKnown(item.excess) ? ratio(item) : 1))), MOST_TIMES);
  const rows = list.map((item) => row(incident, item, columns, worst));
  const shown = unfolded.has(incident.id) ? rows.length : FEW;
  const body = el("tbody", {}, rows.slice(0, shown));
  const head = columns.map(({ title, className }) => el("th", { scope: "col", class: className }, title));
  const table = el("table", { class: "causes" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Likely cause"), head)), body);
  return [el("div", { class: "scroll" }, table), rows.length > shown ? moreButton(incident, body, rows.slice(shown)) : null];
}
