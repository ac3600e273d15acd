// The frame of every page: bar, loading, errors, and refreshing by itself without losing what the reader has set.

import { airflowAddress, ApiError, get, loginAddress } from "./api.js";
import { byId, el, put } from "./dom.js";
import { airflowLink } from "./leave.js";
import { icon } from "./states.js";

const EVERY = 60_000;
let loadedAt = 0;
let load = async () => {};
let busy = false;

function tab(page, name, current, extra = null) {
  return el("a", { href: page, "aria-current": current === page ? "page" : null }, name, extra);
}

function bar(current) {
  const logo = icon("again", 16);
  return el(
    "header",
    { class: "bar" },
    el("a", { class: "name", href: "index.html" }, logo, "Driftgate"),
    el(
      "nav",
      { "aria-label": "Driftgate" },
      tab("index.html", "Fleet", current),
      tab("incidents.html", "Incidents", current, el("span", { id: "open-incidents", class: "count", hidden: true })),
    ),
    el(
      "div",
      { class: "fresh" },
      el("time", { id: "updated", "aria-live": "off" }),
      el("button", { type: "button", class: "quiet", id: "refresh", onclick: refresh, title: "Load again" }, "Refresh"),
    ),
  );
}

/** Show the number of open incidents in the bar. */
export async function countIncidents() {
  const { open } = await get("incidents", { state: "open", limit: 1 });
  const badge = byId("open-incidents");
  badge.hidden = !open;
  put(badge, String(open ?? ""), el("span", { class: "visually-hidden" }, " open"));
}

export function notice(tone, ...body) {
  return el(
    "div",
    { class: `notice ${tone}`, role: tone === "bad" ? "alert" : "status" },
    icon(tone === "bad" ? "stop" : "warn", 16),
    el("div", { class: "body" }, ...body),
  );
}

export function empty(title, ...lines) {
  return el(
    "div",
    { class: "empty" },
    el("h2", {}, title),
    lines.map((line) => el("p", {}, line)),
  );
}

export const loading = () => el("div", { class: "loading", role: "status", "aria-label": "Loading" }, el("i"), el("i"), el("i"));

/** Say what went wrong and what to do, in words. */
export function errorNotice(error) {
  if (!(error instanceof ApiError)) {
    console.error(error);
    return notice("bad", "This page stumbled over an answer it did not expect: ", String(error?.message ?? error));
  }
  if (error.status === 401) return notice("bad", error.message, " ", el("a", airflowLink(loginAddress()), "Log in again"));
  if (error.status === 404)
    return notice(
      "warn",
      error.message,
      "\n",
      el("a", { href: "index.html" }, "All monitors"),
      " · ",
      el("a", airflowLink(airflowAddress("dags")), "All DAGs"),
    );
  return notice("bad", error.message);
}

function clock(moment) {
  return moment.toLocaleTimeString("en-GB");
}

function succeeded() {
  loadedAt = Date.now();
  put(byId("updated"), `Updated ${clock(new Date())}`);
  put(byId("trouble"));
}

function failed(error) {
  const stale = loadedAt > 0;
  if (!stale) put(byId("content"));
  put(
    byId("trouble"),
    errorNotice(error),
    stale ? el("p", { class: "small dim" }, `Shown is what was known at ${clock(new Date(loadedAt))}.`) : null,
  );
}

/** Load everything again; what the reader typed, sorted and opened stays. */
export async function refresh() {
  if (busy) return;
  busy = true;
  byId("refresh").disabled = true;
  try {
    await load();
    succeeded();
    await countIncidents().catch(() => {});
  } catch (error) {
    failed(error);
  } finally {
    busy = false;
    byId("refresh").disabled = false;
  }
}

/** Build the frame, load, and keep loading every minute while somebody can see the page. */
export function start(page, loader) {
  load = loader;
  document.body.prepend(bar(page));
  const due = () => document.visibilityState === "visible" && Date.now() - loadedAt >= EVERY;
  setInterval(() => due() && refresh(), 5_000);
  document.addEventListener("visibilitychange", () => due() && loadedAt && refresh());
  put(byId("content"), loading());
  return refresh();
}
