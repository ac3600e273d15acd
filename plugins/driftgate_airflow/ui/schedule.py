"""What Airflow's scheduler knows of monitors' DAGs. The only module of the pages that reads Airflow's own database."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import localise
from driftgate_airflow.windows import last_boundary

_LONGEST_GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class DagState:
    """How a DAG is scheduled."""

    next_run: datetime | None
    """When the next run is created; None if none is planned."""
    is_paused: bool


@dataclass(frozen=True)
class Freshness:
    """Whether the newest window is the one that should be there."""

    state: str
    """``on_time``, ``late``, ``paused``, ``manual`` (no schedule), ``finished`` (the schedule's end has passed) or ``no_window``."""
    expected_end: datetime | None = None
    behind: timedelta = timedelta()
    windows: int = 0


def dag_states(dag_ids: Collection[str]) -> Mapping[str, DagState]:
    """Return the state of the DAGs that Airflow knows; the others are missing."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = (DagModel.dag_id, DagModel.next_dagrun_create_after, DagModel.is_paused)
    query = select(*columns).where(DagModel.dag_id.in_(list(dag_ids)), DagModel.is_stale.is_(False))
    with create_session() as session:
        return {dag_id: DagState(None if paused else following, bool(paused)) for dag_id, following, paused in session.execute(query)}


def freshness(config: MonitorConfig, newest_end: datetime | None, now: datetime, *, is_paused: bool) -> Freshness:
    """Compare the end of the newest window with the last end that the schedule has passed.

    A window is late when it is missing a quarter of its length, but at most an hour, after its end.
    """
    if config.schedule.cron is None:
        return Freshness("manual")
    end = localise(config, config.schedule.end) if config.schedule.end else None
    start = localise(config, config.schedule.start) if config.schedule.start else None
    grace = min(_LONGEST_GRACE, config.window.size / 4)
    is_over = end is not None and now >= end
    expected = last_boundary(config, end if end is not None and is_over else now - grace)
    behind = max(expected - newest_end, timedelta()) if newest_end else timedelta()
    state = _state(is_over=is_over, is_paused=is_paused, has_window=newest_end is not None, is_behind=behind > timedelta())
    if state in ("late", "no_window") and start is not None and expected <= start:
        return Freshness("on_time", expected)
    return Freshness(state, expected, behind, math.ceil(behind / config.window.size))


def _state(*, is_over: bool, is_paused: bool, has_window: bool, is_behind: bool) -> str:
    if is_over:
        return "finished"
    if is_paused:
        return "paused"
    if not has_window:
        return "no_window"
    return "late" if is_behind else "on_time"
