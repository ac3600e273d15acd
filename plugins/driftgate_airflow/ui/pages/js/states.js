// The state of things: which tone, which symbol, which word. Colour never stands alone.

import { el, svg } from "./dom.js";

const PATHS = {
  ok: "M3 8.5l3.2 3.2L13 5",
  warn: "M8 2.5L14.5 13.5h-13zM8 6.5v3.2M8 11.4v.6",
  bad: "M4 4l8 8M12 4l-8 8",
  stop: "M5.2 1.8h5.6l3.4 3.4v5.6l-3.4 3.4H5.2l-3.4-3.4V5.2zM5 8h6",
  idle: "M4 8h8",
  few: "M8 3.2a4.8 4.8 0 1 0 0 9.6a4.8 4.8 0 1 0 0-9.6",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3.4H9.6",
  up: "M8 12.5v-9M4.2 7.2L8 3.4l3.8 3.8",
  down: "M8 3.5v9M4.2 8.8L8 12.6l3.8-3.8",
  clock: "M8 2.2a5.8 5.8 0 1 0 0 11.6a5.8 5.8 0 1 0 0-11.6M8 5v3.2l2.2 1.4",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  seen: "M1.5 8s2.4-4.3 6.5-4.3S14.5 8 14.5 8s-2.4 4.3-6.5 4.3S1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6a1.8 1.8 0 1 0 0-3.6",
};

export function icon(name, size = 14) {
  const path = svg("path", {
    d: PATHS[name],
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 1.8,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  return svg("svg", { viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true" }, path);
}

const unknown = (value) => ({ tone: "", symbol: "idle", word: String(value) });
const table = (entries) => (value) => (value === null || value === undefined ? unknown("–") : (entries[value] ?? unknown(value)));

export const overall = table({
  critical: { tone: "bad", symbol: "stop", word: "Critical" },
  warning: { tone: "warn", symbol: "warn", word: "Warning" },
  ok: { tone: "ok", symbol: "ok", word: "OK" },
  unknown: { tone: "", symbol: "few", word: "No window yet" },
});
export const severity = table({
  critical: { tone: "bad", symbol: "stop", word: "critical" },
  warning: { tone: "warn", symbol: "warn", word: "warning" },
});
export const gate = table({
  pass: { tone: "ok", symbol: "ok", word: "pass" },
  warn: { tone: "warn", symbol: "warn", word: "warn" },
  fail: { tone: "bad", symbol: "bad", word: "fail" },
});
export const batch = table({
  measured: { tone: "ok", symbol: "ok", word: "measured" },
  ingested: { tone: "", symbol: "few", word: "ingested" },
  quarantined: { tone: "bad", symbol: "stop", word: "quarantined" },
  no_data: { tone: "", symbol: "idle", word: "no data" },
  failed: { tone: "bad", symbol: "bad", word: "failed" },
});
export const metric = table({
  ok: { tone: "ok", symbol: "ok", word: "ok" },
  alarm: { tone: "bad", symbol: "warn", word: "alarm" },
  too_few_rows: { tone: "", symbol: "few", word: "too few rows" },
});
/** The verdict on all columns of a window together. */
export const dataset = table({
  ok: { tone: "ok", symbol: "ok", word: "no drift" },
  alarm: { tone: "bad", symbol: "warn", word: "drift" },
});
export const action = table({
  no_action: { tone: "ok", symbol: "ok", word: "no action" },
  alert: { tone: "bad", symbol: "warn", word: "alert" },
  trigger_retrain: { tone: "note", symbol: "again", word: "retrain" },
});
export const retraining = table({
  promoted: { tone: "ok", symbol: "up", word: "promoted" },
  challenger_wins: { tone: "note", symbol: "clock", word: "challenger wins, not yet promoted" },
  champion_stays: { tone: "", symbol: "idle", word: "champion stays" },
  rejected: { tone: "warn", symbol: "bad", word: "rejected" },
  rolled_back: { tone: "warn", symbol: "down", word: "rolled back" },
});
export const freshness = table({
  on_time: { tone: "ok", symbol: "ok", word: "on time" },
  late: { tone: "warn", symbol: "clock", word: "late" },
  paused: { tone: "", symbol: "pause", word: "paused" },
  manual: { tone: "", symbol: "idle", word: "by hand only" },
  finished: { tone: "", symbol: "ok", word: "has ended" },
  no_window: { tone: "", symbol: "few", word: "no window yet" },
});
export const message = table({
  sent: { tone: "ok", symbol: "ok", word: "sent" },
  pending: { tone: "", symbol: "clock", word: "waiting" },
  failed: { tone: "bad", symbol: "bad", word: "failed" },
  dropped: { tone: "", symbol: "idle", word: "not needed any more" },
});

export const CAUSES = {
  gate: "Gate stopped a batch",
  policy: "Decision rules broken",
  run: "A task failed",
  retrain: "A retraining failed",
};
export const cause = (name) => CAUSES[name] ?? String(name);

/** A state as symbol and word; `extra` text follows the word. */
export function state({ tone, symbol, word }, { badge = false, extra = "", size = 13 } = {}) {
  return el("span", { class: `state ${tone} ${badge ? "badge" : ""}` }, icon(symbol, size), el("span", {}, word + extra));
}
