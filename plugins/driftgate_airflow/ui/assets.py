"""Data Docs pages without the internet: the public addresses in them are replaced by files that are kept here."""

from __future__ import annotations

import re
from pathlib import Path

VENDOR_DIR = Path(__file__).parent / "vendor"

VENDORED = {
    "https://cdn.jsdelivr.net/npm/@forevolve/bootstrap-dark@1.1.0/dist/css/bootstrap-prefers-dark.css": (
        "bootstrap-dark-1.1.0/bootstrap-prefers-dark.css"
    ),
    "https://cdn.jsdelivr.net/npm/vega-embed@6": "vega-embed-6.29.0/vega-embed.min.js",
    "https://cdn.jsdelivr.net/npm/vega-lite@5": "vega-lite-5.23.0/vega-lite.min.js",
    "https://cdn.jsdelivr.net/npm/vega@5": "vega-5.33.1/vega.min.js",
    "https://cdnjs.cloudflare.com/ajax/libs/bootstrap-datepicker/1.9.0/css/bootstrap-datepicker.min.css": (
        "bootstrap-datepicker-1.9.0/bootstrap-datepicker.min.css"
    ),
    "https://cdnjs.cloudflare.com/ajax/libs/bootstrap-datepicker/1.9.0/js/bootstrap-datepicker.min.js": (
        "bootstrap-datepicker-1.9.0/bootstrap-datepicker.min.js"
    ),
    "https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.6.0/css/all.min.css": "fontawesome-6.6.0/css/all.min.css",
    "https://cdnjs.cloudflare.com/ajax/libs/popper.js/1.12.9/umd/popper.min.js": "popper-1.12.9/popper.min.js",
    "https://code.jquery.com/jquery-3.7.1.min.js": "jquery-3.7.1/jquery.min.js",
    "https://maxcdn.bootstrapcdn.com/bootstrap/4.3.1/css/bootstrap.min.css": "bootstrap-4.3.1/bootstrap.min.css",
    "https://stackpath.bootstrapcdn.com/bootstrap/4.3.1/js/bootstrap.min.js": "bootstrap-4.3.1/bootstrap.min.js",
    "https://unpkg.com/bootstrap-table@1.19.0/dist/extensions/filter-control/bootstrap-table-filter-control.css": (
        "bootstrap-table-1.19.0/bootstrap-table-filter-control.css"
    ),
    "https://unpkg.com/bootstrap-table@1.19.0/dist/extensions/filter-control/bootstrap-table-filter-control.min.css": (
        "bootstrap-table-1.19.0/bootstrap-table-filter-control.min.css"
    ),
    "https://unpkg.com/bootstrap-table@1.19.1/dist/bootstrap-table.min.css": "bootstrap-table-1.19.1/bootstrap-table.min.css",
    "https://unpkg.com/bootstrap-table@1.19.1/dist/bootstrap-table.min.js": "bootstrap-table-1.19.1/bootstrap-table.min.js",
    "https://unpkg.com/bootstrap-table@1.19.1/dist/extensions/filter-control/bootstrap-table-filter-control.min.js": (
        "bootstrap-table-1.19.1/bootstrap-table-filter-control.min.js"
    ),
}
"""Public address in the pages of Great Expectations 1.24 -> file below ``vendor/`` (same package, same version)."""

# Logos come from a public bucket with an identifier of the installation in the address; the site has a copy of its own.
_LOGO = re.compile(r"https://great-expectations-web-assets\.s3\.[^\"')\s]*")
_PUBLIC = re.compile("|".join(re.escape(address) for address in sorted(VENDORED, key=len, reverse=True)))
_SITE_LOGO = "static/images/logo-long.png"

# The footer covers the last lines of every page with an advertisement that leads out of this machine. The rest repairs what is
# unreadable: the black logo and the light headings in dark mode, the statistics that are cut off on a telephone.
_STYLE = """<style>
footer { display: none; }
@media (max-width: 575.98px) {
  .col-6 { flex: 0 0 100%; max-width: 100%; }
  .container-fluid.pl-5 { padding-left: 1rem !important; padding-right: 1rem !important; }
  .container-fluid > .row > .px-0, .ge-section.px-0 { padding-left: 15px !important; padding-right: 15px !important; }
  .bootstrap-table .float-right, .bootstrap-table .float-left { float: none !important; }
}
@media (prefers-color-scheme: dark) {
  .navbar-brand a { background: #f8f9fa !important; border-radius: 4px; }
  .navbar-brand a img { visibility: visible !important; }
  .alert-secondary { background-color: #343a40; border-color: #495057; color: #f1f1f1; }
  .alert-secondary a, .alert-secondary a:hover { color: #80bdff !important; }
}
</style>
"""

# Airflow lets people choose light or dark; the styles of these pages know only what the system prefers. So every rule for dark is
# switched on or off after the class of Airflow's page around this one, or, without one, after the choice that Airflow keeps.
_THEME = """<script>
(function () {
  const ruled = [];
  function collect(rules) {
    for (const rule of rules) {
      const media = rule.media && rule.media.mediaText;
      if (media && media.includes("prefers-color-scheme")) ruled.push([rule.media, media]);
      else if (media && rule.cssRules) collect(rule.cssRules);
    }
  }
  function outer() {
    try { return parent !== window ? parent.document.documentElement : null; } catch (error) { return null; }
  }
  function chosen() {
    const around = outer();
    for (const name of ["dark", "light"]) if (around && around.classList.contains(name)) return name;
    try { return localStorage.getItem("theme"); } catch (error) { return null; }
  }
  function apply() {
    const theme = chosen(), fixed = theme === "dark" || theme === "light";
    const holds = "(min-width: 0px)", never = "(max-width: 0px)";
    for (const [list, text] of ruled) {
      const wanted = fixed ? text.replace(/\\(prefers-color-scheme:\\s*(\\w+)\\)/g, (_, name) => name === theme ? holds : never) : text;
      if (list.mediaText !== wanted) list.mediaText = wanted;
    }
    document.documentElement.style.colorScheme = fixed ? theme : "";
  }
  for (const sheet of document.styleSheets) try { collect(sheet.cssRules); } catch (error) { /* of another origin */ }
  apply();
  if (outer()) new MutationObserver(apply).observe(outer(), { attributes: true, attributeFilter: ["class"] });
  addEventListener("storage", apply);
})();
</script>
"""


def localise(text: str, path: str) -> str:
    """Replace the public addresses in a page or style sheet of the Data Docs site; give a page a few styles and Airflow's theme.

    Parameters
    ----------
    text
        Content of the file.
    path
        The file's path below the site's root; addresses become relative to it, so that any prefix of the server works.
    """
    to_root = "../" * path.count("/")
    text = _PUBLIC.sub(lambda match: f"{to_root}../vendor/{VENDORED[match[0]]}", text)
    text = _LOGO.sub(f"{to_root}{_SITE_LOGO}", text)
    return text.replace("</head>", f"{_STYLE}{_THEME}</head>", 1)
