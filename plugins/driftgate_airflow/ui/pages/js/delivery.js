// Whether what leaves Driftgate arrives: messages to people, numbers to optional sinks.

import { get } from "./api.js";
import { el } from "./dom.js";
import { plural } from "./format.js";
import { notice } from "./shell.js";

function sinkLine({ sink, failed, last_error: error }) {
  return el(
    "li",
    {},
    el("strong", {}, sink),
    `: ${plural(failed, "window")} could not be sent. `,
    error ? el("span", { class: "dim" }, error) : null,
  );
}

function messageLine({ failed, last_error: error }) {
  return el(
    "li",
    {},
    el("strong", {}, "messages"),
    `: ${plural(failed, "message")} could not be delivered. `,
    error ? el("span", { class: "dim" }, error) : null,
  );
}

/** A notice about failed deliveries, or null when all is well; never fails itself, since it only adds to a page. */
export async function deliveryNotice() {
  const health = await get("health").catch(() => null);
  if (!health) return null;
  const lines = [
    ...(health.sinks ?? []).filter(({ failed }) => failed).map(sinkLine),
    health.messages?.failed ? messageLine(health.messages) : null,
  ].filter(Boolean);
  return lines.length
    ? notice("warn", el("strong", {}, "Not everything was delivered. The records are complete."), el("ul", {}, lines))
    : null;
}
