"""The numbers of one window and what the limits rest on, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse

from driftgate.config.models import MonitorConfig
from driftgate.record import overview_numbers
from driftgate.record.rows import Row
from driftgate.records import Family
from driftgate_airflow.ui import access, requests
from driftgate_airflow.ui.reader import Reader, answer
from driftgate_airflow.ui.shapes import Json, moment, window

FIELDS = (
    "family", "metric", "column", "segment", "value", "low", "high", "threshold", "direction", "verdict", "method", "reference",
)  # fmt: skip

FAMILIES = tuple(family.value for family in Family)

Families = Annotated[list[str], Query(alias="family", min_length=1, max_length=len(Family))]


def add_numbers(router: APIRouter, reader: Reader) -> None:
    """Add the route of the numbers of one window."""

    @router.get("/monitors/{dag_id}/numbers", dependencies=[access.dag_runs()])
    def get_numbers(dag_id: str, key: Annotated[str, Query(alias="window", max_length=40)], family: Families) -> JSONResponse:
        config = reader.config(dag_id)
        wanted = requests.window("window", key)
        for name in family:
            if name not in FAMILIES:
                raise HTTPException(422, f"family: {name!r} is unknown; use one of {', '.join(FAMILIES)}")
        with reader.reading() as connection:
            rows = overview_numbers.numbers(connection, config.id, wanted, family)
        items = [{name: row[name] for name in FIELDS} for row in rows]
        return answer({"window": window(config, wanted), "items": items})


def limits(config: MonitorConfig, calibrations: Sequence[Row]) -> Json:
    """Write what limits rest on: whether they are learned, and per model version from what."""
    detect = config.measures.detect
    return {
        "thresholds": config.measures.thresholds,
        "minimum_rows": config.measures.minimum_rows,
        "detect": {"change": detect.change, "power": detect.power},
        "versions": [_calibration(config, row) for row in calibrations] if config.measures.thresholds == "calibrated" else [],
    }


def _calibration(config: MonitorConfig, row: Row) -> Json:
    return {
        "version": row["model_version"],
        "learned_at": moment(row["updated_at"]),
        **{name: row[name] for name in ("budget", "chance_per_window", "windows", "usual_rows", "first", "last", "notes")},
        "columns": [_column(config, item) for item in row["drift"] or ()],
        "values": [_value(item) for item in row["values"] or ()],
        "slow": [{**_address(item), "limit": item["limit"], "windows": item["windows"]} for item in row["slow"] or ()],
    }


def _column(config: MonitorConfig, item: Json) -> Json:
    """Write a column's score; ``needed`` is the fewest rows with which a window is judged."""
    fewest = item["minimum_rows"]
    return {
        **_address(item),
        **{name: item[name] for name in ("method", "regime", "windows")},
        "minimum_rows": fewest,
        "needed": max(config.measures.minimum_rows, item["largest"] if fewest is None else fewest),
    }


def _value(item: Json) -> Json:
    limit: dict[str, Any] = item["limit"]
    return {**_address(item), "usual": limit["level"], "low": limit["low"], "high": limit["high"]}


def _address(item: Json) -> Json:
    return dict(zip(("family", "metric", "column"), item["address"], strict=True))
