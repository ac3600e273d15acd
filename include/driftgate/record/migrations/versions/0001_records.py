"""The seven tables of the records. Written as SQL, because a migration must not change when the Python tables do."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("batch", "gate_result", "metric", "decision", "incident", "retraining", "report")

BATCH = """
CREATE TABLE driftgate.batch (
    id                     bigint GENERATED ALWAYS AS IDENTITY,
    monitor                text NOT NULL,
    window_start           timestamptz NOT NULL,
    window_end             timestamptz NOT NULL,
    status                 text NOT NULL,
    rows                   bigint NOT NULL DEFAULT 0,
    bytes                  bigint NOT NULL DEFAULT 0,
    content_hash           text NOT NULL DEFAULT '',
    path                   text,
    model_version          text,
    measured_model_version text,
    dag_run                text,
    note                   text,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT batch_pkey PRIMARY KEY (monitor, window_start, window_end),
    CONSTRAINT batch_id_key UNIQUE (id),
    CONSTRAINT batch_status_check CHECK (status IN ('ingested', 'quarantined', 'measured', 'no_data', 'failed')),
    CONSTRAINT batch_window_check CHECK (window_end > window_start)
);
COMMENT ON COLUMN driftgate.batch.id IS 'Stable number of the window, for views that need one.';
COMMENT ON COLUMN driftgate.batch.measured_model_version IS 'Model version of the latest complete measurement; the views show this one.';
CREATE INDEX batch_monitor_window_start_idx ON driftgate.batch (monitor, window_start DESC)
"""

GATE_RESULT = """
CREATE TABLE driftgate.gate_result (
    monitor      text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    suite        text NOT NULL,
    verdict      text NOT NULL,
    evaluated    integer NOT NULL,
    failed       jsonb NOT NULL DEFAULT '[]'::jsonb,
    data_docs    text,
    result_path  text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT gate_result_pkey PRIMARY KEY (monitor, window_start, window_end),
    CONSTRAINT gate_result_batch_fkey FOREIGN KEY (monitor, window_start, window_end)
        REFERENCES driftgate.batch (monitor, window_start, window_end) ON DELETE CASCADE,
    CONSTRAINT gate_result_verdict_check CHECK (verdict IN ('pass', 'warn', 'fail'))
)
"""

METRIC = """
CREATE TABLE driftgate.metric (
    monitor         text NOT NULL,
    model_version   text NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    family          text NOT NULL,
    metric          text NOT NULL,
    "column"        text NOT NULL DEFAULT '',
    segment         text NOT NULL DEFAULT '',
    value           double precision,
    threshold       double precision,
    direction       text,
    verdict         text,
    method          text,
    reference_value double precision,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT metric_pkey PRIMARY KEY (monitor, model_version, window_start, window_end, family, metric, "column", segment),
    CONSTRAINT metric_batch_fkey FOREIGN KEY (monitor, window_start, window_end)
        REFERENCES driftgate.batch (monitor, window_start, window_end) ON DELETE CASCADE,
    CONSTRAINT metric_family_check CHECK (family IN ('data_quality', 'data_drift', 'prediction_drift', 'target_drift', 'performance',
        'performance_estimated', 'segment', 'kpi', 'system')),
    CONSTRAINT metric_direction_check CHECK (direction IN ('above', 'below')),
    CONSTRAINT metric_verdict_check CHECK (verdict IN ('ok', 'alarm', 'too_few_rows'))
);
CREATE INDEX metric_series_idx ON driftgate.metric (monitor, family, metric, "column", window_start);
CREATE INDEX metric_batch_idx ON driftgate.metric (monitor, window_start, window_end)
"""

DECISION = """
CREATE TABLE driftgate.decision (
    monitor         text NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    model_version   text NOT NULL,
    action          text NOT NULL,
    reasons         jsonb NOT NULL DEFAULT '[]'::jsonb,
    reasons_against jsonb NOT NULL DEFAULT '[]'::jsonb,
    breached        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT decision_pkey PRIMARY KEY (monitor, window_start, window_end),
    CONSTRAINT decision_action_check CHECK (action IN ('no_action', 'alert', 'trigger_retrain'))
);
CREATE INDEX decision_monitor_window_start_idx ON driftgate.decision (monitor, window_start DESC)
"""

INCIDENT = """
CREATE TABLE driftgate.incident (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    monitor         text NOT NULL,
    cause           text NOT NULL,
    opened_start    timestamptz NOT NULL,
    opened_end      timestamptz NOT NULL,
    last_seen_start timestamptz NOT NULL,
    last_seen_end   timestamptz NOT NULL,
    count           integer NOT NULL DEFAULT 1,
    windows         text[] NOT NULL,
    detail          text NOT NULL DEFAULT '',
    acknowledged    timestamptz,
    resolved        timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT incident_pkey PRIMARY KEY (id)
);
COMMENT ON COLUMN driftgate.incident.windows IS 'Keys of the windows counted, so that a window counts once.';
CREATE UNIQUE INDEX incident_open_key ON driftgate.incident (monitor, cause) WHERE resolved IS NULL;
CREATE INDEX incident_monitor_last_seen_idx ON driftgate.incident (monitor, last_seen_start DESC)
"""

RETRAINING = """
CREATE TABLE driftgate.retraining (
    monitor              text NOT NULL,
    trigger_window_start timestamptz NOT NULL,
    trigger_window_end   timestamptz NOT NULL,
    verdict              text NOT NULL,
    champion_version     text,
    challenger_version   text NOT NULL,
    metric               text NOT NULL,
    rows                 bigint NOT NULL,
    champion_scores      jsonb NOT NULL DEFAULT '{}'::jsonb,
    challenger_scores    jsonb NOT NULL DEFAULT '{}'::jsonb,
    champion_segments    jsonb NOT NULL DEFAULT '{}'::jsonb,
    challenger_segments  jsonb NOT NULL DEFAULT '{}'::jsonb,
    gain                 double precision,
    gain_low             double precision,
    gain_high            double precision,
    challenger_wins      boolean NOT NULL,
    comparison_reason    text NOT NULL DEFAULT '',
    mlflow_run           text NOT NULL,
    approver             text,
    reason               text NOT NULL DEFAULT '',
    dag_run              text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT retraining_pkey PRIMARY KEY (monitor, trigger_window_start, trigger_window_end),
    CONSTRAINT retraining_verdict_check CHECK (verdict IN ('challenger_wins', 'champion_stays', 'promoted', 'rejected', 'rolled_back'))
);
CREATE INDEX retraining_monitor_trigger_window_start_idx ON driftgate.retraining (monitor, trigger_window_start DESC)
"""

REPORT = """
CREATE TABLE driftgate.report (
    monitor      text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    kind         text NOT NULL,
    address      text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT report_pkey PRIMARY KEY (monitor, window_start, window_end, kind)
)
"""


def upgrade() -> None:
    for statement in (BATCH, GATE_RESULT, METRIC, DECISION, INCIDENT, RETRAINING, REPORT):
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE driftgate.{table}")
