// The series of one column: drift score, what several windows together say, where its values lie, missing values.

import { CONCEPT } from "./column_names.js";
import { el } from "./dom.js";
import { number, share } from "./format.js";
import { seriesBox } from "./series_box.js";

const CHARTS = [
  {
    title: (name) => (name === "" ? "Drift of all columns together" : "Drift score"),
    height: 200,
    always: true,
    ask: (name, family) => ({ family, metric: name === "" ? "multivariate_drift" : "drift_score", name: `drift score of ${name}` }),
  },
  {
    title: () => "Slow drift: up to 14 windows together",
    height: 140,
    ask: (name, family) => ({ family, metric: "slow_drift", name: `slow drift of ${name}` }),
  },
  {
    title: () => "Position among the reference's values: 0.5 is no shift, above it larger values",
    height: 120,
    ask: (name, family) => ({ family, metric: "position", name: `position of ${name}`, zero: false }),
  },
  {
    title: () => "Mean error of the model (prediction less truth)",
    only: CONCEPT,
    height: 120,
    ask: (name) => ({ family: CONCEPT, metric: "residual_mean", name: `mean of ${name}`, zero: false }),
  },
  {
    title: () => "Missing share",
    height: 130,
    ask: (name) => ({ family: "data_quality", metric: "missing_share", name: `missing share of ${name}`, format: share }),
  },
];

const NOTHING = "No drift score of this column in this range: it is not judged, or no window was measured.";

/** The charts of a column; those without any number are left out. */
export function columnCharts(page) {
  const charts = CHARTS.map((chart) => {
    const box = seriesBox(page, chart.height);
    const heading = el("h4", {});
    return { ...chart, box, heading, node: el("div", { hidden: !chart.always }, heading, box.node) };
  });

  async function show({ ask, box, heading, node, title, always, only }, name, family) {
    node.hidden = !always;
    if (only && only !== family) return;
    heading.textContent = title(name);
    const wanted = { format: number, ...ask(name, family) };
    if (!always) node.hidden = false; // a chart that is not shown has no size to be drawn in
    await box.load({ ...wanted, column: name, nothing: NOTHING });
    node.hidden = !always && box.isEmpty();
  }

  return {
    node: el(
      "div",
      {},
      charts.map(({ node }) => node),
    ),
    load: (name, family) => Promise.all(charts.map((chart) => show(chart, name, family))),
    draw: () => charts.forEach(({ box }) => box.draw()),
  };
}
