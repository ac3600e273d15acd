// A series of windows as a line: value, threshold, reference, alarms, and what happened to the model.

import { axisStyle, dragRange, mount, tip } from "./charts.js";
import { timeAxis } from "./time_axis.js";
import { date, number, plural, wall } from "./format.js";

const DAY = 86400_000;
const FIELDS = { start: 0, value: 1, threshold: 2, verdict: 3, version: 4, reference: 5 };
const MANY = 10; // more marks than these are drawn faintly, so that the line stays readable
const GAPS = ["quarantine", "no_data", "failed"];
const MARKS = { promoted: "solid", retraining: "dashed", quarantine: "dotted", failed: "dotted" };

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

// A window without a value breaks the line: nothing is known of it, so nothing is drawn across.
function broken(points, marks, zone) {
  const first = points[0][FIELDS.start];
  const last = points.at(-1)[FIELDS.start];
  const known = new Set(points.map((point) => point[FIELDS.start]));
  const gaps = marks.filter(({ kind, start }) => GAPS.includes(kind) && start > first && start < last && !known.has(start));
  return gaps.map(({ start }) => ({ value: [wall(start, zone), null] }));
}

function main({ points, zone, marks = [] }, colours, lines) {
  const values = points.map((point, i) => ({
    value: [wall(point[FIELDS.start], zone), point[FIELDS.value]],
    index: i,
    ...look(point, colours),
  }));
  const data = [...values, ...broken(points, marks, zone)].sort((a, b) => a.value[0] - b.value[0]);
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
    ? { alarm, symbol: "emptyCircle", itemStyle: { color: colours["idle-fill"] } }
    : { alarm };
}

function tooltip({ points, label, format = number, name }) {
  return (found) => {
    const item = (Array.isArray(found) ? found : [found]).find(({ seriesName }) => seriesName === "value");
    const point = points[item?.data.index];
    if (!point) return "";
    const [start, value, threshold, verdict, version, reference] = point;
    return tip(label(start), [
      [name, format(value)],
      threshold === null ? null : ["threshold", format(threshold)],
      reference === null ? null : ["reference", format(reference)],
      verdict === "alarm" ? ["verdict", "alarm"] : verdict === "too_few_rows" ? ["verdict", "too few rows"] : null,
      version ? ["model", `version ${version}`] : null,
    ]);
  };
}

/** What the chart shows, in words, for those who do not see it. */
function describe({ points, name, zone, format }) {
  const values = points.map((point) => point[FIELDS.value]).filter((value) => value !== null);
  if (!values.length) return `${name}: no values in this range`;
  const alarms = points.filter((point) => point[FIELDS.verdict] === "alarm").length;
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return (
    `${name}, ${plural(points.length, "window")} from ${date(points[0][0], zone)} to ${date(points.at(-1)[0], zone)}: ` +
    `between ${format(low)} and ${format(high)}, last ${format(values.at(-1))}, ${plural(alarms, "alarm")}`
  );
}

function options(given, colours) {
  const { points, zone, marks = [], name, format = number, current = null, zero = true } = given;
  const style = axisStyle(colours);
  const has = (field) => points.some((point) => point[field] !== null);
  const series = [main(given, colours, linesOf(points, marks, zone, colours, current))];
  if (has(FIELDS.threshold)) series.push(limit("threshold", column(points, zone, FIELDS.threshold), colours["bad-fill"], "dashed"));
  if (has(FIELDS.reference)) series.push(limit("reference", column(points, zone, FIELDS.reference), colours["text-3"], "dotted"));
  return {
    description: describe({ points, name, zone, format }),
    options: {
      xAxis: timeAxis(extent(points, zone), given, style),
      yAxis: {
        type: "value",
        scale: !zero,
        ...style,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...style.axisLabel, formatter: given.axis ?? format },
        splitNumber: 4,
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

/** Keep a line chart in `node`; returns the function that draws `{points, zone, name, marks, format, current}`. */
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
  if (!given?.points.length || !chart.containPixel({ gridIndex: 0 }, [offsetX, offsetY])) return null;
  const at = chart.convertFromPixel({ xAxisIndex: 0 }, offsetX);
  const distance = (point) => Math.abs(wall(point[FIELDS.start], given.zone) - at);
  return given.points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
}
