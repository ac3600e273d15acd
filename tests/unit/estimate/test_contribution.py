"""Contributions of columns to the expected loss, where the truth is known, and the exchange of values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.estimate.contribution import _exchanged, contributions
from driftgate.estimate.estimator import Estimator, fit
from factories import make_config

MEAN_SIZE = np.sqrt(2 / np.pi)


def chooser() -> np.random.Generator:
    return np.random.default_rng(0)


# --- contributions ----------------------------------------------------------------------------------------------------


def test_columns_that_did_not_change_contribute_nothing(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    reference, frame = make_trips(0, 20, 300)[0], make_trips(1, 1, 2000)[0]
    found = contributions(config, estimator, frame, reference)
    assert list(found) == ["distance", "hour", "vendor"]
    assert max(abs(value) for value in found.values()) < 0.05


def test_the_column_that_makes_rows_harder_is_found_with_its_amount(
    config: MonitorConfig, estimator: Estimator, make_trips: Callable
) -> None:
    reference = make_trips(0, 20, 300)[0]
    longer = make_trips(1, 1, 2000, shift=2.0)[0]
    found = contributions(config, estimator, longer, reference, predict=lambda frame: frame.assign(prediction=3 * frame["distance"]))
    # the scale of the error is 0.5 + 0.3 x distance, twice that for a tenth of the rows
    assert found["distance"] == pytest.approx(0.3 * 2.0 * 1.1 * MEAN_SIZE, rel=0.2)
    assert max(abs(found["hour"]), abs(found["vendor"])) < 0.05
    rare = make_trips(1, 1, 2000)[0]
    rare["vendor"] = pd.Series(np.where(np.arange(2000) % 2, "c", rare["vendor"]), dtype="str")  # c: 55 % instead of 10 %
    found = contributions(config, estimator, rare, reference)
    assert found["vendor"] == pytest.approx(0.45 * (0.5 + 0.3 * 4) * MEAN_SIZE, rel=0.2)
    assert max(abs(found["hour"]), abs(found["distance"])) < 0.05


def test_a_column_that_makes_rows_easier_has_a_negative_contribution(
    config: MonitorConfig, estimator: Estimator, make_trips: Callable
) -> None:
    reference, frame = make_trips(0, 20, 300)[0], make_trips(1, 1, 1000)[0]
    assert contributions(config, estimator, frame.assign(vendor=pd.Series(["a"] * 1000, dtype="str")), reference)["vendor"] < -0.05


def test_rows_in_any_order_have_the_same_contributions(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    reference, frame = make_trips(0, 20, 300)[0], make_trips(1, 1, 500, shift=1.0)[0]
    mixed = contributions(config, estimator, frame.sample(frac=1, random_state=1), reference.sample(frac=1, random_state=2))
    assert mixed == contributions(config, estimator, frame, reference)


def test_some_columns_have_the_same_contributions_as_among_all(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    reference, frame = make_trips(0, 20, 300)[0], make_trips(1, 1, 500, shift=1.0)[0]
    whole = contributions(config, estimator, frame, reference)
    assert contributions(config, estimator, frame, reference, columns=["vendor", "distance", "unknown"]) == {
        name: whole[name] for name in ("distance", "vendor")
    }


def test_a_binary_model_is_asked_what_it_would_have_said(
    binary_config: MonitorConfig, binary_estimator: Estimator, make_late_trips: Callable
) -> None:
    reference, _ = make_late_trips(0, 20, 300)
    frame, _ = make_late_trips(1, 1, 2000)
    frame["distance"] = 0.7 + 0.1 * frame["distance"]  # near the border between late and not: hard

    def predict(rows: pd.DataFrame) -> pd.DataFrame:
        proba = 1 / (1 + np.exp(1 - 3 * rows["distance"]))
        return rows.assign(late_proba=proba, prediction=pd.Series(np.where(proba > 0.5, "1", "0"), dtype="str"))

    assert contributions(binary_config, binary_estimator, predict(frame), reference) == {}
    found = contributions(binary_config, binary_estimator, predict(frame), reference, predict=predict)
    assert found["distance"] > 0.05
    assert found["hour"] == found["vendor"] == 0.0


def test_where_nothing_can_be_said_there_are_none(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    frame, windows = make_trips(0, 5, 50)
    assert contributions(config, estimator, frame[:0], frame) == contributions(config, estimator, frame, frame[:0]) == {}
    unable = fit(make_config(task="multiclass"), frame, windows)
    assert contributions(make_config(task="multiclass"), unable, frame, frame) == {}
    assert contributions(config, estimator, frame, frame.drop(columns="hour"))["hour"] == 0.0
    with pytest.raises(MeasureError, match="'hour'"):
        contributions(config, estimator, frame.drop(columns="hour"), frame)


# --- the exchange -----------------------------------------------------------------------------------------------------


def test_numbers_keep_their_ranks_and_get_the_distribution_of_the_reference() -> None:
    rng = np.random.default_rng(1)
    values, reference = pd.Series(rng.normal(5, 2, 500)), pd.Series(rng.gamma(2, 2, 2000))
    found = _exchanged(values, reference, True, chooser())
    assert stats.spearmanr(values, found).statistic == pytest.approx(1.0)
    assert stats.ks_2samp(found, reference).statistic < 0.005
    same = _exchanged(values, pd.concat([values] * 3), True, chooser())
    assert same.tolist() == values.tolist()


def test_missing_numbers_are_exchanged_like_a_category() -> None:
    values = pd.Series([1.0, np.nan, np.inf, 4.0, 5.0, np.nan, 7.0, 8.0])
    half = _exchanged(values, pd.Series([1.0, 2.0, np.nan, np.nan]), True, chooser())
    assert half.isna().sum() == 4
    assert half[[1, 2, 5]].isna().all()
    assert _exchanged(values, pd.Series([3.0, 3.0]), True, chooser()).tolist() == [3.0] * 8
    assert _exchanged(values, pd.Series([np.nan] * 3), True, chooser()).isna().all()


def test_categories_change_only_where_they_must() -> None:
    values = pd.Series(["a"] * 60 + ["new"] * 30 + ["b"] * 10, dtype="str")
    reference = pd.Series(["a"] * 5 + ["b"] * 4 + [None], dtype="str")
    found = _exchanged(values, reference, False, chooser())
    assert found.value_counts(dropna=False).to_dict() == pytest.approx({"a": 50, "b": 40, np.nan: 10}, nan_ok=True)
    assert (found != values).sum() == 40  # the 10 of a and the 30 that the reference does not know
    assert (found[90:] == "b").all()
    assert _exchanged(values, values, False, chooser()).tolist() == values.tolist()
