// Rows of every window as bars; the gate's verdict is their look: plain passed, amber warned, hatched was stopped.

import { axisStyle, dragRange, hatching, mount, tip } from "./charts.js";
import { timeAxis } from "./time_axis.js";
import { date, integer, plural, wall } from "./format.js";
import { batch, gate } from "./states.js";

function look(history, i, colours, hatched) {
  if (history.status[i] === "quarantined") return { color: hatched, borderColor: colours["bad-fill"], borderWidth: 1.2 };
  if (history.status[i] === "failed") return { color: colours["bad-fill"] };
  return { color: history.gate[i] === "warn" ? colours["warn-fill"] : colours["series-soft"] };
}

function describe(history, zone) {
  const { start, rows } = history;
  if (!start.length) return "Rows: no windows in this range";
  const count = (list, wanted) => list.filter((item) => item === wanted).length;
  return (
    `Rows of ${plural(start.length, "window")} from ${date(start[0], zone)} to ${date(start.at(-1), zone)}, ` +
    `last ${integer(rows.at(-1))}; gate: ${count(history.gate, "fail")} stopped, ` +
    `${count(history.gate, "warn")} with warnings, ${count(history.status, "no_data")} without data`
  );
}

function tooltip(history) {
  return ([item]) => {
    const i = item.dataIndex;
    const [status, verdict] = [history.status[i], history.gate[i]];
    return tip(history.label[i], [
      ["rows", integer(history.rows[i])],
      status ? ["window", batch(status).word] : null,
      verdict ? ["gate", gate(verdict).word] : null,
    ]);
  };
}

// Windows without data would be invisible as bars of height zero: a cross at the foot stands for them.
function missing(history, zone, colours) {
  const data = history.start.flatMap((start, i) =>
    history.status[i] === "no_data" || history.status[i] === "failed" ? [[wall(start, zone), 0]] : [],
  );
  const cross = "path://M1 0L4 3L7 0L8 1L5 4L8 7L7 8L4 5L1 8L0 7L3 4L0 1z";
  return { type: "scatter", data, symbol: cross, symbolSize: 7, silent: true, itemStyle: { color: colours["text-3"] }, z: 4 };
}

// Bars need half a window of room at both ends.
function extent({ start }, zone) {
  const [low, high] = [wall(start[0], zone), wall(start.at(-1), zone)];
  const half = start.length > 1 ? (high - low) / (start.length - 1) / 2 : 3 * 86400_000;
  return [low - half, high + half];
}

function options({ history, zone, current, width, least }, colours) {
  const style = axisStyle(colours);
  const hatched = hatching(colours);
  const data = history.start.map((start, i) => ({
    value: [wall(start, zone), history.rows[i]],
    itemStyle: look(history, i, colours, hatched),
  }));
  const line = current
    ? [{ xAxis: wall(current, zone), lineStyle: { color: colours.focus, type: "solid", width: 1.5 }, label: { show: false } }]
    : [];
  return {
    description: describe(history, zone),
    options: {
      xAxis: timeAxis(extent(history, zone), { width, least }, style),
      yAxis: {
        type: "value",
        ...style,
        axisLine: { show: false },
        axisTick: { show: false },
        splitNumber: 3,
        axisLabel: { ...style.axisLabel, formatter: integer },
      },
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: tooltip(history) },
      series: [
        {
          type: "bar",
          data,
          barMaxWidth: 22,
          barMinWidth: 1,
          barCategoryGap: "20%",
          markLine: { symbol: "none", silent: true, data: line },
        },
        missing(history, zone, colours),
      ],
    },
  };
}

/** Keep the chart in `node`; returns the function that draws `{history, zone, current}`. */
export async function rowsChart(node, { onrange, onwindow }) {
  let given = null;
  const drawIt = await mount(node, (chart) => {
    dragRange(chart, onrange);
    chart.on("click", ({ seriesType, dataIndex }) => seriesType === "bar" && onwindow(given.history.start[dataIndex]));
  });
  return (next) => {
    given = next;
    drawIt((colours) => options({ ...next, width: node.clientWidth }, colours));
  };
}
