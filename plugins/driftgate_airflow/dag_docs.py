"""The documentation that Airflow shows beside each DAG; the fingerprint in it makes every change of a monitor file a new DAG version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftgate.config.types import format_duration

if TYPE_CHECKING:
    from driftgate.config.models import LoadedMonitor

_MONITOR = """\
### {id}: is this model still good?

{description}

Each run takes one window of {size} ({timezone}): **ingest** keeps its rows, **gate** holds them at the suite `{suite}`, **measure**
compares them with the reference, and **decide** answers `no_action`, `alert` or `trigger_retrain`. The same window can be run again
at any time: nothing is counted twice.

**Triage**

- `ingest` failed: the source is missing, unreadable or a column is gone; the log names file, column and remedy.
- `gate` failed: the batch is quarantined. Open *Data Docs* (task details), correct the data at its source, trigger again with *Reprocess*.
- `ingest` succeeded and the rest is skipped: the window has no rows (`no_data`).
- tasks are *up for retry*: PostgreSQL or MLflow did not answer; after the retries, clear the task when the server is back.
- `alert` ran: a rule was broken ({rules}); {consecutive} such windows in a row start `retrain__{id}`.
- `alert` or `export_metrics` is red and the run is not: a receiver or sink did not answer. The record is complete; `driftgate status`
  says which. Messages are tried again by themselves, windows with `driftgate export {id}`.

Owner: **{owner}** · monitor file: `{file}` · configuration `{fingerprint}`
"""

_RETRAIN = """\
### {id}: train a challenger and compare it with the champion

Training rows come from the {training_window} before the end of the trigger window, from batches that passed the gate. Both models are
scored on the same held-out rows; the challenger wins only by a margin beyond noise ({confidence:.0%} confidence). Approval: **{approval}**.

**Triage**

- `build_training_set` failed: too few rows passed the gate; the log says how many are needed.
- `approve` waits: answer under *Browse > Required Actions*; no answer within {approval_timeout} counts as no.
- a bad promotion: `driftgate rollback {id}` puts the previous champion and its reference back.

Owner: **{owner}** · monitor file: `{file}` · configuration `{fingerprint}`
"""


def monitor_docs(monitor: LoadedMonitor) -> str:
    """Describe a monitor DAG."""
    config = monitor.config
    return _MONITOR.format(
        **_common(monitor),
        description=config.description or f"Watches the model `{config.model_name}` ({config.task}).",
        size=format_duration(config.window.size),
        timezone=config.schedule.timezone,
        suite=config.gate.suite or "(none)",
        rules=", ".join(f"`{rule.metric}{' of ' + rule.column if rule.column else ''}`" for rule in config.decision.rules) or "none is set",
        consecutive=config.decision.consecutive,
    )


def retrain_docs(monitor: LoadedMonitor) -> str:
    """Describe a retraining DAG."""
    plan = monitor.config.retrain
    return _RETRAIN.format(
        **_common(monitor),
        training_window=format_duration(plan.training_window),
        confidence=plan.confidence,
        approval=plan.approval,
        approval_timeout=format_duration(plan.approval_timeout),
    )


def _common(monitor: LoadedMonitor) -> dict[str, str]:
    config = monitor.config
    return {"id": config.id, "owner": config.owner, "file": monitor.path.name, "fingerprint": monitor.fingerprint}
