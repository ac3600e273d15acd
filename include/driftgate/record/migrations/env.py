"""Alembic environment: runs inside the connection and transaction that :mod:`driftgate.record.migrate` hands over."""

from __future__ import annotations

from alembic import context

from driftgate.record.tables import SCHEMA, metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("no database connection was handed over; run `driftgate migrate` instead of the alembic command")

context.configure(connection=connection, target_metadata=metadata, version_table_schema=SCHEMA, include_schemas=True)
with context.begin_transaction():
    context.run_migrations()
