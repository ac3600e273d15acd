"""Operator: choose what follows from restated performance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

from driftgate_airflow.links import WINDOW_LINKS, remember_window
from driftgate_airflow.operators.base import DriftgateOperator
from driftgate_airflow.operators.decide import follow
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
        remember_window(self, self.open_context(), decision.window)
        context["ti"].xcom_push(key=WINDOW_KEY, value=decision.window.key)
        return follow(self.log, context, decision)
