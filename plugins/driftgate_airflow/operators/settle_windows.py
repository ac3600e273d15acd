"""Operator: judge, store and decide prepared windows in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


SUMMARY_KEY = "summary"
"""XCom key of the counts of windows and decisions, and of what could not be done."""


class SettleWindowsOperator(DriftgateOperator):
    """Settle every chunk; the result is the list of chunks whose MLflow runs are to be written.

    Parameters
    ----------
    chunks
        What `plan` returned.
    unlogged
        Chunks of windows that were settled before and lack nothing but their MLflow run.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "chunks", "unlogged")
    weight = "heavy"

    def __init__(self, *, chunks: Sequence[Mapping[str, Any]], unlogged: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chunks = chunks
        self.unlogged = unlogged

    def execute(self, context: Context) -> list[Mapping[str, Any]]:
        from driftgate.backfill import Chunk, Summary
        from driftgate.settling import Settler
        from driftgate.windows_together import load_prepared

        monitor = self.open_context()
        summary, settler, done = Summary(), Settler(monitor), 0
        chunks = [Chunk.from_dict(item) for item in self.chunks]
        total = sum(len(chunk.windows) for chunk in chunks)
        for chunk in chunks:
            prepared = [load_prepared(monitor, window) for window in chunk.windows]
            for group in settler.settle([item for item in prepared if item is not None]):
                summary.add(group)
                done += len(group)
                self.log.info("%d of %d windows settled: %s", done, total, summary)
        for problem in summary.problems:
            self.log.error("Not done: %s", problem)
        told = {
            "counts": dict(summary.counts),
            "actions": dict(summary.actions),
            "failed": summary.failed,
            "problems": summary.problems,
        }
        context["ti"].xcom_push(key=SUMMARY_KEY, value=told)
        return [*self.unlogged, *self.chunks]
