// What happened: windows that the gate stopped or warned of, decisions with their reasons, retrainings with both scores.

import { el, put } from "./dom.js";
import { dateTime, integer, MISSING, number, plural } from "./format.js";
import { airflowLink, outsideLink } from "./leave.js";
import { errorNotice } from "./shell.js";
import { panel } from "./panels.js";
import { action, gate, retraining, severity, state } from "./states.js";

const PAGE = 12;
const bullets = (items) =>
  items?.length
    ? el(
        "ul",
        { class: "what" },
        items.map((item) => el("li", {}, item)),
      )
    : el("span", { class: "dimmer" }, "none");
const windowButton = (page, window) =>
  el("button", { type: "button", class: "link nowrap", onclick: () => page.chooseWindow(window.start) }, window.label);

function gateItem(page, item) {
  const found = (item.failed ?? []).map((one) =>
    el(
      "li",
      {},
      state(severity(one.severity), { size: 12 }),
      " ",
      el("span", { class: "strong" }, one.column ?? "whole table"),
      ": ",
      one.detail,
    ),
  );
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, windowButton(page, item.window)),
    el("td", {}, state(gate(item.verdict), { badge: true })),
    el("td", { class: "grow" }, found.length ? el("ul", {}, found) : `all of ${plural(item.evaluated, "expectation")} held`),
    el("td", {}, item.links?.data_docs ? el("a", airflowLink(item.links.data_docs), "Data Docs") : ""),
  );
}

function decisionItem(page, item) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, windowButton(page, item.window)),
    el("td", {}, state(action(item.action), { badge: true })),
    el("td", { class: "grow" }, bullets(item.reasons)),
    el("td", { class: "grow dim" }, bullets(item.reasons_against)),
    el("td", { class: "nowrap dim" }, item.model_version ? `version ${item.model_version}` : MISSING),
  );
}

function scores(item) {
  const names = [...new Set([item.metric, ...Object.keys(item.challenger_scores ?? {}), ...Object.keys(item.champion_scores ?? {})])];
  const line = (name, left, right, className = "") =>
    el(
      "tr",
      { class: className },
      el("th", { scope: "row" }, name),
      el("td", { class: "number" }, number(left)),
      el("td", { class: "number" }, number(right)),
    );
  const segments = Object.keys(item.challenger_segments ?? {}).map((name) =>
    line(`${item.metric}, ${name}`, item.champion_segments?.[name]?.[item.metric], item.challenger_segments[name]?.[item.metric], "dim"),
  );
  return el(
    "table",
    { class: "plain scores" },
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("th", { scope: "col" }, `${integer(item.rows)} held-out rows`),
        el("th", { scope: "col", class: "number" }, item.champion ? `champion ${item.champion}` : "no champion"),
        el("th", { scope: "col", class: "number" }, `challenger ${item.challenger}`),
      ),
    ),
    el(
      "tbody",
      {},
      names.map((name) => line(name, item.champion_scores?.[name], item.challenger_scores?.[name], name === item.metric ? "strong" : "")),
      segments,
    ),
  );
}

function retrainingItem(page, item) {
  const links = [
    item.links?.mlflow ? el("a", outsideLink(item.links.mlflow), "MLflow run") : null,
    item.links?.dag_run ? el("a", airflowLink(item.links.dag_run), "Airflow run") : null,
  ].filter(Boolean);
  const reason = item.reason && item.reason !== item.comparison ? el("p", { class: "dim" }, item.reason) : null;
  return el(
    "article",
    { class: "retraining" },
    el(
      "div",
      { class: "retraining-head" },
      el("h3", {}, "After window ", windowButton(page, item.window)),
      state(retraining(item.verdict), { badge: true }),
      el("span", { class: "dim" }, `${dateTime(item.at, page.zone)}${item.approver ? `, by ${item.approver}` : ""}`),
    ),
    el(
      "div",
      { class: "retraining-body" },
      el("div", { class: "verdict" }, el("p", {}, item.comparison), reason, links.length ? el("p", { class: "links" }, links) : null),
      el("div", { class: "scroll" }, scores(item)),
    ),
  );
}

/** A list of the API that grows by pages; `filters` offers what to leave out. */
function pagedList(page, { title, path, id, filters = [], wrap, item, none }) {
  const body = el("div", { class: "scroll" });
  const counted = el("span", {});
  const more = el("button", { type: "button", onclick: () => extend() }, "Older");
  const buttons = filters.map(([value, name]) => el("button", { type: "button", value, onclick: () => filter(value) }, name));
  const tools = buttons.length
    ? [el("div", { class: "segmented", role: "group", "aria-label": `Which ${title.toLowerCase()}` }, buttons)]
    : [];
  let only = filters[0]?.[0] ?? "";
  let items = [];
  let next = null;

  const ask = (before, limit = PAGE) =>
    Promise.all((only || " ").split(",").map((value) => page.ask(path, { only: value.trim(), before, limit })));

  function draw() {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === only));
    put(body, items.length ? wrap(items.map((one) => item(page, one))) : el("p", { class: "inside dim" }, none));
    more.hidden = !next;
  }

  // Several values of the filter are several lists; together they are ordered again, and end where the shortest of them ends.
  function take(answers) {
    const found = answers.flatMap((answer) => answer.items);
    const ends = answers.map((answer) => answer.next_before).filter(Boolean);
    next = ends.length ? ends.reduce((a, b) => (a > b ? a : b)) : null;
    const complete = next ? found.filter((one) => one.window.key >= next) : found;
    complete.sort((a, b) => (a.window.key < b.window.key ? 1 : -1));
    put(
      counted,
      `${plural(
        answers.reduce((sum, answer) => sum + answer.total, 0),
        "entry",
        "entries",
      )}, newest first`,
    );
    return complete;
  }

  async function load() {
    items = take(await ask(null, Math.min(Math.max(PAGE, items.length), 500)));
    draw();
  }

  async function guarded(work) {
    try {
      await work();
    } catch (error) {
      put(counted, errorNotice(error));
    }
  }

  const extend = () =>
    guarded(async () => {
      items = [...items, ...take(await ask(next))];
      draw();
    });
  const filter = (value) =>
    guarded(async () => {
      only = value;
      items = [];
      await load();
    });
  return { load, node: panel(title, { tools, id }, body, el("footer", {}, counted, more)) };
}

const head = (...titles) =>
  el(
    "thead",
    {},
    el(
      "tr",
      {},
      titles.map((title) => el("th", { scope: "col" }, title)),
    ),
  );

export function storyPanels(page) {
  const lists = [
    pagedList(page, {
      title: "Decisions",
      path: "/decisions",
      id: "decisions",
      filters: [
        ["alert,trigger_retrain", "Alerts and retrainings"],
        ["", "All"],
      ],
      item: decisionItem,
      wrap: (rows) =>
        el("table", { class: "story" }, head("Window", "Decision", "Reasons for", "Reasons against", "Model"), el("tbody", {}, rows)),
      none: "No alert and no retraining so far.",
    }),
    pagedList(page, {
      title: "Retrainings",
      path: "/retrainings",
      id: "retrainings",
      item: retrainingItem,
      wrap: (rows) => el("div", {}, rows),
      none: "This model was never retrained.",
    }),
    pagedList(page, {
      title: "Gate",
      path: "/gates",
      id: "gates",
      filters: [
        ["fail,warn", "Stopped and warnings"],
        ["", "All"],
      ],
      item: gateItem,
      wrap: (rows) => el("table", { class: "story" }, head("Window", "Verdict", "What did not hold", ""), el("tbody", {}, rows)),
      none: "The gate let every batch pass.",
    }),
  ];
  return {
    node: el(
      "div",
      { class: "stack" },
      lists.map(({ node }) => node),
    ),
    load: () => Promise.all(lists.map((list) => list.load())),
  };
}
