// What the limits of a model version are, as far as the pages need it: how many rows a window must have to be judged.

import { integer, plural } from "./format.js";

/** The calibration of a model version; without a version, that of the newest measured window; null where nothing was learned. */
export function calibrationOf(monitor, version) {
  const versions = monitor.limits?.versions ?? [];
  const newest = monitor.model_versions?.[0]?.version;
  return versions.find((item) => item.version === (version ?? newest)) ?? (version ? null : (versions[0] ?? null));
}

/** The fewest rows with which a number of a window is judged. */
export function neededRows(monitor, version, { family, metric, column }) {
  const columns = calibrationOf(monitor, version)?.columns ?? [];
  const found = columns.find((item) => item.family === family && item.metric === metric && item.column === column);
  return found?.needed ?? monitor.limits?.minimum_rows ?? null;
}

/** Why a number was not judged, in words. */
export function tooFewRows(rows, needed) {
  const known = rows !== null && rows !== undefined;
  if (needed === null || (known && rows >= needed)) return "too few usable rows";
  return known ? `${plural(rows, "row")}, at least ${integer(needed)} needed` : `at least ${integer(needed)} rows needed`;
}

/** The same for the points of a series: a function of start and model version of a window. */
export const whyTooFew = (page, address) => (start, version) => {
  const { history } = page.range ?? {};
  const at = history?.start.indexOf(start) ?? -1;
  return tooFewRows(at < 0 ? null : history.rows[at], neededRows(page.monitor, version, address));
};
