"""Scores of realised and of expected rows, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from driftgate.estimate.tables import row_losses, score_function


def rows(seed: int = 0, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    proba = rng.random(count).round(2)  # rounded: ties
    return (rng.random(count) < proba).astype(float), (proba > 0.4).astype(float), proba


def test_regression_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    target, prediction = rng.normal(10, 3, 300), rng.normal(10, 3, 300)
    error = prediction - target
    found = score_function("regression")(np.column_stack([np.abs(error), error**2]))
    assert found == pytest.approx(
        {"mae": metrics.mean_absolute_error(target, prediction), "rmse": metrics.root_mean_squared_error(target, prediction)}
    )


def test_binary_scores_of_known_labels_are_those_of_scikit_learn() -> None:
    actual, predicted, proba = rows()
    proba[:3], actual[:3] = 0.0, [0, 0, 1]  # a label that was held impossible
    expected = {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "precision": metrics.precision_score(actual, predicted),
        "recall": metrics.recall_score(actual, predicted),
        "f1": metrics.f1_score(actual, predicted),
        "roc_auc": metrics.roc_auc_score(actual, proba),
        "log_loss": metrics.log_loss(actual, proba),
    }
    assert score_function("binary")(np.column_stack([actual, predicted, proba])) == pytest.approx(expected)


def test_expected_scores_are_those_of_every_row_counted_as_what_it_probably_is() -> None:
    """Scikit-learn with each row twice, once as positive and once as negative, weighted by how probable that is."""
    _, predicted, proba = rows(2)
    chance = np.clip(proba**2, 0, 1)
    twice, names = np.repeat([1.0, 0.0], len(proba)), np.tile(predicted, 2)
    how = {"sample_weight": np.concatenate([chance, 1 - chance])}
    expected = {
        "accuracy": metrics.accuracy_score(twice, names, **how),
        "precision": metrics.precision_score(twice, names, **how),
        "recall": metrics.recall_score(twice, names, **how),
        "f1": metrics.f1_score(twice, names, **how),
        "roc_auc": metrics.roc_auc_score(twice, np.tile(proba, 2), **how),
        "log_loss": metrics.log_loss(twice, np.tile(proba, 2), **how),
    }
    assert score_function("binary")(np.column_stack([chance, predicted, proba])) == pytest.approx(expected)


def test_scores_that_do_not_exist_are_left_out() -> None:
    binary = score_function("binary")
    assert set(binary(np.array([[1.0, 0.0, 0.3], [0.0, 0.0, 0.2]]))) == {"accuracy", "recall", "f1", "roc_auc", "log_loss"}
    assert binary(np.array([[0.0, 0.0, 0.3]])) == {"accuracy": 1.0}
    assert binary(np.empty((0, 3))) == score_function("regression")(np.empty((0, 2))) == {}


def test_the_same_rows_in_any_order_have_the_same_scores_to_the_last_bit() -> None:
    actual, predicted, proba = rows(3, 2000)
    table = np.column_stack([actual * 0.7 + 0.1, predicted, proba])
    for seed in range(5):
        mixed = np.random.default_rng(seed).permutation(len(table))
        assert score_function("binary")(table[mixed]) == score_function("binary")(table)
        assert score_function("regression")(table[mixed][:, [0, 2]]) == score_function("regression")(table[:, [0, 2]])


def test_the_loss_of_a_row_is_its_error_or_its_log_loss() -> None:
    assert row_losses("regression", np.array([[2.0, 5.0]])).tolist() == [2.0]
    assert row_losses("binary", np.array([[0.25, 1.0, 0.5]])) == pytest.approx([np.log(2)])
