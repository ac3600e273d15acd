"""Performance when labels are late: labels that arrive are joined to the kept rows and the metrics of their window restated.

What was known when is kept: every change of the labels of a window is a revision with its own file and its own copy of the metrics
that depend on labels. The row of a metric itself always shows the latest. The same labels again change nothing.

A revision is written first, then the window is measured, stored, decided and logged as the monitor's DAG does it, and last the revision
is marked as restated. Whatever breaks in between is done again by the next run, with the same result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from driftgate import pipeline
from driftgate.config.labels import LabelsConfig
from driftgate.config.models import MonitorConfig
from driftgate.context import Context
from driftgate.errors import DriftgateError, ModelNotFoundError, ServiceError, SourceError
from driftgate.known_labels import read_known, source_labels
from driftgate.label_records import FIRST_REVISION, LabelBatch, LabelCounts, depends_on_labels
from driftgate.records import Action, Batch, BatchStatus, Decision, Measures, Metric, Window
from driftgate.storage import DataPath

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.labels.joining import Joined
    from driftgate.record.labels import LabelStore

log = logging.getLogger(__name__)

MAX_RESTATED = 50
"""Windows that one run restates; what is left is due again in the next one."""


class LabelOutcome(StrEnum):
    """What looking for the labels of a window came to."""

    WAITING = "waiting"
    """There is no label for any row of the window yet."""
    UNCHANGED = "unchanged"
    """Nothing that was not known before."""
    RESTATED = "restated"


@dataclass(frozen=True)
class Restatement:
    """What became of one window."""

    window: Window
    outcome: LabelOutcome
    model_version: str
    counts: LabelCounts
    revision: int | None = None
    """The revision that the record shows; None while nothing was ever restated."""
    decision: Decision | None = None
    later: tuple[Decision, ...] = ()
    """Decisions about later windows that were made again because this one changed."""

    def __str__(self) -> str:
        action = f", {self.decision.action.value}" if self.decision else ""
        return f"{self.window}: {self.outcome.value}, {self.counts}{action}"


@dataclass(frozen=True)
class RestateRun:
    """What became of all windows that were due."""

    done: tuple[Restatement, ...] = ()
    problems: tuple[str, ...] = ()
    """Windows that could not be restated, each with its reason."""
    left: int = 0
    """Windows that were not looked at in this run."""

    @property
    def restated(self) -> list[Restatement]:
        return [item for item in self.done if item.outcome is LabelOutcome.RESTATED]


Progress = Callable[[int, int, Restatement], None]
"""Called with windows done, windows in all, and what became of the last one."""


# --- which windows ----------------------------------------------------------------------------------------------------


def due_windows(context: Context, now: datetime | None = None) -> list[Window]:
    """Return the measured windows whose labels, or corrections of them, are looked for now; oldest first.

    Where an asset says that labels have arrived, the delay is not waited for.
    """
    labels = _section(context.config)
    delay = timedelta(0) if labels.asset is not None else labels.delay
    return _labels_of(context).looked_for(context.config.id, now or datetime.now(UTC), delay, labels.horizon)


def restate_due(
    context: Context, now: datetime | None = None, *, limit: int = MAX_RESTATED, progress: Progress | None = None
) -> RestateRun:
    """Look for the labels of every window that is due, oldest first, and restate those for which something is new.

    A window whose labels cannot be read is noted and does not hold up the others. When a server stops answering, what was
    done so far is returned and the rest is left for the next run.

    Raises
    ------
    ServiceError
        If a server did not answer for the first window.
    """
    windows = due_windows(context, now)
    done: list[Restatement] = []
    problems: list[str] = []
    for number, window in enumerate(windows, start=1):
        if sum(item.outcome is LabelOutcome.RESTATED for item in done) >= limit:
            return RestateRun(tuple(done), tuple(problems), len(windows) - number + 1)
        try:
            done.append(restate(context, window))
        except ServiceError as error:
            if not done:
                raise
            return RestateRun(tuple(done), (*problems, str(error)), len(windows) - number + 1)
        except DriftgateError as error:
            log.warning("%s %s: not restated: %s", context.config.id, window, error)
            problems.append(str(error))
        else:
            if progress is not None:
                progress(number, len(windows), done[-1])
    return RestateRun(tuple(done), tuple(problems))


def follow_up(done: Iterable[Restatement]) -> Decision | None:
    """Return the decision that a run acts on: the newest that asks for a retraining, else the newest alert; None without either.

    One run starts at most one retraining: the newest window has the most labelled rows before it.
    """
    final: dict[Window, Decision] = {}
    for item in done:
        for decision in (item.decision, *item.later):
            if decision is not None:
                final[decision.window] = decision
    for action in (Action.RETRAIN, Action.ALERT):
        asking = [window for window, decision in final.items() if decision.action is action]
        if asking:
            return final[max(asking)]
    return None


def latest_window(context: Context) -> Window | None:
    """Return the latest measured window that has ended; None when there is none."""
    far = datetime(1900, 1, 1, tzinfo=UTC)
    found = context.store.batches(context.config.id, far, datetime.now(UTC), [BatchStatus.MEASURED])
    return found[-1].window if found else None


# --- one window -------------------------------------------------------------------------------------------------------


def restate(context: Context, window: Window) -> Restatement:
    """Read the labels of a window and, when they say something new, measure, store, decide and log the window again.

    All of its metrics are measured again, not only those that depend on labels: drift shares, missing values and KPIs see the target too,
    and the others come out as they were, because a measure is a function of rows, reference and monitor file.

    Raises
    ------
    SourceError
        If the window was not measured, or its rows or labels cannot be read or do not fit their roles.
    ModelNotFoundError
        If the model version that made the predictions is gone; the labels are kept.
    """
    _section(context.config)
    with context.store.window_lock(context.config.id, window, "ingest"):  # rows must not be replaced meanwhile
        batch = _measured_batch(context, window)
        latest = _labels_of(context).latest(batch.monitor, window)
        joined = _join(context, batch, latest)
        version = batch.model_version or pipeline.UNVERSIONED
        if latest is None and not joined.changed:
            outcome = LabelOutcome.WAITING if joined.known.empty else LabelOutcome.UNCHANGED
            return Restatement(window, outcome, version, joined.counts)
        labels = _revision(context, batch, latest, joined, version)
        if labels.restated_at is not None and _is_recorded(context, labels):
            return Restatement(window, LabelOutcome.UNCHANGED, version, joined.counts, labels.revision)
        return _restate(context, batch, labels, joined.counts)


def _restate(context: Context, batch: Batch, labels: LabelBatch, counts: LabelCounts) -> Restatement:
    before = context.store.find_decision(batch.monitor, batch.window)
    measures = _measure(context, batch, labels)
    labels = _settled(context, labels, measures)
    pipeline.store(context, batch, measures)
    decision = _decide(context, measures)
    later = _decide_later(context, decision) if before is None or before.breached != decision.breached else ()
    _log_mlflow(context, batch, measures)
    _labels_of(context).restated(labels, measures, _dependent(context.config, measures))
    log.info("%s %s: revision %d, %s", batch.monitor, batch.window, labels.revision, counts)
    return Restatement(batch.window, LabelOutcome.RESTATED, measures.model_version, counts, labels.revision, decision, later)


def _section(config: MonitorConfig) -> LabelsConfig:
    if config.labels is None:
        raise SourceError(f"monitor {config.id} has no section labels; add one to the monitor file (see _template.yaml)")
    return config.labels


def _labels_of(context: Context) -> LabelStore:
    from driftgate.record.labels import LabelStore

    return LabelStore(context.store.engine)


def _measured_batch(context: Context, window: Window) -> Batch:
    batch = context.store.find_batch(context.config.id, window)
    if batch is None or batch.status is not BatchStatus.MEASURED:
        state = "is not in the record" if batch is None else f"is {batch.status.value}"
        raise SourceError(
            f"monitor {context.config.id}: window {window} {state}, so there is no performance to restate; "
            f"run it first with {context.config.monitor_dag_id}"
        )
    return batch


# --- labels -----------------------------------------------------------------------------------------------------------


def _join(context: Context, batch: Batch, latest: LabelBatch | None) -> Joined:
    from driftgate.labels.joining import join_labels

    found = source_labels(context, batch.window)
    rows = _rows(context.config, batch)
    return join_labels(context.config, rows, _no_labels(context.config, rows) if found is None else found, _former(latest))


def _rows(config: MonitorConfig, batch: Batch) -> pd.DataFrame:
    """Return ids and targets of a batch, which is all that labels are joined by; also of a big one they are held in memory."""
    from driftgate.ingest.batch_store import read_batch

    return read_batch(str(batch.path), list(dict.fromkeys([*config.columns.id, str(config.columns.target)])))


def _no_labels(config: MonitorConfig, rows: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from driftgate.labels.joining import KNOWN_AT

    none = rows.loc[[], [*config.columns.id, str(config.columns.target)]]
    return none.assign(**{KNOWN_AT: pd.Series(pd.NaT, index=none.index, dtype="datetime64[us, UTC]")})


def _former(latest: LabelBatch | None) -> pd.DataFrame | None:
    """Return the labels known before; when their file is gone, only what the source still has is known."""
    try:
        return read_known(latest)
    except SourceError as error:
        log.warning("%s; going on with the labels that the source has now", error)
        return None


def _revision(context: Context, batch: Batch, latest: LabelBatch | None, joined: Joined, version: str) -> LabelBatch:
    """Return the revision that holds what is known now: the latest one, or a new one that is written here."""
    digest = _digest(context.config, joined.known)
    if latest is None:
        latest = _append_first(context, batch, version)
    file = context.settings.window_dir(context.config.id, batch.window.key) / f"labels-{digest[:12]}.parquet"
    same = (latest.content_hash, latest.batch_hash, latest.model_version) == (digest, batch.content_hash, version)
    if same and file.is_file():
        return latest
    _write(joined.known, file)
    if same:
        return latest
    labels = LabelBatch(
        batch.monitor, batch.window, latest.revision + 1, batch.content_hash, version, digest, str(file.absolute()), joined.counts
    )
    _labels_of(context).append(labels)
    return labels


def _append_first(context: Context, batch: Batch, version: str) -> LabelBatch:
    """Keep what stood in the record before any label arrived."""
    from driftgate.labels.joining import join_labels

    rows = _rows(context.config, batch)
    counts = join_labels(context.config, rows, _no_labels(context.config, rows)).counts
    first = LabelBatch(batch.monitor, batch.window, FIRST_REVISION, batch.content_hash, version, "", None, counts)
    stored = context.store.load_measures(batch.monitor, batch.window, version) or Measures(batch.monitor, batch.window, version, batch.rows)
    _labels_of(context).append_first(first, stored, _dependent(context.config, stored))
    return first


def _digest(config: MonitorConfig, known: pd.DataFrame) -> str:
    """Hash ids and labels; when a label became known is not part of it."""
    from driftgate.ingest.batch_store import content_hash

    return content_hash(known[[*config.columns.id, str(config.columns.target)]])


def _write(known: pd.DataFrame, path: DataPath) -> None:
    from driftgate.files import replacing

    try:
        with replacing(path) as temporary:
            known.to_parquet(temporary, index=False)
    except OSError as error:
        raise SourceError(f"cannot write the labels {path}: {error.strerror or error}; check free space and permissions") from error


# --- metrics ----------------------------------------------------------------------------------------------------------


def _measure(context: Context, batch: Batch, labels: LabelBatch) -> Measures:
    try:
        return pipeline.measure(context, batch)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"monitor {batch.monitor}, window {batch.window}: its labels are kept (revision {labels.revision}), but its metrics cannot be "
            f"restated, because model version {labels.model_version}, which made its predictions, is gone: {error}"
        ) from error


def _dependent(config: MonitorConfig, measures: Measures) -> list[Metric]:
    return [metric for metric in measures.metrics if depends_on_labels(config, metric)]


def _is_recorded(context: Context, labels: LabelBatch) -> bool:
    """Whether the record shows the metrics of this revision; not so after the window was measured by other means since."""
    stored = context.store.load_measures(labels.monitor, labels.window, labels.model_version)
    return stored is not None and _numbers(_dependent(context.config, stored)) == _kept(context, labels)


def _settled(context: Context, labels: LabelBatch, measures: Measures) -> LabelBatch:
    """Return the revision that these measures belong to: another one when the same labels give other numbers than before."""
    if labels.restated_at is None or _numbers(_dependent(context.config, measures)) == _kept(context, labels):
        return labels
    following = replace(labels, revision=labels.revision + 1, recorded_at=None, restated_at=None)
    _labels_of(context).append(following)
    return following


def _kept(context: Context, labels: LabelBatch) -> set[tuple[object, ...]]:
    history = _labels_of(context).history(labels.monitor, labels.window)
    return _numbers([item.metric for item in history if item.revision == labels.revision])


def _numbers(metrics: Sequence[Metric]) -> set[tuple[object, ...]]:
    return {(*item.address, item.value, item.low, item.high) for item in metrics}


def _log_mlflow(context: Context, batch: Batch, measures: Measures) -> None:
    """Replace the window's MLflow run; the report that was drawn for it is attached to the new one."""
    from driftgate.record.mlflow_runs import attach_files

    gate = context.store.find_gate(batch.monitor, batch.window)
    if gate is None:
        raise SourceError(f"monitor {batch.monitor}: window {batch.window} never passed the gate; run it again with 'reprocess'")
    run = pipeline.log_mlflow(context, batch, gate, measures)
    folder = context.settings.window_dir(context.config.id, batch.window.key)
    drawn = [path for path in (folder / "evidently.html", folder / "evidently.json") if path.is_file()]
    attach_files(context.settings.require_mlflow(), run, {"evidently": drawn})


# --- decisions --------------------------------------------------------------------------------------------------------


def _decide(context: Context, measures: Measures) -> Decision:
    """Decide about the window again; a model that is no longer the champion is not retrained for what it did."""
    decision = pipeline.decide(context, measures)
    if decision.action is not Action.RETRAIN or context.config.model.predictions == "source":
        return decision
    champion = context.registry.champion_version(context.config.model_name)
    if champion == decision.model_version:
        return decision
    reason = f"version {decision.model_version} made these predictions, and the champion is version {champion or '(none)'} by now"
    milder = replace(decision, action=Action.ALERT, reasons_against=(reason, *decision.reasons_against))
    context.store.save_decision(milder)
    return milder


def _decide_later(context: Context, decision: Decision) -> tuple[Decision, ...]:
    """Decide again about the breached windows that follow in a row: how long their row is has changed."""
    config = context.config
    made: list[Decision] = []
    reach = decision.window.end + config.window.size * max(2 * config.decision.consecutive, 7)
    for batch in context.store.batches(config.id, decision.window.end, reach, [BatchStatus.MEASURED]):
        if len(made) >= config.decision.consecutive - 1:
            break
        earlier = context.store.find_decision(config.id, batch.window)
        measures = context.store.load_measures(config.id, batch.window, decision.model_version)
        if earlier is None or measures is None or earlier.model_version != decision.model_version:
            continue
        if not earlier.breached:
            break
        made.append(_decide(context, measures))
    return tuple(made)
