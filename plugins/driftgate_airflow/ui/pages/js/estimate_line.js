// Performance as it was estimated without labels: a dashed line with its range. Windows that have nothing else are shaded and named.

import { band } from "./bands.js";
import { number, wall } from "./format.js";
import { FIELDS, gaps, hasRange, hollow, rangeText } from "./points.js";

/** The estimates of windows whose realised value is not known; of a thinned series only those after the last known one. */
export function onlyEstimated(realised, estimates, isThinned) {
  const seen = new Set(realised.map((point) => point[FIELDS.start]));
  const last = realised.at(-1)?.[FIELDS.start] ?? "";
  return estimates.filter((point) => !seen.has(point[FIELDS.start]) && (!isThinned || point[FIELDS.start] > last));
}

function look(point, isOnly, colours) {
  if (!isOnly) return { symbolSize: 0 };
  if (point[FIELDS.verdict] === "alarm") return { symbol: "triangle", symbolSize: 8, itemStyle: { color: colours["bad-fill"] } };
  return { symbolSize: 8, ...hollow("diamond", colours.series, colours) };
}

// Half a window to both sides, so that a single window can be seen too; neighbours become one area.
function shaded({ onlyEstimated: only, zone, least }, colours) {
  const half = least / 2;
  const runs = [];
  for (const point of only) {
    const at = wall(point[FIELDS.start], zone);
    if (runs.length && at - runs.at(-1)[1] < least * 1.3) runs.at(-1)[1] = at;
    else runs.push([at, at]);
  }
  const label = { color: colours["text-2"], fontSize: 10.5, position: "insideTopRight", distance: 4 };
  const longest = Math.max(...runs.map(([from, to]) => to - from));
  return {
    silent: true,
    itemStyle: { color: colours.muted, opacity: 0.75 },
    data: runs.map(([from, to]) => [
      { xAxis: from - half, name: to - from === longest ? "estimate only" : "", label },
      { xAxis: to + half },
    ]),
  };
}

/** Series for the line chart; none without estimates. */
export function estimateSeries(given, colours) {
  const { estimates = [], onlyEstimated: only = [], zone, marks } = given;
  if (!estimates.length) return [];
  const alone = new Set(only.map((point) => point[FIELDS.start]));
  const breaks = gaps(estimates, marks, zone).map((at) => ({ at, low: null, high: null, value: null }));
  const known = estimates.map((point) => ({
    at: wall(point[FIELDS.start], zone),
    low: point[FIELDS.low] ?? null,
    high: point[FIELDS.high] ?? null,
    value: point[FIELDS.value],
    ...look(point, alone.has(point[FIELDS.start]), colours),
  }));
  const items = [...known, ...breaks].sort((a, b) => a.at - b.at);
  return [
    ...band(items, { name: "estimated", colour: colours["text-3"], opacity: 0.24 }),
    {
      name: "estimated",
      type: "line",
      data: items.map(({ at, value, symbol, symbolSize, itemStyle }) => ({ value: [at, value], symbol, symbolSize, itemStyle })),
      z: 2,
      showAllSymbol: true,
      lineStyle: { color: colours["text-3"], width: 1.4, type: [5, 4] },
      markArea: only.length ? shaded(given, colours) : undefined,
    },
  ];
}

/** Lines of the tooltip about a window's estimate. */
export function estimateTip({ estimates = [], format = number }, start, realised) {
  const point = estimates.find((item) => item[FIELDS.start] === start);
  if (!point) return [];
  return [
    [realised ? "estimated without labels" : "estimate only, no labels yet", format(point[FIELDS.value])],
    hasRange(point) ? ["its 95 % range", rangeText(point, format)] : null,
    !realised && point[FIELDS.verdict] === "alarm" ? ["verdict", "alarm"] : null,
    !realised && point[FIELDS.threshold] !== null ? ["threshold", format(point[FIELDS.threshold])] : null,
  ];
}
