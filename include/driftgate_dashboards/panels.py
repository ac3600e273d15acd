"""How answers are drawn: one function per kind of panel, all with the same habits.

Every panel has a description, a unit, a text for "no data" and, where there is more than one series, a legend. Colours mean the
same everywhere: green is fine, orange is a warning, red is an alarm, blue is only a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    gauge,
    heatmap,
    stat,
    statushistory,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as values
from grafana_foundation_sdk.models import dashboard, units
from grafana_foundation_sdk.models import heatmap as heatmap_models

from driftgate_dashboards.query import DATASOURCE_UID, Format, Query, datasource

GREEN, ORANGE, RED, BLUE, GREY, PURPLE = "green", "orange", "red", "blue", "text", "purple"
NO_ROWS = "No windows in this time range"
P = TypeVar("P", bound=Any)
Drawn = Builder[dashboard.Panel]
"""A panel that is not built yet."""


def _basic(panel: P, title: str, description: str, sql: str, result: Format, uid: str, no_value: str = NO_ROWS) -> P:
    query = Query(sql, result, uid=uid)
    panel.title(title).description(description).datasource(datasource(uid)).with_target(query).no_value(no_value)
    return panel


def steps(*limits: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Return thresholds: pairs of a value and the colour from there on; the first value is None."""
    found = [dashboard.Threshold(value=value, color=color) for value, color in limits]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(found)


def by_thresholds() -> builders.FieldColor:
    return builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)


def words(**shown: tuple[str, str]) -> list[dashboard.ValueMapping]:
    """Return mappings of stored words (``pass``, ``alarm``) to a text and a colour."""
    options = {
        name: dashboard.ValueMappingResult(text=text, color=color, index=place) for place, (name, (text, color)) in enumerate(shown.items())
    }
    return [dashboard.ValueMap(options=options)]


def numbers(*shown: tuple[int, str, str]) -> list[dashboard.ValueMapping]:
    """Return mappings of codes to a text and a colour."""
    return words(**{str(code): (text, color) for code, text, color in shown})


VERDICTS = words(
    ok=("ok", GREEN),
    alarm=("alarm", RED),
    too_few_rows=("too few rows", GREY),
    **{"pass": ("pass", GREEN)},
    warn=("warn", ORANGE),
    fail=("fail", RED),
    no_action=("no action", GREEN),
    alert=("alert", ORANGE),
    trigger_retrain=("retrain", PURPLE),
    measured=("measured", GREEN),
    ingested=("ingested", BLUE),
    quarantined=("quarantined", RED),
    no_data=("no data", GREY),
    failed=("failed", RED),
    sent=("sent", GREEN),
    pending=("pending", ORANGE),
    dropped=("dropped", GREY),
    warning=("warning", ORANGE),
    critical=("critical", RED),
    promoted=("promoted", GREEN),
    rejected=("rejected", ORANGE),
    champion_stays=("champion stays", BLUE),
    challenger_wins=("waiting for approval", PURPLE),
    rolled_back=("rolled back", RED),
)
"""Every word that the records use for an outcome; one list, so that a word has the same colour everywhere."""


def lines(
    title: str,
    description: str,
    sql: str,
    *,
    unit: str = units.Short,
    decimals: int | None = None,
    bars: bool = False,
    stacked: bool = False,
    low: float | None = 0,
    high: float | None = None,
    uid: str = DATASOURCE_UID,
) -> timeseries.Panel:
    """Return a chart over time; a series called ``limit`` or ``reference`` is drawn as a dashed line, not as data.

    Parameters
    ----------
    low, high
        Where the axis starts and ends at the least; None lets the data decide.
    """
    panel = _basic(timeseries.Panel(), title, description, sql, "time_series", uid).unit(unit)
    panel = panel.legend(_legend()).tooltip(_tooltip()).line_width(2).point_size(5).show_points(values.VisibilityMode.AUTO)
    panel = panel.draw_style(values.GraphDrawStyle.BARS if bars else values.GraphDrawStyle.LINE)
    panel = panel.fill_opacity(70 if bars else 5).span_nulls(False)
    if low is not None:
        panel = panel.axis_soft_min(low)
    if high is not None:
        panel = panel.axis_soft_max(high)
    if decimals is not None:
        panel = panel.decimals(decimals)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(values.StackingMode.NORMAL).group("A"))
    return dashed(dashed(panel, "limit", RED), "reference", GREY)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).display_mode(values.LegendDisplayMode.LIST)
    return legend.placement(values.LegendPlacement.BOTTOM).calcs(["lastNotNull"])


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(values.TooltipDisplayMode.MULTI).sort(values.SortOrder.DESCENDING)


def dashed(panel: timeseries.Panel, name: str, color: str) -> timeseries.Panel:
    """Draw the series of this name as a dashed line without points."""
    properties = [
        dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
        dashboard.DynamicConfigValue("custom.fillOpacity", 0),
        dashboard.DynamicConfigValue("custom.showPoints", "never"),
        dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
    ]
    return panel.override_by_name(name, properties)


def band(panel: timeseries.Panel, name: str, color: str) -> timeseries.Panel:
    """Fill between the series ``<name> low`` and ``<name> high``; both stay out of the legend, and the tooltip has their numbers."""
    hidden = [
        dashboard.DynamicConfigValue("custom.lineWidth", 0),
        dashboard.DynamicConfigValue("custom.fillOpacity", 0),
        dashboard.DynamicConfigValue("custom.showPoints", "never"),
        dashboard.DynamicConfigValue("custom.hideFrom", {"viz": False, "legend": True, "tooltip": False}),
        dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
    ]
    fill = [dashboard.DynamicConfigValue("custom.fillBelowTo", f"{name} low"), dashboard.DynamicConfigValue("custom.fillOpacity", 15)]
    low, high = f"{name} low", f"{name} high"
    of_line = [
        dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
        dashboard.DynamicConfigValue("custom.showPoints", "auto"),
    ]
    panel = panel.override_by_name(name, of_line).override_by_name(low, hidden)
    return panel.override_by_name(high, [*(item for item in hidden if item.id_val != "custom.fillOpacity"), *fill])


def limit_line(panel: timeseries.Panel, limit: float, *, color: str = RED) -> timeseries.Panel:
    """Draw a fixed limit as a line with everything beyond it shaded."""
    style = common.GraphThresholdsStyleConfig().mode(values.GraphThresholdsStyleMode.LINE_AND_AREA)
    return panel.thresholds(steps((None, "transparent"), (limit, color))).thresholds_style(style)


def number(
    title: str,
    description: str,
    sql: str,
    *,
    unit: str = units.Short,
    decimals: int | None = None,
    thresholds: builders.ThresholdsConfig | None = None,
    mappings: Sequence[dashboard.ValueMapping] = (),
    text: bool = False,
    no_value: str = NO_ROWS,
    uid: str = DATASOURCE_UID,
) -> stat.Panel:
    """Return one big number, or one big word with ``text``: the newest value."""
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("/.*/" if text else "")
    panel = _basic(stat.Panel(), title, description, sql, "table", uid, no_value).unit(unit).reduce_options(reduced)
    panel = panel.graph_mode(values.BigValueGraphMode.NONE).color_mode(values.BigValueColorMode.VALUE)
    panel = panel.text_mode(values.BigValueTextMode.VALUE).color_scheme(by_thresholds())
    panel = panel.thresholds(thresholds or steps((None, BLUE)))
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel.mappings(list(mappings)) if mappings else panel


def dial(
    title: str,
    description: str,
    sql: str,
    *,
    unit: str,
    high: float,
    thresholds: builders.ThresholdsConfig,
    decimals: int | None = None,
    no_value: str = NO_ROWS,
    uid: str = DATASOURCE_UID,
) -> gauge.Panel:
    """Return a gauge from zero to ``high`` with its thresholds marked."""
    panel = _basic(gauge.Panel(), title, description, sql, "table", uid, no_value).unit(unit).min(0).max(high)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    panel = panel.thresholds(thresholds).color_scheme(by_thresholds()).show_threshold_markers(True).show_threshold_labels(False)
    return panel if decimals is None else panel.decimals(decimals)


def ranking(
    title: str,
    description: str,
    sql: str,
    *,
    unit: str,
    thresholds: builders.ThresholdsConfig,
    high: float | None = None,
    no_value: str = NO_ROWS,
    uid: str = DATASOURCE_UID,
) -> bargauge.Panel:
    """Return horizontal bars, one per row of the answer: a name and a number, in the order of the answer."""
    panel = _basic(bargauge.Panel(), title, description, sql, "table", uid, no_value).unit(unit).min(0)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(True).fields("").limit(30))
    panel = panel.thresholds(thresholds).color_scheme(by_thresholds()).orientation(values.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(values.BarGaugeDisplayMode.BASIC).show_unfilled(True)
    return panel if high is None else panel.max(high)


def rows(
    title: str,
    description: str,
    sql: str,
    *,
    columns: Mapping[str, Sequence[dashboard.DynamicConfigValue]] | None = None,
    no_value: str = NO_ROWS,
    uid: str = DATASOURCE_UID,
) -> table.Panel:
    """Return a table with filters on its columns.

    Parameters
    ----------
    columns
        Settings per column of the answer: units, links, colours (:func:`coloured`), width, hidden (:data:`HIDDEN`).
    """
    panel = _basic(table.Panel(), title, description, sql, "table", uid, no_value).show_header(True)
    panel = panel.cell_height(values.TableCellHeight.SM).filterable(True)
    for name, properties in (columns or {}).items():
        panel = panel.override_by_name(name, list(properties))
    return panel


def setting(name: str, value: Any) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(name, value)


HIDDEN = [setting("custom.hideFrom", {"viz": True, "legend": False, "tooltip": False})]
"""Column settings: there for links, not to be seen."""


def coloured() -> list[dashboard.DynamicConfigValue]:
    """Return column settings that show a word of the records with its colour."""
    return [setting("mappings", [item.to_json() for item in VERDICTS]), setting("custom.cellOptions", {"type": "color-text"})]


def limited(*limits: tuple[float | None, str], unit: str = units.Short, decimals: int | None = None) -> list[dashboard.DynamicConfigValue]:
    """Return column settings that colour a number by thresholds."""
    shown = [{"value": value, "color": color} for value, color in limits]
    found = [
        setting("unit", unit),
        setting("thresholds", {"mode": "absolute", "steps": shown}),
        setting("custom.cellOptions", {"type": "color-text"}),
    ]
    return found if decimals is None else [*found, setting("decimals", decimals)]


def unit(name: str, decimals: int | None = None) -> list[dashboard.DynamicConfigValue]:
    found = [setting("unit", name)]
    return found if decimals is None else [*found, setting("decimals", decimals)]


def width(pixels: int) -> list[dashboard.DynamicConfigValue]:
    return [setting("custom.width", pixels)]


TIME = unit(units.DatetimeISO)


def cells(
    title: str,
    description: str,
    sql: str,
    *,
    thresholds: builders.ThresholdsConfig,
    unit_name: str = units.Short,
    mappings: Sequence[dashboard.ValueMapping] = (),
    decimals: int | None = None,
    uid: str = DATASOURCE_UID,
) -> statushistory.Panel:
    """Return a row of coloured cells per series, one cell per window: exact even where windows are missing; pages of 50 series."""
    panel = _basic(statushistory.Panel(), title, description, sql, "time_series", uid).unit(unit_name)
    panel = panel.thresholds(thresholds).color_scheme(by_thresholds()).show_value(values.VisibilityMode.NEVER)
    panel = panel.row_height(0.9).col_width(0.9).per_page(50).fill_opacity(80).tooltip(_tooltip())
    panel = panel.legend(
        common.VizLegendOptions()
        .show_legend(bool(mappings))
        .display_mode(values.LegendDisplayMode.LIST)
        .placement(values.LegendPlacement.BOTTOM)
        .calcs([])
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel.mappings(list(mappings)) if mappings else panel


def heat(title: str, description: str, sql: str, *, high: float, unit_name: str, uid: str = DATASOURCE_UID) -> heatmap.Panel:
    """Return a heat map: series from top to bottom, windows from left to right, the value as colour from 0 to ``high``."""
    color = (
        heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("RdYlGn").reverse(True).steps(32).exponent(0.5)
    )
    color = color.fill("dark-red").min(0).max(high).scale(heatmap_models.HeatmapColorScale.LINEAR)
    panel = _basic(heatmap.Panel(), title, description, sql, "time_series", uid).calculate(False).color(color)
    panel = panel.cell_gap(1).cell_values(heatmap.CellValues().unit(unit_name).decimals(2)).show_legend()
    panel = panel.rows_frame(heatmap.RowsHeatmapOptions().value("value").layout(values.HeatmapCellLayout.AUTO))
    axis = heatmap.YAxisConfig().axis_placement(values.AxisPlacement.LEFT).unit("short")
    return panel.y_axis(axis).filter_values(heatmap.FilterValueRange().le(-1))
