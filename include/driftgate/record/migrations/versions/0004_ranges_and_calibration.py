"""Values carry their 95 % range, thresholds learned for a model version are kept, and there are families for what is new."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FORMER = (
    "data_quality", "data_drift", "prediction_drift", "target_drift", "performance",
    "performance_estimated", "segment", "kpi", "system",
)  # fmt: skip
FAMILIES = (
    "data_quality", "data_drift", "prediction_drift", "target_drift", "concept_drift", "performance",
    "performance_estimated", "fairness", "kpi", "system",
)  # fmt: skip

RANGE = """
ALTER TABLE driftgate.metric
    ADD COLUMN low double precision,
    ADD COLUMN high double precision;
COMMENT ON COLUMN driftgate.metric.low IS 'Lower end of the 95 % range of the value.';
COMMENT ON COLUMN driftgate.metric.high IS 'Upper end of the 95 % range of the value.'
"""

CALIBRATION = """
CREATE TABLE driftgate.calibration (
    monitor       text NOT NULL,
    model_version text NOT NULL,
    content       jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT calibration_pkey PRIMARY KEY (monitor, model_version)
)
"""


def _allow(families: tuple[str, ...]) -> str:
    allowed = ", ".join(f"'{family}'" for family in families)
    check = f"ADD CONSTRAINT metric_family_check CHECK (family IN ({allowed}))"
    return f"ALTER TABLE driftgate.metric DROP CONSTRAINT metric_family_check, {check}"


def upgrade() -> None:
    for statement in (RANGE, CALIBRATION, _allow(FAMILIES)):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DELETE FROM driftgate.metric WHERE family IN ('concept_drift', 'fairness')")
    op.execute(_allow(FORMER))
    op.execute("DROP TABLE driftgate.calibration")
    op.execute("ALTER TABLE driftgate.metric DROP COLUMN low, DROP COLUMN high")
