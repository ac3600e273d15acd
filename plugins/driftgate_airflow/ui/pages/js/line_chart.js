// A series of windows as a line: value with its range, threshold, reference, alarms, and what happened to the model.
// Where it is the performance of a model, what was estimated without labels is drawn beside it.

import { band } from "./bands.js";
import { axisStyle, dragRange, mount, tip } from "./charts.js";
import { estimateSeries, estimateTip } from "./estimate_line.js";
import { date, number, plural, wall } from "./format.js";
import { FIELDS, gaps, hasRange, hollow, rangeText } from "./points.js";
import { timeAxis } from "./time_axis.js";

const DAY = 86400_000;
const LEAST_SHARE = 0.05; // where an axis of shares ends that are all zero
const MANY = 10; // more marks than these are drawn faintly, so that the line stays readable
const MARKS = { promoted: "solid", retraining: "dashed", quarantine: "dotted", failed: "dotted" };

const byStart = (a, b) => (a[FIELDS.start] < b[FIELDS.start] ? -1 : 1);
/** Points of every window that is drawn: the realised value, else the estimate. */
const drawn = ({ points, onlyEstimated = [] }) => [...points, ...onlyEstimated].sort(byStart);

function versionChanges(points) {
  return points.flatMap((point, i) => {
    const [before, now] = [points[i - 1]?.[FIELDS.version], point[FIELDS.version]];
    return i > 0 && before !== now ? [{ kind: "version", start: point[FIELDS.start], text: `version ${now}` }] : [];
  });
}

function markLine(mark, zone, colours, faint) {
  const stopped = mark.kind === "quarantine" || mark.kind === "failed";
  const colour = stopped ? colours["bad-fill"] : colours.note;
  const named = mark.kind === "version" || mark.kind === "retraining";
  return {
    xAxis: wall(mark.start, zone),
    lineStyle: { color: colour, type: MARKS[mark.kind] ?? "solid", width: stopped ? 1 : 1.2, opacity: stopped ? faint : 0.9 },
    label: {
      show: named,
      formatter: mark.kind === "version" ? mark.text : "retraining",
      color: colours["text-2"],
      fontSize: 10.5,
      position: "end",
      distance: 3,
    },
  };
}

// A promotion and the first window of its version are one event; its line is drawn where the version is first used.
function linesOf(points, marks, zone, colours, current) {
  const changes = versionChanges(points);
  const first = points.length ? wall(points[0][FIELDS.start], zone) : 0;
  const wanted = [...changes, ...marks.filter(({ kind }) => MARKS[kind] && kind !== "promoted")].filter(
    (mark) => wall(mark.start, zone) >= first,
  );
  const lines = wanted.map((mark) => markLine(mark, zone, colours, wanted.length > MANY ? 0.25 : 0.7));
  if (current)
    lines.push({ xAxis: wall(current, zone), lineStyle: { color: colours.focus, type: "solid", width: 1.5 }, label: { show: false } });
  return lines;
}

const limit = (name, data, colour, type) => ({
  name,
  type: "line",
  step: "end",
  data,
  symbol: "none",
  silent: true,
  z: 1,
  lineStyle: { color: colour, width: 1.3, type },
});

function column(points, zone, field) {
  return points.map((point) => [wall(point[FIELDS.start], zone), point[field]]);
}

// A window with too few rows is not judged: the wide limit that it would have says nothing.
function thresholds(points, zone) {
  const limitOf = (point) => (point[FIELDS.verdict] === "too_few_rows" ? null : point[FIELDS.threshold]);
  return points.map((point) => [wall(point[FIELDS.start], zone), limitOf(point)]);
}

const broken = ({ points, zone, marks, onlyEstimated = [] }) =>
  gaps(points, marks, zone, onlyEstimated.map((point) => point[FIELDS.start]));

function main(given, colours, lines) {
  const { points, zone } = given;
  const values = points.map((point) => ({ value: [wall(point[FIELDS.start], zone), point[FIELDS.value]], ...look(point, colours) }));
  const data = [...values, ...broken(given).map((at) => ({ value: [at, null] }))].sort((a, b) => a.value[0] - b.value[0]);
  const size = points.length > 150 ? 0 : points.length > 40 ? 4 : 6;
  return {
    name: "value",
    type: "line",
    data,
    z: 3,
    showSymbol: true,
    showAllSymbol: true,
    symbol: "circle",
    connectNulls: false,
    sampling: "minmax",
    symbolSize: (value, { data: item }) => (item.alarm ? Math.max(size + 2, 7) : size),
    lineStyle: { color: colours.series, width: 1.6 },
    itemStyle: { color: colours.series },
    markLine: { symbol: "none", silent: true, animation: false, data: lines },
  };
}

function look(point, colours) {
  const alarm = point[FIELDS.verdict] === "alarm";
  if (alarm) return { alarm, symbol: "triangle", itemStyle: { color: colours["bad-fill"] } };
  return point[FIELDS.verdict] === "too_few_rows"
    ? { alarm, ...hollow("circle", colours["idle-fill"], colours) }
    : { alarm };
}

function ranges(given, colours) {
  const breaks = broken(given).map((at) => ({ at, low: null, high: null }));
  const items = given.points.map((point) => ({
    at: wall(point[FIELDS.start], given.zone),
    low: point[FIELDS.low] ?? null,
    high: point[FIELDS.high] ?? null,
  }));
  const all = [...items, ...breaks].sort((a, b) => a.at - b.at);
  return band(all, { name: "realised", colour: colours.series, opacity: 0.2 });
}

function tooltip(given) {
  const { points, label, format = number, name, zone, why } = given;
  const places = new Map(drawn(given).map((point) => [wall(point[FIELDS.start], zone), point[FIELDS.start]]));
  const realised = new Map(points.map((point) => [point[FIELDS.start], point]));
  return (found) => {
    const start = places.get((Array.isArray(found) ? found : [found])[0]?.axisValue);
    if (start === undefined) return "";
    const [, value, threshold, verdict, version, reference] = realised.get(start) ?? [];
    const known = realised.get(start);
    return tip(label(start), [
      known ? [name, format(value)] : null,
      known && hasRange(known) ? ["95 % range", rangeText(known, format)] : null,
      ...estimateTip(given, start, known),
      isNumber(threshold) ? ["threshold", format(threshold)] : null,
      isNumber(reference) ? ["reference", format(reference)] : null,
      verdict === "alarm" ? ["verdict", "alarm"] : null,
      verdict === "too_few_rows" ? ["not judged", why?.(start, version) ?? "too few rows"] : null,
      version ? ["model", `version ${version}`] : null,
    ]);
  };
}

const isNumber = (value) => value !== null && value !== undefined;

/** What the chart shows, in words, for those who do not see it. */
function describe(given) {
  const { points, name, zone, format = number, onlyEstimated = [] } = given;
  const shown = drawn(given);
  const values = shown.map((point) => point[FIELDS.value]).filter((value) => value !== null);
  if (!values.length) return `${name}: no values in this range`;
  const alarms = points.filter((point) => point[FIELDS.verdict] === "alarm").length;
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const estimated = onlyEstimated.length ? `${plural(onlyEstimated.length, "window")} only estimated, ` : "";
  return (
    `${name}, ${plural(shown.length, "window")} from ${date(shown[0][0], zone)} to ${date(shown.at(-1)[0], zone)}: ` +
    `between ${format(low)} and ${format(high)}, last ${format(values.at(-1))}, ${estimated}${plural(alarms, "alarm")}`
  );
}

function options(given, colours) {
  const { zone, marks = [], format = number, current = null, zero = true } = given;
  const style = axisStyle(colours);
  const shown = drawn(given);
  const has = (field) => shown.some((point) => isNumber(point[field]));
  const series = [
    ...ranges(given, colours),
    ...estimateSeries(given, colours),
    main(given, colours, linesOf(shown, marks, zone, colours, current)),
  ];
  if (has(FIELDS.threshold)) series.push(limit("threshold", thresholds(shown, zone), colours["bad-fill"], "dashed"));
  if (has(FIELDS.reference)) series.push(limit("reference", column(shown, zone, FIELDS.reference), colours["text-3"], "dotted"));
  return {
    description: describe(given),
    options: {
      xAxis: timeAxis(extent(shown, zone), given, style),
      yAxis: {
        type: "value",
        scale: !zero,
        ...style,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...style.axisLabel, formatter: given.axis ?? format },
        splitNumber: 4,
        max: given.axis ? ({ max }) => (max > 0 ? null : LEAST_SHARE) : null,
      },
      tooltip: {
        trigger: "axis",
        axisPointer: { type: "line", lineStyle: { color: colours["line-strong"] } },
        formatter: tooltip(given),
      },
      series,
    },
  };
}

// The first and the last window would sit on the border; give them room.
function extent(points, zone) {
  const [low, high] = [points[0], points.at(-1)].map((point) => wall(point[FIELDS.start], zone));
  const room = low < high ? (high - low) * 0.02 : 3 * DAY;
  return [low - room, high + room];
}

/** Keep a line chart in `node`; returns the function that draws `{points, zone, name, marks, format, current, estimates, onlyEstimated}`. */
export async function lineChart(node, { onrange, onwindow }) {
  let given = null;
  const drawIt = await mount(node, (chart) => {
    dragRange(chart, onrange);
    chart.getZr().on("click", (event) => {
      const near = nearest(chart, given, event);
      if (near) onwindow(near[FIELDS.start]);
    });
  });
  return (next) => {
    given = next;
    drawIt((colours) => options({ ...next, width: node.clientWidth }, colours));
  };
}

function nearest(chart, given, { offsetX, offsetY }) {
  const points = given ? drawn(given) : [];
  if (!points.length || !chart.containPixel({ gridIndex: 0 }, [offsetX, offsetY])) return null;
  const at = chart.convertFromPixel({ xAxisIndex: 0 }, offsetX);
  const distance = (point) => Math.abs(wall(point[FIELDS.start], given.zone) - at);
  return points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
}
