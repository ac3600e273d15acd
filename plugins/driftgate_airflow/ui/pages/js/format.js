// Numbers, times and states as people read them.

const MISSING = "–";
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compactNumber = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** Three significant digits, whole numbers with separators; a dash where there is none. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return MISSING;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return size >= 1e9 ? compactNumber.format(value) : plain.format(value);
  if (size < 0.0001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

export const integer = (value) => (value === null || value === undefined ? MISSING : plain.format(value));

/** A share as per cent: 0.625 -> "62.5 %". */
export function share(value) {
  if (value === null || value === undefined) return MISSING;
  const percent = value * 100;
  if (percent !== 0 && Math.abs(percent) < 0.1) return "<\u00a00.1\u00a0%";
  return `${Number(percent.toFixed(percent >= 10 ? 0 : 1))}\u00a0%`;
}

/** The same with as many digits as an axis needs to tell its ticks apart. */
export const shareOnAxis = (value) => `${Number((value * 100).toPrecision(4))}\u00a0%`;

export const times = (ratio) =>
  ratio === null || ratio === undefined ? "" : `${ratio.toFixed(ratio >= 10 ? 0 : ratio >= 1.95 ? 1 : 2)}\u00a0×`;

const formats = new Map();

function formatter(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, build(zone, options));
  return formats.get(key);
}

function build(zone, options) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hourCycle: "h23", ...options });
  }
}

const DIGITS = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };

function parts(moment, zone) {
  const found = {};
  for (const { type, value } of formatter(zone, DIGITS).formatToParts(new Date(moment))) found[type] = value;
  return found;
}

export function date(moment, zone) {
  if (!moment) return MISSING;
  const p = parts(moment, zone);
  return `${p.year}-${p.month}-${p.day}`;
}

export function dateTime(moment, zone) {
  if (!moment) return MISSING;
  const p = parts(moment, zone);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`;
}

/** The clock on the wall of the zone, as if it were UTC: charts draw in UTC. */
export function wall(moment, zone) {
  const p = parts(moment, zone);
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second);
}

const STEPS = [
  [86400 * 365, "year"],
  [86400, "day"],
  [3600, "h"],
  [60, "min"],
];

/** Seconds as one readable step: "3 days", "5 h". */
export function duration(seconds) {
  for (const [size, name] of STEPS) {
    const count = Math.floor(seconds / size);
    if (count >= 1) return `${plain.format(count)} ${name}${count > 1 && name.length > 2 && name !== "min" ? "s" : ""}`;
  }
  return `${Math.round(seconds)} s`;
}

export function ago(moment) {
  if (!moment) return MISSING;
  const seconds = (Date.now() - new Date(moment)) / 1000;
  return seconds >= 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

export const plural = (count, one, many = `${one}s`) => `${plain.format(count)} ${count === 1 ? one : many}`;
export { MISSING };
