"""What was learned for a model version, and the recent numbers that its detector of slow change looks at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, and_, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from driftgate.record import tables
from driftgate.record.connection import transaction
from driftgate.records import BatchStatus

Address = tuple[str, str, str]


class CalibrationStore:
    """Reads and writes calibrations; raises as :class:`driftgate.record.store.RecordStore` does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def save(self, monitor: str, model_version: str, content: Mapping[str, Any]) -> None:
        """Write the calibration of a version; a later one replaces it."""
        statement = insert(tables.calibration).values(monitor=monitor, model_version=model_version, content=dict(content))
        changed = {"content": statement.excluded.content, "updated_at": func.now()}
        with transaction(self.engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["monitor", "model_version"], set_=changed))

    def find(self, monitor: str, model_version: str) -> dict[str, Any] | None:
        """Return what was written for a version."""
        table = tables.calibration
        query = select(table.c.content).where(table.c.monitor == monitor, table.c.model_version == model_version)
        with transaction(self.engine) as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else dict(found)

    def former(self, monitor: str, model_version: str) -> dict[str, Any] | None:
        """Return what was written for the latest version before a numbered one; None where there is none."""
        if not model_version.isdigit():
            return None
        table = tables.calibration
        query = select(table.c.model_version, table.c.content).where(table.c.monitor == monitor)
        with transaction(self.engine) as connection:
            found = {int(version): content for version, content in connection.execute(query) if version.isdigit()}
        earlier = [version for version in found if version < int(model_version)]
        return dict(found[max(earlier)]) if earlier else None

    def history(
        self, monitor: str, model_version: str, before: datetime, addresses: Collection[Address], limit: int
    ) -> dict[Address, list[tuple[float, int]]]:
        """Return value and rows of the latest measured windows that end by a moment, oldest first, by family, metric and column.

        Counted are windows that were measured with this model version; a window without one of the numbers is left out of that
        number's list. One statement.
        """
        if not addresses:
            return {}
        batch, metric = tables.batch, tables.metric
        recent = (
            select(batch.c.window_start, batch.c.window_end, batch.c.rows)
            .where(batch.c.monitor == monitor, batch.c.window_end <= before, batch.c.measured_model_version == model_version)
            .where(batch.c.status == BatchStatus.MEASURED.value)
            .order_by(batch.c.window_start.desc())
            .limit(limit)
            .subquery()
        )
        of_window = and_(metric.c.window_start == recent.c.window_start, metric.c.window_end == recent.c.window_end)
        query = (
            select(metric.c.family, metric.c.metric, metric.c.column, metric.c.value, recent.c.rows)
            .join(recent, of_window)
            .where(metric.c.monitor == monitor, metric.c.model_version == model_version, metric.c.segment == "", metric.c.value.isnot(None))
            .where(tuple_(metric.c.family, metric.c.metric, metric.c.column).in_(sorted(addresses)))
            .order_by(recent.c.window_start)
        )
        found: dict[Address, list[tuple[float, int]]] = {}
        with transaction(self.engine) as connection:
            for family, name, column, value, rows in connection.execute(query):
                found.setdefault((family, name, column), []).append((float(value), int(rows)))
        return found
