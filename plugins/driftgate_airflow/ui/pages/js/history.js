// Every window of a range: its rows, and whether the gate let it pass.

import { date, dateTime } from "./format.js";

const MOST_POINTS = 3000;
const MOST_WARNINGS = 500;
const STATUS = { quarantine: "quarantined", no_data: "no_data", failed: "failed" };
const GATE = { quarantine: "fail" };
const DAY = 86400;

/** How windows of this monitor are called: by their day, or by day and time if they are shorter. */
export const windowName = (monitor) => (start) =>
  (monitor.schedule?.window_seconds ?? DAY) < DAY ? dateTime(start, monitor.timezone) : date(start, monitor.timezone);

/** Length of a window in milliseconds. */
export const windowLength = (monitor) => (monitor.schedule?.window_seconds ?? DAY) * 1000;

async function warnings(page, parameters, first) {
  if (!first) return new Set();
  const { items } = await page.ask("/gates", { only: "warn", limit: MOST_WARNINGS, from: first, to: parameters.to });
  return new Set(items.map(({ window }) => window.start));
}

/** Load the windows of a range and what happened in them: `{start, label, rows, status, gate, sampling, marks}`, lists oldest first. */
export async function loadHistory(page, parameters) {
  const [found, { marks }] = await Promise.all([
    page.ask("/series", { family: "batch", metric: "rows", points: MOST_POINTS, ...parameters }),
    page.ask("/marks", parameters),
  ]);
  const { points, sampling } = found.series[0];
  const start = points.map(([moment]) => moment);
  const warned = await warnings(page, parameters, start[0]);
  const kinds = new Map(marks.filter(({ kind }) => STATUS[kind]).map((mark) => [mark.start, mark.kind]));
  return {
    start,
    label: start.map(windowName(page.monitor)),
    rows: points.map(([, rows]) => rows),
    status: start.map((moment) => STATUS[kinds.get(moment)] ?? null),
    gate: start.map((moment) => GATE[kinds.get(moment)] ?? (warned.has(moment) ? "warn" : null)),
    sampling,
    marks,
  };
}

/** The kind of trouble in [start, end), for windows that have no scores; null if there was none. */
export function troubleBetween(marks, start, end) {
  const found = marks.find((mark) => STATUS[mark.kind] && mark.start >= start && mark.start < end);
  return found ? STATUS[found.kind] : null;
}
