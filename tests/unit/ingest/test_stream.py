"""A source that is read in pieces gives the batch that the whole source would give."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import factories
from driftgate.errors import SchemaError, SourceError
from driftgate.growing import Growing
from driftgate.ingest import pieces as piece_sizes
from driftgate.ingest.roles import apply_roles, source_columns
from driftgate.ingest.source import read_pieces, read_rows
from driftgate.ingest.stream import PREFIX, split, write_stream
from driftgate.row_hashes import copies, row_hashes

WINDOW = factories.make_window()


def untyped(rows: int = 900, seed: int = 0) -> pd.DataFrame:
    """Return rows as sources have them: numbers as text, gaps, infinities, copies, other days."""
    rng = np.random.default_rng(seed)
    frame = factories.make_frame(rows, seed).drop(columns=["prediction"])
    frame["ts"] = frame["ts"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").astype(object)
    frame["distance"] = frame["distance"].mask(rng.random(rows) < 0.05)
    frame.loc[[3, 500], "distance"] = np.inf
    frame["vendor"] = frame["vendor"].mask(pd.Series(rng.random(rows) < 0.05)).astype(object)
    frame.loc[[7, 800], "ts"] = ["2023-12-31T23:59:59Z", None]
    return pd.concat([frame, frame.iloc[[10, 10, 700]]], ignore_index=True)


def cut(frame: pd.DataFrame, rows: int) -> list[pd.DataFrame]:
    return [frame.iloc[start : start + rows].reset_index(drop=True) for start in range(0, len(frame), rows)]


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(frame.columns), ignore_index=True)


@pytest.mark.parametrize("rows", [1, 100, 10_000])
def test_values_and_notes_are_those_of_the_whole(rows: int, tmp_path: Path) -> None:
    config, frame = factories.make_config(), untyped()
    expected, note = apply_roles(frame, config, WINDOW)
    batch, found = write_stream(cut(frame, rows), config, WINDOW, tmp_path)
    assert batch is not None
    assert batch.rows == len(expected)
    pd.testing.assert_frame_equal(ordered(pd.read_parquet(str(batch.path))), ordered(expected))
    assert set(str(found).split("; ")) == set(str(note).split("; "))
    assert "3 of 903" not in str(note)  # two rows lie outside
    assert "3 of 901 rows are exact copies" in str(found)


def test_the_hash_depends_on_content_alone(tmp_path: Path) -> None:
    config, frame = factories.make_config(), untyped()

    def digest(rows: pd.DataFrame, size: int, version: str | None = None) -> str:
        batch, _ = write_stream(cut(rows, size), config, WINDOW, tmp_path, version=version)
        assert batch is not None
        return batch.content_hash

    one = digest(frame, 100)
    assert one.startswith(PREFIX)
    assert one == digest(frame, 333) == digest(frame.iloc[::-1].reset_index(drop=True), 50)
    changed = frame.copy()
    changed.loc[0, "hour"] += 1
    assert one != digest(changed, 100)
    assert one != digest(pd.concat([frame, frame.iloc[[0]]], ignore_index=True), 100)
    assert one != digest(frame, 100, "2")
    assert len(list(tmp_path.iterdir())) == 4, "one file per content"


def test_swapped_values_are_another_content() -> None:
    """A sum over columns instead of rows would not see this."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    other = pd.DataFrame({"a": [1.0, 2.0], "b": [4.0, 3.0]})
    assert sorted(row_hashes(frame, ["a", "b"])) != sorted(row_hashes(other, ["a", "b"]))


def test_nothing_is_left_behind_by_a_failure(tmp_path: Path) -> None:
    config, frame = factories.make_config(), untyped()
    frame["distance"] = frame["distance"].astype(object)
    frame.loc[850, "distance"] = "far"
    with pytest.raises(SchemaError, match="'far'"):
        write_stream(cut(frame, 100), config, WINDOW, tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_row_of_the_window_is_no_batch(tmp_path: Path) -> None:
    batch, note = write_stream(cut(untyped(), 100), factories.make_config(), factories.make_window(5), tmp_path)
    assert batch is None
    assert "1 rows without a ts" in str(note)
    assert not list(tmp_path.iterdir())


def test_rows_are_scored_piece_by_piece(tmp_path: Path) -> None:
    sizes = []

    def score(frame: pd.DataFrame) -> pd.DataFrame:
        sizes.append(len(frame))
        return frame.assign(prediction=2 * frame["hour"])

    batch, _ = write_stream(cut(untyped(), 300), factories.make_config(), WINDOW, tmp_path, score, "1")
    assert batch is not None
    found = pd.read_parquet(str(batch.path))
    assert max(sizes) <= 300
    assert (found["prediction"] == 2 * found["hour"]).all()


def test_row_groups_are_filled_from_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece_sizes, "PIECE_BYTES", 0)
    monkeypatch.setattr(piece_sizes, "FEWEST_ROWS", 256)
    batch, _ = write_stream(cut(untyped(), 100), factories.make_config(), WINDOW, tmp_path)
    assert batch is not None
    metadata = pq.ParquetFile(str(batch.path)).metadata
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [256, 256, 256, 133]


def test_wide_rows_come_in_small_pieces() -> None:
    narrow = pd.DataFrame({"a": np.zeros(100)})
    wide = pd.DataFrame({f"c{number}": pd.Series(["x" * 100] * 100, dtype="str") for number in range(20)})
    coded = wide.astype("category")
    assert piece_sizes.piece_rows(narrow) == piece_sizes.MOST_ROWS
    assert piece_sizes.piece_rows(wide) < 20_000
    assert piece_sizes.piece_rows(coded) == pytest.approx(piece_sizes.piece_rows(wide), rel=0.3)


def test_split_takes_as_much_as_the_limit() -> None:
    parts = cut(untyped(), 100)
    taken, rest = split(iter(parts), 10_000)
    assert (len(taken), rest) == (10, None)
    taken, rest = split(iter(parts), 250)
    assert rest is not None
    assert [len(part) for part in [*taken, *rest]] == [len(part) for part in parts]
    assert len(taken) == 2


# --- sources ----------------------------------------------------------------------------------------------------------


def pieces_of(settings, limit: int = 100, **source) -> tuple[list[pd.DataFrame], int | None]:
    config = factories.make_config(source=source)
    found, most = read_pieces(config, WINDOW, source_columns(config), settings, limit=limit)
    return list(found), most


def write_parquet(frame: pd.DataFrame, path: Path, rows: int = 200) -> None:
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=rows)


@pytest.fixture
def home(settings, monkeypatch):
    """Settings whose project lies in the test's folder; pieces of 128 rows."""
    for name in ("MOST_ROWS", "FEWEST_ROWS"):
        monkeypatch.setattr(piece_sizes, name, 128)
    monkeypatch.setattr("driftgate.ingest.csv_files.FEWEST_ROWS", 128)
    return replace(settings, project_root=settings.home)


def whole(settings, **source) -> pd.DataFrame:
    config = factories.make_config(source=source)
    return apply_roles(read_rows(config, WINDOW, source_columns(config), settings), config, WINDOW)[0]


def typed(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return apply_roles(pd.concat(parts, ignore_index=True), factories.make_config(), WINDOW)[0]


def test_parquet_is_read_by_row_groups_and_only_those_of_the_window(home):
    frame = pd.concat([factories.make_frame(600, day + 1, day) for day in (-1, 0, 1)], ignore_index=True)
    write_parquet(frame, home.home / "trips.parquet")
    source = {"kind": "files", "path": "trips.parquet"}
    parts, most = pieces_of(home, **source)
    assert most == 600
    assert max(len(part) for part in parts) == 128
    pd.testing.assert_frame_equal(typed(parts), whole(home, **source))
    assert len(pieces_of(home, 600, **source)[0]) == 1, "not above the limit: read as before"


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv_comes_in_pieces(home, suffix):
    untyped().to_csv(home.home / f"trips{suffix}", index=False)
    source = {"kind": "files", "path": f"trips{suffix}"}
    parts, most = pieces_of(home, **source)
    assert most is None
    assert len(parts) > 3
    pd.testing.assert_frame_equal(typed(parts), whole(home, **source))


def test_a_broken_line_late_in_a_csv_is_found(home):
    text = untyped().to_csv(index=False) + "1,2,3\n"
    (home.home / "trips.csv").write_text(text)
    with pytest.raises(SourceError, match=r"trips\.csv"):
        pieces_of(home, kind="files", path="trips.csv")


def test_files_of_a_window_must_have_the_same_columns(home):
    write_parquet(factories.make_frame(300), home.home / "a.parquet")
    write_parquet(factories.make_frame(300).drop(columns=["hour"]), home.home / "b.parquet")
    with pytest.raises(SchemaError, match=r"b\.parquet differs .* 'hour'"):
        pieces_of(home, kind="files", path="*.parquet")


def test_a_glob_without_files_is_empty(home):
    assert [len(part) for part in pieces_of(home, kind="files", path="none-*.parquet")[0]] == [0]


def test_a_missing_file_is_named(home):
    with pytest.raises(SourceError, match=r"there is no file .*gone\.csv"):
        pieces_of(home, kind="files", path="gone.csv")


def test_a_callable_may_yield_frames(home, monkeypatch):
    def several(window_start, window_end, columns) -> Iterator[pd.DataFrame]:
        yield from cut(untyped(), 250)

    module = type(sys)("callables_of_the_test")
    module.several = several
    monkeypatch.setitem(sys.modules, "callables_of_the_test", module)
    source = {"kind": "python", "callable": "callables_of_the_test:several"}
    parts, _ = pieces_of(home, **source)
    assert len(parts) == 4
    pd.testing.assert_frame_equal(typed(parts), whole(home, **source))


# --- tools ------------------------------------------------------------------------------------------------------------


def test_grown_arrays_hold_what_was_appended() -> None:
    rng, grown = np.random.default_rng(0), Growing()
    parts = [rng.random(size) for size in (0, 1, 10_000, 8_192, 3, 70_000)]
    for part in parts:
        grown.append(part)
    assert len(grown) == sum(map(len, parts))
    assert (grown.take() == np.concatenate(parts)).all()
    assert len(grown.take()) == 0


def test_copies_are_counted_as_pandas_counts_them() -> None:
    frame = factories.make_frame(5_000)[["hour", "vendor"]].assign(hour=lambda rows: rows["hour"].mask(rows["hour"] < 3))
    assert copies(row_hashes(frame, ["hour", "vendor"])) == frame.duplicated().sum()
