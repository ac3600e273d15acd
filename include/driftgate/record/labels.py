"""Labels of windows and the metrics that followed from them: what was known when. Revisions are only added, never changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, delete, exists, false, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from driftgate.label_records import FIRST_REVISION, LabelBatch, LabelCounts
from driftgate.record import rows, tables
from driftgate.record.connection import bound_waits, transaction
from driftgate.records import BatchStatus, Family, Measures, Metric, MetricVerdict, Window, to_dict

TABLE, METRIC_REVISION, METRIC, BATCH = tables.label_batch, tables.metric_revision, tables.metric, tables.batch


@dataclass(frozen=True)
class KnownMetric:
    """The value of one metric as it was known with one revision."""

    revision: int
    metric: Metric
    labelled_rows: int
    recorded_at: datetime


class LabelStore:
    """Reads and writes labels and revisions of metrics; raises as ``RecordStore`` does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = bound_waits(engine)

    # --- revisions ---------------------------------------------------------------------------------------------------

    def latest(self, monitor: str, window: Window) -> LabelBatch | None:
        """Return what is known about the labels of a window; None when none ever arrived."""
        found = self.revisions(monitor, window)
        return found[-1] if found else None

    def revisions(self, monitor: str, window: Window) -> list[LabelBatch]:
        """Return every revision of a window's labels, the first one first."""
        query = select(TABLE).where(_at(TABLE, monitor, window)).order_by(TABLE.c.revision)
        return [_to_label_batch(row) for row in self._all(query)]

    def append(self, labels: LabelBatch) -> None:
        """Add a revision whose metrics are not restated yet; adding the same one again changes nothing."""
        with transaction(self.engine) as connection:
            connection.execute(insert(TABLE).on_conflict_do_nothing(), [_row(labels)])

    def append_first(self, labels: LabelBatch, measures: Measures, metrics: Sequence[Metric]) -> None:
        """Add revision 0 with the metrics that stood before any label arrived, dated by when they were written."""
        with transaction(self.engine) as connection:
            written = select(func.max(METRIC.c.updated_at)).where(_at(METRIC, labels.monitor, labels.window))
            moment = connection.execute(written).scalar_one() or connection.execute(select(func.now())).scalar_one()
            row = {**_row(labels), "recorded_at": moment, "restated_at": moment}
            if connection.execute(insert(TABLE).on_conflict_do_nothing(), [row]).rowcount and metrics:
                connection.execute(insert(METRIC_REVISION), _metric_rows(labels, measures, metrics, moment))

    def restated(self, labels: LabelBatch, measures: Measures, metrics: Sequence[Metric]) -> None:
        """Keep the metrics of a revision and mark it as restated, in one transaction; done again, it leaves the same rows."""
        with transaction(self.engine) as connection:
            moment = connection.execute(select(func.now())).scalar_one()
            revision = and_(_at(METRIC_REVISION, labels.monitor, labels.window), METRIC_REVISION.c.revision == labels.revision)
            connection.execute(delete(METRIC_REVISION).where(revision))
            if metrics:
                connection.execute(insert(METRIC_REVISION), _metric_rows(labels, measures, metrics, moment))
            this = and_(_at(TABLE, labels.monitor, labels.window), TABLE.c.revision == labels.revision)
            connection.execute(update(TABLE).where(this).values(restated_at=moment))

    def history(self, monitor: str, window: Window) -> list[KnownMetric]:
        """Return every metric of every revision of a window, ordered by revision and address."""
        table = METRIC_REVISION
        order = (table.c.revision, table.c.family, table.c.metric, table.c.column, table.c.segment)
        found = self._all(select(table).where(_at(table, monitor, window)).order_by(*order))
        return [KnownMetric(row["revision"], _to_metric(row), row["labelled_rows"], row["recorded_at"]) for row in found]

    # --- windows -----------------------------------------------------------------------------------------------------

    def looked_for(self, monitor: str, now: datetime, delay: timedelta, horizon: timedelta) -> list[Window]:
        """Return the measured windows whose labels are expected by now and still looked for, oldest first.

        The horizon counts from the end of the window or, where that was later (a backfill), from when it was first kept.
        """
        query = select(BATCH).where(
            BATCH.c.monitor == monitor,
            BATCH.c.status == BatchStatus.MEASURED.value,
            BATCH.c.window_end <= now - delay,
            func.greatest(BATCH.c.window_end, BATCH.c.created_at) >= now - horizon,
        )
        return [rows.window_of(row) for row in self._all(query.order_by(BATCH.c.window_start, BATCH.c.window_end))]

    def labelled_windows(self, monitor: str) -> list[Window]:
        """Return the windows for which labels have arrived, oldest first."""
        query = select(TABLE.c.window_start, TABLE.c.window_end).where(TABLE.c.monitor == monitor, TABLE.c.revision > FIRST_REVISION)
        return [rows.window_of(row) for row in self._all(query.distinct().order_by(TABLE.c.window_start, TABLE.c.window_end))]

    def contradicted_after(self, monitor: str, window: Window, metrics: Collection[tuple[str, str]]) -> bool:
        """Whether a later window broke no rule although at least one of these metrics (name, column) had a value in it.

        A window whose labels have not arrived says nothing about performance, so it is no contradiction. One of which no metric is on
        record counts.
        """
        decision = tables.decision
        same = [decision.c[name] == METRIC.c[name] for name in ("monitor", "window_start", "window_end", "model_version")]
        named = [and_(METRIC.c.metric == name, METRIC.c.column == column) for name, column in metrics]
        is_judged = func.coalesce(METRIC.c.verdict, "") != MetricVerdict.TOO_FEW_ROWS.value
        judged = exists().where(*same, METRIC.c.segment == "", METRIC.c.value.is_not(None), is_judged, or_(false(), *named))
        later = select(decision.c.breached).where(decision.c.monitor == monitor, decision.c.window_start > window.start)
        return bool(self._all(later.where(decision.c.breached.is_(False), or_(judged, ~exists().where(*same))).limit(1)))

    def _all(self, query: Any) -> Sequence[rows.Row]:
        with transaction(self.engine) as connection:
            return connection.execute(query).mappings().all()


def _at(table: Any, monitor: str, window: Window) -> ColumnElement[bool]:
    key = tuple_(table.c.monitor, table.c.window_start, table.c.window_end)
    return key == (monitor, window.start, window.end)


def _row(labels: LabelBatch) -> dict[str, Any]:
    names = ("monitor", "revision", "batch_hash", "model_version", "content_hash", "path")
    row = {name: getattr(labels, name) for name in names}
    return {**row, **rows.window_columns(labels.window), "counts": to_dict(labels.counts)}


def _to_label_batch(row: rows.Row) -> LabelBatch:
    names = ("monitor", "revision", "batch_hash", "model_version", "content_hash", "path", "recorded_at", "restated_at")
    return LabelBatch(window=rows.window_of(row), counts=LabelCounts.from_dict(row["counts"]), **{name: row[name] for name in names})


def _metric_rows(labels: LabelBatch, measures: Measures, metrics: Sequence[Metric], moment: datetime) -> list[dict[str, Any]]:
    return [
        {
            "monitor": labels.monitor,
            **rows.window_columns(labels.window),
            "revision": labels.revision,
            "model_version": measures.model_version,
            "family": item.family.value,
            "metric": item.metric,
            "column": item.column,
            "segment": item.segment,
            "value": rows.finite(item.value),
            "low": rows.finite(item.low),
            "high": rows.finite(item.high),
            "labelled_rows": labels.counts.labelled,
            "recorded_at": moment,
        }
        for item in sorted(metrics, key=lambda item: item.address)
    ]


def _to_metric(row: rows.Row) -> Metric:
    names = ("metric", "value", "column", "segment", "low", "high")
    return Metric(family=Family(row["family"]), **{name: row[name] for name in names})
