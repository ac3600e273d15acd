"""Incidents know how bad they are, what likely caused them and when they ended; messages about them and exports are kept."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INCIDENT = """
ALTER TABLE driftgate.incident
    ADD COLUMN severity text NOT NULL DEFAULT 'warning',
    ADD COLUMN model_version text,
    ADD COLUMN likely_causes jsonb NOT NULL DEFAULT '[]'::jsonb,
    ADD COLUMN acknowledged_by text,
    ADD COLUMN resolved_window_start timestamptz,
    ADD COLUMN resolved_window_end timestamptz,
    ADD CONSTRAINT incident_severity_check CHECK (severity IN ('warning', 'critical'))
"""

MESSAGE = """
CREATE TABLE driftgate.message (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    key         text NOT NULL,
    incident_id bigint,
    monitor     text NOT NULL DEFAULT '',
    event       text NOT NULL,
    channel     text NOT NULL,
    state       text NOT NULL DEFAULT 'pending',
    attempts    integer NOT NULL DEFAULT 0,
    not_before  timestamptz,
    last_error  text,
    sent_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT message_pkey PRIMARY KEY (id),
    CONSTRAINT message_key_key UNIQUE (key),
    CONSTRAINT message_incident_fkey FOREIGN KEY (incident_id) REFERENCES driftgate.incident (id) ON DELETE CASCADE,
    CONSTRAINT message_event_check CHECK (event IN ('opened', 'resolved', 'approval', 'digest')),
    CONSTRAINT message_state_check CHECK (state IN ('pending', 'sent', 'failed', 'dropped'))
);
CREATE INDEX message_pending_idx ON driftgate.message (not_before, id) WHERE state = 'pending';
CREATE INDEX message_incident_idx ON driftgate.message (incident_id)
"""

EXPORT = """
CREATE TABLE driftgate.export (
    monitor      text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    sink         text NOT NULL,
    state        text NOT NULL,
    attempts     integer NOT NULL DEFAULT 1,
    error        text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT export_pkey PRIMARY KEY (monitor, window_start, window_end, sink),
    CONSTRAINT export_sink_check CHECK (sink IN ('prometheus', 'influxdb', 'evidently')),
    CONSTRAINT export_state_check CHECK (state IN ('sent', 'failed'))
);
CREATE INDEX export_failed_idx ON driftgate.export (sink, monitor) WHERE state = 'failed'
"""


METRIC = """
ALTER TABLE driftgate.metric
    DROP CONSTRAINT metric_pkey,
    ADD CONSTRAINT metric_pkey
        PRIMARY KEY (monitor, window_start, window_end, model_version, family, metric, "column", segment);
DROP INDEX driftgate.metric_batch_idx
"""
"""All metrics of a window lie together, so that the key also finds a window; the index that did is no longer needed."""

REPORT = """
ALTER TABLE driftgate.report ADD COLUMN seconds double precision;
COMMENT ON COLUMN driftgate.report.seconds IS 'How long drawing took.'
"""


def upgrade() -> None:
    for statement in (INCIDENT, MESSAGE, EXPORT, METRIC, REPORT):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE driftgate.message, driftgate.export")
    op.execute("ALTER TABLE driftgate.report DROP COLUMN seconds")
    op.execute("CREATE INDEX metric_batch_idx ON driftgate.metric (monitor, window_start, window_end)")
    key = 'monitor, model_version, window_start, window_end, family, metric, "column", segment'
    op.execute(f"ALTER TABLE driftgate.metric DROP CONSTRAINT metric_pkey, ADD CONSTRAINT metric_pkey PRIMARY KEY ({key})")
    op.execute("ALTER TABLE driftgate.incident DROP CONSTRAINT incident_severity_check")
    for column in ("severity", "model_version", "likely_causes", "acknowledged_by", "resolved_window_start", "resolved_window_end"):
        op.execute(f"ALTER TABLE driftgate.incident DROP COLUMN {column}")
