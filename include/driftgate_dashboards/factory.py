"""Ready-made panels for dashboards of your own: drift, quality and performance of the chosen monitor.

Each function returns a builder of Grafana's foundation SDK with its query, units, limits and texts set; change what you like on it
and put it on a dashboard that has the variables ``monitor`` and ``model_version`` (:mod:`driftgate_dashboards.variables`), and for
the performance panel also ``performance``. The dashboards of Driftgate use the same functions.

>>> panel = drift_overview_panel(panel_id=1).title("Drift of our models").build()
>>> panel.type_val, panel.id_val, panel.title
('timeseries', 1, 'Drift of our models')
"""

from __future__ import annotations

from typing import TypeVar

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.models import units

from driftgate_dashboards import links
from driftgate_dashboards.panels import BLUE, GREEN, ORANGE, PURPLE, RED, band, dashed, lines, number, steps
from driftgate_dashboards.query import DATASOURCE_UID
from driftgate_dashboards.sql import measured, newest, series

P = TypeVar("P", stat.Panel, timeseries.Panel)
QUALITY_WARNING = 0.05
"""Share of missing values from which the number turns orange."""


def drift_overview_panel(panel_id: int | None = None, datasource: str = DATASOURCE_UID) -> timeseries.Panel:
    """Return the share of drifted columns and the drift of the prediction over time, with the limit of the monitor file.

    Parameters
    ----------
    panel_id
        Number of the panel on its dashboard; None leaves it to whoever places the panel.
    datasource
        Uid of the PostgreSQL data source with the records.
    """
    prediction = "max(m.value) FILTER (WHERE m.family = 'prediction_drift' AND m.metric = 'drift_score') AS \"prediction drift\""
    share = "max(m.value) FILTER (WHERE m.metric = 'drift_share') AS \"drift share\""
    limit = "max(m.threshold) FILTER (WHERE m.metric = 'drift_share') AS \"limit\""
    source = measured("('data_drift', 'prediction_drift')", "('drift_share', 'drift_score')", column=None)
    panel = lines(
        "Drift overview",
        "Share of drifted columns (0 to 1) and drift score of the prediction. Dashed, with fixed limits only: the share from which the "
        "dataset counts as drifted. With learned limits one alarm is enough: together they keep to the budget of false alarms.",
        series(f"{share}, {prediction}, {limit}", f"{source}\nGROUP BY m.window_start"),
        decimals=2,
        uid=datasource,
    )
    return linked(_numbered(panel, panel_id), links.DRIFT)


def quality_overview_panel(panel_id: int | None = None, datasource: str = DATASOURCE_UID) -> stat.Panel:
    """Return the share of missing values in the newest window: orange from 5 %, red from 10 %.

    The parameters are those of :func:`drift_overview_panel`.
    """
    panel = number(
        "Missing values",
        "Share of missing values over all columns, newest window of the time range. Orange from 5 %, red from 10 %.",
        newest("m.value AS missing", measured("data_quality", "missing_share")),
        unit=units.PercentUnit,
        decimals=2,
        thresholds=steps((None, GREEN), (QUALITY_WARNING, ORANGE), (0.1, RED)),
        uid=datasource,
    )
    return linked(_numbered(panel, panel_id), links.QUALITY)


def performance_panel(panel_id: int | None = None, datasource: str = DATASOURCE_UID) -> timeseries.Panel:
    """Return the chosen score over time, realised and estimated without labels, with 95 % ranges, reference and limit.

    The parameters are those of :func:`drift_overview_panel`.
    """
    known, guessed = "FILTER (WHERE m.family = 'performance')", "FILTER (WHERE m.family = 'performance_estimated')"
    columns = f"""max(m.value) {known} AS measured,
    max(m.low) {known} AS "measured low", max(m.high) {known} AS "measured high",
    max(m.value) {guessed} AS estimated,
    max(m.low) {guessed} AS "estimated low", max(m.high) {guessed} AS "estimated high",
    max(m.reference_value) AS "reference", coalesce(max(m.threshold) {known}, max(m.threshold) {guessed}) AS "limit\""""
    metrics = "(${performance:sqlstring}, 'estimated_' || ${performance:sqlstring})"
    source = measured("('performance', 'performance_estimated')", metrics)
    panel = lines(
        "Performance: ${performance}",
        "The model's realised score per window, and what was estimated without labels (dashed), each with its 95 % range. Where only an "
        "estimate is shown, the labels have not come. Dashed red: the limit, learned or of a rule; dashed grey: the score on data the "
        "model was not trained on.",
        series(columns, f"{source}\nGROUP BY m.window_start"),
        uid=datasource,
    )
    panel = band(band(dashed(panel, "estimated", PURPLE), "estimated", PURPLE), "measured", BLUE)
    return linked(_numbered(panel, panel_id), links.PERFORMANCE)


def _numbered(panel: P, panel_id: int | None) -> P:
    return panel if panel_id is None else panel.id(panel_id)


def linked(panel: P, uid: str) -> P:
    """Let a click on the panel's data lead to the dashboard with the details."""
    return panel.override_by_regexp("/.*/", [links.on_field(links.to_dashboard(uid), links.to_airflow())])
