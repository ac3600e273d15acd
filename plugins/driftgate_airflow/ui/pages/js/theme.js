// Light or dark, before anything is painted: Airflow's choice while the page is shown inside Airflow, else the reader's own.
// A classic script on purpose: modules run after the first paint.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");

  function airflow() {
    try {
      return parent === window ? null : parent.document.documentElement;
    } catch {
      return null; // a frame of somebody else's page
    }
  }

  function stored() {
    try {
      return localStorage.getItem("theme"); // Airflow keeps its choice here
    } catch {
      return null;
    }
  }

  function wanted() {
    const root = airflow();
    if (root?.classList.contains("dark")) return "dark";
    if (root?.classList.contains("light")) return "light";
    const kept = stored();
    if (kept === "dark" || kept === "light") return kept;
    return system.matches ? "dark" : "light";
  }

  function apply() {
    const theme = wanted();
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new Event("driftgate:theme"));
  }

  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  const root = airflow();
  if (root) new MutationObserver(apply).observe(root, { attributes: true, attributeFilter: ["class"] });
})();
