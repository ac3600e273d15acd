// The points of a series as the API gives them: one list per window.

import { number, wall } from "./format.js";

/** Places in a point. */
export const FIELDS = { start: 0, value: 1, threshold: 2, verdict: 3, version: 4, reference: 5, end: 6, low: 7, high: 8 };

const isKnown = (value) => value !== null && value !== undefined;

export const hasRange = (point) => isKnown(point[FIELDS.low]) && isKnown(point[FIELDS.high]);

export const rangeText = (point, format = number) => `${format(point[FIELDS.low])} to ${format(point[FIELDS.high])}`;

/** Points of a series that have a value. */
export const known = (series) => (series?.points ?? []).filter((point) => point[FIELDS.value] !== null);

const STOPPED = ["quarantine", "no_data", "failed"];

/** Moments of the axis at which the line through `points` breaks: nothing is known of a window without a value, so nothing is drawn across. */
export function gaps(points, marks = [], zone, others = []) {
  if (!points.length) return [];
  const [first, last] = [points[0][FIELDS.start], points.at(-1)[FIELDS.start]];
  const seen = new Set(points.map((point) => point[FIELDS.start]));
  const stopped = marks.filter(({ kind }) => STOPPED.includes(kind)).map(({ start }) => start);
  return [...stopped, ...others].filter((start) => start > first && start < last && !seen.has(start)).map((start) => wall(start, zone));
}

/** A symbol with an outline in a colour, for what is not a judged value. */
export const hollow = (symbol, colour, colours) => ({ symbol, itemStyle: { color: colours.raised, borderColor: colour, borderWidth: 1.5 } });
