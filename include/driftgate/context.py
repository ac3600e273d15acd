"""What every step of the pipeline is given: the monitor, the settings and the records."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from driftgate.config.loader import find_monitor
from driftgate.config.models import LoadedMonitor, MonitorConfig
from driftgate.settings import Settings, load

if TYPE_CHECKING:
    from driftgate.record.incidents import IncidentStore
    from driftgate.record.store import RecordStore
    from driftgate.serve.registry import Registry


@dataclass(frozen=True)
class Context:
    """One monitor together with the places its results go to."""

    monitor: LoadedMonitor
    settings: Settings
    store: RecordStore
    connection_uri: Callable[[str], str] | None = None
    """Resolves an Airflow connection id to a URI; None outside Airflow (AIRFLOW_CONN_<ID> is read instead)."""

    tells: bool = True
    """Whether an incident that is opened puts messages into the outbox; a backfill tells at its end of what is still open then."""

    @property
    def config(self) -> MonitorConfig:
        return self.monitor.config

    @cached_property
    def incidents(self) -> IncidentStore:
        from driftgate.record.incidents import IncidentStore

        return IncidentStore(self.store.engine)

    def docs_lock(self) -> AbstractContextManager[None] | None:
        """See :func:`docs_lock`."""
        return docs_lock(self.settings, self.store)

    @cached_property
    def registry(self) -> Registry:
        from driftgate.serve.registry import Registry

        return Registry(self.settings.require_mlflow())


def open_context(monitor_id: str, settings: Settings | None = None) -> Context:
    """Build the context outside Airflow: records through the configured database address."""
    from driftgate.record.store import RecordStore

    settings = settings or load()
    monitor = find_monitor(settings.monitors_dir, monitor_id)
    return Context(monitor, settings, RecordStore.open(settings.require_database()))


def docs_lock(settings: Settings, store: RecordStore | None = None) -> AbstractContextManager[None] | None:
    """Hold the index of Data Docs alone among all machines; None where only this one writes it, for which a lock in a file will do."""
    if settings.data_url is None:
        return None
    from driftgate.record.store import RecordStore

    return (store or RecordStore.open(settings.require_database())).window_lock("-", "Data Docs", "index")
