// Ticks of a time axis at whole hours, days, weeks, months or years, as many as fit.

const HOUR = 3600_000;
const DAY = 24 * HOUR;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const STEPS = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTH_STEPS = [1, 3, 6, 12, 24, 60];
const MONDAY = 4 * DAY; // 1970-01-05

function even(low, high, step) {
  const origin = step >= 7 * DAY ? MONDAY : 0;
  const found = [];
  for (let at = Math.ceil((low - origin) / step) * step + origin; at <= high; at += step) found.push(at);
  return found;
}

function monthly(low, high, step) {
  const first = new Date(low);
  const found = [];
  for (let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / step) * step; ; month += step) {
    const moment = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (moment > high) return found;
    if (moment >= low) found.push(moment);
  }
}

const day = (moment) => `${moment.getUTCDate()} ${MONTHS[moment.getUTCMonth()]}`;

function label(step) {
  return (value) => {
    const moment = new Date(value);
    if (step < DAY) return moment.getUTCHours() === 0 ? day(moment) : `${String(moment.getUTCHours()).padStart(2, "0")}:00`;
    if (step <= 14 * DAY) return day(moment);
    return step >= 360 * DAY ? String(moment.getUTCFullYear()) : `${MONTHS[moment.getUTCMonth()]} ${moment.getUTCFullYear()}`;
  };
}

/** Ticks and labels between two moments of the chart (milliseconds of the wall clock): at most `most`, at least `least` apart. */
export function timeTicks(low, high, most, least = 0) {
  const span = Math.max(high - low, 1);
  const step = STEPS.find((size) => size >= least && span / size <= most);
  if (step) return { values: even(low, high, step), label: label(step) };
  const months = MONTH_STEPS.find((count) => span / (count * 30 * DAY) <= most) ?? 120;
  return { values: monthly(low, high, months), label: label(months * 30 * DAY) };
}

/** The x axis of a chart over time in `width` pixels; `least` is the length of a window. */
export function timeAxis([low, high], { width, least }, style) {
  const ticks = timeTicks(low, high, Math.max(2, Math.floor(width / 84)), Math.min(least, 7 * DAY));
  return {
    type: "time",
    ...style,
    splitLine: { show: false },
    min: low,
    max: high,
    axisTick: { ...style.axisTick, customValues: ticks.values },
    axisLabel: { ...style.axisLabel, customValues: ticks.values, formatter: (value) => ticks.label(value) },
  };
}
