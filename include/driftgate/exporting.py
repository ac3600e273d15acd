"""Sending windows from the record to the optional sinks Prometheus and InfluxDB, and knowing how that went.

The record in PostgreSQL is complete before anything is exported, and what is exported is read back from it. So a sink that is down
loses nothing: what it did not get is noted in ``driftgate.export`` and sent later by :func:`export_since`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import localise
from driftgate.context import Context
from driftgate.errors import DriftgateError, MeasureError, ServiceError, SettingsError
from driftgate.records import BatchStatus, Export, Sink, Window
from driftgate.settings import Settings

if TYPE_CHECKING:
    from driftgate.export.figures import Figures
    from driftgate.export.pushgateway import MonitorState
    from driftgate.record.exports import ExportStore, MeasuredWindow

log = logging.getLogger(__name__)

SINKS = (Sink.INFLUXDB, Sink.PROMETHEUS)
"""In this order: a failure of the first already shows in the error counter of the second."""
LOCK_WAIT_S = 4.0
BATCH_WINDOWS = 20
"""Windows that go to InfluxDB in one request when a gap is filled."""
_ABOUT_CONTENT = frozenset({400, 413, 422})
"""Statuses by which a server refuses the points, not the sender."""

Progress = Callable[[Sink, int, int], None]
"""Called with sink, windows done, windows in all."""


@dataclass(frozen=True)
class ExportCounts:
    """What became of filling a gap for one monitor and sink."""

    sink: Sink
    sent: int = 0
    failed: int = 0
    left: int = 0
    """Windows that were not tried because the sink stopped answering; the next call goes on with them."""
    superseded: int = 0
    """Older windows that a sink of the latest window never shows."""
    error: str | None = None
    """The last error; None when everything was sent."""

    @property
    def complete(self) -> bool:
        return self.error is None


# --- which sinks ------------------------------------------------------------------------------------------------------


def configured(settings: Settings) -> tuple[Sink, ...]:
    """Return the sinks that have an address."""
    addresses = {Sink.PROMETHEUS: settings.prometheus_gateway, Sink.INFLUXDB: settings.influxdb}
    return tuple(sink for sink in SINKS if addresses[sink] is not None)


def enabled(context: Context, wanted: Collection[Sink] | None = None) -> tuple[Sink, ...]:
    """Return the sinks that have an address and are on in the monitor file; ``wanted`` chooses among them.

    Raises
    ------
    SettingsError
        If a wanted sink has no address.
    """
    known = configured(context.settings)
    missing = sorted(set(wanted or ()) - set(known))
    if missing:
        variable = {Sink.PROMETHEUS: "PROMETHEUS_GATEWAY", Sink.INFLUXDB: "INFLUXDB_URL"}.get(missing[0])
        hint = f"set {variable}" if variable else f"choose among {', '.join(SINKS)}"
        raise SettingsError(f"nothing can be exported to {missing[0]}: it has no address; {hint}")
    return tuple(sink for sink in known if getattr(context.config.sinks, sink.value) and (wanted is None or sink in wanted))


# --- one window -------------------------------------------------------------------------------------------------------


def export_window(context: Context, window: Window, model_version: str, sinks: Collection[Sink] | None = None) -> tuple[Export, ...]:
    """Send one measured window to every sink that is on, and record how that ended.

    InfluxDB gets the window at its own time. Prometheus gets the monitor's latest window, which may be a later one: a Pushgateway
    shows the present. Every sink is tried, within a bound of seconds, before an error is raised.

    Returns
    -------
    tuple of Export
        One per sink; empty where none is on.

    Raises
    ------
    MeasureError
        If the record holds no metrics of this window and model version.
    ServiceError
        If a sink did not take the window; the record is complete, and the failure is noted in it.
    """
    from driftgate.record.exports import MeasuredWindow

    chosen = enabled(context, sinks)
    measured = MeasuredWindow(window, model_version)
    if chosen:
        _window_figures(context, measured)
    results = tuple(_export(context, measured, sink) for sink in chosen)
    failed = [result for result in results if not result.sent]
    if failed:
        raise _failure(context, window, failed, len(results))
    return results


def _export(context: Context, measured: MeasuredWindow, sink: Sink) -> Export:
    store, monitor = _exports(context), context.config.id
    try:
        if sink is Sink.INFLUXDB:
            _write_points(context, [measured])
        else:
            refresh(context)
        result = Export(monitor, measured.window, sink, sent=True)
    except DriftgateError as error:
        log.warning("monitor %s: window %s was not exported to %s: %s", monitor, measured.window, sink, error)
        result = Export(monitor, measured.window, sink, sent=False, error=str(error))
    store.save(result)
    return result


def _failure(context: Context, window: Window, failed: Sequence[Export], tried: int) -> ServiceError:
    monitor = context.config.id
    reasons = "\n".join(f"  - {result.sink}: {result.error}" for result in failed)
    return ServiceError(
        f"monitor {monitor}: window {window} is recorded but was not exported to {len(failed)} of {tried} sinks:\n{reasons}\n"
        f"Send it later with `driftgate export {monitor} --since {window.start:%Y-%m-%d}`."
    )


# --- Prometheus -------------------------------------------------------------------------------------------------------


def refresh(context: Context) -> MonitorState:
    """Make the Pushgateway show the monitor as the record has it now; safe at any time and as often as wanted.

    Pushes of one monitor wait for each other, each reads the record only when it is its turn, and so the latest window stays,
    whatever is exported in whatever order. Older windows that waited for the Pushgateway are settled by it.

    Raises
    ------
    SettingsError
        If no Pushgateway is configured.
    ServiceError
        If it did not take the push, or another push of this monitor does not end.
    """
    from driftgate.export import pushgateway

    gateway = _require_gateway(context.settings)
    with context.store.window_lock(context.config.id, "prometheus", "export", wait_s=LOCK_WAIT_S):
        state = monitor_state(context)
        pushgateway.push(gateway, context.settings.environment, state)
        if state.figures is not None:
            _exports(context).supersede(context.config.id, Sink.PROMETHEUS, state.figures.window)
    return state


def refresh_if_on(context: Context) -> None:
    """Make the Pushgateway show the monitor where there is one (a batch was quarantined, say); a failure is only logged."""
    if Sink.PROMETHEUS in enabled(context):
        try:
            refresh(context)
        except DriftgateError as error:
            log.warning("monitor %s: Prometheus shows an older state: %s", context.config.id, error)


def monitor_state(context: Context) -> MonitorState:
    """Read from the record everything that the Pushgateway shows about a monitor."""
    from driftgate.export.pushgateway import BUCKETS_S, Durations, MonitorState

    store, config = _exports(context), context.config
    latest, last = store.latest(config.id), store.last_window(config.id)
    version = latest.model_version if latest else ""
    return MonitorState(
        monitor=config.id,
        exported_at=time.time(),
        figures=_window_figures(context, latest) if latest else None,
        windows={status.value: count for status, count in store.windows_by_status(config.id).items()},
        last_window=last[0] if last else None,
        last_window_quarantined=last is not None and last[1] is BatchStatus.QUARANTINED,
        overdue_after=_timestamp(overdue_after(config, latest.window.end, datetime.now(UTC)) if latest else None),
        export_errors=store.failures(config.id, version),
        report_durations=Durations(*store.report_durations(config.id, version, BUCKETS_S)),
    )


def overdue_after(config: MonitorConfig, end: datetime, now: datetime) -> datetime | None:
    """Return when the window after the one that ends here must have been measured: at the run after its own.

    None where no further window is expected: the monitor runs by hand, or its schedule has ended.
    """
    from croniter import croniter

    schedule = config.schedule
    if schedule.cron is None:
        return None
    ticks = croniter(schedule.cron, end.astimezone(schedule.zone), ret_type=datetime)
    following: datetime = ticks.get_next()
    if schedule.end is not None and localise(config, schedule.end) < max(following, now):
        return None
    late: datetime = ticks.get_next()
    return late


def prune(settings: Settings, monitors: Collection[str]) -> list[str]:
    """Remove from the Pushgateway what it still shows about other monitors than these; return the names that were removed.

    Only groups of this installation's environment are looked at. Without a Pushgateway there is nothing to do.
    """
    from driftgate.export import pushgateway

    if settings.prometheus_gateway is None:
        return []
    return pushgateway.prune(settings.prometheus_gateway, settings.environment, monitors)


def _require_gateway(settings: Settings) -> str:
    if settings.prometheus_gateway is None:
        raise SettingsError("no Pushgateway is configured; set PROMETHEUS_GATEWAY to its address, for example http://localhost:9091")
    return settings.prometheus_gateway


# --- InfluxDB ---------------------------------------------------------------------------------------------------------


def _write_points(context: Context, windows: Sequence[MeasuredWindow]) -> None:
    from driftgate.export import influx

    if context.settings.influxdb is None:
        raise SettingsError("no InfluxDB is configured; set INFLUXDB_URL, INFLUXDB_TOKEN, INFLUXDB_ORG and INFLUXDB_BUCKET")
    influx.write(context.settings.influxdb, [line for measured in windows for line in _points(context, measured)])


def _points(context: Context, measured: MeasuredWindow) -> list[str]:
    from driftgate.export import influx

    started = time.monotonic()
    figures = _window_figures(context, measured)
    drawing = _exports(context).report_seconds(context.config.id, measured.window)
    duration = time.monotonic() - started
    return influx.points(figures, context.settings.environment, export_duration=duration, report_seconds=drawing)


# --- a gap ------------------------------------------------------------------------------------------------------------


def export_since(
    context: Context,
    since: datetime | date | str | None = None,
    sinks: Collection[Sink] | None = None,
    progress: Progress | None = None,
    *,
    again: bool = False,
) -> tuple[ExportCounts, ...]:
    """Send a monitor's windows that a sink does not have, from a date on.

    InfluxDB gets every such window, oldest first. Prometheus gets the latest window only, because a Pushgateway takes no timestamps;
    older ones are counted as superseded. Every window that was sent is noted at once, so a call that was cut off is simply repeated.

    Parameters
    ----------
    since
        Only windows that start here or later; a date is read in the monitor's time zone. None: all.
    sinks
        None: all that are on.
    again
        Send what was sent before too (a new, empty InfluxDB).

    Raises
    ------
    SettingsError
        If a sink in ``sinks`` has no address.
    """
    start = None if since is None else localise(context.config, since)
    told = progress or (lambda *_: None)
    fill = {Sink.INFLUXDB: _fill_influx, Sink.PROMETHEUS: _fill_prometheus}
    return tuple(fill[sink](context, start, told, again) for sink in enabled(context, sinks))


def _fill_prometheus(context: Context, since: datetime | None, progress: Progress, again: bool) -> ExportCounts:
    """Push in any case: a Pushgateway that was restarted forgot what it had been sent."""
    store, sink = _exports(context), Sink.PROMETHEUS
    latest = store.latest(context.config.id)
    if latest is None:
        return ExportCounts(sink)
    waiting = [item for item in store.unsent(context.config.id, sink, since, again=again) if item.window != latest.window]
    result = _export(context, latest, sink)
    if not result.sent:
        return ExportCounts(sink, failed=1, error=result.error)
    note = f"superseded by window {latest.window}"
    store.save(*(Export(context.config.id, item.window, sink, sent=True, error=note) for item in waiting))
    progress(sink, 1, 1)
    return ExportCounts(sink, sent=1, superseded=len(waiting))


def _fill_influx(context: Context, since: datetime | None, progress: Progress, again: bool) -> ExportCounts:
    store, sink = _exports(context), Sink.INFLUXDB
    total = store.count_unsent(context.config.id, sink, since, again=again)
    counts = ExportCounts(sink, left=total)
    for batch in _batches(store.unsent(context.config.id, sink, since, again=again), BATCH_WINDOWS):
        counts, goes_on = _send_batch(context, batch, counts)
        progress(sink, counts.sent + counts.failed, total)
        if not goes_on:
            break
    return counts


def _send_batch(context: Context, batch: Sequence[MeasuredWindow], counts: ExportCounts) -> tuple[ExportCounts, bool]:
    """Send windows in one request; where their content is refused, one by one. False: the sink itself does not work."""
    try:
        _write_points(context, batch)
    except DriftgateError as error:
        if not _is_about_content(error) or len(batch) == 1:
            return _note_failed(context, batch, counts, error), _is_about_content(error)
        return _send_one_by_one(context, batch, counts)
    _exports(context).save(*(Export(context.config.id, item.window, Sink.INFLUXDB, sent=True) for item in batch))
    return replace(counts, sent=counts.sent + len(batch), left=max(0, counts.left - len(batch))), True


def _send_one_by_one(context: Context, batch: Sequence[MeasuredWindow], counts: ExportCounts) -> tuple[ExportCounts, bool]:
    for measured in batch:
        counts, goes_on = _send_batch(context, [measured], counts)
        if not goes_on:
            return counts, False
    return counts, True


def _is_about_content(error: DriftgateError) -> bool:
    """Tell whether an error is about the windows sent, so that the next one may fare better."""
    return isinstance(error, MeasureError) or getattr(error, "status", None) in _ABOUT_CONTENT


def _note_failed(context: Context, batch: Sequence[MeasuredWindow], counts: ExportCounts, error: DriftgateError) -> ExportCounts:
    text = str(error)
    _exports(context).save(*(Export(context.config.id, item.window, Sink.INFLUXDB, sent=False, error=text) for item in batch))
    return replace(counts, failed=counts.failed + len(batch), left=max(0, counts.left - len(batch)), error=text)


def _batches(windows: Iterator[MeasuredWindow], size: int) -> Iterator[list[MeasuredWindow]]:
    while batch := list(islice(windows, size)):
        yield batch


# --- the record -------------------------------------------------------------------------------------------------------


def _exports(context: Context) -> ExportStore:
    from driftgate.record.exports import ExportStore

    return ExportStore(context.store.engine)


def _window_figures(context: Context, measured: MeasuredWindow) -> Figures:
    from driftgate.export.figures import figures

    measures = context.store.load_measures(context.config.id, measured.window, measured.model_version)
    if measures is None:
        raise MeasureError(
            f"monitor {context.config.id}: the record holds no metrics of window {measured.window} for model version "
            f"{measured.model_version}; run the window first"
        )
    return figures(measures, context.config.columns.target)


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
