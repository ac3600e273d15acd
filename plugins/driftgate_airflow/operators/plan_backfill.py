"""Operator: find out which windows a backfill has to do, and cut them into chunks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanBackfillOperator(DriftgateOperator):
    """Plan the stretch that the form names; the result holds the chunks for the tasks that follow.

    Limits that are missing are learned here, so that chunks side by side find them.

    Parameters
    ----------
    fingerprint
        Hash of the monitor file, shown with the task so that it is known which configuration ran.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "fingerprint")

    def __init__(self, *, fingerprint: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fingerprint = fingerprint

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import backfill
        from driftgate.records import to_dict

        params, monitor = context["params"], self.open_context()
        start, end, reprocess = params.get("from"), params.get("to"), bool(params.get("reprocess"))
        if not start or not end:
            raise AirflowFailException(f"monitor {self.monitor_id}: give both dates, From and To; the last one is not included")
        try:
            plan = backfill.plan(monitor, start, end, reprocess=reprocess)
        except ValueError as error:
            raise AirflowFailException(f"monitor {self.monitor_id}: {error}") from error
        backfill.ensure_baseline(monitor, plan.todo, reprocess=reprocess, dag_run=context["dag_run"].run_id)
        chunks = backfill.chunks(monitor.config, plan.todo, os.cpu_count() or 1)
        unlogged = backfill.chunks(monitor.config, plan.unlogged, 1)
        self.log.info("%d windows: %d to do in %d chunks, %d done before", len(plan.windows), len(plan.todo), len(chunks), plan.skipped)
        return {
            "first": plan.windows[0].start.isoformat(),
            "last": plan.windows[-1].end.isoformat(),
            "chunks": to_dict(chunks),
            "logged": to_dict([*unlogged, *chunks]),
        }
