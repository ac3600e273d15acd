"""Operator: write the MLflow runs of a chunk of windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class LogWindowsOperator(DriftgateOperator):
    """Log those windows of a chunk that were measured; the result is how many.

    Parameters
    ----------
    chunk
        One of the chunks that `plan` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "chunk")

    def __init__(self, *, chunk: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chunk = chunk

    def execute(self, context: Context) -> int:
        from driftgate.backfill import Chunk, log_settled

        chunk, done = Chunk.from_dict(self.chunk), 0

        def seen(more: int) -> None:
            nonlocal done
            done += more
            self.log.info("%s: %d runs", chunk.name, done)

        return log_settled(self.open_context(), chunk.windows, context["dag_run"].run_id, seen)
