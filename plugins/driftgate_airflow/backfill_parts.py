"""Form and documentation of the DAGs `backfill__<id>`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import Param

if TYPE_CHECKING:
    from driftgate.config.models import LoadedMonitor, MonitorConfig

_DOCS = """\
### {id}: many windows of the past at once

Trigger with *From* and *To*. Windows that are done already are left alone, unless *Reprocess* is on. **plan** cuts the rest into chunks,
**prepare** reads and measures each chunk, **settle** judges, stores and decides the windows in their order, **log_mlflow** writes their
runs and **finish** brings Data Docs and sinks up to date. Nobody is told of an incident that is over by then. The reports of Evidently
are not drawn, and nothing is retrained unless *Retrain* is on. The page `docs/backfill.md` says when to use this, and when
`airflow backfill create` on `monitor__{id}`.

**Triage**

- `prepare` or `log_mlflow` is *up for retry*: PostgreSQL or MLflow did not answer; windows that are ready are not done again.
- `finish` failed: some windows could not be read or measured; the log lists them with the reason. The others are done.
- killed, or failed for good: trigger again with the same dates; it goes on where it ended.

Owner: **{owner}** · monitor file: `{file}` · configuration `{fingerprint}`
"""


def backfill_docs(monitor: LoadedMonitor) -> str:
    """Describe a backfill DAG."""
    return _DOCS.format(id=monitor.config.id, owner=monitor.config.owner, file=monitor.path.name, fingerprint=monitor.fingerprint)


def backfill_form(config: MonitorConfig) -> dict[str, Param]:
    """Fields of the trigger form."""
    zone = config.schedule.timezone
    moment = "date" if config.window.size % timedelta(days=1) == timedelta(0) else "date-time"
    return {
        "from": Param(
            None, type=["null", "string"], format=moment, title="From", description=f"First moment of the first window, in {zone}."
        ),
        "to": Param(
            None, type=["null", "string"], format=moment, title="To", description=f"First moment after the last window, in {zone}."
        ),
        "reprocess": Param(
            False,
            type="boolean",
            title="Reprocess",
            description="Do every window anew, also those that are done, from its source (after a correction there).",
        ),
        "retrain": Param(
            False,
            type="boolean",
            title="Retrain",
            description="At the end, start the newest retraining that the decisions ask for.",
        ),
    }
