"""Alembic migrations of the schema ``driftgate``."""
