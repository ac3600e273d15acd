"""Scores from sorted values and counts against Evidently's own test functions and its Report, on random columns of every sort."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import StatTest, get_stattest
from evidently.legacy.calculations.stattests.registry import _registered_stat_tests as registered
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset
from scipy import stats

from driftgate.columns import Kind
from driftgate.config.models import DRIFT_METHODS
from driftgate.measure.scores import METHODS, default_method, score
from driftgate.measure.window_rows import summarise
from driftgate.samples import Categories, Numbers, Sample
from driftgate.two_sample import REPLACED

pytestmark = pytest.mark.filterwarnings("ignore")

CLOSE = 1e-9
Draw = Callable[[np.random.Generator, int], Any]
NUMBERS: dict[str, Draw] = {
    "normal": lambda rng, rows: rng.normal(3, 2, rows),
    "timestamps": lambda rng, rows: 1.7e9 + rng.normal(0, 500, rows),
    "skewed": lambda rng, rows: rng.gamma(0.5, 1e4, rows),
    "heavy tails": lambda rng, rows: rng.standard_cauchy(rows),
    "tiny values": lambda rng, rows: rng.normal(0, 1e-7, rows),
    "whole numbers": lambda rng, rows: rng.integers(0, 60, rows).astype(float),
    "mostly zero": lambda rng, rows: np.where(rng.random(rows) < 0.6, 0.0, rng.lognormal(0, 2, rows)),
    "few values": lambda rng, rows: rng.integers(0, 4, rows).astype(float),
    "two values": lambda rng, rows: rng.integers(0, 2, rows).astype(float),
    "constant": lambda rng, rows: np.full(rows, 7.25),
    "with gaps": lambda rng, rows: np.where(rng.random(rows) < 0.2, rng.choice([np.nan, np.inf, -np.inf], rows), rng.normal(0, 1, rows)),
    "only nulls": lambda rng, rows: np.full(rows, np.nan),
}
CATEGORIES: dict[str, Draw] = {
    "few": lambda rng, rows: rng.choice(list("abcd"), rows, p=[0.6, 0.3, 0.08, 0.02]),
    "two": lambda rng, rows: rng.choice(["yes", "no"], rows),
    "one": lambda rng, rows: np.full(rows, "same"),
    "long tail": lambda rng, rows: [f"place {value}" for value in rng.zipf(1.4, rows) % 500],
    "mostly new": lambda rng, rows: [f"{rows}-{value}" for value in rng.integers(0, 30, rows)],
    "nulls": lambda rng, rows: [None if value == "c" else value for value in rng.choice(list("abc"), rows)],
    "only nulls": lambda rng, rows: [None] * rows,
    "not ASCII": lambda rng, rows: rng.choice(["ä", "Z", "z", "", " ", "日本", "a\x00b"], rows),
}
SIZES = (1, 2, 5, 30, 300)
REFERENCE_SIZES = (1, 2, 5, 40, 1000, 1001, 4000, 12_000)
OPTIONAL = sorted({*DRIFT_METHODS} - {"chisquare", "mannw"})


def columns(kind: Kind, name: str, seed: int) -> tuple[pd.Series, pd.Series]:
    """One random pair of current and reference: sizes, and sometimes a shift, drawn from the seed."""
    rng = np.random.default_rng([seed, *name.encode()])
    rows, usual_rows = int(rng.choice(SIZES)), int(rng.choice(REFERENCE_SIZES))
    draw = (NUMBERS if kind == "num" else CATEGORIES)[name]
    dtype = "float64" if kind == "num" else "str"
    found = [pd.Series(draw(rng, count), dtype=dtype) for count in (rows, usual_rows)]
    if kind == "num" and rng.random() < 0.4:
        spread = np.std(found[1].to_numpy()[np.isfinite(found[1])]) if np.isfinite(found[1]).any() else 0.0
        found[0] = found[0] + float(rng.choice([0.1, 1.0, 1000.0])) * float(spread)
    return found[0], found[1]


def cleaned(values: pd.Series, kind: Kind) -> pd.Series:
    return values[np.isfinite(values)].reset_index(drop=True) if kind == "num" else values.dropna().reset_index(drop=True)


def evidentlys(test: StatTest, kind: Kind, current: pd.Series, reference: pd.Series) -> float | None:
    """The score of Evidently's own test function; None where it fails or has no number."""
    try:
        value = float(test(reference.copy(), current.copy(), ColumnType(kind), None).drift_score)
    except (ValueError, ArithmeticError, IndexError, TypeError):
        return None
    return value if math.isfinite(value) else None


def assert_same(method: str, found: float | None, expected: float | None) -> None:
    """Equal to 1e-9; roots of a rounding error (1e-16) only to the root of it."""
    if method in ("jensenshannon", "hellinger") and (found or 0) < 1e-6 and (expected or 0) < 1e-6:
        return  # both are 0; Evidently's may be the root of -1e-17
    assert (found is None) == (expected is None), (method, found, expected)
    if found is not None and expected is not None:
        assert found == pytest.approx(expected, rel=CLOSE, abs=CLOSE), method


def samples(kind: Kind, current: pd.Series, reference: pd.Series) -> tuple[Sample, Sample]:
    """As the library makes them; the reference with counts, as a prepared one has them."""
    own, usual = summarise(current, kind).sample, summarise(reference, kind).sample
    return own, usual.counted() if isinstance(usual, Numbers) else usual


CASES = [("num", name) for name in NUMBERS] + [("cat", name) for name in CATEGORIES]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_evidentlys_choice_and_score_by_default(kind: Kind, name: str) -> None:
    for seed in range(25):
        current, reference = columns(kind, name, seed)
        own, usual = samples(kind, current, reference)
        left, right = cleaned(current, kind), cleaned(reference, kind)
        assert (own.rows, usual.rows) == (len(left), len(right))
        if left.empty or right.empty:
            continue
        test = get_stattest(right, left, kind, None)
        assert default_method(kind, own, usual) == test.name
        if test.name not in REPLACED:
            assert_same(test.name, score(test.name, kind, own, usual), evidentlys(test, kind, left, right))


@pytest.mark.parametrize("method", OPTIONAL)
def test_every_method_is_evidentlys_test_function(method: str) -> None:
    kinds: list[Kind] = [kind for kind in ("num", "cat") if ColumnType(kind) in registered[method]]
    for kind in kinds:
        for name in NUMBERS if kind == "num" else CATEGORIES:
            if (method, name) in {("t_test", "constant"), ("es", "two values")}:  # what is left of rounding errors in both
                continue
            for seed in range(4):
                current, reference = columns(kind, name, seed)
                left, right = cleaned(current, kind), cleaned(reference, kind)
                if left.empty or right.empty or len(left) * len(right) > 1_000_000:
                    continue
                expected = evidentlys(get_stattest(right, left, kind, method), kind, left, right)
                assert_same(method, score(method, kind, *samples(kind, current, reference)), expected)


def test_limits_and_kinds_are_those_of_evidentlys_registry() -> None:
    for name in DRIFT_METHODS:
        tests = registered[name]
        assert sorted(METHODS[name].kinds) == sorted(kind.value for kind in tests)
        assert {METHODS[name].threshold} == {test.default_threshold for test in tests.values()}


@pytest.mark.parametrize("method", sorted(set(METHODS) - {*REPLACED, *REPLACED.values()}))
def test_a_score_on_the_limit_is_drift_where_evidently_says_so(method: str) -> None:
    kind: Kind = METHODS[method].kinds[0]
    rng, draw = np.random.default_rng(3), (NUMBERS["normal"] if kind == "num" else CATEGORIES["few"])
    current, reference = (pd.Series(draw(rng, rows), dtype="float64" if kind == "num" else "str") for rows in (40, 60))
    value = evidentlys(get_stattest(reference, current, kind, method), kind, current, reference)
    assert value is not None
    for limit in (value, float(np.nextafter(value, -1)), float(np.nextafter(value, 2))):
        result = get_stattest(reference, current, kind, method)(reference, current, ColumnType(kind), limit)
        assert METHODS[method].is_drift(float(result.drift_score), limit) is bool(result.drifted)


@pytest.mark.parametrize("reference_rows", [700, 5000], ids=["p-values", "distances"])
def test_every_sort_of_column_scores_as_in_evidentlys_report(reference_rows: int) -> None:
    rng = np.random.default_rng(reference_rows)
    frames = []
    for rows in (300, reference_rows):
        numbers = {f"num {name}": pd.Series(draw(rng, rows), dtype="float64") for name, draw in NUMBERS.items() if name != "only nulls"}
        texts = {f"cat {name}": pd.Series(draw(rng, rows), dtype="str") for name, draw in CATEGORIES.items() if name != "only nulls"}
        frames.append(pd.DataFrame({**numbers, **texts}))
    names = {kind: [name for name in frames[0] if name.startswith(kind)] for kind in ("num", "cat")}
    definition = DataDefinition(numerical_columns=names["num"], categorical_columns=names["cat"])
    snapshot = Report([DataDriftPreset()], include_tests=False).run(
        *(Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    )
    shown = {item["config"]["column"]: item for item in snapshot.dict()["metrics"] if "column" in item["config"]}
    assert len(shown) == len(frames[0].columns)
    for name, item in shown.items():
        kind: Kind = "num" if name.startswith("num") else "cat"
        own, usual = samples(kind, frames[0][name], frames[1][name])
        method = default_method(kind, own, usual)
        if method not in REPLACED:
            assert_same(method, score(method, kind, own, usual), float(item["value"]))


def test_a_million_rows_score_as_with_scipy() -> None:
    rng = np.random.default_rng(5)
    current, reference = rng.normal(0.01, 1, 1_000_000), rng.normal(0, 1, 1_000_000)
    whole = np.round(reference * 20)
    for left, right in ((current, reference), (current[:800], reference), (np.round(current * 20), whole)):
        expected = stats.wasserstein_distance(right, left) / np.std(right)
        assert score("wasserstein", "num", Numbers.of(left), Numbers.of(right)) == pytest.approx(expected, abs=CLOSE)
        assert score("wasserstein", "num", Numbers.of(left), Numbers.of(right).counted()) == pytest.approx(expected, abs=CLOSE)
    assert score("ks", "num", Numbers.of(current), Numbers.of(reference)) == pytest.approx(
        stats.ks_2samp(reference, current).pvalue, abs=CLOSE
    )


@pytest.mark.parametrize("offset", [0.0, 1e9, -1.7e9, 1e12])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1e6])
def test_an_offset_costs_no_digits(offset: float, shift: float) -> None:
    rng = np.random.default_rng(6)
    reference = offset + rng.integers(0, 5000, 20_000) / 4  # exactly representable at these offsets
    current = offset + shift + rng.integers(0, 5000, 700) / 4
    expected = stats.wasserstein_distance(reference - offset, current - offset) / np.std(reference - offset)
    assert score("wasserstein", "num", Numbers.of(current), Numbers.of(reference)) == pytest.approx(expected, rel=1e-9)
    sample = Numbers.of(reference)
    assert sample.deviation == pytest.approx(np.std(reference - offset), rel=1e-12)
    assert sample.mean - offset == pytest.approx(np.mean(reference - offset), abs=max(1e-9, abs(offset) * 1e-15))


@pytest.mark.parametrize("method", ["wasserstein", "jensenshannon", "psi", "kl_div", "hellinger", "ed"])
def test_a_sample_does_not_differ_from_itself(method: str) -> None:
    values = np.random.default_rng(7).gamma(2, 3, 5000)
    same = score(method, "num", Numbers.of(values), Numbers.of(values).counted())
    assert same == pytest.approx(0.0, abs=1e-7)
    if method == "wasserstein":
        assert same == 0.0, "what prefix sums leave of nothing is not reported as a distance"


def test_other_tests_of_evidently_get_one_element_per_row() -> None:
    current, reference = columns("cat", "few", 0)
    test = get_stattest(reference, current, "cat", "g_test")
    assert_same("g_test", score("g_test", "cat", *samples("cat", current, reference)), evidentlys(test, "cat", current, reference))


def test_a_score_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in sorted(METHODS):
            kind: Kind = METHODS[method].kinds[0]
            sample: Sample = Numbers.of([5.0] * 40) if kind == "num" else Categories.of(["a"] * 40)
            score(method, kind, sample, sample)
