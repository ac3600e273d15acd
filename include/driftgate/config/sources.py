"""Where a window's rows come from: the kinds of source that a monitor file can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from driftgate.config.section import Section
from driftgate.config.types import CallablePath


class FilesSource(Section):
    """Rows in CSV or Parquet files, local or remote (http, https, s3, gs)."""

    kind: Literal["files"]
    path: str
    """Template, filled with the window: ``data/{window_start:%Y-%m-%d}.csv``; globs are allowed."""
    format: Literal["auto", "csv", "parquet"] = "auto"
    storage_options: Mapping[str, Any] = Field(default_factory=dict)
    read_options: Mapping[str, Any] = Field(default_factory=dict)


class SqlQuery(Section):
    """A query with :window_start and :window_end as bound parameters, and where it is asked."""

    kind: Literal["sql"]
    query: str
    connection: str | None = None
    """Id of an Airflow connection; also found outside Airflow in AIRFLOW_CONN_<ID>."""
    url_env: str | None = None
    """Name of an environment variable that holds a SQLAlchemy URL."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.connection is None) == (self.url_env is None):
            raise ValueError(
                "needs exactly one of 'connection' (an Airflow connection id) and 'url_env' (a variable with a SQLAlchemy URL)"
            )
        missing = [name for name in (":window_start", ":window_end") if name not in self.query]
        if missing:
            raise ValueError(
                f"the query does not use {' and '.join(missing)}; write for example WHERE ts >= :window_start AND ts < :window_end"
            )
        return self


class SqlSource(SqlQuery):
    """Rows from a database."""

    additive: bool = False
    """Whether a longer stretch of time gives the rows of its windows together, so that a backfill may ask once for many windows."""


class PythonSource(Section):
    """Rows from a callable ``f(window_start, window_end, columns, **params) -> DataFrame``."""

    kind: Literal["python"]
    callable: CallablePath
    params: Mapping[str, Any] = Field(default_factory=dict)
    additive: bool = False
    """Whether a longer stretch of time gives the rows of its windows together, so that a backfill may ask once for many windows."""


Source = Annotated[FilesSource | SqlSource | PythonSource, Field(discriminator="kind")]
