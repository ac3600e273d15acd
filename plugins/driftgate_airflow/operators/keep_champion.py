"""Operator: keep the champion, and record it when a person said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class KeepChampionOperator(DriftgateOperator):
    """End a retraining without promotion.

    Parameters
    ----------
    retraining
        What `compare` returned.
    response
        What the approval returned; None when nobody was asked, because the challenger did not win.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "retraining", "response")

    def __init__(self, *, retraining: Mapping[str, Any], response: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retraining = retraining
        self.response = response

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import retraining
        from driftgate.records import Retraining, RetrainVerdict, to_dict

        done = Retraining.from_dict(self.retraining)
        if self.response and done.verdict is RetrainVerdict.CHALLENGER_WINS:
            approver = self.response["approver"]
            reason = self.response.get("comment") or f"not approved: {approver}"
            done = retraining.reject(self.open_context(), done, approver, reason)
        self.log.info("The champion stays (%s): %s", done.verdict, done.reason)
        result: dict[str, Any] = to_dict(done)
        return result
