// Everything that knows Apache ECharts: loading it, colours of the theme, mounting, tooltips, choosing a time range by dragging.

import { el } from "./dom.js";

const SOURCE = new URL("../../vendor/echarts-6.1.0/echarts.min.js", import.meta.url).href;
const NAMES = [
  "bg",
  "raised",
  "subtle",
  "muted",
  "line",
  "line-strong",
  "text",
  "text-2",
  "text-3",
  "series",
  "series-soft",
  "grid",
  "ok-fill",
  "warn-fill",
  "bad-fill",
  "idle-fill",
  "note",
  "focus",
];
const mounted = new Set();
let loading = null;

function load() {
  loading ??= new Promise((resolve, reject) => {
    const script = el("script", {
      src: SOURCE,
      onload: () => resolve(window.echarts),
      onerror: () => reject(new Error("The chart library could not be loaded; reload the page.")),
    });
    document.head.append(script);
  });
  return loading;
}

/** Colours of the current theme, by the names of the style sheet. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function base(colours, { description, grid }) {
  return {
    animation: false,
    useUTC: true,
    backgroundColor: "transparent",
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colours["text-2"] },
    aria: { enabled: true, label: { enabled: true, description } },
    grid: { left: 8, right: 14, top: 26, bottom: 4, containLabel: true, ...grid },
    tooltip: {
      confine: true,
      backgroundColor: colours.raised,
      borderColor: colours["line-strong"],
      padding: [8, 11],
      transitionDuration: 0,
      textStyle: { color: colours.text, fontSize: 12 },
      extraCssText: "box-shadow: var(--shadow); max-width: 340px; white-space: normal; z-index: 20;",
    },
  };
}

function draw(entry) {
  const colours = palette();
  const { options, description, grid } = entry.make(colours);
  const general = base(colours, { description, grid });
  entry.chart.setOption({ ...general, ...options, tooltip: { ...general.tooltip, ...options.tooltip } }, { notMerge: true });
}

document.addEventListener("driftgate:theme", () => mounted.forEach(draw));

/**
 * Keep a chart in `node`.
 *
 * Returns a function to draw it: it takes `make(colours)`, which gives `{options, description, grid}`, and is called again when the
 * theme changes. `ready(chart)` is called once, to listen to the chart's events.
 */
export async function mount(node, ready = () => {}) {
  const echarts = await load();
  const chart = echarts.init(node, null, { renderer: "canvas" });
  const entry = { chart, make: null };
  new ResizeObserver(() => chart.resize()).observe(node);
  ready(chart);
  return (make) => {
    entry.make = make;
    mounted.add(entry);
    chart.resize();
    draw(entry);
  };
}

/** Axes and their lines in the theme's colours. */
export const axisStyle = (colours) => ({
  axisLine: { lineStyle: { color: colours["line-strong"] } },
  axisTick: { lineStyle: { color: colours["line-strong"] } },
  axisLabel: { color: colours["text-2"], fontSize: 11, hideOverlap: true },
  splitLine: { lineStyle: { color: colours.grid } },
});

/** Content of a tooltip: a heading and lines of name and value, all as text. */
export function tip(title, lines) {
  const rows = lines
    .filter(Boolean)
    .map(([name, value]) => el("div", { class: "tip-line" }, el("span", {}, name), el("strong", {}, value)));
  return el("div", { class: "tip" }, el("div", { class: "tip-title" }, title), rows);
}

/** A hatched fill, for what has no value because the batch was stopped. */
export function hatching(colours) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
  const pen = canvas.getContext("2d");
  pen.fillStyle = colours.muted;
  pen.fillRect(0, 0, 8, 8);
  pen.strokeStyle = colours["text-3"];
  pen.lineWidth = 1;
  for (const shift of [-8, 0, 8]) {
    pen.beginPath();
    pen.moveTo(shift, 8);
    pen.lineTo(shift + 8, 0);
    pen.stroke();
  }
  return { image: canvas, repeat: "repeat" };
}

const NEAR = 6; // pixels: a shorter way is a click

/** Let the reader choose a range by dragging over the chart; `chosen(from, to)` gets two values of the time axis. */
export function dragRange(chart, chosen) {
  const plane = chart.getZr();
  let from = null;
  const value = (x) => chart.convertFromPixel({ xAxisIndex: 0 }, x);
  const shade = (x) =>
    chart.setOption({
      graphic: [
        {
          id: "range",
          type: "rect",
          silent: true,
          ignore: x === null,
          z: 100,
          shape: { x: Math.min(from ?? 0, x ?? 0), y: 0, width: Math.abs((x ?? 0) - (from ?? 0)), height: chart.getHeight() },
          style: { fill: palette().focus, opacity: 0.18 },
        },
      ],
    });
  plane.on("mousedown", (event) => {
    from = chart.containPixel({ gridIndex: 0 }, [event.offsetX, event.offsetY]) ? event.offsetX : null;
  });
  plane.on("mousemove", (event) => {
    if (from !== null && Math.abs(event.offsetX - from) > NEAR) shade(event.offsetX);
  });
  const end = (event) => {
    if (from === null) return;
    const [low, high] = [from, event.offsetX].sort((a, b) => a - b);
    const far = high - low > NEAR;
    shade(null);
    from = null;
    if (far) chosen(value(low), value(high));
  };
  plane.on("mouseup", end);
  plane.on("globalout", end);
}
