// Every number of one window that is not about a single column's data.

import { duration, number, share } from "./format.js";

const FAMILIES = ["performance", "performance_estimated", "system", "fairness"];

const compact = (moment) => moment.replace(/[-:]/g, "");
/** The key of a window by its ends, as the API gives them. */
export const keyOf = (start, end) => `${compact(start)}-${compact(end)}`;

/** Ask for the numbers of a window by its key; returns `find(metric)`, which gives one of the whole window, and `items`. */
export async function loadNumbers(page, key) {
  const { items } = await page.ask("/numbers", { window: key, family: FAMILIES });
  return { items, find: (metric) => items.find((item) => item.metric === metric && !item.segment && !item.column) ?? null };
}

export const NO_NUMBERS = { items: [], find: () => null };

const isKnown = (value) => value !== null && value !== undefined;

/** "11.2 to 14.3", empty where no range is known. */
export const range = (item, format = number) =>
  item && isKnown(item.low) && isKnown(item.high) ? `${format(item.low)} to ${format(item.high)}` : "";

/** How many rows there are, of the usual number; empty where that is not known. */
export function rowRatio(numbers) {
  const ratio = numbers.find("row_ratio");
  return ratio && isKnown(ratio.value) ? `${share(ratio.value)} of the usual number` : "";
}

/** How long before the end of the window its newest row is. */
export function newestRow(numbers) {
  const fresh = numbers.find("freshness_seconds");
  return fresh && isKnown(fresh.value) ? `${duration(fresh.value)} before the end` : "";
}
