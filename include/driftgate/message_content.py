"""What a message of the outbox says, from the records as they are when it is delivered; and whether it is still wanted."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from driftgate.addresses import Addresses, openable
from driftgate.config.loader import find_monitor
from driftgate.config.notifications import NotificationsConfig
from driftgate.errors import ConfigError
from driftgate.notify import wording
from driftgate.notify.notice import Link, Notice
from driftgate.notify.routing import digest_day
from driftgate.notify.wording import About, Day
from driftgate.records import BatchStatus, Cause, Event, Incident, Message, MessageState, Retraining, RetrainVerdict, Severity
from driftgate.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from driftgate.record.incidents import IncidentStore
    from driftgate.record.messages import MessageStore
    from driftgate.record.store import RecordStore

APPROVE = "approve"
"""Task of the retraining DAG that waits for a person."""


class Dropped(Exception):  # noqa: N818 - an answer, not an error
    """A message is no longer wanted; says why."""


class Content:
    """Words messages; reads each monitor's file once.

    Parameters
    ----------
    now
        The present, for the digest.
    """

    def __init__(self, settings: Settings, engine: Engine, config: NotificationsConfig, now: datetime) -> None:
        self._settings, self._engine, self._config, self._now = settings, engine, config, now
        self._addresses = Addresses(settings)
        self._monitors: dict[str, About] = {}

    def of(self, message: Message) -> Notice:
        """Return what a message says.

        Raises
        ------
        Dropped
            If it is no longer wanted.
        """
        words = {Event.OPENED: self._opened, Event.RESOLVED: self._resolved, Event.APPROVAL: self._approval, Event.DIGEST: self._digest}
        return words[message.event](message)

    def about(self, monitor: str) -> About:
        """Return what is known about a monitor; a file that is gone or broken does not stop a message."""
        if monitor not in self._monitors:
            try:
                self._monitors[monitor] = About(monitor, find_monitor(self._settings.monitors_dir, monitor).config)
            except ConfigError:
                self._monitors[monitor] = About(monitor)
        return self._monitors[monitor]

    # --- incidents ----------------------------------------------------------------------------------------------------

    def _opened(self, message: Message) -> Notice:
        """Tell of an incident, unless everybody knows: acknowledged, a warning that is over, or told as critical meanwhile."""
        incident = self._incident(message)
        if incident.resolved is not None and incident.severity is not Severity.CRITICAL:
            raise Dropped("over before it was told, and only a warning")
        siblings = self._siblings(message)
        is_first = _kind(message) != Severity.CRITICAL.value
        if is_first and any(_kind(other) == Severity.CRITICAL.value for other in siblings):
            raise Dropped("told as critical instead")
        worsened = not is_first and any(other.state is MessageState.SENT for other in siblings if other.event is Event.OPENED)
        return wording.opened(message.key, incident, self.about(incident.monitor), self._links(incident), worsened=worsened)

    def _resolved(self, message: Message) -> Notice:
        """Tell that an incident is over to those who were told of it while it was open."""
        incident = self._incident(message)
        if incident.resolved is None:
            raise Dropped("the incident is open again")
        told = [other.sent_at for other in self._siblings(message) if other.event is Event.OPENED and other.sent_at]
        if not any(sent <= incident.resolved for sent in told):
            raise Dropped("nobody was told of it while it was open")
        return wording.resolved(message.key, incident, self.about(incident.monitor), self._links(incident))

    def _incident(self, message: Message) -> Incident:
        incident = self._incidents.find(message.incident_id or 0)
        if incident is None:
            raise Dropped("the incident is gone")
        if incident.acknowledged is not None:
            raise Dropped(f"acknowledged by {incident.acknowledged_by or 'a person'} before it was told")
        return incident

    def _siblings(self, message: Message) -> list[Message]:
        """Return the other messages about the incident to the same channel."""
        found = self._outbox.of_incident(message.incident_id or 0)
        return [other for other in found if other.channel == message.channel and other.id != message.id]

    def _links(self, incident: Incident) -> list[Link]:
        monitor, window, places = incident.monitor, incident.last_seen, self._addresses
        batch, gate = self._store.find_batch(monitor, window), self._store.find_gate(monitor, window)
        has_report = self._store.find_report(monitor, window, "evidently") is not None
        dag = f"retrain__{monitor}" if incident.cause is Cause.RETRAIN else f"monitor__{monitor}"
        run = batch.dag_run if batch and incident.cause is not Cause.RETRAIN else None
        return _known(
            ("Open in Driftgate", places.monitor_page(monitor, window)),
            ("Airflow run" if run else "Airflow DAG", places.dag(dag, run)),
            ("Data Docs", places.data_docs(gate.data_docs if gate else None)),
            ("Evidently report", places.evidently_report(monitor, window) if has_report else None),
            ("MLflow run", openable(self._store.find_report(monitor, window, "mlflow"))),
            ("Grafana", places.dashboard(monitor, window)),
            ("All incidents", places.incidents_page()),
        )

    # --- approvals and digests ----------------------------------------------------------------------------------------

    def _approval(self, message: Message) -> Notice:
        retraining = self._retraining(message)
        if retraining is None or retraining.verdict is not RetrainVerdict.CHALLENGER_WINS:
            raise Dropped("answered before it was told")
        monitor, dag = retraining.monitor, f"retrain__{retraining.monitor}"
        run = retraining.dag_run
        links = _known(
            ("Answer in Airflow", self._addresses.required_action(dag, run, APPROVE) if run else self._addresses.dag(dag)),
            ("Open in Driftgate", self._addresses.monitor_page(monitor, retraining.trigger_window)),
            ("Grafana", self._addresses.dashboard(monitor, retraining.trigger_window)),
        )
        return wording.approval(message.key, retraining, self.about(monitor), links)

    def _retraining(self, message: Message) -> Retraining | None:
        window_key, version = message.key.split(":")[2:4]
        found = self._store.retrainings(message.monitor)
        return next((item for item in found if item.trigger_window.key == window_key and item.challenger_version == version), None)

    def _digest(self, message: Message) -> Notice:
        if str(digest_day(self._config, self._now)) != message.key.split(":")[1]:
            raise Dropped("the day is over; the next digest tells what is open")
        day = self.day()
        if day.is_quiet and not (self._config.digest and self._config.digest.all_quiet):
            raise Dropped("nothing to tell")
        return self.digest(message.key, day)

    def digest(self, key: str, day: Day) -> Notice:
        """Word the digest of a day."""
        links = _known(
            ("Incidents", self._addresses.incidents_page()),
            ("Required actions", self._addresses.required_actions()),
        )
        monitors = {item.monitor: self.about(item.monitor) for item in (*day.open, *day.opened, *day.resolved)}
        return wording.digest(key, day, monitors, links)

    def day(self) -> Day:
        """Return what happened in the last 24 hours."""
        from driftgate.record.activity import activity

        found = activity(self._engine, self._now - timedelta(days=1), self._now)
        return Day(
            until=self._now,
            open=found.open,
            opened=found.opened,
            resolved=found.resolved,
            windows=found.windows.get(BatchStatus.MEASURED, 0),
            rows=found.rows,
            quarantined=found.windows.get(BatchStatus.QUARANTINED, 0),
            no_data=found.windows.get(BatchStatus.NO_DATA, 0),
            failed=found.windows.get(BatchStatus.FAILED, 0),
            retrainings=found.retrainings,
            undelivered=found.undelivered,
        )

    @cached_property
    def _incidents(self) -> IncidentStore:
        from driftgate.record.incidents import IncidentStore

        return IncidentStore(self._engine)

    @cached_property
    def _outbox(self) -> MessageStore:
        from driftgate.record.messages import MessageStore

        return MessageStore(self._engine)

    @cached_property
    def _store(self) -> RecordStore:
        from driftgate.record.store import RecordStore

        return RecordStore(self._engine)


def make_digest(settings: Settings, engine: Engine, config: NotificationsConfig, now: datetime) -> Notice:
    """Word the digest of the 24 hours before now."""
    content = Content(settings, engine, config, now)
    return content.digest(f"digest:{now:%Y-%m-%d}", content.day())


def _kind(message: Message) -> str:
    """Return the part of an incident's message key that says what it tells: opened, critical or resolved."""
    return message.key.split(":")[2]


def _known(*links: tuple[str, str | None]) -> list[Link]:
    return [Link(name, address) for name, address in links if address]
