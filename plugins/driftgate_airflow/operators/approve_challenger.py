"""Operator: ask a person whether the challenger becomes champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.sdk import Param

from driftgate_airflow.common import RETURN_VALUE

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE, REJECT = "Approve", "Reject"
NOBODY = "nobody (no answer in time)"
"""Approver that is recorded when the time limit passed."""


class ApproveChallengerOperator(HITLBranchOperator):
    """Wait for a person in Airflow's UI; no answer in time counts as no. Takes no worker while it waits.

    Airflow's own approval operator skips whatever follows a rejection; here a rejection goes on to the task that records it. The
    answer and who gave it are the task's result.

    Parameters
    ----------
    if_approved, if_rejected
        Ids of the tasks that follow.
    """

    def __init__(self, *, if_approved: str, if_rejected: str, **kwargs: Any) -> None:
        # Only a comment is asked for; the DAG's own form fields, which Airflow passes in, are not asked again.
        comment = Param("", source="task", type=["null", "string"], title="Comment", description="Kept with the decision.")
        super().__init__(
            options=[APPROVE, REJECT],
            defaults=REJECT,
            options_mapping={APPROVE: if_approved, REJECT: if_rejected},
            **{**kwargs, "params": {"comment": comment}},
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        if "error" not in event:
            context["ti"].xcom_push(key=RETURN_VALUE, value=_response(event))
        return super().execute_complete(context, event)


def _response(event: dict[str, Any]) -> dict[str, Any]:
    user = event.get("responded_by_user")
    name = (user.get("name") or user.get("id")) if isinstance(user, dict) else getattr(user, "name", None)
    return {
        "answer": event["chosen_options"][0],
        "approver": str(name) if name else NOBODY,
        "comment": (event.get("params_input") or {}).get("comment") or "",
    }
