// Asking Driftgate's own API, below whatever prefix Airflow is served at.

const API = new URL("../api/", document.baseURI);
const ROOT = new URL("../../", document.baseURI);

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const WORDS = {
  0: "Airflow's web server does not answer. Is the stack running? Try again with Refresh.",
  401: "You are not logged in, or your login has expired.",
  403: "Your account may not see this.",
  404: "There is nothing here.",
  503: "The records do not answer at the moment. Try again in a minute.",
};

async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store", ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, WORDS[0]);
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const detail = typeof body?.detail === "string" && answer.status !== 401 ? body.detail : null;
  throw new ApiError(answer.status, detail ?? WORDS[answer.status] ?? `Airflow answered ${answer.status}.`);
}

/** GET `path` below the API; parameters that are null or empty are left out, lists are repeated. */
export function get(path, parameters = {}, signal = undefined) {
  const address = new URL(path, API);
  for (const [name, value] of Object.entries(parameters)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== null && item !== undefined && item !== "") address.searchParams.append(name, item);
    }
  }
  return ask(address, { signal });
}

export function post(path) {
  return ask(new URL(path, API), { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } });
}

export const monitorPath = (dag, rest = "") => `monitors/${encodeURIComponent(dag)}${rest}`;

function here() {
  try {
    return parent.location.href; // Airflow's page around this one
  } catch {
    return location.href;
  }
}

/** Airflow's login page, which leads back to where the reader is. */
export const loginAddress = () => new URL(`auth/login?next=${encodeURIComponent(here())}`, ROOT).href;
export const airflowAddress = (path) => new URL(path.replace(/^\//, ""), ROOT).href;
