"""Above the limit everything comes out as below it: one window, both ways, from the source to the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from big_source import answer, run, write


def test_above_the_limit_everything_comes_out_as_below_it(tmp_path: Path, postgres_uri: str, store: Any) -> None:
    source = write(tmp_path / "trips.parquet", 2, 3_000)
    small = answer(run(tmp_path / "small", source, postgres_uri, 1_000_000))
    big = answer(run(tmp_path / "big", source, postgres_uri, 3_500))
    assert big["rows"] == small["rows"] == 6_000
    assert big["hash"].startswith("rowsum:")
    assert not small["hash"].startswith("rowsum:")
    assert (big["gate"], big["failed"], big["note"]) == (small["gate"], small["failed"], small["note"])
    assert [item[:4] for item in big["metrics"]] == [item[:4] for item in small["metrics"]]
    for one, other in zip(big["metrics"], small["metrics"], strict=True):
        assert one[4] == (None if other[4] is None else pytest.approx(other[4], rel=1e-8)), other
        assert one[5] == other[5], other
