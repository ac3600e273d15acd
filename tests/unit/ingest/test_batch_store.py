from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from driftgate.errors import SourceError
from driftgate.ingest.batch_store import content_hash, read_batch, write_batch
from driftgate.ingest.roles import apply_roles
from factories import make_config, make_frame, make_window


def test_a_batch_comes_back_as_it_was_written(tmp_path):
    frame = make_frame(50)
    frame.loc[3, "vendor"] = None
    frame.loc[4, "distance"] = np.nan
    stored = write_batch(frame, tmp_path / "new" / "folder")
    back = read_batch(stored.path)
    pd.testing.assert_frame_equal(back, frame, check_freq=False)
    assert content_hash(back) == stored.content_hash
    assert (stored.rows, stored.bytes) == (50, stored.path.stat().st_size)
    assert stored.path.name == f"batch-{stored.content_hash[:12]}.parquet"


def test_the_same_content_is_one_file_and_leaves_nothing_else(tmp_path):
    write_batch(make_frame(20), tmp_path)
    write_batch(make_frame(20), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_hash_does_not_depend_on_the_order_of_the_source():
    rows = make_frame(100)
    first, _ = apply_roles(rows, make_config(), make_window())
    second, _ = apply_roles(rows.sample(frac=1, random_state=1), make_config(), make_window())
    assert content_hash(first) == content_hash(second)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.assign(distance=frame["distance"].where(frame.index != 7, 0.123)),
        lambda frame: frame.assign(vendor=frame["vendor"].where(frame.index != 7, None)),
        lambda frame: frame.assign(ts=frame["ts"] + pd.Timedelta(microseconds=1)),
        lambda frame: frame.rename(columns={"hour": "hours"}),
        lambda frame: frame.head(-1),
    ],
    ids=["number", "null", "moment", "name", "row"],
)
def test_any_change_of_content_changes_the_hash(change):
    frame = make_frame(20)
    assert content_hash(change(frame.copy())) != content_hash(frame)


def test_the_hash_is_of_values_and_not_of_how_they_are_stored(tmp_path):
    frame = make_frame(20)
    stored = write_batch(frame, tmp_path)
    other = tmp_path / "other.parquet"
    pq.write_table(pq.read_table(stored.path), other, compression="gzip", version="1.0", use_dictionary=False)
    assert other.read_bytes() != stored.path.read_bytes()
    assert content_hash(read_batch(other)) == stored.content_hash
    assert content_hash(frame.astype({"vendor": object})) == stored.content_hash


def test_the_hash_is_fixed_forever():
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-01-01T00:00Z"]), "n": [1.5], "c": pd.Series(["a"], dtype="str")})
    assert content_hash(frame) == "4ebf0e396fa98fd5e1cafeb6eeabe00949be95cc322a5de8abb0386c091a579d"


def test_text_cannot_slip_between_neighbouring_values():
    assert content_hash(pd.DataFrame({"c": ["ab", "c"]})) != content_hash(pd.DataFrame({"c": ["a", "bc"]}))
    assert content_hash(pd.DataFrame({"c": ["", "a"]})) != content_hash(pd.DataFrame({"c": [None, "a"]}))


def test_an_empty_batch_can_be_written_and_read(tmp_path):
    stored = write_batch(make_frame(3).head(0), tmp_path)
    assert stored.rows == 0
    assert list(read_batch(stored.path).columns) == list(make_frame(3).columns)


def test_only_some_columns_are_read(tmp_path):
    stored = write_batch(make_frame(5), tmp_path)
    assert list(read_batch(stored.path, ["hour", "ts"]).columns) == ["hour", "ts"]


def test_a_batch_that_is_gone_names_the_remedy(tmp_path):
    with pytest.raises(SourceError, match=r"batch .*none\.parquet is gone; run its window again with reprocess"):
        read_batch(tmp_path / "none.parquet")


def test_a_damaged_batch_names_the_remedy(tmp_path):
    path = tmp_path / "batch.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(SourceError, match="cannot be read"):
        read_batch(path)
