"""What was learned for a model version, and the recent numbers that its detector of slow change looks at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, and_, func, select, tuple_, union_all
from sqlalchemy.dialects.postgresql import insert

from driftgate.record import tables
from driftgate.record.connection import transaction
from driftgate.records import BatchStatus, Window

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
        return by_address(self.measured(monitor, model_version, before, addresses, limit))

    def measured(
        self,
        monitor: str,
        model_version: str,
        before: datetime,
        addresses: Collection[Address],
        limit: int,
        *,
        since: datetime | None = None,
    ) -> list[MeasuredWindow]:
        """Return the latest windows, at most ``limit``, that :meth:`history` looks at, oldest first.

        Parameters
        ----------
        since
            Also every window that ends after this moment, beyond the limit.
        """
        if not addresses:
            return []
        batch, metric = tables.batch, tables.metric
        mine = and_(
            batch.c.monitor == monitor,
            batch.c.measured_model_version == model_version,
            batch.c.status == BatchStatus.MEASURED.value,
        )
        columns = (batch.c.window_start, batch.c.window_end, batch.c.rows)
        first = before if since is None else since
        latest = select(*columns).where(mine, batch.c.window_end <= first).order_by(batch.c.window_start.desc()).limit(limit)
        more = select(*columns).where(mine, batch.c.window_end > first, batch.c.window_end <= before)
        recent = union_all(latest.subquery().select(), more).subquery()
        of_window = and_(
            metric.c.window_start == recent.c.window_start,
            metric.c.window_end == recent.c.window_end,
            metric.c.monitor == monitor,
            metric.c.model_version == model_version,
            metric.c.segment == "",
            metric.c.value.isnot(None),
            tuple_(metric.c.family, metric.c.metric, metric.c.column).in_(sorted(addresses)),
        )
        query = select(*recent.c, metric.c.family, metric.c.metric, metric.c.column, metric.c.value).outerjoin(metric, of_window)
        found: dict[Window, MeasuredWindow] = {}
        with transaction(self.engine) as connection:
            for row in connection.execute(query.order_by(recent.c.window_start)):
                window = Window(row.window_start, row.window_end)
                item = found.setdefault(window, MeasuredWindow(window, int(row.rows), {}))
                if row.family is not None:
                    item.values[row.family, row.metric, row.column] = float(row.value)
        return list(found.values())


@dataclass(frozen=True)
class MeasuredWindow:
    """Some numbers of a measured window."""

    window: Window
    rows: int
    values: dict[Address, float]


def by_address(windows: Iterable[MeasuredWindow]) -> dict[Address, list[tuple[float, int]]]:
    """Return value and rows of windows, in their order, by address."""
    found: dict[Address, list[tuple[float, int]]] = {}
    for item in windows:
        for address, value in item.values.items():
            found.setdefault(address, []).append((value, item.rows))
    return found
