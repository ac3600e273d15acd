// Columns by windows: how far each score is from its own threshold.

import { axisStyle, hatching, mount, tip } from "./charts.js";
import { el } from "./dom.js";
import { date, number, plural, times } from "./format.js";
import { columnLabel } from "./column_names.js";
import { neededRows, tooFewRows } from "./limits.js";
import { batch } from "./states.js";

const ROW = 19; // pixels
const TOO_FEW = 2; // the API's code of the verdict
const FEW_ROWS = -1;
/** Classes of "times the threshold": the darker or brighter, the further beyond it. */
const CLASSES = {
  light: ["#eaf0f7", "#c9d8ea", "#f3c77a", "#e58a4e", "#c43c33", "#7f1620"],
  dark: ["#1e2a40", "#2f4568", "#8a6a24", "#c07a35", "#e0584e", "#ffb3a8"],
};
const LIMITS = [0, 0.5, 1, 1.5, 3, 6];
const NAMES = ["under half the threshold", "below it", "above it", "from 1.5 ×", "from 3 ×", "from 6 ×"];

const shades = () => CLASSES[document.documentElement.dataset.theme] ?? CLASSES.light;

function pieces(colours) {
  const found = LIMITS.map((low, i) => ({ gt: i === 0 ? -0.5 : low, lte: LIMITS[i + 1] ?? 1e9, color: shades()[i] }));
  return [{ value: FEW_ROWS, color: colours["idle-fill"] }, ...found];
}

function cells({ ratio, verdict }) {
  const shade = (value, judged) => (judged === TOO_FEW ? FEW_ROWS : value === null ? null : Math.max(value, 0));
  return ratio.flatMap((row, y) =>
    row.flatMap((value, x) => {
      const shown = shade(value, verdict[y][x]);
      return shown === null ? [] : [[x, y, shown]];
    }),
  );
}

function band(params, api) {
  const [left, top] = api.coord([api.value(0), 0]);
  const [width, height] = api.size([1, 1]);
  const rows = api.value(1);
  return { type: "rect", shape: { x: left - width / 2, y: top - height / 2, width, height: height * rows }, style: api.style() };
}

// Windows whose batch was stopped or missing have no scores: one hatched band over all columns.
function bands({ windows, columns, value, verdict }, colours) {
  const isEmpty = (x) => value.every((row, y) => row[x] === null && verdict[y][x] === null);
  const data = windows.flatMap((window, x) => (window.trouble && isEmpty(x) ? [[x, columns.length]] : []));
  return { type: "custom", renderItem: band, data, itemStyle: { color: hatching(colours) }, z: 2 };
}

function describe({ totals, columns, windows }) {
  const first = columns[0];
  if (!first || !windows.length) return "Heat map: no scores in this range";
  return (
    `Heat map of ${plural(columns.length, "column")} of ${totals.columns} by ${plural(windows.length, "window")}, ` +
    `from ${windows[0].label} to ${windows.at(-1).label}. Furthest beyond its threshold: ${columnLabel(first)}, ` +
    `${plural(first.alarms, "alarm")}, at worst ${times(first.worst)} the threshold. The list of columns below says the same.`
  );
}

function tooltip(map, zone, monitor) {
  return ({ seriesType, value: [x, y] }) => {
    const window = map.windows[x];
    if (seriesType === "custom") return tip(window.label, [["window", batch(window.trouble).word]]);
    const worst = map.at?.[y]?.[x];
    const shown = worst && window.count > 1 ? `${date(worst, zone)} (worst of ${window.count})` : window.label;
    const column = map.columns[y];
    const needed = () => neededRows(monitor, window.model_version, { ...column, column: column.name });
    return tip(columnLabel(column), [
      ["window", shown],
      ["score", number(map.value[y][x])],
      ["threshold", number(map.threshold[y][x])],
      map.verdict[y][x] === TOO_FEW ? ["not judged", tooFewRows(window.rows, needed())] : ["times threshold", times(map.ratio[y][x])],
    ]);
  };
}

function options({ map, current, column, name: called, monitor }, colours) {
  const style = axisStyle(colours);
  const marked = map.windows.findIndex((window) => current && window.start <= current && current < window.end);
  const few = map.windows.length <= 60;
  const narrow = innerWidth < 700;
  return {
    description: describe(map),
    grid: { left: 8, right: 8, top: 6, bottom: 4, containLabel: true },
    options: {
      xAxis: {
        type: "category",
        data: map.windows.map(({ start }) => called(start)),
        ...style,
        axisTick: { show: false },
        splitArea: { show: false },
        splitLine: { show: false },
      },
      yAxis: {
        type: "category",
        inverse: true,
        triggerEvent: true,
        data: map.columns.map(columnLabel),
        ...style,
        axisTick: { show: false },
        axisLabel: {
          ...style.axisLabel,
          width: narrow ? 84 : 170,
          overflow: "truncate",
          interval: 0,
          hideOverlap: false,
          color: (label, place) => (map.columns[place]?.name === column ? colours.focus : colours["text-2"]),
        },
      },
      tooltip: { trigger: "item", formatter: tooltip(map, map.timezone, monitor) },
      visualMap: { type: "piecewise", show: false, dimension: 2, seriesIndex: 0, pieces: pieces(colours) },
      series: [
        {
          type: "heatmap",
          data: cells(map),
          progressive: 4000,
          itemStyle: few ? { borderColor: colours.raised, borderWidth: 1 } : {},
          emphasis: { itemStyle: { borderColor: colours.text, borderWidth: 1 } },
          markLine: {
            symbol: "none",
            silent: true,
            data:
              marked < 0 ? [] : [{ xAxis: marked, lineStyle: { color: colours.focus, width: 2, type: "solid" }, label: { show: false } }],
          },
        },
        bands(map, colours),
      ],
    },
  };
}

/** Swatches with words: what the colours mean. */
export function legend() {
  const swatch = (colour, name) => {
    const box = el("i", { "aria-hidden": "true" });
    box.style.background = colour;
    return el("li", {}, box, name);
  };
  return [
    ...NAMES.map((name, i) => swatch(shades()[i], name)),
    el("li", {}, el("i", { class: "few", "aria-hidden": "true" }), "too few rows to judge"),
    el("li", {}, el("i", { class: "hatched", "aria-hidden": "true" }), "stopped by the gate, or no data"),
  ];
}

// Before a model is watched there are batches, but no scores: the map begins with the first window that has something to show.
function trimmed(map) {
  const { windows, verdict, value } = map;
  const isKnown = (x) => value.some((row, y) => row[x] !== null || verdict[y][x] !== null);
  const begin = windows.findIndex((window, x) => isKnown(x) || window.trouble === "quarantined");
  if (begin <= 0) return map;
  const cut = (rows) => rows?.map((row) => row.slice(begin));
  return {
    ...map,
    windows: windows.slice(begin),
    value: cut(value),
    threshold: cut(map.threshold),
    ratio: cut(map.ratio),
    verdict: cut(map.verdict),
    at: cut(map.at),
  };
}

/** Keep the heat map in `node`; returns the function that draws `{map, current, column, name, monitor}`. */
export async function heatChart(node, { onwindow, oncolumn }) {
  let map = null;
  const drawIt = await mount(node, (chart) => {
    chart.on("click", ({ componentType, value, targetType }) => {
      if (componentType === "yAxis" || targetType === "axisLabel") return oncolumn(map.columns.find((item) => columnLabel(item) === value).name);
      const [x, y] = value;
      const worst = map.at?.[y]?.[x] ?? map.windows[x].start;
      return onwindow(worst, componentType === "series" ? map.columns[y]?.name : null);
    });
  });
  return (next) => {
    map = trimmed(next.map);
    node.style.height = `${Math.max(map.columns.length, 1) * ROW + 34}px`;
    drawIt((colours) => options({ ...next, map }, colours));
  };
}
