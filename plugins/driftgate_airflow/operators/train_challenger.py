"""Operator: train and register the challenger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class TrainChallengerOperator(DriftgateOperator):
    """Train a challenger; a run for the same trigger window uses the one that is registered already.

    Parameters
    ----------
    plan
        What `build_training_set` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "plan")
    weight = "heavy"

    def __init__(self, *, plan: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import retraining
        from driftgate.records import Window, to_dict
        from driftgate.retrain.training_set import TrainingSet

        training_set = TrainingSet.from_dict(self.plan["training_set"])
        window = Window.from_dict(self.plan["trigger_window"])
        challenger = retraining.train_challenger(self.open_context(), training_set, window, dag_run=context["dag_run"].run_id)
        result: dict[str, Any] = to_dict(challenger)
        return result
