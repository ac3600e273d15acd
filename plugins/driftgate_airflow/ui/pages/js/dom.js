// Building elements. Text from data only ever becomes a text node or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Create an element: `el("td", { class: "number", onclick: f }, "text", node, null)`; null and false children are left out. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "href" || name === "src") setAddress(node, name, value);
  else node.setAttribute(name, value === true ? "" : String(value));
}

// Addresses come from data too: a path or http(s) is taken, "javascript:" and the like are not.
function setAddress(node, name, value) {
  let protocol = "";
  try {
    protocol = new URL(value, document.baseURI).protocol;
  } catch {
    return;
  }
  if (protocol === "http:" || protocol === "https:") node.setAttribute(name, value);
}

/** Replace everything inside `node`. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

export const byId = (id) => document.getElementById(id);
