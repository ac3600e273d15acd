// The 95 % range of values over time as a band behind their line, in the manner of Apache ECharts: the lower edge, and the rest stacked on it.

const edge = { type: "line", symbol: "none", silent: true, connectNulls: false, stackStrategy: "all", lineStyle: { opacity: 0 } };

const isKnown = (item) => item !== undefined && item.low !== null && item.high !== null;

// A window with a range whose neighbours have none would be a band without width: it gets a bar.
function bars(items, colour) {
  const lonely = items.filter((item, i) => isKnown(item) && !isKnown(items[i - 1]) && !isKnown(items[i + 1]));
  const renderItem = (params, api) => {
    const [x, low] = api.coord([api.value(0), api.value(1)]);
    const high = api.coord([api.value(0), api.value(2)])[1];
    return { type: "rect", shape: { x: x - 2, y: high, width: 4, height: low - high }, style: { fill: colour, opacity: 0.3 } };
  };
  return { type: "custom", renderItem, data: lonely.map(({ at, low, high }) => [at, low, high]), silent: true, z: 1 };
}

/** Series that draw the ranges of `items` ({at, low, high}, in time order; null: no range) in a colour; `name` is one word per band. */
export function band(items, { name, colour, opacity }) {
  if (!items.some(isKnown)) return [];
  return [
    { ...edge, name: `${name} low`, stack: name, z: 0, data: items.map(({ at, low, high }) => [at, high === null ? null : low]) },
    {
      ...edge,
      name: `${name} range`,
      stack: name,
      z: 0,
      data: items.map((item) => [item.at, isKnown(item) ? item.high - item.low : null]),
      areaStyle: { color: colour, opacity },
    },
    bars(items, colour),
  ];
}
