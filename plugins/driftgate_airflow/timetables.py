"""When a monitor runs: a cron schedule whose first and last moment belong to the schedule, not to the DAG.

Airflow gives a manual run of a DAG no task at all when its logical date lies after the DAG's ``end_date`` or before its
``start_date``, and its UI always sends the present as logical date. A monitor of past data would then look as if it had run. So the
DAG has no such dates; this timetable keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval
    from pendulum import DateTime, FixedTimezone, Timezone


class MonitorTimetable(CronDataIntervalTimetable):
    """Data intervals by cron, from ``start`` to ``end``.

    Parameters
    ----------
    cron, timezone
        As for Airflow's own timetable.
    start, end
        Bounds of the scheduled and backfilled data intervals; None is unbounded. Manual runs are not bounded.
    """

    def __init__(
        self, cron: str, timezone: str | Timezone | FixedTimezone, start: DateTime | None = None, end: DateTime | None = None
    ) -> None:
        super().__init__(cron, timezone)
        self._start = start
        self._end = end

    def serialize(self) -> dict[str, Any]:
        bounds = {name: value.isoformat() for name, value in (("start", self._start), ("end", self._end)) if value is not None}
        return {**super().serialize(), **bounds}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MonitorTimetable:
        from airflow._shared.timezones.timezone import parse_timezone

        return cls(data["expression"], parse_timezone(data["timezone"]), _moment(data.get("start")), _moment(data.get("end")))

    def next_dagrun_info(self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction) -> DagRunInfo | None:
        earliest = max((moment for moment in (restriction.earliest, self._start) if moment is not None), default=None)
        bounded = TimeRestriction(earliest, restriction.latest, restriction.catchup)
        found = super().next_dagrun_info(last_automated_data_interval=last_automated_data_interval, restriction=bounded)
        is_late = found is not None and self._end is not None and found.data_interval.end > self._end
        return None if is_late else found


def _moment(text: str | None) -> DateTime | None:
    found = pendulum.parse(text) if text else None
    return found if isinstance(found, pendulum.DateTime) else None
