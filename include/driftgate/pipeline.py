"""The way of one window, step by step; the same functions serve the Airflow operators and the command line.

Each step can be run again: it finds what is there, writes the same rows and files, and never adds a second copy.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from driftgate import incidents
from driftgate.context import Context
from driftgate.errors import GateFailedError, SourceError
from driftgate.files import write_json
from driftgate.records import UNVERSIONED as UNVERSIONED
from driftgate.records import Batch, BatchStatus, Cause, Decision, Export, GateResult, GateVerdict, Measures, Sink, Window, to_dict
from driftgate.storage import DataPath, locate

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.baselines import Baseline
    from driftgate.ingest.roles import PlacedRows
    from driftgate.measure.file_rows import FileRows
    from driftgate.references import Reference
    from driftgate.report.evidently_report import RenderedReport

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WindowOutcome:
    """What became of a window that went through the whole pipeline."""

    batch: Batch
    gate: GateResult | None = None
    measures: Measures | None = None
    decision: Decision | None = None
    mlflow_run: str | None = None


# --- ingest -----------------------------------------------------------------------------------------------------------


def ingest(
    context: Context,
    window: Window,
    *,
    reprocess: bool = False,
    dag_run: str | None = None,
    scored: bool = True,
    now: datetime | None = None,
) -> Batch:
    """Read, type, score and keep the rows of a window.

    Parameters
    ----------
    reprocess
        Read the source again even when the window's rows are already kept.
    scored
        False: leave out the champion's predictions (building the first training set, before there is a champion).
    now
        The present, for tests; a window that has not ended is refused.

    Raises
    ------
    SourceError
        The rows could not be read or do not fit the column roles. Recorded as a failed batch first, unless an earlier
        run of this window succeeded, which is then kept.
    ModelNotFoundError
        There is no champion to score with.
    """
    _refuse_future(context, window, now or datetime.now(UTC))
    with context.store.window_lock(context.config.id, window, "ingest"):
        known = context.store.find_batch(context.config.id, window)
        if known and not reprocess and reusable(context, known, scored):
            log.info("%s %s: the %d rows kept earlier are used again", context.config.id, window, known.rows)
            return known
        try:
            batch = read(context, window, scoring_version(context) if scored else None)
        except SourceError as error:
            if not holds_rows(known):
                context.store.save_batch(Batch(context.config.id, window, BatchStatus.FAILED, dag_run=dag_run, note=str(error)))
            raise
        batch = replace(batch, dag_run=dag_run)
        context.store.save_batch(batch)
        return batch


def _refuse_future(context: Context, window: Window, now: datetime) -> None:
    if window.end > now:
        raise SourceError(
            f"monitor {context.config.id}: window {window} has not ended yet (now {now:%Y-%m-%dT%H:%MZ}); "
            "choose a window that lies completely in the past"
        )


def holds_rows(known: Batch | None) -> bool:
    """Whether an earlier run of a window succeeded; a failure to read it again leaves that as it is."""
    return known is not None and known.status not in (BatchStatus.FAILED, BatchStatus.NO_DATA)


def reusable(context: Context, batch: Batch, scored: bool = True) -> bool:
    """Whether the rows of a batch need not be read again: they are still kept, and scored if they have to be."""
    if not holds_rows(batch) or not batch.path or not locate(batch.path).is_file():
        return False
    return batch.model_version is not None or not (scored and _scores_rows(context))


def scoring_version(context: Context) -> str | None:
    """Return the version that scores rows now: the champion, or None where rows bring their own predictions."""
    return context.registry.require_champion(context.config) if _scores_rows(context) else None


def _scores_rows(context: Context) -> bool:
    return context.config.model.predictions == "champion"


def read(context: Context, window: Window, version: str | None, placed: PlacedRows | None = None) -> Batch:
    """Read, type, score and keep the rows of a window as a batch that is not recorded yet.

    Parameters
    ----------
    version
        The model version that scores the rows; None leaves them as the source has them.
    placed
        An answer of the source that holds the window's rows; None: the source is asked.
    """
    from driftgate.big_batches import keep_rows, keep_window

    stored, note = keep_window(context, window, version) if placed is None else keep_rows(context, window, version, placed)
    if stored is None:
        return Batch(context.config.id, window, BatchStatus.NO_DATA, note=note)
    return Batch(
        monitor=context.config.id,
        window=window,
        status=BatchStatus.INGESTED,
        rows=stored.rows,
        bytes=stored.bytes,
        content_hash=stored.content_hash,
        path=str(stored.path),
        model_version=version,
        note=note,
    )


# --- gate -------------------------------------------------------------------------------------------------------------


def gate(context: Context, batch: Batch, *, build_docs: bool = True, training: bool = False) -> GateResult:
    """Validate the batch and record the verdict; a failed batch is quarantined. Does not raise on a failed verdict.

    With ``training`` (windows of the past that a model is trained on) nobody is told: no incident is opened or closed.
    """
    from driftgate.big_batches import gate_rows
    from driftgate.gate.checkpoint import run_gate

    rows = gate_rows(context, batch)
    result = run_gate(context.config, batch.window, rows, context.settings, build_docs=build_docs, docs_lock=context.docs_lock)
    record_gate(context, batch, result, training=training)
    return result


def record_gate(context: Context, batch: Batch, result: GateResult, *, training: bool = False) -> None:
    """Write the gate's answer and what follows from it for the batch; open or close the gate's incident."""
    status = batch.status
    if result.verdict is GateVerdict.FAIL:
        status = BatchStatus.QUARANTINED
    elif status is BatchStatus.QUARANTINED:
        status = BatchStatus.INGESTED
    context.store.save_gate(replace(batch, status=status), result)
    if training:
        return
    if result.verdict is GateVerdict.FAIL:
        incidents.gate_stopped(context, result)
    else:
        incidents.gate_passed(context, result.window)


def gate_failure(context: Context, result: GateResult, page: str | None = None) -> GateFailedError:
    """Build the error for a quarantined batch: up to ten failed expectations and where to look."""
    shown = [f"  - {item}" for item in result.failed[:10]]
    if len(result.failed) > len(shown):
        shown.append(f"  ... and {len(result.failed) - len(shown)} more")
    where = page or (str(context.settings.data_docs_dir / result.data_docs) if result.data_docs else "not built for this batch")
    return GateFailedError(
        f"monitor {result.monitor}: suite {result.suite!r} stopped the batch of {result.window}; it is quarantined. "
        f"{len(result.failed)} of {result.evaluated} expectations failed:\n" + "\n".join(shown) + f"\nData Docs: {where}\n"
        "When the data is corrected at its source, run this window again with 'reprocess'."
    )


# --- measure ----------------------------------------------------------------------------------------------------------


def measure(context: Context, batch: Batch) -> Measures:
    """Compare the batch with the reference and judge what comes out; also written as measures.json into the window's folder."""
    from driftgate.big_batches import measured_rows

    measures = measure_rows(context, batch, measured_rows(context, batch))
    keep_measures(context, measures)
    return measures


def keep_measures(context: Context, measures: Measures) -> None:
    """Write a window's measures into its folder."""
    write_json(measures_path(context, measures.window), to_dict(measures))


def measure_rows(context: Context, batch: Batch, frame: pd.DataFrame | FileRows) -> Measures:
    """Measure and judge rows of a batch's window, for example with labels that came later."""
    from driftgate import baselines

    reference = compared_with(context, batch)
    baseline = baselines.ensure(context, batch.model_version, batch.window, len(frame))
    return judge(context, baseline, measure_alone(context, batch, frame, reference, baseline))


def compared_with(context: Context, batch: Batch) -> Reference:
    """Return the reference of a batch's window, and write down which rows it is made of."""
    from driftgate.references import load_reference, write_description

    reference = load_reference(context, batch.model_version, batch.window)
    write_description(context, reference, batch.model_version, reference_path(context, batch.window))
    return reference


def measure_alone(context: Context, batch: Batch, frame: pd.DataFrame | FileRows, reference: Reference, baseline: Baseline) -> Measures:
    """Measure what follows from a window's rows, its reference and its baseline, and needs no other window; see :func:`judge`."""
    from driftgate import baselines
    from driftgate.kpi_queries import read_kpis
    from driftgate.measure.measures import measure_batch

    measures = measure_batch(
        context.config,
        frame,
        reference.prepared,
        window=batch.window,
        model_version=batch.model_version or UNVERSIONED,
        reference_performance=reference.performance,
        reference_segments=reference.segments,
        kpi_answers=read_kpis(context.config, batch.window, connection_uri=context.connection_uri),
        expected_rows=baseline.usual_rows,
    )
    return baselines.completed(context.config, baseline, frame, measures)


def judge(context: Context, baseline: Baseline, measures: Measures) -> Measures:
    """Give the metrics of a window their limits and verdicts, some of which look at the windows before it."""
    from driftgate import baselines
    from driftgate.measure.measures import stable

    return stable(baselines.judge(context, baseline, measures))


def labelled_rows(context: Context, batch: Batch) -> pd.DataFrame:
    """Return the rows of a batch with the labels known by now; of a big one some, evenly spread."""
    from driftgate.big_batches import spread_rows

    return spread_rows(context, batch)


def measures_path(context: Context, window: Window) -> DataPath:
    """Return where a window's measures lie as JSON."""
    return context.settings.window_dir(context.config.id, window.key) / "measures.json"


def reference_path(context: Context, window: Window) -> DataPath:
    """Return where it is written which rows a window was compared with."""
    return context.settings.window_dir(context.config.id, window.key) / "reference.json"


def load_measures(path: str | DataPath) -> Measures:
    """Read measures back from their file."""
    return Measures.from_dict(json.loads(locate(path).read_text(encoding="utf-8")))


# --- record -----------------------------------------------------------------------------------------------------------


def store(context: Context, batch: Batch, measures: Measures) -> None:
    """Write every metric and the batch's status in one transaction; an incident about failed runs is over with that."""
    context.store.save_measures(replace(batch, status=BatchStatus.MEASURED), measures)
    incidents.task_succeeded(context, Cause.RUN, batch.window)


def log_mlflow(context: Context, batch: Batch, result: GateResult, measures: Measures) -> str:
    """Write the window's one MLflow run and return its id."""
    with context.store.window_lock(context.config.id, batch.window, "mlflow"):
        (run_id,) = log_mlflow_runs(context, [(batch, result, measures)], batch.dag_run)
    return run_id


def log_mlflow_runs(context: Context, windows: Sequence[tuple[Batch, GateResult | None, Measures]], dag_run: str | None) -> list[str]:
    """Write one MLflow run per window and note their addresses; the caller holds the locks of the windows. Returns the runs' ids."""
    from driftgate.record.mlflow_runs import WindowLog, log_windows, run_page
    from driftgate.record.writes import Writes

    uri, config, writes = context.settings.require_mlflow(), context.config, Writes()
    entries = [WindowLog(*window) for window in windows]
    runs = log_windows(config, uri, entries, config_fingerprint=context.monitor.fingerprint, dag_run=dag_run)
    for run in runs:
        address = run_page(uri, run.experiment_id, run.run_id, context.settings.mlflow_public_url)
        writes.report(config.id, run.window, "mlflow", address)
    context.store.write(writes)
    return [run.run_id for run in runs]


def render_report(context: Context, batch: Batch, mlflow_run: str | None = None) -> RenderedReport:
    """Draw the Evidently report and attach it to the window's MLflow run."""
    from driftgate.record.mlflow_runs import attach_files
    from driftgate.references import described_reference
    from driftgate.report.evidently_report import render_report as render

    folder, started = context.settings.window_dir(context.config.id, batch.window.key), time.monotonic()
    described = reference_path(context, batch.window)
    reference = described_reference(context, batch.model_version, batch.window, described)
    report = render(context.config, labelled_rows(context, batch), reference.frame, folder)
    seconds = time.monotonic() - started
    if mlflow_run is not None:
        files = {"evidently": [report.html, report.json], "reference": [described] if described.is_file() else []}
        attach_files(context.settings.require_mlflow(), mlflow_run, files)
    context.store.save_report(context.config.id, batch.window, "evidently", str(report.html), seconds)
    if context.config.sinks.evidently:
        _show_in_evidently(context, batch, report)
    return report


def _show_in_evidently(context: Context, batch: Batch, report: RenderedReport) -> None:
    """Put the window into the Evidently UI. Whatever goes wrong there is noted in the record: the report itself is complete."""
    from driftgate.record.exports import ExportStore
    from driftgate.report.workspace import add_snapshot

    config, problem = context.config, None
    try:
        add_snapshot(config, report.snapshot, context.settings.evidently_dir, batch.window, model_version=batch.model_version)
    except Exception as error:
        problem = str(error) or repr(error)
        log.warning("%s %s is not shown in the Evidently UI: %s", config.id, batch.window, problem)
    export = Export(config.id, batch.window, Sink.EVIDENTLY, sent=problem is None, error=problem)
    ExportStore(context.store.engine).save(export)


# --- decide -----------------------------------------------------------------------------------------------------------


def decide(context: Context, measures: Measures) -> Decision:
    """Apply the policy to the window and its predecessors; record the decision with its reasons, and its incident."""
    from driftgate.decide.policy import PastWindow
    from driftgate.decide.policy import decide as apply_policy

    config = context.config
    past = context.store.past_decisions(
        config.id,
        measures.model_version,
        before=measures.window.start,
        limit=max(config.decision.consecutive - 1, 1),
        minimum_rows=config.decision.minimum_rows,
    )
    last = context.store.last_retraining_before(config.id, measures.window.start)
    decision = apply_policy(config, measures, [PastWindow(item.window, item.breached) for item in past], last)
    context.store.save_decision(decision)
    incidents.judged(context, decision, measures)
    return decision


# --- all of it --------------------------------------------------------------------------------------------------------


def run_window(context: Context, window: Window, *, reprocess: bool = False, dag_run: str | None = None) -> WindowOutcome:
    """Take one window through every step in this process.

    A quarantined batch and an empty window are outcomes, not errors. A retraining that the policy asks for is decided and
    recorded here but carried out by the caller.
    """
    from driftgate.reports import is_wanted

    batch = ingest(context, window, reprocess=reprocess, dag_run=dag_run)
    if batch.status is BatchStatus.NO_DATA:
        return WindowOutcome(batch)
    result = gate(context, batch)
    if result.verdict is GateVerdict.FAIL:
        return WindowOutcome(replace(batch, status=BatchStatus.QUARANTINED), result)
    measures = measure(context, batch)
    store(context, batch, measures)
    run_id = log_mlflow(context, batch, result, measures)
    decision = decide(context, measures)
    if is_wanted(context.config, measures):
        render_report(context, batch, run_id)
    return WindowOutcome(replace(batch, status=BatchStatus.MEASURED), result, measures, decision, run_id)
