"""The index pages of Data Docs: the first page, one page per monitor and one per period, in the frame of Great Expectations' own.

Rows travel as JSON and become text in the browser, where the table sorts, searches and filters them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template
from typing import Any

from driftgate.gate.docs_entries import Entry, Summary
from driftgate.gate.docs_pages import index_html, suite_path
from driftgate.gate.docs_state import LATEST, Change, Site
from driftgate.records import GateVerdict

INDEX = "index.html"
_TO_ROOT = "../../"

_HEADING = Template('<div class="alert alert-secondary"><strong>$title</strong> | $about</div>')
_TABLE = Template(
    '<div id="$name-tools" class="ml-1">'
    '<button class="btn btn-sm btn-secondary ml-1" data-clear="$name">Clear Filters</button></div>'
    '<table id="$name" class="table-sm" data-root="$root"></table>\n'
    '<script type="application/json" id="$name-rows">$rows</script>\n'
)
_TAB = Template(
    '<li class="nav-item"><a class="nav-link$active" id="$name-tab" data-toggle="tab" href="#$name-pane" role="tab" '
    'aria-controls="$name-pane" aria-selected="$selected">$title</a></li>'
)
_PANE = Template('<div class="tab-pane fade$active pt-2" id="$name-pane" role="tabpanel" aria-labelledby="$name-tab">$content</div>')

_STYLE = """<style>
.fixed-table-body td { vertical-align: middle; }
.driftgate-verdict { white-space: nowrap; }
@media (max-width: 767.98px) {
  .driftgate-wide { display: none; }
  .fixed-table-container thead th .sortable.both { background-image: none !important; padding-right: .5rem !important; }
}
</style>
"""

# One function per kind of cell; everything that comes from data is escaped here.
_SCRIPT = """<script>
(function () {
  const text = value => String(value ?? "").replace(/[&<>"']/g, sign => "&#" + sign.charCodeAt(0) + ";");
  const icons = {
    pass: "fa-check-circle text-success", warn: "fa-exclamation-triangle text-warning", fail: "fa-times text-danger"
  };
  const link = (root, page, words) => `<a href="${root}${page.split("/").map(encodeURIComponent).join("/")}">${text(words)}</a>`;
  const icon = value => `<i class="fas ${icons[value] || ""}" aria-hidden="true"></i>`;
  const verdict = value => `<span class="driftgate-verdict">${icon(value)} ${text(value)}</span>`;
  const at = (root, field) => (value, row) => link(root, row[field], value);
  const plain = value => text(value);
  const count = (field, title) => ({ field, title, sortable: true, align: "right", formatter: plain });
  const common = { searchFormatter: false, sortable: true };
  const choice = { filterControl: "select", filterStrictSearch: true, filterDataCollector: value => text(value) };
  const typed = { filterControl: "input" };
  const wide = { class: "driftgate-wide" };
  const verdictColumn = (field, title) => ({ field, title, ...common, ...choice, align: "center", formatter: verdict });
  const columns = {
    results: root => [
      verdictColumn("verdict", "Verdict"),
      { field: "label", title: "Window", ...common, ...typed, formatter: at(root, "page") },
      { field: "monitor", title: "Monitor", ...common, ...choice, formatter: at(root, "monitor_page") },
      { field: "failures", title: "Failed", ...common, align: "right", formatter: plain },
      { field: "run", title: "Run name", ...common, ...typed, ...wide, formatter: at(root, "page") },
      { field: "suite", title: "Expectation suite", ...common, ...choice, ...wide, formatter: at(root, "suite_page") },
      { field: "checked", title: "Validated (UTC)", ...common, ...typed, ...wide, formatter: plain }
    ].filter(column => !root || column.field !== "monitor"),  // a monitor's own pages need no such column
    summaries: title => root => [
      { field: "name", title, ...common, formatter: at(root, "page") },
      { ...count("windows", "Windows"), ...wide }, count("pass", "Pass"), count("warn", "Warn"), count("fail", "Fail"),
      { field: "last", title: "Last window", ...common, ...wide, formatter: at(root, "last_page") },
      verdictColumn("last_verdict", "Last verdict")
    ],
    suites: root => [{ field: "name", title: "Expectation suite", ...common, formatter: at(root, "page") }]
  };
  const kinds = {
    results: [columns.results, "label", "desc"], monitors: [columns.summaries("Monitor"), "name", "asc"],
    periods: [columns.summaries("Period"), "name", "desc"], suites: [columns.suites, "name", "asc"]
  };
  for (const [name, [make, sortName, sortOrder]] of Object.entries(kinds)) {
    const table = document.getElementById(name);
    if (!table) continue;
    $(table).bootstrapTable({
      columns: make(table.dataset.root), data: JSON.parse(document.getElementById(name + "-rows").textContent), sortName, sortOrder,
      toolbar: `#${name}-tools`, toolbarAlign: "right", search: true, filterControl: true, pagination: true, pageSize: 25,
      pageList: [25, 100, "All"], iconSize: "sm", formatNoMatches: () => "Nothing matches."
    });
  }
  for (const button of document.querySelectorAll("[data-clear]")) {
    button.addEventListener("click", () => {
      $("#" + button.dataset.clear).bootstrapTable("clearFilterControl");
      $("#" + button.dataset.clear).bootstrapTable("resetSearch");
    });
  }
})();
</script>
"""


def monitor_page(monitor: str) -> str:
    """Return the path of a monitor's page relative to the site."""
    return f"results/{monitor}/{INDEX}"


def period_page(monitor: str, period: str) -> str:
    """Return the path of a period's page relative to the site."""
    return f"results/{monitor}/{period}.html"


def first_page(site: Site) -> str:
    """Draw the first page: the latest results, the monitors and the suites."""
    total = sum(sum(summary.counts.values()) for summary in site.monitors.values())
    shown = f"{total:,} windows" if total <= len(site.latest) else f"the {LATEST} windows validated last, of {total:,}; all under Monitors"
    monitors = [_summary_row(name, monitor_page(name), summary) for name, summary in site.monitors.items()]
    suites = [{"name": name, "page": suite_path(name)} for name in sorted(site.suites)]
    content = _tabs(
        ("results", "Validation Results", _table("results", [_result_row(entry) for entry in site.latest], "")),
        ("monitors", "Monitors", _table("monitors", monitors, "")),
        ("suites", "Expectation Suites", _table("suites", suites, "")),
    )
    return index_html(_heading("Data Docs", f"Driftgate: {shown}") + content + _STYLE + _SCRIPT, None, "")


def periods_page(monitor: str, periods: Mapping[str, Summary]) -> str:
    """Draw a monitor's page: its periods."""
    rows = [_summary_row(period, period_page(monitor, period), summary) for period, summary in periods.items()]
    heading = _heading(monitor, _windows(periods.values()))
    return index_html(heading + _table("periods", rows, _TO_ROOT) + _STYLE + _SCRIPT, escape(monitor), _TO_ROOT)


def entries_page(change: Change) -> str:
    """Draw the page of one period of a monitor."""
    heading = _heading(f"{change.monitor}, {change.period}", _windows([change.periods[change.period]]))
    rows = [_result_row(entry) for entry in change.entries]
    title = f'<a href="{INDEX}">{escape(change.monitor)}</a> / {escape(change.period)}'
    return index_html(heading + _table("results", rows, _TO_ROOT) + _STYLE + _SCRIPT, title, _TO_ROOT)


def _result_row(entry: Entry) -> dict[str, Any]:
    return {
        "verdict": entry.verdict,
        "label": entry.label,
        "monitor": entry.monitor,
        "failures": f"{entry.failed} of {entry.evaluated}",
        "run": f"{entry.monitor}-{entry.window}",
        "suite": entry.suite,
        "checked": entry.checked[:16].replace("T", " "),
        "page": entry.page,
        "monitor_page": monitor_page(entry.monitor),
        "suite_page": suite_path(entry.suite),
    }


def _summary_row(name: str, page: str, summary: Summary) -> dict[str, Any]:
    counts = {verdict.value: summary.counts.get(verdict.value, 0) for verdict in GateVerdict}
    last = {"last": summary.last.label, "last_verdict": summary.last.verdict, "last_page": summary.last.page}
    return {"name": name, "page": page, "windows": sum(counts.values()), **counts, **last}


def _windows(summaries: Iterable[Summary]) -> str:
    counts = {verdict: 0 for verdict in GateVerdict}
    for summary in summaries:
        for verdict in GateVerdict:
            counts[verdict] += summary.counts.get(verdict.value, 0)
    total = sum(counts.values())
    return f"{total:,} {'window' if total == 1 else 'windows'}: " + ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items())


def _heading(title: str, about: str) -> str:
    return _HEADING.substitute(title=escape(title), about=escape(about))


def _table(name: str, rows: Sequence[Mapping[str, Any]], root: str) -> str:
    return _TABLE.substitute(name=name, root=root, rows=_json(rows))


def _tabs(*tabs: tuple[str, str, str]) -> str:
    heads, panes = [], []
    for index, (name, title, content) in enumerate(tabs):
        selected = index == 0
        heads.append(_TAB.substitute(name=name, title=title, active=" active" if selected else "", selected=str(selected).lower()))
        panes.append(_PANE.substitute(name=name, content=content, active=" show active" if selected else ""))
    return f'<ul class="nav nav-tabs" role="tablist">{"".join(heads)}</ul><div class="tab-content">{"".join(panes)}</div>'


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows so that nothing in them can end the script element."""
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
