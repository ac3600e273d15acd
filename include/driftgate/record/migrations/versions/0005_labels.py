"""Labels that arrive late: what was known when, and what the metrics were then."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LABEL_BATCH = """
CREATE TABLE driftgate.label_batch (
    monitor       text NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    revision      integer NOT NULL,
    batch_hash    text NOT NULL,
    model_version text NOT NULL,
    content_hash  text NOT NULL,
    path          text,
    counts        jsonb NOT NULL DEFAULT '{}'::jsonb,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    restated_at   timestamptz,
    CONSTRAINT label_batch_pkey PRIMARY KEY (monitor, window_start, window_end, revision),
    CONSTRAINT label_batch_batch_fkey FOREIGN KEY (monitor, window_start, window_end)
        REFERENCES driftgate.batch (monitor, window_start, window_end) ON DELETE CASCADE
);
COMMENT ON COLUMN driftgate.label_batch.revision IS '0: as measured before any label arrived.';
COMMENT ON COLUMN driftgate.label_batch.batch_hash IS 'Content of the rows that the labels were joined to.';
COMMENT ON COLUMN driftgate.label_batch.content_hash IS 'Of ids and labels; empty for revision 0.';
COMMENT ON COLUMN driftgate.label_batch.restated_at IS 'When the metrics of this revision were written; NULL: not yet.'
"""

METRIC_REVISION = """
CREATE TABLE driftgate.metric_revision (
    monitor       text NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    revision      integer NOT NULL,
    model_version text NOT NULL,
    family        text NOT NULL,
    metric        text NOT NULL,
    "column"      text NOT NULL DEFAULT '',
    segment       text NOT NULL DEFAULT '',
    value         double precision,
    low           double precision,
    high          double precision,
    labelled_rows bigint NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT metric_revision_pkey
        PRIMARY KEY (monitor, window_start, window_end, revision, model_version, family, metric, "column", segment),
    CONSTRAINT metric_revision_label_batch_fkey FOREIGN KEY (monitor, window_start, window_end, revision)
        REFERENCES driftgate.label_batch (monitor, window_start, window_end, revision) ON DELETE CASCADE
)
"""


def upgrade() -> None:
    op.execute(LABEL_BATCH)
    op.execute(METRIC_REVISION)


def downgrade() -> None:
    op.execute("DROP TABLE driftgate.metric_revision")
    op.execute("DROP TABLE driftgate.label_batch")
