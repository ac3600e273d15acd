"""Rows in a file are measured like rows in memory: every number to 1e-9, ranges to what resampling leaves open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import factories
from driftgate.calibrate.steady import SteadyError
from driftgate.config.models import MonitorConfig
from driftgate.estimate.estimator import estimate, fit
from driftgate.estimate.streamed import estimate_rows
from driftgate.labels.joining import KNOWN_AT, Filling, fill_labels
from driftgate.measure import file_rows, large_numbers, measures
from driftgate.measure.file_rows import FileRows
from driftgate.measure.large_numbers import LargeNumbers
from driftgate.measure.window_rows import FrameRows
from driftgate.records import Metric

ROWS = 6_000
GROUP = 700
"""Rows of a row group: nine groups, the last one short."""
KPIS = [
    {"name": "late_share", "expression": "share(distance > 5 and vendor in ['a', 'b'])"},
    {"name": "half", "expression": "median(distance) / mean(hour)"},
    {"name": "most", "expression": "quantile(distance, 0.93)"},
    {"name": "extent", "expression": "max(distance) - min(distance)"},
    {"name": "per_row", "expression": "sum(distance) / count()"},
    {"name": "known", "expression": "count(distance) + count(missing(vendor)) + count(vendor == 'a')"},
    {"name": "none", "expression": "mean(distance / 0)"},
    {"name": "zero", "expression": "mean(distance - distance)"},
]


def write(frame: pd.DataFrame, path: Path, rows: int = GROUP) -> Path:
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=rows)
    return path


def spoilt(frame: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """Put nulls, infinities and a new category into rows, and copy some."""
    rng = np.random.default_rng(seed)
    frame = frame.copy()
    frame.loc[rng.random(len(frame)) < 0.05, "distance"] = np.nan
    frame.loc[rng.random(len(frame)) < 0.01, "distance"] = np.inf
    frame.loc[rng.random(len(frame)) < 0.01, "distance"] = -np.inf
    frame.loc[rng.random(len(frame)) < 0.03, "vendor"] = None
    frame.loc[rng.random(len(frame)) < 0.02, "vendor"] = "new"
    frame.loc[rng.random(len(frame)) < 0.02, "prediction"] = None
    return pd.concat([frame, frame.iloc[:40]], ignore_index=True)


def multiclass(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kinds = pd.cut(frame["distance"], [-np.inf, 2, 4, 8, np.inf], labels=["xs", "s", "m", "l"]).astype("str")
    guess = kinds.where(rng.random(len(frame)) < 0.7, rng.choice(["xs", "s", "m"], len(frame)))
    return frame.drop(columns=["duration"]).assign(size=kinds, prediction=guess.astype("str"))


def tasks() -> dict[str, tuple[MonitorConfig, Callable[[int, int], pd.DataFrame]]]:
    common: dict[str, Any] = {"kpis": KPIS, "fairness": {"columns": ["vendor"]}, "decision": {"rules": [{"metric": "mae", "above": 3}]}}
    binary = factories.make_binary_config().columns.model_dump() | {"segments": ["vendor"]}
    sizes = factories.make_config().columns.model_dump() | {"target": "size"}
    labels = {"rules": [{"metric": "f1", "below": 0.5}]}
    return {
        "regression": (factories.make_config(**common, measures={"multivariate": "pca"}), lambda n, seed: factories.make_frame(n, seed)),
        "binary": (
            factories.make_binary_config(
                **common | {"columns": binary, "decision": labels}, measures={"multivariate": "domain_classifier"}
            ),
            lambda n, seed: factories.make_binary_frame(n, seed),
        ),
        "multiclass": (
            factories.make_config(**common | {"task": "multiclass", "columns": sizes, "decision": labels}),
            lambda n, seed: multiclass(factories.make_frame(n, seed), seed),
        ),
    }


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat columns as large from 500 numbers, 300 of them distinct, on, in blocks of 256; one or two of them stay in memory."""
    monkeypatch.setattr(file_rows, "MOST_DISTINCT", 300)
    monkeypatch.setattr(large_numbers, "LARGE", 500)
    monkeypatch.setattr(large_numbers, "KEPT", 8 * 4_000)
    monkeypatch.setattr(large_numbers, "BLOCK", 256)


def by_address(found: tuple[Metric, ...]) -> dict[tuple[str, str, str, str], Metric]:
    return {metric.address: metric for metric in found}


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_every_measure_is_that_of_the_frame(task: str, tmp_path: Path) -> None:
    config, make = tasks()[task]
    reference, current = make(4_000, 0), spoilt(make(ROWS, 1))
    rows = FileRows(write(current, tmp_path / "batch.parquet"))
    terms: dict[str, Any] = {"window": factories.make_window(), "model_version": "1", "expected_rows": 5_000}
    small = by_address(measures.measure_batch(config, current, reference, **terms).metrics)
    big = by_address(measures.measure_batch(config, rows, reference, **terms).metrics)

    assert list(big) == list(small)
    assert any(metric.segment for metric in big.values())
    for address, expected in small.items():
        found = big[address]
        assert found.value == (None if expected.value is None else pytest.approx(expected.value, rel=1e-9, abs=1e-12)), address
        assert (found.verdict, found.method, found.threshold) == (expected.verdict, expected.method, expected.threshold), address
        assert found.reference_value == expected.reference_value, address
        assert (found.low is None) == (expected.low is None), address
        if expected.low is not None and found.low is not None and expected.high is not None and found.high is not None:
            width = expected.high - expected.low
            assert found.low == pytest.approx(expected.low, abs=0.3 * width + 1e-12), address
            assert found.high == pytest.approx(expected.high, abs=0.3 * width + 1e-12), address


def test_ranges_over_many_windows_are_those_of_the_frame(tmp_path: Path) -> None:
    """Over enough windows both resample the same sums of windows."""
    config = factories.make_config()
    current = pd.concat([factories.make_frame(300, day, day) for day in range(20)], ignore_index=True)
    rows = FileRows(write(current, tmp_path / "batch.parquet"))
    terms: dict[str, Any] = {"window": factories.make_window(0, 20), "model_version": "1"}
    small, big = (by_address(measures.measure_batch(config, side, current, **terms).metrics) for side in (current, rows))
    ranged = [address for address, metric in small.items() if metric.low is not None]
    assert len(ranged) > 10
    for address in ranged:
        assert (big[address].low, big[address].high) == pytest.approx((small[address].low, small[address].high), rel=1e-9), address


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_late_labels_count_as_if_they_had_been_there(task: str, tmp_path: Path) -> None:
    config, make = tasks()[task]
    target = str(config.columns.target)
    current = spoilt(make(3_000, 1))
    known = current.iloc[::2].drop_duplicates("trip_id")[["trip_id", target]].assign(**{KNOWN_AT: pd.NaT})
    current.loc[np.random.default_rng(0).random(len(current)) < 0.8, target] = None
    filling = Filling(config, known.iloc[::-1])
    rows = FileRows(write(current, tmp_path / "batch.parquet"), fill=filling.fill, filled=[target], needed=["trip_id", target])
    labelled = fill_labels(config, current, known)
    assert labelled[target].notna().sum() > current[target].notna().sum()
    terms: dict[str, Any] = {"window": factories.make_window(), "model_version": "1"}
    small, big = (by_address(measures.measure_batch(config, side, make(2_000, 0), **terms).metrics) for side in (labelled, rows))
    assert list(big) == list(small)
    for address, expected in small.items():
        assert big[address].value == (None if expected.value is None else pytest.approx(expected.value, rel=1e-9, abs=1e-12)), address


def test_the_steady_error_is_that_of_all_rows_together() -> None:
    rng = np.random.default_rng(0)
    expected, errors = rng.gamma(2, 1, 4_000), rng.normal(size=4_000)
    for is_median in (True, False):
        steady = SteadyError([0.5, 1.5, 3.0], [0.4, 0.0, 0.3, 0.3], is_median)
        parts = zip(np.array_split(expected, 7), np.array_split(errors, 7), strict=True)
        assert steady.value_of(parts) == pytest.approx(steady.value(expected, errors), rel=1e-12)
        assert steady.value_of([(expected[expected < 1], errors[expected < 1])]) is None, "a stratum with weight has no rows"
        assert steady.value_of([]) is None


@pytest.mark.parametrize("order", ["reversed", "larger groups"])
def test_neither_order_nor_pieces_matter(order: str, tmp_path: Path) -> None:
    config, make = tasks()["binary"]
    current = spoilt(make(3_000, 2))
    changed = current.iloc[::-1].reset_index(drop=True) if order == "reversed" else current
    terms: dict[str, Any] = {"window": factories.make_window(), "model_version": "1"}
    one = FileRows(write(current, tmp_path / "one.parquet"))
    other = FileRows(write(changed, tmp_path / "other.parquet", GROUP if order == "reversed" else 2_000))
    assert measures.measure_batch(config, one, make(2_000, 0), **terms) == measures.measure_batch(config, other, make(2_000, 0), **terms)


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_estimates_are_those_of_the_frame(task: str, tmp_path: Path) -> None:
    config, make = tasks()[task]
    reference, current = make(3_000, 0), spoilt(make(ROWS, 1))
    estimator = fit(config, reference, np.array_split(np.arange(len(reference)), 12))
    rows = FileRows(write(current, tmp_path / "batch.parquet"))
    small, big = by_address(tuple(estimate(config, estimator, current))), by_address(tuple(estimate_rows(config, estimator, rows)))
    assert list(big) == list(small)
    for address, expected in small.items():
        assert big[address].value == pytest.approx(expected.value, rel=1e-9), address
        assert (big[address].low, big[address].high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def column(name: str, rng: np.random.Generator) -> np.ndarray:
    return {
        "continuous": rng.normal(1e9, 1, 5_000),
        "whole": rng.integers(-300, 400, 5_000).astype(float),
        "halves": rng.integers(0, 20, 5_000) / 2,
        "first whole, then not": np.concatenate([rng.integers(0, 9, 2_500).astype(float), rng.integers(0, 9, 2_500) / 4]),
        "first few, then many": np.concatenate([np.repeat(1.5, 2_500), rng.normal(size=2_500)]),
        "far apart": rng.choice([0.0, 1e15, -4.0], 5_000),
        "constant": np.full(5_000, 7.25),
        "nothing": np.full(5_000, np.nan),
        "infinities": np.where(rng.random(5_000) < 0.1, np.inf, np.where(rng.random(5_000) < 0.1, -np.inf, rng.normal(size=5_000))),
    }[name]


@pytest.mark.parametrize(
    "kind",
    ["continuous", "whole", "halves", "first whole, then not", "first few, then many", "far apart", "constant", "nothing", "infinities"],
)
def test_summaries_of_numbers_are_exact(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = pd.Series(column(kind, rng), name="x").mask(pd.Series(rng.random(5_000) < 0.1))
    rows = FileRows(write(values.to_frame(), tmp_path / "batch.parquet"))
    found, expected = rows.summary("x", "num"), FrameRows(values.to_frame()).summary("x", "num")
    for name in ("rows", "missing", "infinite", "minus_infinite", "most_frequent_share"):
        assert getattr(found, name) == getattr(expected, name), name
    assert found.sample.expanded().tolist() == expected.sample.expanded().tolist()
    if expected.sample.rows:
        assert found.sample.mean == pytest.approx(expected.sample.mean, rel=1e-12)
        assert found.sample.deviation == pytest.approx(expected.sample.deviation, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("kept", "kind"), [(0, Path), (1 << 20, np.ndarray)], ids=["in a file", "in memory"])
def test_large_numbers_answer_like_small_ones(kept: int, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_numbers, "KEPT", kept)
    rng = np.random.default_rng(0)
    values = pd.Series(np.round(rng.normal(50, 9, 5_000), 2) + rng.normal(0, 1e-9, 5_000) * (rng.random(5_000) < 0.5), name="x")
    found = FileRows(write(values.to_frame(), tmp_path / "batch.parquet")).summary("x", "num").sample
    expected = FrameRows(values.to_frame()).summary("x", "num").sample
    assert isinstance(found, LargeNumbers)
    assert isinstance(found.source, kind)
    places = np.sort(rng.uniform(0, 5_000, 300))
    assert found.area(places) + places * found.centre == pytest.approx(expected.area(places) + places * expected.centre, rel=1e-12)
    assert found.below([40.0, 50.0]).tolist() == expected.below([40.0, 50.0]).tolist()
    assert found.largest_count == expected.largest_count


def test_scratch_files_vanish_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_numbers, "KEPT", 0)
    rows = FileRows(write(factories.make_frame(3_000), tmp_path / "batch.parquet"))
    assert rows.summary("distance", "num").sample.rows == 3_000
    assert len(list(tmp_path.iterdir())) == 2
    del rows
    assert [path.name for path in tmp_path.iterdir()] == ["batch.parquet"]


def test_columns_stay_in_memory_while_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_numbers, "KEPT", 2 * 8 * 1_000)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1_000, 3)), columns=["a", "b", "c"])
    rows = FileRows(write(frame, tmp_path / "batch.parquet"))
    kinds = [type(rows.summary(name, "num").sample.source) for name in frame]  # type: ignore[union-attr]
    assert [issubclass(kind, Path) for kind in kinds] == [False, False, True]


@pytest.mark.parametrize("processors", [None, 1, 2])
def test_halves_sorted_beside_each_other_are_the_whole_sorted(processors: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    for length in (0, 1, 2, 3, 10_001):
        values = np.random.default_rng(length).integers(0, 900, length).astype(np.float64)
        expected = np.sort(values)
        large_numbers._sort(values)
        assert values.tolist() == expected.tolist()
