"""The budget of false alarms in the monitor file, the rules that hold without any, and what rules may name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from driftgate.config.calibration import BudgetConfig
from driftgate.config.models import MonitorConfig
from driftgate.config.rule import Rule
from factories import make_binary_config, make_config

CONFIG = make_config()


def with_rule(config: MonitorConfig = CONFIG, **rule: Any) -> MonitorConfig:
    return MonitorConfig.model_validate({**config.model_dump(exclude={"decision"}), "decision": {"rules": [rule]}})


def test_one_false_alarm_a_quarter_is_the_default() -> None:
    measures = make_config().measures
    assert measures.thresholds == "calibrated"
    assert (measures.budget.false_alarms, measures.budget.per) == (1.0, timedelta(days=91))
    assert (measures.detect.change, measures.detect.power) == (1.0, 0.8)


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        ({}, "1 false alarm per 13w"),
        ({"false_alarms": 2, "per": "30d"}, "2 false alarms per 30d"),
        ({"false_alarms": 0.5, "per": "1w"}, "0.5 false alarms per 1w"),
    ],
)
def test_the_budget_is_readable(budget: dict[str, Any], text: str) -> None:
    assert BudgetConfig.model_validate(budget).text == text


@pytest.mark.parametrize(
    "measures",
    [
        {"budget": {"false_alarms": 0}},
        {"detect": {"power": 1}},
        {"detect": {"change": 0}},
        {"thresholds": "guessed"},
        {"budget": {"per": "0d"}},
    ],
)
def test_terms_that_make_no_sense_are_refused(measures: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_config(measures=measures)


@pytest.mark.parametrize(
    ("config", "primary"),
    [
        (make_config(), "mae"),
        (make_config(retrain={"metric": "rmse"}), "rmse"),
        (make_binary_config(), "log_loss"),
        (make_binary_config(columns={"timestamp": "ts", "target": "late", "numerical": ["distance"]}), "f1"),
        (make_config(task="multiclass"), "f1"),
    ],
)
def test_performance_pages_by_default_realised_slow_and_estimated(config: MonitorConfig, primary: str) -> None:
    assert config.primary_metric == primary
    assert config.rules == [
        Rule(metric=primary, calibrated=True),
        Rule(metric="slow_drift", column="residual", calibrated=True),
        Rule(metric=f"estimated_{primary}", calibrated=True),
    ]
    assert with_rules_written_out(config).rules == config.rules, "they may also be written into the file"


def with_rules_written_out(config: MonitorConfig) -> MonitorConfig:
    rules = [rule.model_dump(exclude_defaults=True) for rule in config.rules]
    return MonitorConfig.model_validate({**config.model_dump(exclude={"decision"}), "decision": {"rules": rules}})


def test_with_fixed_thresholds_half_of_the_columns_page() -> None:
    assert make_config(measures={"thresholds": "fixed"}).rules == [Rule(metric="drift_share", above=0.5)]


def test_rules_of_the_file_are_the_rules() -> None:
    assert make_config(decision={"rules": []}).rules == []
    assert make_config(decision={"rules": [{"metric": "mae", "above": 3}]}).rules == [Rule(metric="mae", above=3)]


@pytest.mark.parametrize("limits", [{}, {"calibrated": False}, {"calibrated": True, "above": 3}, {"above": 1, "below": 0}])
def test_a_rule_has_one_limit(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of above, below, above_reference, below_reference, calibrated: true"):
        Rule(metric="mae", **limits)


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        *(
            (name, "")
            for name in ("dataset_drift", "multivariate_drift", "row_ratio", "freshness_seconds", "missing_share", "estimated_rmse", "r2")
        ),
        *((name, "distance") for name in ("drift_score", "slow_drift", "position", "missing_share", "new_category_share")),
        *((name, "residual") for name in ("drift_score", "slow_drift", "position", "residual_mean", "steady_residual")),
    ],
)
def test_rules_may_name_what_is_measured(metric: str, column: str) -> None:
    assert with_rule(metric=metric, column=column, calibrated=True).rules[0].metric == metric


@pytest.mark.parametrize(
    ("metric", "column", "message"),
    [
        ("estimated_f1", "", "'estimated_f1' is unknown for task regression"),
        ("slow_drift", "", "needs 'column' because slow_drift is measured per column"),
        ("steady_residual", "", "needs 'column'"),
        ("steady_residual", "nowhere", "'nowhere' has no role under columns"),
        ("missing_share", "residual", "'residual' has no role under columns"),
    ],
)
def test_rules_about_anything_else_are_refused(metric: str, column: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        with_rule(metric=metric, column=column, calibrated=True)


def test_a_column_named_residual_moves_the_models_own_aside() -> None:
    config = make_config(columns={"timestamp": "ts", "target": "duration", "numerical": ["residual"]})
    assert config.rules[1].column == "residual_"
    assert with_rule(config, metric="slow_drift", column="residual_", calibrated=True)
