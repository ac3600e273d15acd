"""Tables of the records (schema ``driftgate``): the system of record for every window.

Keys are natural, so that every write is an upsert. Time in a key is always the window; ``created_at`` and ``updated_at`` are
bookkeeping by the server's clock and never part of a key. The migrations under ``migrations/versions`` build the same tables;
a test compares both.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from driftgate.records import (
    Action,
    BatchStatus,
    Direction,
    Event,
    Family,
    GateVerdict,
    MessageState,
    MetricVerdict,
    RetrainVerdict,
    Severity,
    Sink,
)

SCHEMA = "driftgate"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(referred_table_name)s_fkey",
    },
)


def _one_of(column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def _moment(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> Column[Any]:
    return Column(name, Text, nullable=nullable, server_default=default)


def _json(name: str, default: str) -> Column[Any]:
    return Column(name, JSONB, nullable=False, server_default=text(f"'{default}'::jsonb"))


def _bookkeeping() -> tuple[Column[Any], Column[Any]]:
    return (
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def _belongs_to_batch() -> ForeignKeyConstraint:
    key = ["monitor", "window_start", "window_end"]
    return ForeignKeyConstraint(key, [f"{SCHEMA}.batch.{name}" for name in key], ondelete="CASCADE")


batch = Table(
    "batch",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False, comment="Stable number of the window, for views that need one."),
    _text("monitor"),
    _moment("window_start"),
    _moment("window_end"),
    _text("status"),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    _text("content_hash", default=""),
    _text("path", nullable=True),
    _text("model_version", nullable=True),
    Column("measured_model_version", Text, comment="Model version of the latest complete measurement; the views show this one."),
    _text("dag_run", nullable=True),
    _text("note", nullable=True),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "window_start", "window_end"),
    UniqueConstraint("id"),
    _one_of("status", BatchStatus),
    CheckConstraint("window_end > window_start", name="window"),
    Index("batch_monitor_window_start_idx", "monitor", text("window_start DESC")),
)

gate_result = Table(
    "gate_result",
    metadata,
    _text("monitor"),
    _moment("window_start"),
    _moment("window_end"),
    _text("suite"),
    _text("verdict"),
    Column("evaluated", Integer, nullable=False),
    _json("failed", "[]"),
    _text("data_docs", nullable=True),
    _text("result_path", nullable=True),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "window_start", "window_end"),
    _belongs_to_batch(),
    _one_of("verdict", GateVerdict),
)

metric = Table(
    "metric",
    metadata,
    _text("monitor"),
    _text("model_version"),
    _moment("window_start"),
    _moment("window_end"),
    _text("family"),
    _text("metric"),
    _text("column", default=""),
    _text("segment", default=""),
    Column("value", Double, nullable=True),
    Column("threshold", Double, nullable=True),
    _text("direction", nullable=True),
    _text("verdict", nullable=True),
    _text("method", nullable=True),
    Column("reference_value", Double, nullable=True),
    Column("low", Double, nullable=True, comment="Lower end of the 95 % range of the value."),
    Column("high", Double, nullable=True, comment="Upper end of the 95 % range of the value."),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "window_start", "window_end", "model_version", "family", "metric", "column", "segment"),
    _belongs_to_batch(),
    _one_of("family", Family),
    _one_of("direction", Direction),
    _one_of("verdict", MetricVerdict),
    Index("metric_series_idx", "monitor", "family", "metric", "column", "window_start"),
)

calibration = Table(
    "calibration",
    metadata,
    _text("monitor"),
    _text("model_version"),
    _json("content", "{}"),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "model_version"),
)

decision = Table(
    "decision",
    metadata,
    _text("monitor"),
    _moment("window_start"),
    _moment("window_end"),
    _text("model_version"),
    _text("action"),
    _json("reasons", "[]"),
    _json("reasons_against", "[]"),
    Column("breached", Boolean, nullable=False, server_default=text("false")),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "window_start", "window_end"),
    _one_of("action", Action),
    Index("decision_monitor_window_start_idx", "monitor", text("window_start DESC")),
)

incident = Table(
    "incident",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    _text("monitor"),
    _text("cause"),
    _moment("opened_start"),
    _moment("opened_end"),
    _moment("last_seen_start"),
    _moment("last_seen_end"),
    Column("count", Integer, nullable=False, server_default=text("1")),
    Column("windows", ARRAY(Text), nullable=False, comment="Keys of the windows counted, so that a window counts once."),
    _text("detail", default=""),
    _text("severity", default=Severity.WARNING.value),
    _text("model_version", nullable=True),
    _json("likely_causes", "[]"),
    _moment("acknowledged", nullable=True),
    _text("acknowledged_by", nullable=True),
    _moment("resolved", nullable=True),
    _moment("resolved_window_start", nullable=True),
    _moment("resolved_window_end", nullable=True),
    *_bookkeeping(),
    PrimaryKeyConstraint("id"),
    _one_of("severity", Severity),
    Index("incident_open_key", "monitor", "cause", unique=True, postgresql_where=text("resolved IS NULL")),
    Index("incident_monitor_last_seen_idx", "monitor", text("last_seen_start DESC")),
)

retraining = Table(
    "retraining",
    metadata,
    _text("monitor"),
    _moment("trigger_window_start"),
    _moment("trigger_window_end"),
    _text("verdict"),
    _text("champion_version", nullable=True),
    _text("challenger_version"),
    _text("metric"),
    Column("rows", BigInteger, nullable=False),
    _json("champion_scores", "{}"),
    _json("challenger_scores", "{}"),
    _json("champion_segments", "{}"),
    _json("challenger_segments", "{}"),
    Column("gain", Double, nullable=True),
    Column("gain_low", Double, nullable=True),
    Column("gain_high", Double, nullable=True),
    Column("challenger_wins", Boolean, nullable=False),
    _text("comparison_reason", default=""),
    _text("mlflow_run"),
    _text("approver", nullable=True),
    _text("reason", default=""),
    _text("dag_run", nullable=True),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "trigger_window_start", "trigger_window_end"),
    _one_of("verdict", RetrainVerdict),
    Index("retraining_monitor_trigger_window_start_idx", "monitor", text("trigger_window_start DESC")),
)

report = Table(
    "report",
    metadata,
    _text("monitor"),
    _moment("window_start"),
    _moment("window_end"),
    _text("kind"),
    _text("address"),
    Column("seconds", Double, nullable=True, comment="How long drawing took."),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "window_start", "window_end", "kind"),
)

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    _text("key"),
    Column("incident_id", BigInteger, nullable=True),
    _text("monitor", default=""),
    _text("event"),
    _text("channel"),
    _text("state", default=MessageState.PENDING.value),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _moment("not_before", nullable=True),
    _text("last_error", nullable=True),
    _moment("sent_at", nullable=True),
    *_bookkeeping(),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("key"),
    ForeignKeyConstraint(["incident_id"], [f"{SCHEMA}.incident.id"], ondelete="CASCADE"),
    _one_of("event", Event),
    _one_of("state", MessageState),
    Index("message_pending_idx", "not_before", "id", postgresql_where=text(f"state = '{MessageState.PENDING.value}'")),
    Index("message_incident_idx", "incident_id"),
)

export = Table(
    "export",
    metadata,
    _text("monitor"),
    _moment("window_start"),
    _moment("window_end"),
    _text("sink"),
    _text("state"),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    _text("error", nullable=True),
    *_bookkeeping(),
    PrimaryKeyConstraint("monitor", "window_start", "window_end", "sink"),
    _one_of("sink", Sink),
    _one_of("state", ("sent", "failed")),
    Index("export_failed_idx", "sink", "monitor", postgresql_where=text("state = 'failed'")),
)

label_batch = Table(
    "label_batch",
    metadata,
    _text("monitor"),
    _moment("window_start"),
    _moment("window_end"),
    Column("revision", Integer, nullable=False, comment="0: as measured before any label arrived."),
    Column("batch_hash", Text, nullable=False, comment="Content of the rows that the labels were joined to."),
    _text("model_version"),
    Column("content_hash", Text, nullable=False, comment="Of ids and labels; empty for revision 0."),
    _text("path", nullable=True),
    _json("counts", "{}"),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("restated_at", DateTime(timezone=True), comment="When the metrics of this revision were written; NULL: not yet."),
    PrimaryKeyConstraint("monitor", "window_start", "window_end", "revision"),
    _belongs_to_batch(),
)

metric_revision = Table(
    "metric_revision",
    metadata,
    _text("monitor"),
    _moment("window_start"),
    _moment("window_end"),
    Column("revision", Integer, nullable=False),
    _text("model_version"),
    _text("family"),
    _text("metric"),
    _text("column", default=""),
    _text("segment", default=""),
    Column("value", Double, nullable=True),
    Column("low", Double, nullable=True),
    Column("high", Double, nullable=True),
    Column("labelled_rows", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("monitor", "window_start", "window_end", "revision", "model_version", "family", "metric", "column", "segment"),
    ForeignKeyConstraint(
        ["monitor", "window_start", "window_end", "revision"],
        [f"{SCHEMA}.label_batch.{name}" for name in ("monitor", "window_start", "window_end", "revision")],
        ondelete="CASCADE",
    ),
)
