"""Operator: judge, store and decide prepared windows in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class SettleWindowsOperator(DriftgateOperator):
    """Settle every chunk; the result counts windows and decisions and names the newest one that asks for a retraining.

    Parameters
    ----------
    plan
        What `plan` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "plan")

    def __init__(self, *, plan: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate.backfill import Chunk, Summary
        from driftgate.records import to_dict
        from driftgate.settling import Settler
        from driftgate.windows_together import load_prepared

        monitor = self.open_context()
        summary, settler, done = Summary(), Settler(monitor), 0
        chunks = [Chunk.from_dict(item) for item in self.plan["chunks"]]
        total = sum(len(chunk.windows) for chunk in chunks)
        for chunk in chunks:
            prepared = [load_prepared(monitor, window) for window in chunk.windows]
            for group in settler.settle([item for item in prepared if item is not None]):
                summary.add(group)
                done += len(group)
                self.log.info("%d of %d windows settled: %s", done, total, summary)
        for problem in summary.problems:
            self.log.error("Not done: %s", problem)
        return {
            "counts": dict(summary.counts),
            "actions": dict(summary.actions),
            "failed": summary.failed,
            "problems": summary.problems,
            "retraining": None if summary.retraining is None else to_dict(summary.retraining),
        }
