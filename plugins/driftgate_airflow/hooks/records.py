"""The PostgreSQL database of the records, reached through an Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.postgres.hooks.postgres import PostgresHook

if TYPE_CHECKING:
    from driftgate.record.store import RecordStore


class DriftgateHook(PostgresHook):
    """Records of monitors: batches, gate results, metrics, decisions, incidents, retrainings."""

    default_conn_name = "driftgate_db"
    hook_name = "Driftgate records"

    def get_store(self) -> RecordStore:
        """Return the record store on this hook's engine."""
        from driftgate.record.store import RecordStore

        return RecordStore(self.get_sqlalchemy_engine())
