"""How far the windows of a stretch of time are: which of them a backfill need not touch again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Table, and_, func, select

from driftgate.record import rows, tables
from driftgate.record.connection import transaction
from driftgate.records import UNVERSIONED, BatchStatus, Window


@dataclass(frozen=True)
class Reached:
    """What is on record about one window."""

    status: BatchStatus
    is_gated: bool
    is_decided: bool
    """Whether it was decided upon for the model version that scored it."""
    is_logged: bool
    """Whether its MLflow run is known."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing about it is left to be found out; a window without data may have some by now."""
        if self.status is BatchStatus.QUARANTINED:
            return self.is_gated
        return self.status is BatchStatus.MEASURED and self.is_gated and self.is_decided

    @property
    def needs_run(self) -> bool:
        """Whether it was measured and its MLflow run is not known."""
        return self.status is BatchStatus.MEASURED and not self.is_logged


def reached(engine: Engine, monitor: str, start: datetime, end: datetime) -> dict[Window, Reached]:
    """Return how far the windows that lie completely in [start, end) are; one query."""
    batch, gate, decision, report = tables.batch, tables.gate_result, tables.decision, tables.report
    version = func.coalesce(batch.c.model_version, UNVERSIONED)
    query = (
        select(
            batch.c.window_start,
            batch.c.window_end,
            batch.c.status,
            gate.c.verdict.is_not(None).label("is_gated"),
            decision.c.action.is_not(None).label("is_decided"),
            report.c.address.is_not(None).label("is_logged"),
        )
        .outerjoin(gate, _same_window(batch, gate))
        .outerjoin(decision, and_(_same_window(batch, decision), decision.c.model_version == version))
        .outerjoin(report, and_(_same_window(batch, report), report.c.kind == "mlflow"))
        .where(batch.c.monitor == monitor, batch.c.window_start >= start, batch.c.window_end <= end)
    )
    with transaction(engine) as connection:
        found = connection.execute(query).mappings().all()
    flags = ("is_gated", "is_decided", "is_logged")
    return {rows.window_of(row): Reached(BatchStatus(row["status"]), **{name: row[name] for name in flags}) for row in found}


def _same_window(one: Table, other: Table) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in ("monitor", "window_start", "window_end")))
