"""What became of the windows of a stretch of time: which of them can serve as a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, Table, and_, func, select

from driftgate.record import rows, tables
from driftgate.record.connection import transaction
from driftgate.records import UNVERSIONED, Batch, BatchStatus, Family, GateVerdict, MetricVerdict, Window


@dataclass(frozen=True)
class PastWindow:
    """A window's batch and what was found out about it."""

    batch: Batch
    has_passed: bool
    """Whether the gate let it through (pass or warn) and it was not quarantined since."""
    is_judged: bool
    """Whether it was measured and decided upon for the model version that scored it."""
    is_alarmed: bool
    """Whether its decision was breached or its data set counted as drifted."""

    @property
    def is_ordinary(self) -> bool:
        """Whether nothing about it is known to be unusual."""
        return self.has_passed and self.is_judged and not self.is_alarmed and self.batch.status is BatchStatus.MEASURED

    @property
    def is_unusual(self) -> bool:
        """Whether its rows are known to be unusual: stopped by the gate, or alarmed."""
        return self.batch.status is BatchStatus.QUARANTINED or self.is_alarmed


def past_windows(engine: Engine, monitor: str, stretch: Window) -> Sequence[PastWindow]:
    """Return the windows that overlap a stretch of time, oldest first; one query."""
    batch, gate, decision, metric = tables.batch, tables.gate_result, tables.decision, tables.metric
    version = func.coalesce(batch.c.model_version, UNVERSIONED)
    drifted = and_(
        _same_window(batch, metric),
        metric.c.model_version == version,
        metric.c.family == Family.DATA_DRIFT.value,
        metric.c.metric == "dataset_drift",
        metric.c.column == "",
        metric.c.segment == "",
    )
    query = (
        select(batch, gate.c.verdict.label("gate_verdict"), decision.c.breached, metric.c.verdict.label("drift_verdict"))
        .outerjoin(gate, _same_window(batch, gate))
        .outerjoin(decision, and_(_same_window(batch, decision), decision.c.model_version == version))
        .outerjoin(metric, drifted)
        .where(batch.c.monitor == monitor, batch.c.window_start < stretch.end, batch.c.window_end > stretch.start)
        .order_by(batch.c.window_start, batch.c.window_end)
    )
    with transaction(engine) as connection:
        return [_past(row) for row in connection.execute(query).mappings()]


def _past(row: rows.Row) -> PastWindow:
    batch = rows.to_batch(row)
    stopped = row["gate_verdict"] in (None, GateVerdict.FAIL.value) or batch.status is BatchStatus.QUARANTINED
    return PastWindow(
        batch=batch,
        has_passed=not stopped,
        is_judged=row["breached"] is not None,
        is_alarmed=bool(row["breached"]) or row["drift_verdict"] == MetricVerdict.ALARM.value,
    )


def _same_window(one: Table, other: Table) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in ("monitor", "window_start", "window_end")))
