"""Records of many monitors over many windows, made inside PostgreSQL; for tests of plans and for the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

FIRST_DAY = "2023-01-01T00:00:00+00:00"
TABLES = ("batch", "gate_result", "metric", "decision", "incident", "retraining", "report", "message", "export")

_WINDOWS = """
    SELECT 'm' || lpad(CAST(m AS text), 3, '0') AS monitor, w AS number,
           CAST(:first AS timestamptz) + make_interval(days => w) AS window_start,
           CAST(:first AS timestamptz) + make_interval(days => w + 1) AS window_end,
           CASE WHEN w < :windows / 2 THEN '1' ELSE '2' END AS version
    FROM generate_series(1, :monitors) AS m CROSS JOIN generate_series(0, :windows - 1) AS w
"""

_BATCHES = f"""
INSERT INTO driftgate.batch (monitor, window_start, window_end, status, rows, model_version, measured_model_version, dag_run)
SELECT monitor, window_start, window_end, 'measured', 900 + number % 100, version, version, 'scheduled__' || window_end
FROM ({_WINDOWS}) AS w
"""

_GATES = f"""
INSERT INTO driftgate.gate_result (monitor, window_start, window_end, suite, verdict, evaluated)
SELECT monitor, window_start, window_end, 'suite', CASE WHEN number % 10 = 0 THEN 'warn' ELSE 'pass' END, 18 FROM ({_WINDOWS}) AS w
"""

_DECISIONS = f"""
INSERT INTO driftgate.decision (monitor, window_start, window_end, model_version, action, reasons)
SELECT monitor, window_start, window_end, version, 'no_action', '["none of the 2 rules is broken"]' FROM ({_WINDOWS}) AS w
"""

# In the order in which windows arrive: all monitors of a day, then the next day.
_COLUMNS = f"""
INSERT INTO driftgate.metric
    (monitor, model_version, window_start, window_end, family, metric, "column", value, threshold, direction, verdict, method)
SELECT monitor, version, window_start, window_end, :family, :metric, 'feature_' || lpad(CAST(c AS text), 3, '0'),
       value, 0.1, 'above', CASE WHEN value > 0.1 THEN 'alarm' ELSE 'ok' END, 'wasserstein'
FROM ({_WINDOWS}) AS w CROSS JOIN generate_series(1, :columns) AS c
CROSS JOIN LATERAL (SELECT 0.12 * abs(sin(w.number * 0.37 + c)) AS value) AS v
ORDER BY w.number, w.monitor, c
"""

_TOTALS = f"""
INSERT INTO driftgate.metric
    (monitor, model_version, window_start, window_end, family, metric, value, threshold, direction, verdict, reference_value)
SELECT monitor, version, window_start, window_end, family, metric, value, threshold, 'above', 'ok', reference
FROM ({_WINDOWS}) AS w CROSS JOIN (VALUES
    ('data_drift', 'drift_share', 0.1, 0.5, NULL), ('data_drift', 'drifted_columns', 3, NULL, NULL),
    ('data_drift', 'judged_columns', 30, NULL, NULL), ('data_quality', 'rows', 900, NULL, 900),
    ('performance', 'mae', 11, 15, 10), ('performance', 'rmse', 14, NULL, 13)
) AS t (family, metric, value, threshold, reference)
ORDER BY w.number, w.monitor
"""

_RETRAININGS = f"""
INSERT INTO driftgate.retraining (monitor, trigger_window_start, trigger_window_end, verdict, champion_version, challenger_version, metric, rows,
                                  challenger_wins, mlflow_run)
SELECT monitor, window_start, window_end, 'promoted', '1', '2', 'mae', 900, true, 'run' FROM ({_WINDOWS}) AS w WHERE number = :windows / 2
"""

_INCIDENTS = f"""
INSERT INTO driftgate.incident (monitor, cause, opened_start, opened_end, last_seen_start, last_seen_end, windows, severity)
SELECT monitor, 'policy', window_start, window_end, window_start, window_end, '{{}}', 'critical' FROM ({_WINDOWS}) AS w WHERE number = :windows - 1
"""


@dataclass(frozen=True)
class Size:
    monitors: int
    columns: int
    windows: int

    @property
    def names(self) -> list[str]:
        return [f"m{number:03d}" for number in range(1, self.monitors + 1)]


def clear(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(f'driftgate.{name}' for name in TABLES)} RESTART IDENTITY CASCADE"))


def fill(engine: Engine, size: Size) -> None:
    """Write the records of ``size.monitors`` monitors with daily windows; needs the superuser, who may leave out the key checks."""
    values = {"first": FIRST_DAY, "monitors": size.monitors, "windows": size.windows}
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in (_BATCHES, _GATES, _DECISIONS, _TOTALS, _RETRAININGS, _INCIDENTS):
            connection.execute(text(statement), values)
        for family, metric in (("data_drift", "drift_score"), ("data_quality", "missing_share")):
            connection.execute(text(_COLUMNS), {**values, "columns": size.columns, "family": family, "metric": metric})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (ANALYZE) {', '.join(f'driftgate.{name}' for name in TABLES)}"))
