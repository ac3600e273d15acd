// Incidents of all monitors, open ones first.

import { get } from "./api.js";
import { deliveryNotice } from "./delivery.js";
import { byId, el, put } from "./dom.js";
import { plural } from "./format.js";
import { incidentCard } from "./incident.js";
import { countIncidents, empty, errorNotice, start } from "./shell.js";
import { param, remember } from "./view.js";

const PAGE = 50;
const view = { state: param("state") === "all" ? "all" : "open", query: param("q") ?? "" };
let items = [];
let before = null;
let total = 0;

const ask = (parameters) => get("incidents", { state: view.state, limit: PAGE, ...parameters });

function shown() {
  const words = view.query.toLowerCase().split(/\s+/).filter(Boolean);
  const haystack = (i) =>
    [i.monitor, i.owner, i.cause, i.severity, i.detail, ...(i.likely_causes ?? []).map((c) => c.column)].join(" ").toLowerCase();
  return items.filter((incident) => words.every((word) => haystack(incident).includes(word)));
}

function replace(changed) {
  items = items.map((item) => (item.id === changed.id ? changed : item));
  draw();
  countIncidents().catch(() => {});
}

function none() {
  if (items.length) return empty("No incident matches the search");
  if (view.state === "open")
    return empty(
      "No open incident",
      "Every monitor is fine, as far as its last window tells.",
      el("button", { type: "button", onclick: () => choose("all") }, "Show past incidents"),
    );
  return empty(
    "No incident so far",
    "One opens when the gate stops a batch, when a monitor's decision rules are broken, or when a task fails.",
  );
}

async function older() {
  const found = await ask({ before }).catch((error) => {
    put(byId("trouble"), errorNotice(error));
    return null;
  });
  if (!found) return;
  items = [...items, ...found.items];
  before = found.next_before;
  draw();
}

function draw() {
  for (const button of byId("states").children) button.setAttribute("aria-pressed", String(button.value === view.state));
  const list = shown();
  put(
    byId("list"),
    list.length ? list.map((incident) => incidentCard(incident, { onchange: replace })) : none(),
    before ? el("button", { type: "button", onclick: older }, "Load older incidents") : null,
  );
  put(byId("matches"), total ? `${plural(list.length, "incident")} of ${total}` : "");
}

async function choose(state) {
  view.state = state;
  items = [];
  remember({ state: state === "all" ? "all" : null });
  await load().catch((error) => put(byId("trouble"), errorNotice(error)));
}

function build() {
  const choice = (value, name) => el("button", { type: "button", value, onclick: () => choose(value) }, name);
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: "Search monitor, column, text",
    "aria-label": "Search incidents",
    value: view.query,
    oninput: (event) => {
      view.query = event.target.value;
      remember({ q: view.query });
      draw();
    },
  });
  put(
    byId("content"),
    el("div", { id: "delivery" }),
    el(
      "div",
      { class: "tools" },
      el(
        "div",
        { class: "segmented", id: "states", role: "group", "aria-label": "Which incidents" },
        choice("open", "Open"),
        choice("all", "Open and past"),
      ),
      search,
      el("span", { id: "matches", class: "dim small right", "aria-live": "polite" }),
    ),
    el("div", { id: "list", class: "stack" }),
  );
}

async function load() {
  const [found, undelivered] = await Promise.all([ask({}), deliveryNotice()]);
  const more = items.length > PAGE && view.state === "all"; // older pages that were opened stay
  items = more ? merged(found.items) : found.items;
  before = more ? before : found.next_before;
  total = found.total;
  if (!byId("list")) build();
  put(byId("delivery"), undelivered);
  draw();
}

function merged(fresh) {
  const known = new Set(fresh.map(({ id }) => id));
  return [...fresh, ...items.filter(({ id }) => !known.has(id))];
}

await start("incidents.html", load);
