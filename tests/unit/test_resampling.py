"""The bootstrap that comparisons and ranges share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from driftgate.resampling import decomposition, draws, expanded_percentiles, time_units, unit_sums, values
from factories import make_config


@dataclass(frozen=True)
class Rows:
    task: str
    target: np.ndarray
    prediction: np.ndarray
    positive: str | None = None
    proba: np.ndarray | None = None
    true_proba: np.ndarray | None = None


def binary(rows: int, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    proba = rng.random(rows).round(2)
    target = np.where(rng.random(rows) < proba, "1", "0").astype(object)
    return Rows("binary", target, np.where(proba > 0.5, "1", "0").astype(object), "1", proba, np.where(target == "1", proba, 1 - proba))


def test_every_resample_draws_as_many_units_as_there_are_and_parts_do_not_change_the_draws() -> None:
    whole = np.concatenate(list(draws(7, 50, 3, size=7)))
    parts = list(draws(7, 50, 3, size=4_000_000 // 8))
    assert whole.shape == (50, 7)
    assert set(whole.sum(axis=1)) == {7.0}
    assert len(parts) == 7
    assert np.concatenate(parts).mean(axis=0) == pytest.approx([1.0] * 7, abs=0.6)


def test_sums_over_units() -> None:
    columns = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    assert unit_sums(columns, np.array([0, 2, 0]), 4).tolist() == [[5, 50], [0, 0], [2, 20], [0, 0]]


def test_the_projected_roc_auc_is_exact_for_the_rows_themselves_and_near_for_resamples() -> None:
    scored = binary(400)
    columns, statistic = decomposition("roc_auc", scored)
    area = metrics.roc_auc_score(scored.target == "1", scored.proba)
    assert statistic(columns.sum(axis=0, keepdims=True)) == pytest.approx([area])
    weights = np.concatenate(list(draws(400, 500, 0, 400)))
    projected, exact = statistic(weights @ columns), values("roc_auc", scored, np.arange(400), weights)
    assert np.abs(projected - exact).mean() < 0.06 * exact.std()
    assert projected.std() == pytest.approx(exact.std(), rel=0.02)


def test_the_projection_has_the_standard_error_of_delong() -> None:
    """By hand: variances of the shares below (of positive rows) and above (of negative rows)."""
    scored = binary(2000)
    plus, minus = scored.proba[scored.target == "1"], scored.proba[scored.target == "0"]
    pairs = (plus[:, None] > minus) + 0.5 * (plus[:, None] == minus)
    delong = np.sqrt(pairs.mean(axis=1).var(ddof=1) / len(plus) + pairs.mean(axis=0).var(ddof=1) / len(minus))
    columns, statistic = decomposition("roc_auc", scored)
    weights = np.concatenate(list(draws(2000, 2000, 0, 2000)))
    assert statistic(weights @ columns).std() == pytest.approx(delong, rel=0.05)


def test_expanded_percentiles_are_wider_with_few_units_as_students_t_is() -> None:
    normal = np.random.default_rng(0).normal(size=200_000)
    for units in (5, 30, 5000):
        low, high = expanded_percentiles(normal * np.sqrt((units - 1) / units), units, 0.95)
        assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, units - 1), rel=0.04)
    assert expanded_percentiles(np.array([]), 5, 0.95) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("hours", "size", "what", "units"),
    [
        (9 * 24, "1d", "rows", 9 * 24),
        (10 * 24, "1d", "days", 10),
        (70 * 24, "7d", "windows", 11),
        (10, "1h", "windows", 10),
        (9, "1h", "rows", 9),
    ],
)
def test_what_is_drawn(hours: int, size: str, what: str, units: int) -> None:
    times = pd.Series(pd.date_range("2024-01-01", periods=hours, freq="1h", tz="UTC"))
    found, name = time_units(make_config(window={"size": size}), times)
    assert (name, found.max() + 1) == (what, units)


def test_no_rows_have_no_units() -> None:
    found, name = time_units(make_config(), pd.Series(pd.DatetimeIndex([], tz="UTC")))
    assert (name, len(found)) == ("rows", 0)
