// Small drawings for table cells: a line with its alarms, a strip of verdicts.

import { svg } from "./dom.js";

const SPACE = 3;

function scale(values, height) {
  const present = values.filter((value) => value !== null && value !== undefined);
  const low = Math.min(0, ...present);
  const high = Math.max(...present, low + 1e-9);
  return (value) => height - SPACE - ((value - low) / (high - low)) * (height - 2 * SPACE);
}

// One "M … L …" piece per run of present values: a missing window is a gap, not a bridge.
function path(points) {
  let pen = "M";
  return points
    .map((point) => {
      if (!point) {
        pen = "M";
        return "";
      }
      const piece = `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
      pen = "L";
      return piece;
    })
    .join("");
}

/** A line over `values` (null: gap), from the first one on; windows with verdict "alarm" are marked, `limit` is a dashed line. */
export function sparkline({ values: all, verdicts: judged = [], limit = null, label, width = 108, height = 26 }) {
  const first = all.findIndex((value) => value !== null && value !== undefined);
  const shown = first >= 0;
  const [values, verdicts] = [all.slice(Math.max(first, 0)), judged.slice(Math.max(first, 0))];
  const root = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  root.append(svg("title", {}, label));
  if (!shown) return root;
  const y = scale(limit === null ? values : [...values, limit], height);
  const step = values.length > 1 ? (width - 2 * SPACE) / (values.length - 1) : 0;
  const points = values.map((value, index) => (value === null || value === undefined ? null : [SPACE + index * step, y(value)]));
  if (limit !== null)
    root.append(svg("path", { d: `M0 ${y(limit)}H${width}`, stroke: "var(--line-strong)", "stroke-dasharray": "3 3", fill: "none" }));
  root.append(svg("path", { d: path(points), fill: "none", stroke: "var(--series)", "stroke-width": 1.5, "stroke-linejoin": "round" }));
  points.forEach((point, index) => {
    const last = point && index === values.length - 1;
    const alarm = point && verdicts[index] === "alarm";
    const lonely = point && !points[index - 1] && !points[index + 1];
    if (alarm || last || lonely)
      root.append(svg("circle", { cx: point[0], cy: point[1], r: alarm ? 1.9 : 1.7, fill: alarm ? "var(--bad-fill)" : "var(--series)" }));
  });
  return root;
}

// Height carries the verdict too, so that it is not told by colour alone.
const MARKS = {
  pass: { fill: "var(--ok-fill)", height: 0.4 },
  warn: { fill: "var(--warn-fill)", height: 0.7 },
  fail: { fill: "var(--bad-fill)", height: 1 },
  none: { fill: "var(--idle-fill)", height: 0.15 },
};

/** One bar per window: low green passed, middle amber warned, high red was stopped, a stub has no verdict. */
export function verdictStrip({ verdicts, label, width = 108, height = 18 }) {
  const root = svg("svg", { class: "strip", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  root.append(svg("title", {}, label));
  const step = Math.min(width / Math.max(verdicts.length, 1), 14);
  verdicts.forEach((verdict, index) => {
    const mark = MARKS[verdict] ?? MARKS.none;
    const tall = mark.height * height;
    root.append(
      svg("rect", {
        x: width - (verdicts.length - index) * step,
        y: height - tall,
        width: Math.max(step - 1, 1),
        height: tall,
        rx: 1,
        fill: mark.fill,
      }),
    );
  });
  return root;
}
