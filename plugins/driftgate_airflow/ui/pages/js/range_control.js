// Which windows the charts show: a few usual ranges, or two dates (also chosen by dragging over a chart).

import { el, put } from "./dom.js";
import { date, plural } from "./format.js";

const USUAL = [
  ["30", "30 windows"],
  ["90", "90"],
  ["year", "Year"],
  ["all", "All"],
];
const YEAR = 365 * 86400_000;
const AROUND = 45;
const DAY = 86400_000;

/** Parameters of the API for a range; a year counts back from the newest window. */
export function rangeParameters(range, monitor) {
  if (range.from || range.to) return { from: range.from, to: range.to };
  if (range.last !== "year") return { last: USUAL.some(([value]) => value === range.last) ? range.last : "90" };
  const last = monitor.windows?.last ?? monitor.window?.start;
  return last ? { from: new Date(new Date(last) - YEAR).toISOString() } : { last: "all" };
}

/** The windows around a moment: as many as are usual. */
export function rangeAround(moment, monitor) {
  const reach = AROUND * (monitor.schedule?.window_seconds ?? DAY / 1000) * 1000;
  const [from, to] = [-reach, reach].map((shift) => new Date(Date.parse(moment) + shift).toISOString());
  return { from, to };
}

/** A moment of the charts' time axis (the monitor's wall clock) as the API reads it. */
export const wallText = (value) => new Date(Math.round(value)).toISOString().slice(0, 19);

const nextDay = (day) => new Date(Date.parse(`${day}T00:00:00Z`) + DAY).toISOString().slice(0, 10);
const lastDay = (end) => (end.includes("T") ? end.slice(0, 10) : new Date(Date.parse(`${end}T00:00:00Z`) - DAY).toISOString().slice(0, 10));

export function rangeControl(page) {
  const buttons = USUAL.map(([value, name]) =>
    el("button", { type: "button", value, onclick: () => page.chooseRange({ last: value }) }, name),
  );
  const from = el("input", { type: "date", "aria-label": "From", onchange: () => custom() });
  const to = el("input", { type: "date", "aria-label": "To, the whole day", onchange: () => custom() });
  const shown = el("span", { class: "dim small", "aria-live": "polite" });
  const node = el(
    "section",
    { class: "range", "aria-label": "Time range" },
    el("div", { class: "segmented", role: "group", "aria-label": "Windows shown" }, buttons),
    el("div", { class: "dates" }, from, el("span", { class: "dim" }, "to"), to),
    shown,
  );

  function custom() {
    if (!from.value && !to.value) return;
    page.chooseRange({ from: from.value || null, to: to.value ? nextDay(to.value) : null });
  }

  const enter = (input, value) => document.activeElement !== input && Object.assign(input, { value });

  function update(range, { start, sampling }) {
    const fixed = range.from || range.to;
    for (const button of buttons) button.setAttribute("aria-pressed", String(!fixed && button.value === range.last));
    const day = (moment) => (moment ? date(moment, page.zone) : "");
    enter(from, range.from?.slice(0, 10) ?? day(start[0]));
    enter(to, range.to ? lastDay(range.to) : day(start.at(-1)));
    put(
      shown,
      start.length ? plural(sampling?.windows ?? start.length, "window") : "no windows in this range",
      el("span", { class: "hint" }, " · drag over a chart to zoom in"),
    );
  }

  return { node, update };
}
