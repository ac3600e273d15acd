"""Operator: make the challenger the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

AUTO = "auto"
"""Approver that is recorded where the monitor file says `approval: auto`."""


class PromoteChallengerOperator(DriftgateOperator):
    """Move the alias `champion` to the challenger and record who approved.

    Parameters
    ----------
    retraining
        What `compare` returned.
    response
        What the approval returned; None where no person is asked.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "retraining", "response")
    weight = "heavy"

    def __init__(self, *, retraining: Mapping[str, Any], response: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retraining = retraining
        self.response = response

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import retraining
        from driftgate.records import Retraining, to_dict

        approver = self.response["approver"] if self.response else AUTO
        done = retraining.promote(self.open_context(), Retraining.from_dict(self.retraining), approver)
        self.log.info("Version %s is champion, approved by %s", done.challenger_version, approver)
        result: dict[str, Any] = to_dict(done)
        return result
