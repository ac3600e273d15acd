"""Business KPIs that come from a database: asked once per window, and given to the measures as numbers.

The same connections and the same parameters as for rows from SQL. Business figures are often corrected afterwards: a window that is
measured again asks again and may get another number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from driftgate.config.kpis import KpiSql
from driftgate.config.models import MonitorConfig
from driftgate.errors import ServiceError, SourceError
from driftgate.records import Window

if TYPE_CHECKING:
    import pandas as pd


def read_kpis(config: MonitorConfig, window: Window, *, connection_uri: Callable[[str], str] | None = None) -> dict[str, float | None]:
    """Return the answer to every query under ``kpis`` for a window, by the name of the KPI; None where it is null.

    Parameters
    ----------
    connection_uri
        Turns an Airflow connection id into a URI; default: the variable AIRFLOW_CONN_<ID>.

    Raises
    ------
    SourceError
        If a query fails, or answers with something else than one number; names the monitor, the KPI and the problem.
    ServiceError
        If the server does not answer; trying again may help.
    """
    return {
        kpi.name: _read(config, window, f"kpis[{index}].sql", kpi.name, kpi.sql, connection_uri)
        for index, kpi in enumerate(config.kpis)
        if kpi.sql is not None
    }


def _read(
    config: MonitorConfig, window: Window, key: str, name: str, query: KpiSql, connection_uri: Callable[[str], str] | None
) -> float | None:
    from driftgate.ingest.sql import read_query

    try:
        answer = read_query(config, query, window, [], connection_uri=connection_uri)
    except (SourceError, ServiceError) as error:
        raise type(error)(f"KPI {name}: {str(error).replace('source.', f'{key}.')}") from error
    where = f"KPI {name}: monitor {config.id}, window {window}: {key}.query"
    return _number(_single(answer, where), where)


def _single(answer: pd.DataFrame, where: str) -> Any:
    if len(answer) > 1 or len(answer.columns) != 1:
        raise SourceError(
            f"{where} answers with {len(answer)} rows of {len(answer.columns)} columns; it must give one number, such as a sum or a count"
        )
    return None if answer.empty else answer.iloc[0, 0]


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError("a text")
        number = float(value)
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where} answers with {value!r}, which is not a number; cast it, for example CAST(x AS numeric)") from error
    if math.isinf(number):
        raise SourceError(f"{where} answers with an infinite number; correct the query")
    return None if math.isnan(number) else number
