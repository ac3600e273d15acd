"""Retraining from training set to promotion, step by step; the same functions serve the Airflow operators and the command line.

Every step has the key (monitor, trigger window): run again, it finds what is there and goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from driftgate import baselines, incidents
from driftgate.config.windows import add, localise, windows_between
from driftgate.context import Context
from driftgate.errors import RetrainError, SourceError
from driftgate.known_labels import with_best_labels
from driftgate.records import Batch, BatchStatus, Cause, GateVerdict, Retraining, RetrainVerdict, Window
from driftgate.storage import DataPath, read_frame

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.retrain.registration import Challenger
    from driftgate.retrain.training_set import TrainingSet

log = logging.getLogger(__name__)

Progress = Callable[[Window, BatchStatus, int], None]


def build_training_set(context: Context, trigger_window: Window, *, start: datetime | None = None) -> TrainingSet:
    """Collect the rows of windows that passed the gate and cut them into training and held-out rows.

    Parameters
    ----------
    trigger_window
        Training rows end where this window ends.
    start
        First moment of training rows; default: ``retrain.training_window`` before the end.
    """
    from driftgate.retrain.training_set import build

    first = start or add(context.config, trigger_window.end, -context.config.retrain.training_window)
    batches = _without_overlaps(context.store.passed_batches(context.config.id, first, trigger_window.end))
    relabel = partial(with_best_labels, context) if context.config.labels is not None else None
    return build(context.config, batches, training_folder(context, trigger_window), relabel)


def training_folder(context: Context, trigger_window: Window) -> DataPath:
    """Return where the training set of a retraining lies."""
    return context.settings.training_dir(context.config.id, trigger_window.key)


def _without_overlaps(batches: list[Batch]) -> list[Batch]:
    """Keep each moment once where somebody also ran windows of another size (the earlier start wins)."""
    kept: list[Batch] = []
    for batch in batches:
        if not kept or batch.window.start >= kept[-1].window.end:
            kept.append(batch)
    return kept


def train_challenger(context: Context, training_set: TrainingSet, trigger_window: Window, dag_run: str | None = None) -> Challenger:
    """Train, log and register the challenger; one that this trigger window already has is used again."""
    from driftgate.retrain.registration import register_challenger

    with context.store.window_lock(context.config.id, trigger_window, "train"):
        return register_challenger(
            context.config,
            context.settings,
            training_set,
            trigger_window,
            config_fingerprint=context.monitor.fingerprint,
            dag_run=dag_run,
        )


def compare(
    context: Context, training_set: TrainingSet, challenger: Challenger, trigger_window: Window, dag_run: str | None = None
) -> Retraining:
    """Score champion and challenger on the same held-out rows and record the outcome.

    A retraining that already ended (promoted, rejected, rolled back) is returned as it is.
    """
    from driftgate.retrain.compare import compare as compare_models
    from driftgate.retrain.comparison_log import log_comparison

    known = context.store.find_retraining(context.config.id, trigger_window)
    if known is not None and _ended(known) and known.challenger_version == challenger.version:
        return known
    config, registry = context.config, context.registry
    champion = registry.champion_version(config.model_name)
    comparison = compare_models(
        config,
        _held_out(training_set),
        registry.load(config.model_name, champion) if champion is not None else None,
        registry.load(config.model_name, challenger.version),
    )
    done = Retraining(
        monitor=config.id,
        trigger_window=trigger_window,
        verdict=RetrainVerdict.CHALLENGER_WINS if comparison.challenger_wins else RetrainVerdict.CHAMPION_STAYS,
        champion_version=champion,
        challenger_version=challenger.version,
        comparison=comparison,
        mlflow_run=challenger.run_id,
        reason=comparison.reason,
        dag_run=dag_run,
    )
    _save(context, done)
    log_comparison(context.settings.require_mlflow(), done)
    return done


def _ended(retraining: Retraining) -> bool:
    return retraining.verdict in (RetrainVerdict.PROMOTED, RetrainVerdict.REJECTED, RetrainVerdict.ROLLED_BACK)


def _held_out(training_set: TrainingSet) -> pd.DataFrame:
    return read_frame(training_set.held_out_path)


def promote(context: Context, retraining: Retraining, approver: str) -> Retraining:
    """Make the challenger the champion; its reference, its limits and the estimator of its performance come with it."""
    from driftgate.retrain.promotion import promote as move_alias
    from driftgate.serve.references import fetch_reference

    if retraining.verdict is RetrainVerdict.PROMOTED:
        return retraining
    if retraining.verdict is not RetrainVerdict.CHALLENGER_WINS:
        raise RetrainError(
            f"monitor {retraining.monitor}: challenger {retraining.challenger_version} cannot be promoted, its retraining ended as "
            f"{retraining.verdict.value} ({retraining.reason})"
        )
    fetch_reference(context.config, context.settings, retraining.challenger_version)  # a version without one must not score
    if baselines.load(context, retraining.challenger_version) is None:
        baselines.build(context, retraining.challenger_version)
    move_alias(context.registry, context.config, retraining.challenger_version)
    done = replace(retraining, verdict=RetrainVerdict.PROMOTED, approver=approver)
    _save(context, done)
    return done


def reject(context: Context, retraining: Retraining, approver: str, reason: str) -> Retraining:
    """Record that a person (or the time limit) said no; the champion stays."""
    done = replace(retraining, verdict=RetrainVerdict.REJECTED, approver=approver, reason=reason)
    _save(context, done)
    return done


def _save(context: Context, done: Retraining) -> None:
    """Record how a retraining ended; an incident about a failed one is over with that."""
    context.store.save_retraining(done)
    incidents.task_succeeded(context, Cause.RETRAIN, done.trigger_window)


def retrain(context: Context, trigger_window: Window, approver: str, *, start: datetime | None = None) -> Retraining:
    """Carry out a whole retraining in this process; whoever calls it has approved a promotion."""
    training_set = build_training_set(context, trigger_window, start=start)
    challenger = train_challenger(context, training_set, trigger_window)
    done = compare(context, training_set, challenger, trigger_window)
    return promote(context, done, approver) if done.verdict is RetrainVerdict.CHALLENGER_WINS else done


def bootstrap(
    context: Context, start: datetime | date | str, end: datetime | date | str, approver: str, progress: Progress | None = None
) -> Retraining:
    """Train a champion from a stretch of the source: every window is ingested and must pass the gate first.

    Windows that are kept already are not read again, so an interrupted call goes on where it stopped.
    """
    stretch = Window(localise(context.config, start), localise(context.config, end))
    windows = list(windows_between(context.config, start, end))
    if not windows:
        raise SourceError(f"monitor {context.config.id}: {stretch} is shorter than one window; choose an earlier start or a later end")
    for window in windows:
        batch = _prepare(context, window)
        if progress is not None:
            progress(window, batch.status, batch.rows)
    return retrain(context, stretch, approver, start=stretch.start)


def _prepare(context: Context, window: Window) -> Batch:
    """Ingest and gate one window of training data, without predictions and without Data Docs pages."""
    from driftgate.pipeline import gate, ingest

    batch = ingest(context, window, scored=False)
    if batch.status is BatchStatus.NO_DATA:
        return batch
    known = context.store.find_gate(context.config.id, window)
    verdict = known.verdict if known is not None else gate(context, batch, build_docs=False, training=True).verdict
    return replace(batch, status=BatchStatus.QUARANTINED) if verdict is GateVerdict.FAIL else batch


def rollback(context: Context) -> tuple[str, str]:
    """Put the previous champion back and return both versions (before, now)."""
    from driftgate.retrain.promotion import rollback as move_back

    before, after = move_back(context.registry, context.config)
    for done in context.store.retrainings(context.config.id):
        if done.challenger_version == before and done.verdict is RetrainVerdict.PROMOTED:
            context.store.save_retraining(replace(done, verdict=RetrainVerdict.ROLLED_BACK, reason=f"rolled back to version {after}"))
    return before, after
