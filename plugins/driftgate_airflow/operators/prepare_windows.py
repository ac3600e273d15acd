"""Operator: read a chunk of windows, hold them at the gate and measure them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

_LINES = 10
"""Windows between two lines in the log."""


class PrepareWindowsOperator(DriftgateOperator):
    """Prepare the windows of one chunk; what comes out lies in their folders, the result counts it.

    Parameters
    ----------
    chunk
        One of the chunks that `plan` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "chunk")
    weight = "heavy"

    def __init__(self, *, chunk: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chunk = chunk

    def execute(self, context: Context) -> dict[str, int]:
        from driftgate.backfill import Chunk
        from driftgate.windows_together import WindowsTogether

        chunk, run = Chunk.from_dict(self.chunk), context["dag_run"]
        reprocess = bool(context["params"].get("reprocess"))
        done = 0

        def seen(_: Any) -> None:
            nonlocal done
            done += 1
            if done % _LINES == 0 or done == len(chunk.windows):
                self.log.info("%s: %d of %d windows", chunk.name, done, len(chunk.windows))

        prepared = WindowsTogether(self.open_context(), chunk.windows, reprocess, run.run_id).run(seen)
        return dict(Counter("stopped by the gate" if item.gate and not item.has_passed else item.batch.status.value for item in prepared))
