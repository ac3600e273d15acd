// How good the model is: what labels show, what was estimated without them, and how often the estimates were right.

import { el, put } from "./dom.js";
import { plural, share } from "./format.js";
import { onlyEstimated } from "./estimate_line.js";
import { whyTooFew } from "./limits.js";
import { lineChart } from "./line_chart.js";
import { chartBox, samplingNote } from "./panels.js";
import { FIELDS, hasRange, known } from "./points.js";
import { common, overTime } from "./series_box.js";

const MOST_POINTS = 5000;
const RECENT = 1000; // of a longer range the estimates of so many windows are judged

const key = (kind, word) => el("span", { class: "one-key" }, el("i", { class: kind, "aria-hidden": "true" }), word);

// What the lines and bands mean, of those that are there.
function keys({ points, estimates }) {
  const all = [...points, ...estimates];
  return [
    points.length ? key("line realised", "realised") : null,
    estimates.length ? key("line estimated", "estimated without labels") : null,
    all.some((point) => point[FIELDS.threshold] !== null) ? key("line limit", "limit") : null,
    all.some(hasRange) ? key("key range", "95\u00a0% range") : null,
  ];
}

async function coverage(page, metric) {
  const wanted = { family: "performance_estimated", metric: `estimate_covered_${metric}`, points: MOST_POINTS };
  const { series } = await page.ask("/series", { ...wanted, ...page.range.parameters });
  if (!series[0].sampling.sampled) return known(series[0]);
  const recent = await page.ask("/series", { ...wanted, last: RECENT });
  return known(recent.series[0]);
}

/** How often the realised value lay in the estimated range, in words; empty where labels never met an estimate. */
function score(metric, judged) {
  if (!judged.length) return "";
  const inside = judged.filter((point) => point[FIELDS.value] === 1).length;
  const part = judged.length === 1 ? "" : ` (${share(inside / judged.length)}; 95\u00a0% is right)`;
  return `Estimates so far: the realised ${metric} lay in the estimated range in ${inside} of the last ${plural(judged.length, "window")} with labels${part}.`;
}

const notes = (series, words) =>
  [samplingNote(series.sampling), words].filter(Boolean).map((text) => el("span", { class: "block" }, text));

export function performanceBox(page, height) {
  const box = chartBox(height, (node) => lineChart(node, overTime(page)));
  const legend = el("span", { class: "small dim keys" });
  let given = null;
  const draw = () => given && box.show({ ...given, current: page.view.window }, given.remark);

  async function load(metric) {
    const ask = (family, name) => page.ask("/series", { family, metric: name, ...page.range.parameters });
    const [realised, estimated, judged] = await Promise.all([
      ask("performance", metric),
      ask("performance_estimated", `estimated_${metric}`),
      coverage(page, metric),
    ]);
    const [series, guessed] = [realised.series[0], estimated.series[0]];
    const [points, estimates] = [known(series), known(guessed)];
    const isThinned = series.sampling.sampled || guessed.sampling.sampled;
    if (!points.length && !estimates.length) {
      given = null;
      put(legend);
      return box.nothing("No performance in this range: either the labels have not arrived, or no window was measured.");
    }
    const why = whyTooFew(page, { family: "performance", metric, column: "" });
    const only = onlyEstimated(points, estimates, isThinned);
    given = { ...common(page), points, estimates, onlyEstimated: only, name: metric, why, remark: notes(series, score(metric, judged)) };
    put(legend, keys(given));
    return draw();
  }

  return { node: box.node, legend, load, draw };
}
