"""Variables at the top of the dashboards, and what marks windows on their charts."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from driftgate_dashboards.links import Addresses
from driftgate_dashboards.query import Query, datasource
from driftgate_dashboards.sql import ALL, clean

_DRIFT = "('data_drift', 'prediction_drift', 'target_drift')"


def _query(name: str, label: str, description: str, sql: str) -> builders.QueryVariable:
    text = clean(sql)
    variable = builders.QueryVariable(name).label(label).description(description).datasource(datasource()).query(text)
    return variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(dashboard.VariableSort.DISABLED).allow_custom_value(False)


def _several(variable: builders.QueryVariable) -> builders.QueryVariable:
    """Allow several values and "All", and start with "All"."""
    everything = dashboard.VariableOption(text=["All"], value=["$__all"], selected=True)
    return variable.multi(True).include_all(True).all_value(ALL).current(everything)


def monitor() -> builders.QueryVariable:
    return _query("monitor", "Monitor", "The monitored model.", "SELECT DISTINCT monitor FROM driftgate.batch ORDER BY monitor")


def monitors() -> builders.QueryVariable:
    return _several(
        _query("monitor", "Monitors", "Which monitors to show.", "SELECT DISTINCT monitor FROM driftgate.batch ORDER BY monitor")
    )


def model_version() -> builders.QueryVariable:
    sql = """
        SELECT measured_model_version
        FROM driftgate.batch
        WHERE monitor = ${monitor:sqlstring} AND measured_model_version IS NOT NULL
        GROUP BY measured_model_version
        ORDER BY max(window_start) DESC
    """
    return _several(_query("model_version", "Model version", "Windows measured with these versions of the model.", sql))


def column() -> builders.QueryVariable:
    sql = f"""
        SELECT DISTINCT "column"
        FROM driftgate.metric
        WHERE monitor = ${{monitor:sqlstring}} AND family IN {_DRIFT} AND metric = 'drift_score'
        ORDER BY "column"
    """
    return _several(_query("column", "Columns", "Features, the prediction and the target.", sql))


def quality_column() -> builders.QueryVariable:
    sql = """
        SELECT DISTINCT "column"
        FROM driftgate.metric
        WHERE monitor = ${monitor:sqlstring} AND family = 'data_quality' AND "column" <> ''
        ORDER BY "column"
    """
    return _several(_query("column", "Columns", "Columns whose quality is measured.", sql))


def performance() -> builders.QueryVariable:
    sql = """
        SELECT metric
        FROM driftgate.metric
        WHERE monitor = ${monitor:sqlstring} AND family = 'performance'
        GROUP BY metric
        ORDER BY count(threshold) DESC, metric
    """
    variable = _query("performance", "Score", "Metric of the model's performance; first the one that a rule watches.", sql)
    return variable.multi(False)


def segment() -> builders.QueryVariable:
    """Segments of windows and of retrainings; a retraining compares both models per segment."""
    sql = """
        SELECT DISTINCT segment
        FROM (
            SELECT segment FROM driftgate.metric WHERE monitor = ${monitor:sqlstring} AND segment <> ''
            UNION ALL
            SELECT jsonb_object_keys(challenger_segments) FROM driftgate.retraining WHERE monitor = ${monitor:sqlstring}
        ) AS found
        ORDER BY segment
    """
    return _several(_query("segment", "Segments", "Groups of rows, for example carrier=AA.", sql))


def kpi() -> builders.QueryVariable:
    sql = """
        SELECT DISTINCT metric
        FROM driftgate.metric
        WHERE monitor = ${monitor:sqlstring} AND family = 'kpi'
        ORDER BY metric
    """
    return _several(_query("kpi", "KPIs", "Business KPIs of the monitor file.", sql))


def addresses(found: Addresses) -> list[builders.TextBoxVariable]:
    """Return the hidden variables with the addresses of Airflow and MLflow."""
    return [
        _address("airflow_url", "Airflow", found.airflow),
        _address("mlflow_url", "MLflow", found.mlflow),
    ]


def _address(name: str, label: str, address: str) -> builders.TextBoxVariable:
    option = dashboard.VariableOption(text=address, value=address, selected=True)
    variable = builders.TextBoxVariable(name).label(label).description(f"Address of {label} for links; see docs/grafana.md.")
    return variable.default_value(address).current(option).options([option]).hide(dashboard.VariableHide.HIDE_VARIABLE)


def _marks(name: str, color: str, sql: str) -> builders.AnnotationQuery:
    query = builders.AnnotationQuery().name(name).datasource(datasource()).enable(True).hide(False).icon_color(color)
    return query.target(Query(clean(sql), "table", "Anno"))


def retrainings() -> builders.AnnotationQuery:
    """Mark the windows that led to a new champion, or back to an old one."""
    return _marks(
        "Retrainings",
        "purple",
        """
        SELECT
            trigger_window_start AS time,
            CASE verdict
                WHEN 'promoted'
                    THEN format('%s: version %s replaces %s', monitor, challenger_version, coalesce(champion_version, 'nothing'))
                ELSE format('%s: version %s was rolled back', monitor, challenger_version)
            END AS text,
            'retraining' AS tags
        FROM driftgate.retraining
        WHERE ('__all' IN (${monitor:sqlstring}) OR monitor IN (${monitor:sqlstring}))
            AND verdict IN ('promoted', 'rolled_back') AND $__timeFilter(trigger_window_start)
        """,
    )


def quarantines() -> builders.AnnotationQuery:
    """Mark the windows that the gate stopped."""
    return _marks(
        "Quarantines",
        "red",
        """
        SELECT
            b.window_start AS time,
            b.window_end AS timeend,
            format('%s: %s rows quarantined, %s expectations failed', b.monitor, b.rows, jsonb_array_length(g.failed)) AS text,
            'quarantine' AS tags
        FROM driftgate.batch b
        JOIN driftgate.gate_result g USING (monitor, window_start, window_end)
        WHERE ('__all' IN (${monitor:sqlstring}) OR b.monitor IN (${monitor:sqlstring}))
            AND b.status = 'quarantined' AND $__timeFilter(b.window_start)
        """,
    )
