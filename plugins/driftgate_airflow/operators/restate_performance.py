"""Operator: join labels that have arrived and restate the metrics of their windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.operators.base import DriftgateOperator
from driftgate_airflow.windows import InvalidWindowError, window_from_form

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.context import Context as MonitorContext
    from driftgate.late_labels import Restatement, RestateRun


class RestatePerformanceOperator(DriftgateOperator):
    """Look for labels: of the window that the form names, or of every window that is due.

    The result names the windows that were restated, what follows from them, and what could not be read.

    Parameters
    ----------
    fingerprint
        Hash of the monitor file, shown with the task so that it is known which configuration ran.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "fingerprint")
    weight = "heavy"

    def __init__(self, *, fingerprint: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fingerprint = fingerprint

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate.late_labels import RestateRun, follow_up, restate, restate_due
        from driftgate.records import to_dict

        monitor = self.open_context()
        try:
            window = window_from_form(monitor.config, context["params"])
        except InvalidWindowError as error:
            raise AirflowFailException(str(error)) from error
        if window is None:
            run = restate_due(monitor, progress=self._progress)
        else:
            run = RestateRun((restate(monitor, window),))
            self._progress(1, 1, run.done[0])
        self._sum_up(monitor, run)
        decision = follow_up(run.done)
        return {
            "restated": [{"window": to_dict(item.window), "model_version": item.model_version} for item in run.restated],
            "looked_at": len(run.done),
            "left": run.left,
            "problems": list(run.problems),
            "decision": None if decision is None else to_dict(decision),
        }

    def _progress(self, number: int, total: int, item: Restatement) -> None:
        self.log.info("%d of %d: %s", number, total, item)

    def _sum_up(self, monitor: MonitorContext, run: RestateRun) -> None:
        self.log.info("%s: %d windows restated, %d looked at, %d left", monitor.config.id, len(run.restated), len(run.done), run.left)
        for problem in run.problems:
            self.log.error("Not restated: %s", problem)
