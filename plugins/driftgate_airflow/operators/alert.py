"""Operator: open an incident, or note in the open one that this window shows it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class AlertOperator(DriftgateOperator):
    """Record the incident behind an alert.

    Parameters
    ----------
    decision
        The decision as a dictionary.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "decision")

    def __init__(self, *, decision: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decision = decision

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import pipeline
        from driftgate.records import Decision, to_dict

        incident = pipeline.alert(self.open_context(), Decision.from_dict(self.decision))
        self.log.warning("%s: %s (seen in %d windows since %s)", incident.monitor, incident.detail, incident.count, incident.opened)
        result: dict[str, Any] = to_dict(incident)
        return result
