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

_PERFORMANCE = """\
### {id}: how good was this model, now that the truth is known?

Labels are looked for {when}, from {delay} until {horizon} after the end of a window. New and corrected labels are joined to the
rows of their window by {ids}; **restate** measures that window again with the model version that made its predictions, **route** answers
`no_action`, `alert` or `trigger_retrain`. What was known before stays on record (`driftgate labels {id} --history`). The same labels
again change nothing. By hand: one window, or with an empty form every window that is due.

**Triage**

- `restate` succeeded and says *waiting*: no label for any row of that window yet; it is looked at again with every run.
- `check` failed: the labels of the windows that it lists could not be read; the log names file, column and remedy. The others are done.
- many *labels for unknown ids*: ids are written differently in the two sources, or the labels are those of another window.
- *model version ... is gone*: the labels are kept; the metrics of that window stay as they were.
- `alert` or `export_metrics` is red and the run is not: a receiver or sink did not answer. The record is complete.

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
        rules=", ".join(f"`{rule.metric}{' of ' + rule.column if rule.column else ''}`" for rule in config.rules) or "none is set",
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


def performance_docs(monitor: LoadedMonitor) -> str:
    """Describe a DAG that restates performance; the monitor has a section ``labels``."""
    config, labels = monitor.config, monitor.config.labels
    assert labels is not None
    ticks = [f"by the schedule `{labels.cron}` ({config.schedule.timezone})"] if labels.cron else []
    updates = [f"when the asset `{labels.asset.text}` is updated"] if labels.asset else []
    return _PERFORMANCE.format(
        **_common(monitor),
        when=" and ".join([*ticks, *updates]) or "only by hand",
        delay="the first moment" if labels.asset is not None or not labels.delay else format_duration(labels.delay),
        horizon=format_duration(labels.horizon),
        ids=", ".join(f"`{name}`" for name in config.columns.id),
    )


def _common(monitor: LoadedMonitor) -> dict[str, str]:
    config = monitor.config
    return {"id": config.id, "owner": config.owner, "file": monitor.path.name, "fingerprint": monitor.fingerprint}
