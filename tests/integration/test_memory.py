"""A window that is four times larger than the memory a process may have goes the whole way; as a frame it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from big_source import answer, piece, run, write

pytestmark = pytest.mark.integration

LIMIT_MIB = 1000
"""Of private memory, that of the libraries included; the process ends where it asks for more."""
PIECES, ROWS = 21, 1 << 16


@pytest.mark.timeout(900)
def test_a_window_four_times_larger_than_the_memory_goes_through(tmp_path: Path, postgres_uri: str, store: Any) -> None:
    sample = piece(ROWS, 0, 0).astype({"vendor": "str", "route": "str"})
    size = sample.memory_usage(deep=True).sum() * PIECES / 2**20
    assert size > 4 * LIMIT_MIB, f"the frame has {size:.0f} MiB"
    source = write(tmp_path / "trips.parquet", PIECES, ROWS)
    found = answer(run(tmp_path / "home", source, postgres_uri, 500_000, LIMIT_MIB))
    assert found["rows"] == PIECES * ROWS
    assert found["gate"] == "pass"
    assert len(found["metrics"]) > 30
    as_a_frame = run(tmp_path / "frame", source, postgres_uri, 10**9, LIMIT_MIB)
    assert as_a_frame.returncode != 0, "the same window as a frame fits too: the limit proves nothing"
