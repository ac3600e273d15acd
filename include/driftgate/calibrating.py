"""Calibrating a model version: its reference is measured window by window, and limits that keep the budget are learned from that.

The functions here put the steps together; what is learned and how is in :mod:`driftgate.calibrate`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from driftgate.config.models import HIGHER_IS_BETTER, MonitorConfig
from driftgate.config.windows import add, windows_between
from driftgate.records import DRIFT_FAMILIES, Direction, Family, Measures, Metric, MetricVerdict, Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from driftgate.calibrate.calibration import Address, Calibration, History
    from driftgate.calibrate.fit import MeasuredWindow, ScoredColumn, Test
    from driftgate.calibrate.steady import SteadyError
    from driftgate.columns import DriftColumn
    from driftgate.measure.prepared import PreparedReference
    from driftgate.measure.reference_parts import IndexedReference
    from driftgate.samples import Sample

log = logging.getLogger(__name__)

STEADY = "steady_residual"
SMALLEST_ROW_CHANGE = 0.1
"""A window may have a tenth more or fewer rows than usual, also where the number hardly ever varies (clocks change)."""
STUCK_EXCESS = 0.1
"""A column is stuck where its most frequent value is more frequent than ever before by this share of rows."""
ExpectedLoss = Callable[["pd.DataFrame"], "np.ndarray"]
"""Loss that is expected of each row of a window."""
MAX_WINDOWS = 366
"""A longer reference is calibrated on its latest windows."""


@dataclass(frozen=True)
class Learned:
    """A calibration and how the errors of a window are summed up."""

    calibration: Calibration
    steady: SteadyError | None = None


def learn(
    config: MonitorConfig,
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    expected: ExpectedLoss | None = None,
    sizes: Sequence[int] = (),
    delivered: Mapping[Window, int] | None = None,
    former: Learned | None = None,
) -> Learned | None:
    """Learn the limits of a model version.

    Parameters
    ----------
    rows
        Every row of the time that the reference covers, with predictions by a model that had not seen them.
    reference
        The reference (possibly thinned) that live windows are compared with.
    expected
        The loss expected of a row, for :mod:`driftgate.calibrate.steady`.
    sizes
        Numbers of rows, beyond those of the reference's windows, that the limits must hold for.
    delivered
        Rows that the windows of the reference's time had when they were ingested (``rows`` has only those with a label, for
        example); None: not known, and the number of rows gets no limit.
    former
        What was learned for the version before: where there are few windows, it tells how much ordinary ones differ.

    Returns
    -------
    Learned or None
        None where the reference holds too few windows to learn from; the fixed limits are used then.
    """
    from driftgate.calibrate.fit import FEWEST_WINDOWS, Terms, fit
    from driftgate.calibrate.inherit import MANY_WINDOWS
    from driftgate.measure.reference_parts import IndexedReference

    cut = cut_windows(config, rows)[-MAX_WINDOWS:]
    if len(cut) < FEWEST_WINDOWS:
        log.warning("%s: %d windows in the reference, %d are needed to calibrate limits", config.id, len(cut), FEWEST_WINDOWS)
        return None
    indexed = IndexedReference(config, reference)
    config, asked = with_methods(config, indexed, cut[-1][0]), config
    frames = [rows.iloc[positions] for _, positions in cut]
    measured = [
        _measured(config, frame, indexed.part(_rest(config, reference, window))) for (window, _), frame in zip(cut, frames, strict=True)
    ]
    measured = _with_row_ratio(measured, [window for window, _ in cut], delivered or {})
    known = former if former is not None and len(cut) < MANY_WINDOWS else None
    measured, steady = _with_steady(config, frames, measured, expected, known.steady if known else None)
    budget, detect = config.measures.budget, config.measures.detect
    terms = Terms(budget.false_alarms, budget.per, config.window.size, detect.change, detect.power, budget.text)
    calibration = fit(
        measured,
        _tests(config, indexed.whole, measured, steady is not None),
        terms,
        first=cut[0][0].start.isoformat(),
        last=cut[-1][0].end.isoformat(),
        fingerprint=fingerprint(asked, rows),
        sizes=sizes,
        former=known.calibration if known else None,
    )
    return Learned(calibration, steady)


def fingerprint(config: MonitorConfig, rows: pd.DataFrame) -> str:
    """Hash of what a calibration depends on: the measures section of the monitor file, the window size and the rows."""
    settings = config.model_dump_json(include={"measures", "window", "reference", "columns", "task", "kpis"})
    edges = (len(rows), rows[config.columns.timestamp].min(), rows[config.columns.timestamp].max())
    return hashlib.sha256(f"{settings}{edges}".encode()).hexdigest()[:16]


def cut_windows(config: MonitorConfig, rows: pd.DataFrame) -> list[tuple[Window, np.ndarray]]:
    """Cut rows into the monitor's windows, in time order; windows with fewer rows than ``measures.minimum_rows`` are left out."""
    import numpy as np

    times = rows[config.columns.timestamp]
    if times.empty:
        return []
    first = times.min().tz_convert(config.schedule.zone).normalize()
    last = add(config, times.max().ceil("s").to_pydatetime(), config.window.size)
    order = np.argsort(times, kind="stable")
    ordered = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")[order]
    found = []
    for window in windows_between(config, first.to_pydatetime(), last):
        edges = [np.datetime64(moment.replace(tzinfo=None), "ns") for moment in (window.start, window.end)]
        low, high = np.searchsorted(ordered, edges)
        if high - low >= config.measures.minimum_rows:
            found.append((window, order[low:high]))
    return found


def with_methods(config: MonitorConfig, reference: IndexedReference, window: Window) -> MonitorConfig:
    """Return the monitor with the drift methods written out that live windows are scored by.

    Where the choice is left to Evidently it depends on the size of the reference, and a window of the reference is compared with
    fewer rows than a live one: without its own.
    """
    from driftgate.config.models import ColumnMeasure
    from driftgate.measure.drift import chosen_method
    from driftgate.seasons import comparable_rows
    from driftgate.two_sample import REPLACED

    names = {replacement: method for method, replacement in REPLACED.items()}
    live = reference.part(comparable_rows(config, reference.frame, window))
    own, general = dict(config.measures.columns), {}
    for column, values in drift_samples(config, live):
        if column.method is not None or not values.rows:
            continue
        used = chosen_method(config, column, values, values).name
        method = names.get(used, used)
        if column.family is Family.CONCEPT_DRIFT:  # has no section of its own; by now every other column has one
            general["method_numerical" if column.kind == "num" else "method_categorical"] = method
        else:
            known = own.get(column.name, ColumnMeasure())
            own[column.name] = ColumnMeasure(method=method, threshold=known.threshold, drift=known.drift)
    return config.model_copy(update={"measures": config.measures.model_copy(update={"columns": own, **general})})


def _rest(config: MonitorConfig, reference: pd.DataFrame, window: Window) -> np.ndarray:
    """Return for each row whether a window of the reference is compared with it: as a live one would be, but without its own rows."""
    from driftgate.seasons import comparable_rows, inside

    times = reference[[config.columns.timestamp]]
    rest = ~inside(times[config.columns.timestamp], window)
    rest[rest] = comparable_rows(config, times[rest], window)
    return rest


def _measured(config: MonitorConfig, frame: pd.DataFrame, rest: PreparedReference) -> MeasuredWindow:
    from driftgate.calibrate.calibration import usable_rows
    from driftgate.calibrate.fit import MeasuredWindow

    metrics = ordinary_metrics(config, frame, rest)
    return MeasuredWindow(len(frame), metrics, usable_rows(metrics, len(frame), config.columns.target))


def ordinary_metrics(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame | PreparedReference) -> list[Metric]:
    """Return every number of a window whose limits can be learned, without limits."""
    from driftgate.measure.calibratable import calibratable_metrics

    return calibratable_metrics(config, current, reference)


def _with_row_ratio(measured: Sequence[MeasuredWindow], windows: Sequence[Window], delivered: Mapping[Window, int]) -> list[MeasuredWindow]:
    """Add how many rows each window had, of the usual number."""
    usual = usual_rows(delivered)
    if not usual:
        return list(measured)
    ratios = [Metric(Family.SYSTEM, "row_ratio", delivered[window] / usual) if window in delivered else None for window in windows]
    return [replace(item, metrics=[*item.metrics, *([ratio] if ratio else [])]) for item, ratio in zip(measured, ratios, strict=True)]


def usual_rows(delivered: Mapping[Window, int]) -> float | None:
    """Return the median number of rows of windows that had rows."""
    from statistics import median

    counts = [count for count in delivered.values() if count > 0]
    return float(median(counts)) if counts else None


# --- the steady error -------------------------------------------------------------------------------------------------


def _with_steady(
    config: MonitorConfig,
    frames: Sequence[pd.DataFrame],
    measured: Sequence[MeasuredWindow],
    expected: ExpectedLoss | None,
    former: SteadyError | None,
) -> tuple[list[MeasuredWindow], SteadyError | None]:
    """Add the steady error of every window, by the weights of the version before where the own windows are too few for some."""
    from driftgate.calibrate.fit import FEWEST_WINDOWS
    from driftgate.calibrate.steady import fit_steady

    pairs = [errors_of(config, frame, expected) for frame in frames]
    if any(len(errors) == 0 for _, errors in pairs):
        return list(measured), None
    if former is not None:
        steady, values = former, [former.value(*pair) for pair in pairs]
    else:
        found = fit_steady([loss for loss, _ in pairs], [errors for _, errors in pairs], is_median=config.task == "regression")
        if found is None:
            return list(measured), None
        steady, values = found
    if sum(value is not None for value in values) < FEWEST_WINDOWS:
        return list(measured), None
    more = [replace(item, metrics=[*item.metrics, steady_metric(config, value)]) for item, value in zip(measured, values, strict=True)]
    return more, steady


def errors_of(config: MonitorConfig, frame: pd.DataFrame, expected: ExpectedLoss | None) -> tuple[np.ndarray, np.ndarray]:
    """Return expected loss and signed error of the labelled rows."""
    import numpy as np

    from driftgate.measure.residuals import residuals

    values = residuals(config, frame).values
    loss = np.zeros(len(values)) if expected is None or values.empty else expected(frame)[values.index]
    return loss, values.to_numpy(dtype=float)


def steady_metric(config: MonitorConfig, value: float | None) -> Metric:
    """Write the steady error as a metric of the window."""
    from driftgate.config.residual import residual_column

    return Metric(Family.CONCEPT_DRIFT, STEADY, value, column=residual_column(config.columns))


# --- what is tested ---------------------------------------------------------------------------------------------------


def _tests(config: MonitorConfig, reference: PreparedReference, measured: Sequence[MeasuredWindow], has_steady: bool) -> list[Test]:
    from driftgate.calibrate.budget import Group
    from driftgate.calibrate.fit import Test

    addresses = list(dict.fromkeys(_address(item) for window in measured for item in window.metrics if not item.segment))
    tests = [*_drift_tests(config, reference, addresses), *_missing_tests(config, reference, addresses)]
    for address in addresses:
        family, metric, _ = address
        if metric == config.primary_metric:
            is_lower_better = config.primary_metric not in HIGHER_IS_BETTER
            tests.append(Test(address, Group.PERFORMANCE, above=is_lower_better, below=not is_lower_better))
        elif metric == "most_frequent_share":
            tests.append(Test(address, Group.QUALITY, reference_rows=reference.rows, largest_excess=STUCK_EXCESS))
        elif metric == "row_ratio":
            tests.append(Test(address, Group.QUALITY, above=True, below=True, smallest_distance=SMALLEST_ROW_CHANGE))
        elif metric == "multivariate_drift":
            tests.append(Test(address, Group.DRIFT))
        elif metric == STEADY:
            tests.append(Test(address, Group.SLOW_PERFORMANCE, below=True))
        elif metric == "position" and not (family == Family.CONCEPT_DRIFT and has_steady):
            tests.append(Test(address, Group.SLOW_DRIFT, below=True))
    tests += _named_tests(config, addresses, {test.address for test in tests})
    limited = {(rule.metric, rule.column) for rule in config.rules if not rule.calibrated}  # by the monitor file itself
    return [test for test in tests if test.is_slow or test.address[1:] not in limited]


def _named_tests(config: MonitorConfig, addresses: Sequence[Address], known: Collection[Address]) -> list[Test]:
    """Return a test for each other number that a rule wants a learned limit for: KPIs, fairness gaps, further scores."""
    from driftgate.calibrate.budget import Group
    from driftgate.calibrate.fit import Test

    named = {(rule.metric, rule.column) for rule in config.rules if rule.calibrated}
    found = [address for address in addresses if (address[1], address[2]) in named and address not in known]
    is_score = {address: address[0] == Family.PERFORMANCE for address in found}
    return [
        Test(
            address,
            Group.PERFORMANCE,
            above=not (is_score[address] and address[1] in HIGHER_IS_BETTER),
            below=not is_score[address] or address[1] in HIGHER_IS_BETTER,
        )
        for address in found
    ]


def _address(metric: Metric) -> Address:
    return (metric.family.value, metric.metric, metric.column)


def _drift_tests(config: MonitorConfig, reference: PreparedReference, addresses: Sequence[Address]) -> list[Test]:
    from driftgate.calibrate.budget import Group
    from driftgate.calibrate.fit import Test

    tests = []
    for column, values in drift_samples(config, reference):
        address = (column.family.value, "drift_score", column.name)
        if address not in addresses or column.threshold is not None or values.rows < 2:
            continue
        tests.append(Test(address, Group.DRIFT, column=_scored(config, column, values)))
        if column.kind == "cat":
            tests.append(Test(address, Group.SLOW_DRIFT))
    return tests


def drift_samples(config: MonitorConfig, reference: PreparedReference) -> list[tuple[DriftColumn, Sample]]:
    """Return every column with a drift score and its usable reference values, the residual included."""
    from driftgate.columns import drift_columns
    from driftgate.measure.residuals import residual_plan

    known = [column for column in drift_columns(config) if column.name in reference.columns]
    found = [(column, reference.summary(column.name, column.kind).sample) for column in known]
    return [*found, (residual_plan(config, reference.residuals.kind), reference.residuals.sample)]


def _scored(config: MonitorConfig, column: DriftColumn, values: Sample) -> ScoredColumn:
    from driftgate.calibrate.fit import ScoredColumn
    from driftgate.measure.drift import column_score

    return ScoredColumn(values, column.kind == "cat", lambda current, usual: column_score(config, column, current, usual).value)


def _missing_tests(config: MonitorConfig, reference: PreparedReference, addresses: Sequence[Address]) -> list[Test]:
    from driftgate.calibrate.budget import Group
    from driftgate.calibrate.fit import Test
    from driftgate.measure.quality import column_kind

    found = [address for address in addresses if address[1] == "missing_share" and address[2] not in ("", config.columns.target)]
    shares = {address: reference.summary(address[2], column_kind(config, address[2])).missing_share or 0.0 for address in found}
    return [Test(address, Group.QUALITY, usual_share=share, reference_rows=reference.rows) for address, share in shares.items()]


# --- judging ----------------------------------------------------------------------------------------------------------


def judge_measures(config: MonitorConfig, measures: Measures, calibration: Calibration, history: History) -> Measures:
    """Give a window's metrics the limits of the calibration; the data set is drifted when any single test of it is."""
    from driftgate.calibrate.calibration import judge, usable_rows

    rows_of = usable_rows(measures.metrics, measures.rows, config.columns.target)
    judged = judge(calibration, measures.metrics, measures.rows, history, config.measures.minimum_rows, rows_of)
    return replace(measures, metrics=tuple(_with_dataset(config, judged)))


def _with_dataset(config: MonitorConfig, metrics: Iterable[Metric]) -> list[Metric]:
    """Sum the verdicts up. Every single test keeps to its part of the budget, so one alarm is enough."""
    from driftgate.measure.drift import dataset_drift

    found = list(metrics)
    scores = [item for item in found if item.metric == "drift_score" and item.family in DRIFT_FAMILIES]
    summary = {item.metric: item for item in dataset_drift(config, scores)}
    tests = [item for item in found if item.family in DRIFT_FAMILIES and item.metric in ("drift_score", "multivariate_drift", "slow_drift")]
    judged = [item for item in tests if item.verdict in (MetricVerdict.OK, MetricVerdict.ALARM)]
    is_drifted = any(item.verdict is MetricVerdict.ALARM for item in judged)
    verdict = MetricVerdict.ALARM if is_drifted else MetricVerdict.OK
    summary["dataset_drift"] = replace(
        summary["dataset_drift"],
        value=float(is_drifted) if judged else None,
        threshold=0.5,
        direction=Direction.ABOVE,
        verdict=verdict if judged else MetricVerdict.TOO_FEW_ROWS,
    )
    summary["drift_share"] = replace(summary["drift_share"], threshold=None, direction=None, verdict=None)
    return [summary.get(item.metric, item) if item.family is Family.DATA_DRIFT and not item.column else item for item in found]
