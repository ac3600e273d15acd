// The report of a window: a link where it is drawn, else "not drawn" with a button that has it drawn and waits for it.

import { ApiError, monitorPath, post } from "./api.js";
import { el, put } from "./dom.js";
import { airflowLink, outsideLink } from "./leave.js";

const PAUSE_MS = 1500;
const pause = () => new Promise((done) => setTimeout(done, PAUSE_MS));
const link = (address) => el("a", outsideLink(address), "Evidently report");

/** The link to a window's report, or what stands in its place; null for windows that have no numbers to draw. */
export function reportLink(page, item) {
  if (item.links?.evidently) return link(item.links.evidently);
  if (item.status !== "measured") return null;
  const place = el("span", { class: "report", role: "status" });
  show(page, item, place, { state: "not_drawn" });
  return place;
}

function show(page, item, place, { state, links = {} }, trouble = null) {
  const run = links.dag_run ? el("a", airflowLink(links.dag_run), "its run") : null;
  if (state === "drawn" && links.evidently) return put(place, link(links.evidently));
  if (state === "drawing") return put(place, "Report: being drawn, ", run ?? "please wait");
  const words = state === "failed" ? ["Report: drawing failed, see ", run] : ["Report: not drawn"];
  return put(place, words, button(page, item, place), trouble ? el("span", { class: "error", role: "alert" }, " ", trouble) : null);
}

function button(page, item, place) {
  if (!page.monitor.may?.draw) return null;
  return [" ", el("button", { type: "button", class: "quiet", onclick: () => draw(page, item, place) }, "Draw it")];
}

async function draw(page, item, place) {
  const rest = `/windows/${encodeURIComponent(item.window.key)}/report`;
  show(page, item, place, { state: "drawing" });
  try {
    let found = await post(monitorPath(page.dag, rest));
    while (found.state === "drawing" && place.isConnected) {
      show(page, item, place, found);
      await pause();
      found = await page.ask(rest, {});
    }
    show(page, item, place, found);
  } catch (error) {
    show(page, item, place, { state: "not_drawn" }, error instanceof ApiError ? error.message : String(error));
  }
}
