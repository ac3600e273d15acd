// A titled box, and the places inside it where charts live.

import { el, put } from "./dom.js";

export function panel(title, { tools = [], id = null, className = "" } = {}, ...inside) {
  const heading = el("h2", {}, title);
  return el(
    "section",
    { class: `panel ${className}`, id, "aria-label": title },
    el("header", {}, heading, el("div", { class: "right" }, tools)),
    ...inside,
  );
}

/** A chart with a note below it; `show(drawn, note)` either draws or says why there is nothing. */
export function chartBox(height, make) {
  const chart = el("div", { class: "chart" });
  chart.style.height = `${height}px`;
  const nothing = el("p", { class: "nothing dim", hidden: true });
  const note = el("p", { class: "note small dimmer" });
  const node = el("div", { class: "chart-box" }, chart, nothing, note);
  let drawn = null;
  return {
    node,
    async show(given, remark = "") {
      chart.hidden = false;
      nothing.hidden = true;
      drawn ??= await make(chart);
      drawn(given);
      put(note, remark);
    },
    nothing(text) {
      chart.hidden = true;
      nothing.hidden = false;
      put(nothing, text);
      put(note);
    },
  };
}

export const samplingNote = (sampling) =>
  sampling?.sampled ? `${sampling.points} of ${sampling.windows} windows shown: ${sampling.rule}` : "";
