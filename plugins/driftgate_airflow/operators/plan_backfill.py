"""Operator: find out which windows a backfill has to do, and cut them into chunks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


STRETCH_KEY = "stretch"
"""XCom key of the time that the backfill is about."""
UNLOGGED_KEY = "unlogged"
"""XCom key of the chunks of windows that lack nothing but their MLflow run."""


class PlanBackfillOperator(DriftgateOperator):
    """Plan the stretch that the form names; the result is the list of chunks that are prepared.

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

    def execute(self, context: Context) -> list[dict[str, Any]]:
        from driftgate import backfill
        from driftgate.records import Window, to_dict

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
        self.log.info("%d windows: %d to do in %d chunks, %d done before", len(plan.windows), len(plan.todo), len(chunks), plan.skipped)
        context["ti"].xcom_push(key=STRETCH_KEY, value=to_dict(Window(plan.windows[0].start, plan.windows[-1].end)))
        context["ti"].xcom_push(key=UNLOGGED_KEY, value=to_dict(backfill.chunks(monitor.config, plan.unlogged, 1)))
        found: list[dict[str, Any]] = to_dict(chunks)
        return found
