"""Operator: choose what follows from restated performance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

from driftgate_airflow.links import WINDOW_LINKS, push_window_links
from driftgate_airflow.operators.base import DriftgateOperator
from driftgate_airflow.operators.decide import ALERT_TASK, DECISION_KEY
from driftgate_airflow.operators.ingest_window import WINDOW_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context


class RoutePerformanceOperator(DriftgateOperator, BaseBranchOperator):
    """Follow the decision that the run acts on; its action is also the id of the task that follows.

    Parameters
    ----------
    restated
        What `restate` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "restated")
    operator_extra_links = WINDOW_LINKS

    def __init__(self, *, restated: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.restated = restated

    def choose_branch(self, context: Context) -> list[str]:
        from driftgate.records import Action, Decision

        if self.restated["decision"] is None:
            return [Action.NO_ACTION.value]
        decision = Decision.from_dict(self.restated["decision"])
        push_window_links(context, self.open_context(), decision.window)
        for reason in decision.reasons:
            self.log.info("For: %s", reason)
        for reason in decision.reasons_against:
            self.log.info("Against: %s", reason)
        context["ti"].xcom_push(key=WINDOW_KEY, value=decision.window.key)
        context["ti"].xcom_push(key=DECISION_KEY, value=self.restated["decision"])
        return [decision.action.value, ALERT_TASK] if decision.action is Action.RETRAIN else [decision.action.value]
