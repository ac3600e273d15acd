"""Views for dashboards: one row per window, by the names that dashboards of this kind commonly use.

``timestamp`` is the start of the window. All but `model_performance` show the model version that was measured last. A window whose
batch is quarantined or empty is not shown, whatever an earlier run of it measured.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ML_METRICS = """
CREATE VIEW driftgate.ml_metrics AS
SELECT
    b.id,
    b.window_start AS "timestamp",
    max(m.value) FILTER (WHERE m.family = 'prediction_drift' AND m.metric = 'drift_score') AS prediction_drift,
    (max(m.value) FILTER (WHERE m.family = 'data_drift' AND m.metric = 'drifted_columns'))::integer AS num_drifted_columns,
    max(m.value) FILTER (WHERE m.family = 'data_quality' AND m.metric = 'missing_share' AND m."column" = '') AS share_missing_values,
    (max(m.value) FILTER (WHERE m.family = 'data_drift' AND m.metric = 'dataset_drift')) > 0 AS dataset_drift,
    max(m.value) FILTER (WHERE m.family = 'data_drift' AND m.metric = 'drift_share') AS drift_score,
    b.monitor AS model_name,
    min(m.created_at) AS created_at
FROM driftgate.batch b
JOIN driftgate.metric m
    ON m.monitor = b.monitor AND m.window_start = b.window_start AND m.window_end = b.window_end
    AND m.model_version = b.measured_model_version AND m.segment = ''
WHERE b.status NOT IN ('quarantined', 'no_data')
GROUP BY b.id, b.window_start, b.monitor
"""

STORE_METRICS = """
CREATE VIEW driftgate.store_metrics AS
SELECT "timestamp", prediction_drift, num_drifted_columns, share_missing_values, model_name
FROM driftgate.ml_metrics
"""

DATA_DRIFT = """
CREATE VIEW driftgate.data_drift AS
SELECT
    m.window_start AS "timestamp",
    m.monitor AS model_name,
    m."column",
    m.method,
    m.value AS score,
    m.threshold,
    m.direction,
    CASE m.verdict WHEN 'alarm' THEN true WHEN 'ok' THEN false END AS drifted,
    m.family
FROM driftgate.metric m
JOIN driftgate.batch b
    ON m.monitor = b.monitor AND m.window_start = b.window_start AND m.window_end = b.window_end
    AND m.model_version = b.measured_model_version
WHERE m.family IN ('data_drift', 'prediction_drift', 'target_drift') AND m.metric = 'drift_score' AND m.segment = ''
    AND b.status NOT IN ('quarantined', 'no_data')
"""

PERFORMANCE_METRICS = ("me", "mae", "rmse", "mape", "r2", "accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")


def _model_performance() -> str:
    scores = ",\n    ".join(f"max(m.value) FILTER (WHERE m.metric = '{name}') AS {_quoted(name)}" for name in PERFORMANCE_METRICS)
    return f"""
CREATE VIEW driftgate.model_performance AS
SELECT
    m.window_start AS "timestamp",
    m.monitor AS model_name,
    m.model_version,
    {scores}
FROM driftgate.metric m
JOIN driftgate.batch b ON m.monitor = b.monitor AND m.window_start = b.window_start AND m.window_end = b.window_end
WHERE m.family = 'performance' AND m."column" = '' AND m.segment = '' AND b.status NOT IN ('quarantined', 'no_data')
GROUP BY m.window_start, m.window_end, m.monitor, m.model_version
"""  # noqa: S608 - built from the constant above


def _quoted(name: str) -> str:
    return f'"{name}"'


def upgrade() -> None:
    for statement in (ML_METRICS, STORE_METRICS, DATA_DRIFT, _model_performance()):
        op.execute(statement)


def downgrade() -> None:
    for view in ("store_metrics", "ml_metrics", "data_drift", "model_performance"):
        op.execute(f"DROP VIEW driftgate.{view}")
