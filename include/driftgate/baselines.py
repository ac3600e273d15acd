"""What a window of a model version is judged by: limits learned from its reference, and the estimator of its performance.

Built at promotion, by ``driftgate calibrate``, or by the first window that needs it. The limits are kept in the records, by model
version; the estimator lies beside the local copy of the version's reference and is fitted anew where it is missing.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate import calibrating
from driftgate.config.models import MonitorConfig
from driftgate.context import Context
from driftgate.errors import DriftgateError
from driftgate.records import UNVERSIONED, BatchStatus, Measures, Metric, Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from driftgate.calibrate.calibration import Calibration
    from driftgate.calibrate.steady import SteadyError
    from driftgate.estimate.estimator import Estimator
    from driftgate.record.calibrations import CalibrationStore

log = logging.getLogger(__name__)

_FOLDER = "estimator"


@dataclass(frozen=True)
class Baseline:
    """What is known of a model version."""

    calibration: Calibration | None
    steady: SteadyError | None
    estimator: Estimator | None
    usual_rows: float | None = None
    """Rows that a window had, as ingested, in the time of the reference."""


# --- making -----------------------------------------------------------------------------------------------------------


def build(context: Context, model_version: str | None, window: Window | None = None, sizes: Sequence[int] = ()) -> Baseline:
    """Learn limits and estimator of a model version anew, and keep them.

    Parameters
    ----------
    model_version
        None: the rows bring their own predictions.
    window
        The window that asks, for references that depend on it.
    sizes
        Numbers of rows that the limits must also hold for.
    """
    with _lock(context, model_version):
        return _build(context, model_version, window, sizes)


def _build(context: Context, model_version: str | None, window: Window | None, sizes: Sequence[int]) -> Baseline:
    config = context.config
    rows, reference = _rows(context, model_version, window)
    estimator = _fit_estimator(config, rows)
    delivered = _delivered(context, rows)
    learned = None
    if config.measures.thresholds == "calibrated" and not reference.empty:
        former = _learned(config, _store(context).former(config.id, model_version or UNVERSIONED))
        learned = calibrating.learn(config, rows, reference, expected_loss(config, estimator), sizes, delivered, former)
    calibration, steady = (learned.calibration, learned.steady) if learned else (None, None)
    baseline = Baseline(calibration, steady, estimator, calibrating.usual_rows(delivered))
    _keep_estimator(context, model_version, estimator)
    _store(context).save(config.id, model_version or UNVERSIONED, _content(config, baseline))
    return baseline


def _rows(context: Context, model_version: str | None, window: Window | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every scored row of the reference's time, and the reference itself (thinned where there are many)."""
    import pandas as pd

    from driftgate.references import calibration_reference

    reference = calibration_reference(context, model_version, window).frame
    scored = _scored_file(context, model_version)
    return (reference if scored is None else pd.read_parquet(scored)), reference


def _delivered(context: Context, rows: pd.DataFrame) -> dict[Window, int]:
    """Return how many rows the kept batches of the reference's time had."""
    if rows.empty:
        return {}
    times, size = rows[context.config.columns.timestamp], context.config.window.size
    first, last = times.min().floor("s").to_pydatetime() - size, times.max().ceil("s").to_pydatetime() + size
    batches = context.store.batches(context.config.id, first, last)
    return {batch.window: batch.rows for batch in batches if batch.rows > 0 and batch.status is not BatchStatus.QUARANTINED}


def _scored_file(context: Context, model_version: str | None) -> Path | None:
    """Return the file of all scored training rows of a version, if this machine still has it."""
    from driftgate.retrain.registration import SCORED_FILE, TRIGGER_TAG

    if model_version is None or context.config.reference.kind == "window":
        return None
    known = context.registry.describe(context.config.model_name, model_version)
    path = context.settings.training_dir(context.config.id, known.tags.get(TRIGGER_TAG, "-")) / SCORED_FILE
    return path if path.is_file() else None


def _fit_estimator(config: MonitorConfig, rows: pd.DataFrame) -> Estimator | None:
    from driftgate.estimate.estimator import fit

    if config.columns.target is None or rows.empty:
        return None
    estimator = fit(config, rows, [positions for _, positions in calibrating.cut_windows(config, rows)])
    if estimator.reason:
        log.info("%s", estimator.reason)
    return estimator


def expected_loss(config: MonitorConfig, estimator: Estimator | None) -> calibrating.ExpectedLoss | None:
    """Return the loss that the estimator expects of rows; None where it cannot tell."""
    if estimator is None or estimator.reason:
        return None
    return lambda rows: estimator.losses(config, rows)


def _lock(context: Context, model_version: str | None) -> AbstractContextManager[None]:
    return context.store.window_lock(context.config.id, f"version {model_version or UNVERSIONED}", "baseline")


# --- keeping ----------------------------------------------------------------------------------------------------------


def _store(context: Context) -> CalibrationStore:
    from driftgate.record.calibrations import CalibrationStore

    return CalibrationStore(context.store.engine)


def _content(config: MonitorConfig, baseline: Baseline) -> dict[str, object]:
    return {
        "settings": settings_hash(config),
        "calibration": baseline.calibration.to_dict() if baseline.calibration else None,
        "steady": asdict(baseline.steady) if baseline.steady else None,
        "usual_rows": baseline.usual_rows,
    }


def settings_hash(config: MonitorConfig) -> str:
    """Hash of the parts of the monitor file that limits depend on."""
    from driftgate.calibrate.calibration import FORMAT

    parts: dict[str, Any] = dict.fromkeys(("task", "columns", "window", "reference", "measures", "retrain", "decision"), True)
    text = config.model_dump_json(include={**parts, "schedule": {"timezone"}})
    return hashlib.sha256(f"{FORMAT}{text}".encode()).hexdigest()[:16]


def _keep_estimator(context: Context, model_version: str | None, estimator: Estimator | None) -> None:
    from driftgate.estimate.estimator_files import to_files

    if estimator is None:
        return
    folder = _estimator_folder(context, model_version)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="estimator-", dir=folder.parent) as name:
        made = Path(name) / "new"
        made.mkdir()
        to_files(estimator, made)
        if folder.exists():
            folder.rename(Path(name) / "old")
        made.rename(folder)


def _estimator_folder(context: Context, model_version: str | None) -> Path:
    """Return the local folder; its name holds the MLflow run, because another store may have the same version numbers."""
    root = context.settings.references_dir / context.config.id
    if model_version is None:
        return root / f"source.{_FOLDER}"
    run = context.registry.describe(context.config.model_name, model_version).run_id
    return root / f"v{model_version}-{str(run)[:12]}.{_FOLDER}"


def load(context: Context, model_version: str | None) -> Baseline | None:
    """Return what was kept for a version; None when there is nothing, or when the monitor file has changed since."""
    known = _kept(context, model_version)
    return known if known is not None and _is_complete(context, known) else None


def _kept(context: Context, model_version: str | None) -> Baseline | None:
    """Return what the records hold; the estimator may be missing, because it lies on the machine that fitted it."""
    content = _store(context).find(context.config.id, model_version or UNVERSIONED)
    if content is None or content.get("settings") != settings_hash(context.config):
        return None
    learned = _learned(context.config, content)
    calibration, steady = (learned.calibration, learned.steady) if learned else (None, None)
    return Baseline(calibration, steady, _load_estimator(context, model_version), content["usual_rows"])


def _learned(config: MonitorConfig, content: Mapping[str, Any] | None) -> calibrating.Learned | None:
    """Read what was learned for a version; None where nothing was, or with other settings."""
    from driftgate.calibrate.calibration import Calibration
    from driftgate.calibrate.steady import SteadyError

    if content is None or not content.get("calibration") or content.get("settings") != settings_hash(config):
        return None
    steady = SteadyError.from_dict(content["steady"]) if content["steady"] else None
    return calibrating.Learned(Calibration.from_dict(content["calibration"]), steady)


def _is_complete(context: Context, known: Baseline) -> bool:
    return known.estimator is not None or context.config.columns.target is None


def _load_estimator(context: Context, model_version: str | None) -> Estimator | None:
    from driftgate.estimate.estimator_files import from_files

    folder = _estimator_folder(context, model_version)
    try:
        return from_files(folder) if folder.is_dir() else None
    except DriftgateError as error:
        log.warning("%s: %s; it is made anew", context.config.id, error)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def ensure(context: Context, model_version: str | None, window: Window, rows: int) -> Baseline:
    """Return the baseline of a version, made now where it is missing or where a better one can be had.

    Limits are learned anew where they do not reach windows of this size, and, where the reference is the time before the window,
    once there are enough windows to learn from, and again when there are twice as many.
    """
    known = load(context, model_version)
    if known is not None and not _is_outgrown(context, known, model_version, window, rows):
        return known
    with _lock(context, model_version):
        return _made(context, model_version, window, rows)


def _made(context: Context, model_version: str | None, window: Window, rows: int) -> Baseline:
    """Make what is missing; another process may have made it while this one waited for the lock."""
    known, name = _kept(context, model_version), f"{context.config.id} {window}"
    if known is None:
        log.info("%s: limits of version %s are learned from its reference", name, model_version or UNVERSIONED)
        return _build(context, model_version, window, [rows])
    if _is_outgrown(context, known, model_version, window, rows):
        log.info("%s: %d rows lie outside the calibrated range, or there is more to learn from; limits are learned anew", name, rows)
        return _build(context, model_version, window, [rows, *_reach(known)])
    return known if _is_complete(context, known) else _with_estimator(context, model_version, window, known)


def _reach(known: Baseline) -> list[int]:
    """Return the sizes of windows that the limits were made for, so that new ones hold for these too."""
    from driftgate.calibrate.null import RANGE

    found = known.calibration
    return [] if found is None else [round(found.fewest_rows * RANGE), round(found.most_rows / RANGE)]


def _with_estimator(context: Context, model_version: str | None, window: Window, known: Baseline) -> Baseline:
    rows, _ = _rows(context, model_version, window)
    estimator = _fit_estimator(context.config, rows)
    _keep_estimator(context, model_version, estimator)
    return replace(known, estimator=estimator)


def _is_outgrown(context: Context, known: Baseline, model_version: str | None, window: Window, rows: int) -> bool:
    if known.calibration is not None and rows >= context.config.measures.minimum_rows and not known.calibration.covers(rows):
        return True
    return _knows_more(context, known.calibration, model_version, window)


def _knows_more(context: Context, calibration: Calibration | None, model_version: str | None, window: Window) -> bool:
    """Whether a reference that grows with time holds enough windows now, or twice as many as were learned from.

    Its rows are read only where there may be enough.
    """
    from driftgate.calibrate.fit import FEWEST_WINDOWS

    config = context.config
    is_growing = config.model.predictions == "source" and config.reference.kind != "window"
    if config.measures.thresholds != "calibrated" or not is_growing:
        return False
    needed = FEWEST_WINDOWS if calibration is None else 2 * calibration.windows
    if _most_windows(context, model_version, window) < needed:
        return False
    rows, _ = _rows(context, model_version, window)
    return len(calibrating.cut_windows(config, rows)) >= needed


def _most_windows(context: Context, model_version: str | None, window: Window) -> int:
    """Return how many windows the reference relative to a window can hold at most, by its length and by what the records say."""
    from driftgate.reference_rows import ordinary_history
    from driftgate.seasons import stretch_of

    config, stretch = context.config, stretch_of(context.config, window)
    if stretch is None:
        return calibrating.MAX_WINDOWS
    size = config.window.size
    fitting = -((stretch.start - stretch.end) // size)
    if config.reference.kind != "trailing":
        return fitting
    batches = ordinary_history(context, stretch, window, model_version).batches
    kept = min(1.0, config.reference.max_rows / max(sum(batch.rows for batch in batches), 1))
    slices = [(-((batch.window.start - batch.window.end) // size), batch.rows * kept + 1) for batch in batches]
    return min(fitting, sum(count for count, rows in slices if rows >= config.measures.minimum_rows))


# --- judging ----------------------------------------------------------------------------------------------------------


def judge(context: Context, baseline: Baseline, frame: pd.DataFrame, measures: Measures, model_version: str | None) -> Measures:
    """Add what is estimated and summed up, then give every metric its learned limit and verdict."""
    measures = replace(measures, metrics=(*measures.metrics, *_expected(context.config, baseline, frame, measures)))
    calibration = baseline.calibration
    if calibration is None:
        return measures
    from driftgate.calibrate.slow import LENGTH

    version = model_version or UNVERSIONED
    history = _store(context).history(measures.monitor, version, measures.window.start, calibration.slow.keys(), LENGTH - 1)
    return calibrating.judge_measures(context.config, measures, calibration, history)


def _expected(config: MonitorConfig, baseline: Baseline, frame: pd.DataFrame, measures: Measures) -> list[Metric]:
    """Return the estimated performance and the steady error; what is expected of the rows is worked out once for both."""
    from driftgate.estimate.estimator import estimate
    from driftgate.estimate.scoring import score_estimates

    estimator, metrics, loss = baseline.estimator, list[Metric](), None
    if estimator is not None and not estimator.reason and len(frame):
        expected = estimator.expect(config, frame)
        found = estimate(config, estimator, frame, expected)
        metrics, loss = [*found, *score_estimates(found, measures.metrics)], expected.losses()
    return metrics + _steady(config, baseline, frame, loss)


def _steady(config: MonitorConfig, baseline: Baseline, frame: pd.DataFrame, loss: np.ndarray | None) -> list[Metric]:
    if baseline.steady is None:
        return []
    expected, errors = calibrating.errors_of(config, frame, None if loss is None else lambda _: loss)
    value = baseline.steady.value(expected, errors) if len(errors) else None
    return [] if value is None else [calibrating.steady_metric(config, value)]
