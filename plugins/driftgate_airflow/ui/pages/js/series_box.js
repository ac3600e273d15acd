// One series of the API as a chart over time.

import { number, share, shareOnAxis } from "./format.js";
import { windowLength, windowName } from "./history.js";
import { whyTooFew } from "./limits.js";
import { lineChart } from "./line_chart.js";
import { chartBox, samplingNote } from "./panels.js";
import { FIELDS, known } from "./points.js";
import { wallText } from "./range_control.js";

/** Listeners of every chart over time: dragging chooses a range, a click a window. */
export const overTime = (page) => ({
  onrange: (from, to) => page.chooseRange({ from: wallText(from), to: wallText(to) }),
  onwindow: (start) => page.chooseWindow(start),
});

/** What every chart of a series over time is given. */
export const common = (page) => ({
  zone: page.zone,
  label: windowName(page.monitor),
  least: windowLength(page.monitor),
  marks: page.range.marks,
});

/** One series of the API as a chart; keeps what it needs to be drawn again. `verdicts` is a series that judges it. */
export function seriesBox(page, height) {
  const box = chartBox(height, (node) => lineChart(node, overTime(page)));
  let given = null;
  const draw = () => given && box.show({ ...given, current: page.view.window }, given.remark);
  return {
    node: box.node,
    draw,
    async load({ family, metric, column = "", name, format = number, zero = true, verdicts = null, nothing }) {
      const [answer, judged] = await Promise.all([
        page.ask("/series", { family, metric, column, ...page.range.parameters }),
        verdicts ? page.ask("/series", { family, metric: verdicts, ...page.range.parameters }) : null,
      ]);
      const series = answer.series[0];
      const points = withVerdicts(known(series), judged?.series[0].points);
      const axis = format === share ? shareOnAxis : null;
      const why = whyTooFew(page, { family, metric, column });
      given = points.length ? { ...common(page), points, axis, name, format, zero, why, remark: samplingNote(series.sampling) } : null;
      return given ? draw() : box.nothing(nothing);
    },
    isEmpty: () => given === null,
  };
}

// Some numbers are only the sum of what others say: their points carry the verdict of another series.
function withVerdicts(points, judged) {
  if (!judged) return points;
  const found = new Map(judged.map((point) => [point[FIELDS.start], point[FIELDS.verdict]]));
  return points.map((point) => point.with(FIELDS.verdict, point[FIELDS.verdict] ?? found.get(point[FIELDS.start]) ?? null));
}

