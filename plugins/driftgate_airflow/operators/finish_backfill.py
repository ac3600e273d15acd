"""Operator: what a backfill does once, at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import SkipMixin
from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.records import Decision

RETRAIN_KEY = "retrain"
"""XCom key of the retraining that was asked for."""


class FinishBackfillOperator(DriftgateOperator, SkipMixin):
    """Bring Data Docs and sinks up to date and tell of what is still open; fails when windows could not be done.

    The task that follows, which starts a retraining, is skipped unless the form asks for one and a decision does too.

    Parameters
    ----------
    stretch
        The time that the backfill is about, as `plan` left it.
    summary
        What `settle` counted.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "stretch", "summary")

    def __init__(self, *, stretch: Mapping[str, Any], summary: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stretch = stretch
        self.summary = summary

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import backfill
        from driftgate.records import Window

        monitor, stretch, again = self.open_context(), Window.from_dict(self.stretch), bool(context["params"].get("reprocess"))
        for problem in backfill.finish(monitor, stretch, again=again):
            self.log.warning("Afterwards: %s", problem)
        wanted = backfill.wanted_retraining(monitor, stretch) if context["params"].get("retrain") else None
        self._ask_for_retraining(context, wanted)
        if self.summary["failed"]:
            shown = "\n".join(f"  - {problem}" for problem in self.summary["problems"])
            raise AirflowFailException(
                f"monitor {self.monitor_id}: {self.summary['failed']} windows could not be done; first of them:\n{shown}"
            )
        return {"windows": self.summary["counts"], "decisions": self.summary["actions"]}

    def _ask_for_retraining(self, context: Context, decision: Decision | None) -> None:
        if decision is None:
            self.skip(ti=context["ti"], tasks=self.get_direct_relatives(upstream=False))
            return
        found = {
            "run_id": f"drift__{decision.window.key}",  # the id that the monitor's own DAG gives: a window starts one retraining
            "window_start": decision.window.start.isoformat(),
            "window_end": decision.window.end.isoformat(),
            "reason": "; ".join(decision.reasons),
        }
        context["ti"].xcom_push(key=RETRAIN_KEY, value=found)
