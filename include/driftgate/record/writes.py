"""Writes about windows: collected one by one, carried out together.

The rows travel as one JSON value per table and are unpacked by PostgreSQL, so that the number of statements is the same for one window
and for a month of them, however many metrics they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Connection, Table, and_, bindparam, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.dml import Insert
from sqlalchemy.sql.selectable import TableValuedAlias

from driftgate.errors import MeasureError
from driftgate.record import rows, tables
from driftgate.records import Batch, BatchStatus, Decision, GateResult, Measures, Window

_BOOKKEEPING = frozenset({"id", "created_at", "updated_at"})
_WINDOW = ("monitor", "window_start", "window_end")
_MEASURED = (*_WINDOW, "model_version")
_INGESTED_KEEPS = (BatchStatus.MEASURED, BatchStatus.QUARANTINED)
_GATED_KEEPS = (BatchStatus.MEASURED,)
_Key = tuple[str, Window]


class Writes:
    """What is to be written about some windows, by the rules of :class:`driftgate.record.store.RecordStore`.

    Said twice about one window, the last word counts, as it would had each been written at once.
    """

    def __init__(self) -> None:
        self._batches: dict[_Key, tuple[Sequence[BatchStatus], Batch]] = {}
        self._ingested: dict[_Key, Batch] = {}
        self._gates: dict[_Key, GateResult] = {}
        self._measures: dict[tuple[str, Window, str], Measures] = {}
        self._decisions: dict[_Key, Decision] = {}
        self._reports: dict[tuple[str, Window, str], dict[str, Any]] = {}

    def batch(self, batch: Batch) -> None:
        """Note a batch as ingest left it."""
        self._ingested[batch.monitor, batch.window] = batch
        self._batches[batch.monitor, batch.window] = (_INGESTED_KEEPS, batch)

    def gate(self, batch: Batch, result: GateResult) -> None:
        """Note the gate's answer and the batch with its status."""
        self._gates[result.monitor, result.window] = result
        self._batches[batch.monitor, batch.window] = (_GATED_KEEPS, batch)

    def measures(self, batch: Batch, measures: Measures) -> None:
        """Note every metric of a window, and its batch as measured.

        Raises
        ------
        MeasureError
            If two metrics have the same address.
        """
        _refuse_duplicates(measures)
        self._measures[measures.monitor, measures.window, measures.model_version] = measures
        self._batches[batch.monitor, batch.window] = ((), batch)

    def decision(self, decision: Decision) -> None:
        self._decisions[decision.monitor, decision.window] = decision

    def report(self, monitor: str, window: Window, kind: str, address: str, seconds: float | None = None) -> None:
        row = {"monitor": monitor, **rows.window_columns(window), "kind": kind, "address": address, "seconds": seconds}
        self._reports[monitor, window, kind] = row

    def execute(self, connection: Connection) -> None:
        """Write everything; the caller makes it one transaction."""
        if self._ingested:
            _delete_outdated_gates(connection, list(self._ingested.values()))
        for keep in dict.fromkeys(keep for keep, _ in self._batches.values()):
            found = [rows.batch_row(batch) for kept, batch in self._batches.values() if kept == keep]
            upsert(connection, tables.batch, found, status=_batch_status(keep))
        upsert(connection, tables.gate_result, [rows.gate_row(result) for result in self._gates.values()])
        if self._measures:
            _write_measures(connection, list(self._measures.values()))
        upsert(connection, tables.decision, [rows.decision_row(decision) for decision in self._decisions.values()])
        upsert(connection, tables.report, list(self._reports.values()))


def upsert(connection: Connection, table: Table, new: Sequence[Mapping[str, Any]], **special: ColumnElement[Any]) -> None:
    """INSERT ... ON CONFLICT (key) DO UPDATE of all rows in one statement; ``special`` replaces what an update sets."""
    if not new:
        return
    names = list(new[0])
    keys = [column.name for column in table.primary_key]
    ordered = sorted(new, key=lambda row: [row[name] for name in keys])  # writers that meet wait for each other instead of locking up
    source = _unpacked(table, names)
    statement = insert(table).from_select(names, select(*(source.c[name] for name in names)))
    connection.execute(_replacing(statement, table, keys, special), {"new_rows": _packed(ordered)})


def _replacing(statement: Insert, table: Table, keys: Sequence[str], special: Mapping[str, ColumnElement[Any]]) -> Insert:
    new = {
        column.name: special.get(column.name, statement.excluded[column.name])
        for column in table.columns
        if column.name not in _BOOKKEEPING and column.name not in keys and column.name != "measured_model_version"
    }
    return statement.on_conflict_do_update(index_elements=keys, set_={**new, "updated_at": func.now()})


def _unpacked(table: Table, names: Sequence[str]) -> TableValuedAlias:
    """Return the rows of the parameter ``new_rows``, with the types of a table's columns."""
    columns = [Column(name, table.c[name].type) for name in names]
    return func.json_to_recordset(bindparam("new_rows", type_=JSON)).table_valued(*columns, name="new_rows").render_derived(with_types=True)


def _packed(new: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()} for row in new]


# --- batches ----------------------------------------------------------------------------------------------------------


def _batch_status(keep: Sequence[BatchStatus]) -> ColumnElement[Any]:
    """Return the status after an update: the stored one if it is among ``keep`` and the same data is merely ingested again."""
    stored, new = tables.batch.c, insert(tables.batch).excluded
    same_data = and_(
        new.status == BatchStatus.INGESTED.value,
        stored.status.in_([status.value for status in keep]),
        stored.content_hash == new.content_hash,
        stored.model_version.is_not_distinct_from(new.model_version),
    )
    return case((same_data, stored.status), else_=new.status)


def _delete_outdated_gates(connection: Connection, batches: Sequence[Batch]) -> None:
    """Delete the gate's answers that were given on other content."""
    stored, gate = tables.batch, tables.gate_result
    new = _unpacked(stored, [*_WINDOW, "content_hash"])
    outdated = and_(_same(gate, new, _WINDOW), _same(stored, new, _WINDOW), stored.c.content_hash != new.c.content_hash)
    found = [{"monitor": item.monitor, **rows.window_columns(item.window), "content_hash": item.content_hash} for item in batches]
    connection.execute(delete(gate).where(outdated), {"new_rows": _packed(found)})


# --- measures ---------------------------------------------------------------------------------------------------------


def _write_measures(connection: Connection, measured: Sequence[Measures]) -> None:
    """Write every metric, note which version measured last, and delete what is no longer produced."""
    found = [rows.metric_row(measures, metric) for measures in measured for metric in measures.metrics]
    upsert(connection, tables.metric, found)
    whose = [{"monitor": item.monitor, **rows.window_columns(item.window), "model_version": item.model_version} for item in measured]
    new, batch, metric = _unpacked(tables.metric, _MEASURED), tables.batch, tables.metric
    noted = update(batch).where(_same(batch, new, _WINDOW)).values(measured_model_version=new.c.model_version)
    connection.execute(noted, {"new_rows": _packed(whose)})
    # What this transaction wrote carries its moment; every other row of these windows is left over from before.
    stale = and_(_same(metric, new, _MEASURED), metric.c.updated_at != func.now())
    connection.execute(delete(metric).where(stale), {"new_rows": _packed(whose)})


def _same(table: Table, new: TableValuedAlias, names: Sequence[str]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == new.c[name] for name in names))


def _refuse_duplicates(measures: Measures) -> None:
    seen: set[tuple[str, str, str, str]] = set()
    for metric in measures.metrics:
        if metric.address in seen:
            name = ", ".join(part for part in metric.address if part)
            raise MeasureError(
                f"monitor {measures.monitor}, window {measures.window}: metric ({name}) was produced twice; "
                "give each its own column or segment"
            )
        seen.add(metric.address)
