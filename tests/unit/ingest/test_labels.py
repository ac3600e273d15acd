"""Labels read from their own source and typed like the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from driftgate.errors import SchemaError, SourceError
from driftgate.ingest.labels import read_labels
from driftgate.ingest.roles import apply_roles
from driftgate.settings import Settings
from factories import make_binary_config, make_config, make_window

PATH = "labels/{window_start:%Y-%m-%d}.csv"


@pytest.fixture
def write(local_settings: Settings) -> Any:
    def run(text: str, name: str = "2024-01-01.csv") -> Path:
        path = local_settings.project_root / "labels" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return run


def read(settings: Settings, make: Any = make_config, **labels: Any) -> pd.DataFrame | None:
    config = make(labels={"source": {"kind": "files", "path": PATH}, **labels})
    return read_labels(config, make_window(), settings, known_at="known")


def test_labels_get_the_name_and_type_of_the_target(local_settings: Settings, write: Any) -> None:
    write("trip_id,minutes,seen,more\n007,12.5,2024-01-03T10:00:00Z,x\n8,inf,,y\n")
    found = read(local_settings, target="minutes", timestamp="seen")
    assert found is not None
    assert found.columns.tolist() == ["trip_id", "duration", "known"]
    assert found["trip_id"].tolist() == ["007", "8"]
    assert found["duration"].tolist()[0] == 12.5
    assert found["duration"].isna().tolist() == [False, True], "an infinity is no label"
    assert str(found["known"].dtype) == "datetime64[us, UTC]"


def test_classes_are_texts_whatever_the_file_makes_of_them(local_settings: Settings, write: Any) -> None:
    write("trip_id,late\na,1\nb,\nc,0.0\n")
    found = read(local_settings, make_binary_config)
    assert found is not None
    assert found["late"].fillna("?").tolist() == ["1", "?", "0"]


def test_parquet_is_not_cut_by_the_time_of_the_rows(local_settings: Settings, write: Any) -> None:
    """A file of labels may have the rows' timestamp column with other moments in it."""
    path = write("", "2024-01-01.parquet")
    moments = pd.to_datetime(["2024-03-01T00:00:00Z"])
    pd.DataFrame({"trip_id": ["a"], "duration": [3.0], "ts": moments}).to_parquet(path)
    source = {"kind": "files", "path": "labels/{window_start:%Y-%m-%d}.parquet"}
    found = read_labels(make_config(labels={"source": source}), make_window(), local_settings, known_at="known")
    assert found is not None
    assert len(found) == 1


def test_a_file_that_is_not_there_yet_is_no_error(local_settings: Settings) -> None:
    assert read(local_settings) is None


def test_an_empty_file_of_labels_has_none(local_settings: Settings, write: Any) -> None:
    write("trip_id,duration\n")
    found = read(local_settings)
    assert found is not None
    assert found.empty


@pytest.mark.parametrize(
    ("text", "given", "error", "message"),
    [
        ("id,duration\n1,2\n", {}, SchemaError, r"labels of window .*: labels\.source has no column 'trip_id'"),
        ("trip_id,y\n1,2\n", {}, SchemaError, "has no column 'duration'"),
        ("trip_id,duration\n1,2\n", {"timestamp": "seen"}, SchemaError, "has no column 'seen'"),
        ("trip_id,duration\n1,two\n", {}, SchemaError, "not numbers, for example 'two'"),
        ("trip_id,duration,seen\n1,2,soon\n", {"timestamp": "seen"}, SchemaError, r"labels\.timestamp.*not date-times"),
        ("trip_id,duration\n1,2,3\n", {}, SourceError, r"labels\.source: .*cannot read"),
    ],
)
def test_what_does_not_fit_names_the_column(local_settings: Settings, write: Any, text: str, given: Any, error: Any, message: str) -> None:
    write(text)
    with pytest.raises(error, match=message):
        read(local_settings, **given)


def test_a_batch_without_its_target_is_complete_when_labels_come_later(raw_trips: Any) -> None:
    config = make_config(labels={"source": {"kind": "files", "path": PATH}})
    frame, note = apply_roles(raw_trips().drop(columns=["duration"]), config, make_window())
    assert note is None
    assert frame["duration"].isna().all()
    assert str(frame["duration"].dtype) == "float64"


def test_the_same_for_classes(raw_trips: Any) -> None:
    config = make_binary_config(labels={"source": {"kind": "files", "path": PATH}})
    frame, note = apply_roles(raw_trips(), config, make_window())
    assert note is None
    assert frame["late"].isna().all()
    assert str(frame["late"].dtype) == "str"
