"""The section ``labels`` of a monitor file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from factories import make_config

SOURCE = {"kind": "files", "path": "labels/{window_start:%Y-%m-%d}.csv"}
COLUMNS = {"timestamp": "ts", "id": ["trip_id"], "target": "duration", "numerical": ["distance"]}


def labels(**given: Any) -> Any:
    return make_config(labels={"source": SOURCE, **given}).labels


def test_a_source_is_enough() -> None:
    found = labels()
    assert (found.delay, found.horizon, found.cron) == (timedelta(0), timedelta(days=30), "30 * * * *")
    assert make_config().labels is None


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("0d", 0), (0, 0), ("2h", 2), ("3d", 72)])
def test_a_delay_may_be_nothing(text: Any, expected: int) -> None:
    found = labels(delay=text)
    assert found.delay == timedelta(hours=expected)
    assert labels(**found.model_dump(mode="json", include={"delay"})) == found, "what is written is read again"


@pytest.mark.parametrize(
    ("given", "cron", "asset"),
    [
        ({"schedule": None}, None, None),
        ({"asset": "trip_labels"}, None, {"name": "trip_labels", "uri": None}),
        ({"asset": "s3://lake/labels"}, None, {"name": None, "uri": "s3://lake/labels"}),
        ({"asset": {"name": "trip_labels", "uri": "s3://lake/labels"}}, None, {"name": "trip_labels", "uri": "s3://lake/labels"}),
        ({"asset": "trip_labels", "schedule": "0 6 * * *"}, "0 6 * * *", {"name": "trip_labels", "uri": None}),
    ],
    ids=["by hand", "name", "uri", "both", "asset and schedule"],
)
def test_an_asset_takes_the_place_of_the_schedule_unless_both_are_written(given: Any, cron: str | None, asset: Any) -> None:
    found = labels(**given)
    assert found.cron == cron
    assert (found.asset.model_dump() if found.asset else None) == asset


@pytest.mark.parametrize(
    ("given", "columns", "message"),
    [
        ({}, {"id": []}, r"labels needs columns\.id"),
        ({}, {"target": None}, r"labels needs columns\.target|columns\.target is needed"),
        ({"target": "trip_id"}, {}, "both an id and the target"),
        ({"timestamp": "trip_id"}, {}, r"labels\.timestamp 'trip_id' is an id"),
        ({"timestamp": "duration"}, {}, r"labels\.timestamp 'duration' is the target"),
        ({"timestamp": "y", "target": "y"}, {}, "both name the column 'y'"),
        ({"delay": "30d"}, {}, "horizon 30d is not longer than delay 30d|not longer"),
        ({"delay": "soon"}, {}, "is not a duration"),
        ({"schedule": "often"}, {}, "is not a cron expression"),
        ({"asset": {}}, {}, "needs 'name' or 'uri'"),
        ({"source": {"kind": "sql", "url_env": "X", "query": "SELECT 1"}}, {}, ":window_start and :window_end"),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(given: Any, columns: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_config(columns={**COLUMNS, **columns}, labels={"source": SOURCE, **given})
