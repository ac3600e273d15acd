// What is being looked at is kept in the page's address, so that a reload, a bookmark or a colleague sees the same.

import { tellAirflow } from "./leave.js";

/** Value of a parameter of the page's address. */
export const param = (name) => new URLSearchParams(location.search).get(name);

/** Change parameters of the address; null removes one. */
export function remember(changes) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  if (address.href === location.href) return;
  history.replaceState(history.state, "", address);
  tellAirflow();
}

export function pageAddress(page, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  return `${page}${query.size ? `?${query}` : ""}`;
}

export const monitorPage = (dag, parameters = {}) => pageAddress("monitor.html", { dag, ...parameters });
