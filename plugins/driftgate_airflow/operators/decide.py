"""Operator: choose what is done about the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

from driftgate_airflow.links import WINDOW_LINKS, remember_window
from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.records import Decision

DECISION_KEY = "decision"
"""XCom key of the decision with its reasons; the operator's own result is the branch that was taken."""
ALERT_TASK = "alert"


class DecideOperator(DriftgateOperator, BaseBranchOperator):
    """Apply the monitor's policy; the decision is also the id of the task that follows. People hear of a retraining as of an alert.

    Parameters
    ----------
    measures
        What `measure` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "measures")
    operator_extra_links = WINDOW_LINKS

    def __init__(self, *, measures: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.measures = measures

    def choose_branch(self, context: Context) -> list[str]:
        from driftgate import pipeline

        monitor = self.open_context()
        decision = pipeline.decide(monitor, pipeline.load_measures(self.measures["path"]))
        remember_window(self, monitor, decision.window)
        return follow(self.log, context, decision)


def follow(log: Any, context: Context, decision: Decision) -> list[str]:
    """Log the reasons, leave the decision for the tasks that follow, and return their ids."""
    from driftgate.records import Action, to_dict

    for reason in decision.reasons:
        log.info("For: %s", reason)
    for reason in decision.reasons_against:
        log.info("Against: %s", reason)
    context["ti"].xcom_push(key=DECISION_KEY, value=to_dict(decision))
    return [decision.action.value, ALERT_TASK] if decision.action is Action.RETRAIN else [decision.action.value]
