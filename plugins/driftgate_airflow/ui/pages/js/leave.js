// Links that lead out of the frame. Airflow's iframe allows neither popups nor navigation of the page around it, but it is of the same
// origin: a click is repeated by a link in Airflow's own document, which may do both. Opened alone, links are ordinary links.

function outer() {
  try {
    return parent === window ? null : parent.document;
  } catch {
    return null;
  }
}

const around = outer();

/** Attributes of a link to one of Airflow's pages: it takes the whole tab. */
export const airflowLink = (href) => ({ href, "data-leave": "page" });

/** Attributes of a link to another server or file: it gets a tab of its own. */
export const outsideLink = (href) => ({ href, "data-leave": "tab", target: "_blank", rel: "noopener" });

/** Let Airflow's address bar follow the frame's address, so that it can be copied and reloaded. */
export function tellAirflow() {
  if (around) window.frameElement?.dispatchEvent(new Event("load")); // what Airflow's frame listens to
}

// In a tab of its own, one of these pages is to be seen inside Airflow again.
function addressOutside(anchor) {
  const target = new URL(anchor.href);
  const [prefix, inside] = target.pathname.split("/driftgate/pages/");
  if (target.origin !== location.origin || inside === undefined) return anchor.href;
  return `${prefix}/plugin/driftgate${target.pathname}${target.search}${target.hash}`;
}

const wantsNewTab = (event) => event.ctrlKey || event.metaKey || event.shiftKey || event.button === 1;

function follow(event) {
  const anchor = event.target.closest?.("a[href]");
  if (!around || !anchor || event.button > 1) return;
  const newTab = wantsNewTab(event) || anchor.dataset.leave === "tab";
  if (!newTab && !anchor.dataset.leave) return;
  event.preventDefault();
  open(addressOutside(anchor), newTab);
}

function open(address, newTab) {
  const link = around.createElement("a");
  link.href = address;
  if (newTab) Object.assign(link, { target: "_blank", rel: "noopener" });
  around.body.append(link);
  link.click();
  link.remove();
}

document.addEventListener("click", follow);
document.addEventListener("auxclick", follow);
