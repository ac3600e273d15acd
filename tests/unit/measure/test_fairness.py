"""Gaps between groups: against numbers from Fairlearn 0.15.0, by hand, and where there is nothing to compare."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.measure.fairness import fairness_metrics
from driftgate.records import Family, Metric
from factories import make_binary_config, make_binary_frame, make_config, make_frame

ROLES = {"timestamp": "ts", "target": "y", "numerical": ["age"], "categorical": ["sex"]}


def config_of(
    task: str = "binary", *, minimum_rows: int = 1, positive: Any = None, columns: Any = "sex", **overrides: Any
) -> MonitorConfig:
    fairness = {"columns": columns, "minimum_rows": minimum_rows, "positive_label": positive}
    return make_config(**{"task": task, "columns": ROLES, "fairness": fairness, **overrides})


def applicants(rows: int = 400) -> pd.DataFrame:
    """The rows that Fairlearn was given for the numbers below."""
    rng = np.random.default_rng(42)
    sex = rng.choice(["f", "m", "x"], rows, p=[0.45, 0.45, 0.1])
    actual = (rng.random(rows) < np.where(sex == "f", 0.3, 0.5)).astype(int)
    predicted = (rng.random(rows) < np.where(actual == 1, 0.7, 0.2) + 0.1 * (sex == "m")).astype(int)
    return pd.DataFrame({"sex": pd.Series(sex, dtype="str"), "y": actual, "prediction": predicted, "age": 40.0})


def found(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame | None = None) -> dict[str, Metric]:
    metrics = fairness_metrics(config, current, current if reference is None else reference)
    assert {item.family for item in metrics} <= {Family.FAIRNESS}
    assert {(item.threshold, item.verdict) for item in metrics} <= {(None, None)}
    named = {f"{item.metric} {item.segment}".strip(): item for item in metrics}
    assert len(named) == len(metrics)
    return named


def values(config: MonitorConfig, current: pd.DataFrame) -> dict[str, float | None]:
    return {name: item.value for name, item in found(config, current).items()}


def test_gaps_and_rates_equal_fairlearns() -> None:
    expected = {
        "demographic_parity_gap": 0.23257218799081797,
        "equal_opportunity_gap": 0.1598875351452671,
        "false_positive_rate_gap": 0.1113547090527085,
        "equalised_odds_gap": 0.1598875351452671,
        "accuracy_gap": 0.002808988764044895,
        "selection_rate sex=f": 0.34269662921348315,
        "selection_rate sex=m": 0.5752688172043011,
        "selection_rate sex=x": 0.4444444444444444,
        "true_positive_rate sex=f": 0.6545454545454545,
        "true_positive_rate sex=m": 0.8144329896907216,
        "true_positive_rate sex=x": 0.7333333333333333,
        "false_positive_rate sex=f": 0.2032520325203252,
        "false_positive_rate sex=m": 0.3146067415730337,
        "false_positive_rate sex=x": 0.23809523809523808,
        "group_accuracy sex=f": 0.7528089887640449,
        "group_accuracy sex=m": 0.7526881720430108,
        "group_accuracy sex=x": 0.75,
    }
    assert values(config_of(), applicants()) == pytest.approx(expected, abs=1e-12)


def test_the_other_label_can_be_the_one_that_is_compared() -> None:
    usual, turned = values(config_of(), applicants()), values(config_of(positive=0), applicants())
    assert turned["selection_rate sex=f"] == pytest.approx(1 - (usual["selection_rate sex=f"] or 0))
    assert turned["demographic_parity_gap"] == pytest.approx(usual["demographic_parity_gap"])
    assert turned["equal_opportunity_gap"] == pytest.approx(usual["false_positive_rate_gap"])


@pytest.mark.parametrize("spelling", ["text", "bool", "float"])
def test_labels_count_whatever_their_type(spelling: str) -> None:
    frame, expected = applicants(), values(config_of(), applicants())
    turn = {
        "text": lambda column: column.map({1: "yes", 0: "no"}),
        "bool": lambda column: column == 1,
        "float": lambda column: column * 1.0,
    }
    frame[["y", "prediction"]] = frame[["y", "prediction"]].apply(turn[spelling])
    roles = {**ROLES, "positive_label": "yes"} if spelling == "text" else ROLES
    assert values(config_of(columns="sex") if spelling != "text" else _with_roles(roles), frame) == expected


def _with_roles(roles: dict[str, Any]) -> MonitorConfig:
    return make_config(task="binary", columns=roles, fairness={"columns": "sex", "minimum_rows": 1})


def test_without_labels_there_are_selection_rates_only() -> None:
    for frame in (applicants().drop(columns="y"), applicants().assign(y=np.nan)):
        names = {name.split()[0] for name in values(config_of(), frame)}
        assert names == {"demographic_parity_gap", "selection_rate"}


def test_regression_compares_errors() -> None:
    frame = pd.DataFrame(
        {
            "sex": pd.Series(["f", "f", "m", "m", None, "m"], dtype="str"),
            "y": [1.0, 2.0, 3.0, 4.0, 0.0, np.nan],
            "prediction": [2.0, 1.0, 5.0, 8.0, 100.0, 7.0],
            "age": 40.0,
        }
    )
    assert values(config_of("regression"), frame) == {
        "mae_gap": 2.0,
        "mean_error_gap": 3.0,
        "group_mae sex=f": 1.0,
        "group_mae sex=m": 3.0,
        "group_mean_error sex=f": 0.0,
        "group_mean_error sex=m": 3.0,
    }


def test_multiclass_compares_accuracy_only() -> None:
    frame = pd.DataFrame({"sex": ["f", "f", "m", "m"], "y": [1, 2, 3, 1], "prediction": [1.0, 3.0, 3.0, 1.0], "age": 40.0})
    assert values(config_of("multiclass"), frame) == {"accuracy_gap": 0.5, "group_accuracy sex=f": 0.5, "group_accuracy sex=m": 1.0}


def test_a_rate_counts_with_enough_rows_in_its_denominator() -> None:
    frame = applicants()
    counts = frame[frame["y"] == 1]["sex"].value_counts()
    assert counts["x"] < 30 < counts["f"]
    names = set(values(config_of(minimum_rows=30), frame))
    assert "selection_rate sex=x" in names
    assert "true_positive_rate sex=x" not in names
    assert "true_positive_rate sex=f" in names


def test_fewer_than_two_groups_have_no_gap() -> None:
    frame = applicants()
    women, others = frame[frame["sex"] == "f"], frame[frame["sex"] == "x"].head(3)
    for few in (women, pd.concat([women, others])):
        names = {name.split()[0] for name in values(config_of(minimum_rows=20), few)}
        assert names == {"selection_rate", "true_positive_rate", "false_positive_rate", "group_accuracy"}


def test_rows_without_a_group_and_infinite_errors_do_not_count() -> None:
    frame = applicants()
    frame.loc[:9, "sex"] = None
    assert values(config_of(), frame) == values(config_of(), frame.iloc[10:])
    trips = make_frame(300)
    config = make_config(fairness={"columns": ["vendor"], "minimum_rows": 5})
    expected = values(config, trips.drop(index=[1, 2]))
    trips.loc[1, "prediction"], trips.loc[2, "duration"] = np.inf, -np.inf
    assert values(config, trips) == expected


def test_nothing_to_compare_is_nothing() -> None:
    frame = applicants()
    nobody = frame.assign(sex=pd.Series(None, index=frame.index, dtype="str"))
    for few in (frame.head(0), frame.drop(columns="sex"), frame.drop(columns="prediction"), nobody):
        assert fairness_metrics(config_of(), few, frame) == []
    assert fairness_metrics(make_config(), make_frame(100), make_frame(100)) == []


def test_one_class_has_no_rate_of_the_other() -> None:
    names = {name.split()[0] for name in values(config_of(), applicants().assign(y=0))}
    assert names == {
        "demographic_parity_gap",
        "false_positive_rate_gap",
        "accuracy_gap",
        "selection_rate",
        "false_positive_rate",
        "group_accuracy",
    }


def test_the_references_gap_is_there_to_compare_with() -> None:
    current, reference = make_binary_frame(300, seed=1), make_binary_frame(2000, seed=2)
    config = make_binary_config(fairness={"columns": ["vendor"], "minimum_rows": 10})
    ours, usual = found(config, current, reference), found(config, reference)
    assert ours["accuracy_gap"].reference_value == usual["accuracy_gap"].value
    assert ours["group_accuracy vendor=a"].reference_value == usual["group_accuracy vendor=a"].value
    assert found(config, current, reference.head(0))["accuracy_gap"].reference_value is None


def test_numbers_are_groups_by_value_and_row_order_is_irrelevant() -> None:
    frame = applicants().assign(age=lambda rows: np.arange(len(rows)) % 2 + 30.0)
    config = config_of(columns=["age", "sex"])
    names = {f"{item.column} {item.segment}" for item in fairness_metrics(config, frame, frame) if item.metric == "selection_rate"}
    assert names == {"age age=30", "age age=31", "sex sex=f", "sex sex=m", "sex sex=x"}
    mixed = {item.address: item.value for item in fairness_metrics(config, frame.sample(frac=1, random_state=1), frame)}
    assert mixed == pytest.approx({item.address: item.value for item in fairness_metrics(config, frame, frame)})
