// One incident: what, since when, how bad, what is behind it, who was told, and the button that says "I am on it".

import { ApiError, monitorPath, post } from "./api.js";
import { el, put } from "./dom.js";
import { ago, dateTime, plural } from "./format.js";
import { airflowLink, outsideLink } from "./leave.js";
import { likelyCauses } from "./likely_causes.js";
import { cause, icon, message, severity, state } from "./states.js";
import { monitorPage } from "./view.js";

const term = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));

function life(incident) {
  const {
    opened,
    last_seen: last,
    count,
    resolved,
    resolved_window: good,
    acknowledged,
    acknowledged_by: by,
    timezone: zone,
    dag_id: dag,
  } = incident;
  const windowLink = (window) => el("a", { href: monitorPage(dag, { window: window.key }) }, window.label);
  return el(
    "dl",
    { class: "facts" },
    term("since", windowLink(opened)),
    count > 1 ? term("last seen", windowLink(last)) : null,
    term("seen in", plural(count, "window")),
    incident.model_version ? term("model", `version ${incident.model_version}`) : null,
    incident.owner ? term("owner", incident.owner) : null,
    resolved ? term("resolved", good ? windowLink(good) : dateTime(resolved, zone)) : null,
    acknowledged
      ? term(
          "acknowledged",
          el("span", { title: `${dateTime(acknowledged, zone)} ${zone}` }, `by ${by ?? "somebody"}, ${ago(acknowledged)}`),
        )
      : null,
  );
}

function told(incident) {
  const list = incident.messages ?? [];
  if (!list.length) return el("p", { class: "small dimmer" }, "No message was sent about it.");
  return el(
    "ul",
    { class: "messages" },
    list.map((item) =>
      el(
        "li",
        {},
        state(message(item.state), { size: 12 }),
        ` ${item.event} to ${item.channel}`,
        item.sent_at ? `, ${dateTime(item.sent_at, incident.timezone)}` : "",
        item.state === "pending" && item.not_before ? `, not before ${dateTime(item.not_before, incident.timezone)}` : "",
        item.attempts > 1 ? `, ${item.attempts} attempts` : "",
        item.error ? el("span", { class: "error" }, ` ${item.error}`) : null,
      ),
    ),
  );
}

function sentences(text) {
  const found = String(text ?? "")
    .split("; ")
    .filter(Boolean);
  if (found.length < 2) return el("p", { class: "what" }, text);
  return el(
    "ul",
    { class: "what" },
    found.map((sentence) => el("li", {}, sentence)),
  );
}

async function acknowledge(event, incident, place, onchange) {
  const button = event.target;
  button.disabled = true;
  try {
    const changed = await post(monitorPath(incident.dag_id, `/incidents/${incident.id}/acknowledge`));
    await onchange(changed);
  } catch (error) {
    button.disabled = false;
    put(place, el("span", { class: "error", role: "alert" }, error instanceof ApiError ? error.message : String(error)));
  }
}

function acknowledgeButton(incident, onchange) {
  const place = el("span", {});
  const open = !incident.resolved && !incident.acknowledged;
  if (!open || !incident.may?.acknowledge) return [place];
  const help = "It stays open until the cause is gone, and sends no more messages.";
  return [
    place,
    el("button", { type: "button", title: help, onclick: (event) => acknowledge(event, incident, place, onchange) }, "Acknowledge"),
  ];
}

function standing(incident) {
  if (incident.resolved) return el("span", { class: "state ok" }, icon("ok", 13), "resolved");
  if (incident.acknowledged) return el("span", { class: "state" }, icon("seen", 14), "acknowledged");
  return el("span", { class: "state bad" }, icon("few", 12), "open");
}

function heading(incident, withMonitor) {
  const monitor = withMonitor ? el("a", { class: "strong", href: monitorPage(incident.dag_id) }, incident.monitor) : null;
  return [
    state(severity(incident.severity), { badge: true }),
    monitor,
    el("h3", {}, cause(incident.cause)),
    standing(incident),
    el("span", { class: "dimmer small" }, `#${incident.id}`),
  ];
}

function links(incident) {
  const found = incident.links ?? {};
  const list = [
    found.data_docs ? el("a", airflowLink(found.data_docs), "Data Docs") : null,
    found.grafana ? el("a", outsideLink(found.grafana), "Grafana") : null,
  ].filter(Boolean);
  return list.length ? el("p", { class: "links" }, list) : null;
}

/** A card for one incident; `onchange` is called with its new state after it was acknowledged. */
export function incidentCard(incident, { onchange, withMonitor = true, compact = false }) {
  return el(
    "article",
    {
      class: `panel incident ${incident.resolved ? "over" : incident.severity}`,
      "data-incident": incident.id,
      "aria-label": `${cause(incident.cause)}: ${incident.monitor}`,
    },
    el("header", {}, heading(incident, withMonitor), el("div", { class: "right" }, acknowledgeButton(incident, onchange))),
    el(
      "div",
      { class: "inside" },
      sentences(incident.detail),
      life(incident),
      likelyCauses(incident),
      links(incident),
      compact ? null : told(incident),
    ),
  );
}
