"""Operator: collect training and held-out rows from windows that passed the gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.operators.base import DriftgateOperator
from driftgate_airflow.windows import InvalidWindowError, window_from_form

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.context import Context as MonitorContext
    from driftgate.records import Window


class BuildTrainingSetOperator(DriftgateOperator):
    """Build the training set of the trigger window; returns both as dictionaries."""

    weight = "heavy"

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import retraining
        from driftgate.records import to_dict

        monitor = self.open_context()
        params = context["params"]
        try:
            window = window_from_form(monitor.config, params) or latest_measured(monitor, context["dag_run"].run_after)
        except InvalidWindowError as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("Retraining for window %s: %s", window, params.get("reason"))
        training_set = retraining.build_training_set(monitor, window)
        return {"trigger_window": to_dict(window), "training_set": to_dict(training_set)}


def latest_measured(monitor: MonitorContext, before: datetime) -> Window:
    """Return the newest measured window: what a retraining by hand without dates is about.

    Raises
    ------
    InvalidWindowError
        If no window of the monitor has been measured yet.
    """
    from driftgate.records import BatchStatus

    batches = monitor.store.batches(monitor.config.id, datetime(1970, 1, 1, tzinfo=UTC), before, statuses=[BatchStatus.MEASURED])
    if not batches:
        raise InvalidWindowError(
            f"monitor {monitor.config.id}: no window has been measured yet; run {monitor.config.monitor_dag_id} first, or give window_start"
        )
    return max(batch.window for batch in batches)
