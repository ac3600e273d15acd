"""The section ``fairness`` of a monitor file."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from driftgate.config.fairness import FairnessConfig, check_gap_rule, fairness_gaps
from driftgate.config.rule import Rule
from factories import make_binary_config, make_config


def test_nothing_is_compared_by_default() -> None:
    fairness = make_config().fairness
    assert (fairness.columns, fairness.minimum_rows, fairness.positive_label) == ([], 50, None)


def test_one_column_may_be_written_without_a_list() -> None:
    assert make_config(fairness={"columns": "vendor"}).fairness.columns == ["vendor"]


@pytest.mark.parametrize("column", ["trip_id", "vendor", "hour"])
def test_ids_and_features_can_be_groups(column: str) -> None:
    assert make_config(fairness={"columns": [column]}).fairness.columns == [column]


@pytest.mark.parametrize("column", ["gender", "ts", "duration", "prediction"])
def test_any_other_column_is_refused_with_the_remedy(column: str) -> None:
    with pytest.raises(
        ValidationError, match=rf"fairness\.columns names '{column}'.*use one of trip_id, distance, hour, vendor, or add it"
    ):
        make_config(fairness={"columns": [column]})


def test_the_same_column_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="names 'vendor' twice"):
        make_config(fairness={"columns": ["vendor", "vendor"]})


def test_a_positive_label_is_for_binary_tasks() -> None:
    assert make_binary_config(fairness={"columns": ["vendor"], "positive_label": 0}).fairness.positive_label == 0
    with pytest.raises(ValidationError, match="positive_label makes sense for task binary only"):
        make_config(fairness={"columns": ["vendor"], "positive_label": 1})


@pytest.mark.parametrize(
    ("rule", "columns", "message"),
    [
        ({"metric": "mae_gap", "column": "sex"}, ["sex"], "not measured for this task; use one of demographic_parity_gap"),
        ({"metric": "accuracy_gap", "column": "sex"}, [], "no groups are compared; add fairness"),
        ({"metric": "accuracy_gap"}, ["sex"], "needs 'column' for accuracy_gap; use one of sex"),
        ({"metric": "accuracy_gap", "column": "age"}, ["sex"], "'age', which is not under fairness.columns; use one of sex"),
    ],
)
def test_rules_about_gaps_are_checked(rule: dict[str, str], columns: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=rf"decision\.rules\[2\].*{message}"):
        check_gap_rule(2, Rule(above=0.1, **rule), FairnessConfig(columns=columns), fairness_gaps("binary"))


def test_a_good_rule_passes() -> None:
    check_gap_rule(0, Rule(metric="accuracy_gap", column="sex", above=0.1), FairnessConfig(columns=["sex"]), fairness_gaps("multiclass"))
