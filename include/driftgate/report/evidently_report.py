"""The Evidently report of one window: HTML for people, JSON for programs.

Columns, methods and limits are those of the measures (:mod:`driftgate.columns`), so that the page and the stored metrics agree.
Columns that cannot be judged (fewer usable values than ``measures.minimum_rows``) are left out of the drift part.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")  # Evidently sends nothing from here today; this keeps it so

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
from evidently.core.report import Snapshot
from evidently.legacy.calculations.stattests import StatTest, chi_stat_test, cramer_von_mises, get_stattest, mann_whitney_u_stat_test
from evidently.legacy.calculations.stattests.registry import register_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset, RegressionPreset

from driftgate.columns import DriftColumn, drift_columns, label, labels, measurable, usable
from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.samples import sample_of
from driftgate.two_sample import DISPLAY_NAMES, REPLACED, judged, used_method

log = logging.getLogger(__name__)

HTML_NAME = "evidently.html"
JSON_NAME = "evidently.json"
for _test in (chi_stat_test, cramer_von_mises, mann_whitney_u_stat_test):  # drawn under the names and with the numbers of the measures
    _name, _kinds = REPLACED[_test.name], [ColumnType.Categorical, ColumnType.Numerical]
    register_stattest(StatTest(_name, DISPLAY_NAMES[_name], _kinds, _test.default_threshold), judged(_name))

MINIMUM_LABELLED_ROWS = 10
"""With fewer known targets the model's part is left out: its plots need several rows per bin."""


@dataclass(frozen=True)
class RenderedReport:
    """Where a window's report was written."""

    html: Path
    json: Path
    snapshot: Snapshot = field(repr=False, compare=False)
    """The report as Evidently computed it, for the Evidently UI."""


def render_report(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame, folder: Path) -> RenderedReport:
    """Write ``evidently.html`` and ``evidently.json`` into a folder, replacing earlier ones.

    The parts are data drift, data summary and, with known targets on both sides, regression or classification quality. A part
    that Evidently cannot draw for these rows is left out and logged; the summary is always there.

    Parameters
    ----------
    config
        The monitor.
    current, reference
        Rows as ingest types them, with the prediction.
    folder
        Where to write; made when it does not exist.

    Raises
    ------
    MeasureError
        If not even a summary can be made, for example of a window without rows.
    """
    if current.empty:
        raise MeasureError(f"monitor {config.id}: the window has no rows, so there is nothing to report")
    drift = _judgeable(config, current, reference)
    definition = _definition(config, current, reference)
    frames = [_prepared(config, frame, definition) for frame in (current, reference)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        datasets = [Dataset.from_pandas(frame, data_definition=definition) if len(frame) else None for frame in frames]
        snapshot = _snapshot(config, _parts(config, drift, definition), datasets)
        folder.mkdir(parents=True, exist_ok=True)
        report = RenderedReport(folder / HTML_NAME, folder / JSON_NAME, snapshot)
        _write(report.html, snapshot.get_html_str(as_iframe=False))
        _write(report.json, _strict_json(snapshot.json()))
    return report


def _judgeable(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[DriftColumn]:
    minimum = config.measures.minimum_rows
    found = []
    for column in drift_columns(config):
        values, usual = usable(current, column), usable(reference, column)
        if measurable(column, current, reference) and min(len(values), len(usual)) >= minimum:
            found.append(replace(column, method=_method(column, values, usual)))
    return found


def _method(column: DriftColumn, current: pd.Series, reference: pd.Series) -> str | None:
    """Name the method where the measures do not use Evidently's own, else leave it as the monitor file has it."""
    try:
        name = get_stattest(reference, current, column.kind, column.method).name
    except ValueError:  # does not fit the column's type: the measures say so
        return column.method
    used = used_method(name, *(sample_of(values.to_numpy()) for values in (reference, current)))
    return column.method if used == name else used


def _definition(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> DataDefinition:
    """Column roles in Evidently's terms; columns that one side lacks are left out."""
    columns = config.columns
    is_regression = config.task == "regression"
    outcomes = [name for name in (columns.prediction, columns.target) if name]
    probabilities = [columns.prediction_proba] if columns.prediction_proba else []
    numerical = [*columns.numerical, *(outcomes if is_regression else []), *probabilities]
    categorical = [*columns.categorical, *([] if is_regression else outcomes)]
    task = _task(config, current, reference)
    return DataDefinition(
        timestamp=columns.timestamp if columns.timestamp in current and columns.timestamp in reference else None,
        numerical_columns=[name for name in numerical if name in current and name in reference],
        categorical_columns=[name for name in categorical if name in current and name in reference],
        regression=[task] if isinstance(task, Regression) else None,
        classification=[task] if isinstance(task, (BinaryClassification, MulticlassClassification)) else None,
    )


def _task(
    config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame
) -> Regression | BinaryClassification | MulticlassClassification | None:
    """Roles of target and prediction, or None where too few targets are known on either side."""
    target, prediction = config.columns.target, config.columns.prediction
    if target is None or any(_labelled_rows(frame, target, prediction) < MINIMUM_LABELLED_ROWS for frame in (current, reference)):
        return None
    if config.task == "regression":
        return Regression(target=target, prediction=prediction)
    if config.task == "multiclass":
        return MulticlassClassification(target=target, prediction_labels=prediction)
    wanted = config.columns.positive_label
    # Labels, not probabilities: the champion's own labels are what accuracy, precision and recall are about.
    return BinaryClassification(target=target, prediction_labels=prediction, pos_label=label(1 if wanted is None else wanted))


def _labelled_rows(frame: pd.DataFrame, target: str, prediction: str) -> int:
    if target not in frame or prediction not in frame:
        return 0
    return int((frame[target].notna() & frame[prediction].notna()).sum())


def _prepared(config: MonitorConfig, frame: pd.DataFrame, definition: DataDefinition) -> pd.DataFrame:
    """Only the columns with a role, labels spelt alike on both sides."""
    timestamp = [definition.timestamp] if definition.timestamp else []
    kept = frame[[*timestamp, *definition.numerical_columns, *definition.categorical_columns]].reset_index(drop=True)
    if config.task == "regression":
        return kept
    for name in (config.columns.target, config.columns.prediction):
        if name is not None and name in kept:
            kept[name] = labels(kept[name])
    return kept


def _parts(config: MonitorConfig, drift: Sequence[DriftColumn], definition: DataDefinition) -> list[Any]:
    """Presets, the least needed last."""
    columns = [*definition.numerical_columns, *definition.categorical_columns]
    parts: list[Any] = [DataSummaryPreset(columns=columns)]
    if drift:
        parts.append(
            DataDriftPreset(
                columns=[column.name for column in drift],
                drift_share=config.measures.drift_share,
                per_column_method={column.name: column.method for column in drift if column.method is not None},
                per_column_threshold={column.name: column.threshold for column in drift if column.threshold is not None},
            )
        )
    if definition.regression:
        parts.append(RegressionPreset())
    if definition.classification:
        parts.append(ClassificationPreset())
    return parts


def _snapshot(config: MonitorConfig, parts: Sequence[Any], datasets: Sequence[Dataset | None]) -> Snapshot:
    """Run the report; while it fails, leave out the last part and try again."""
    current, reference = datasets
    for count in range(len(parts), 0, -1):
        used = parts[:count]
        try:
            return Report(_in_reading_order(used), include_tests=False).run(current, reference)
        except Exception as error:
            if count == 1:
                raise MeasureError(f"monitor {config.id}: Evidently cannot make a report of these rows: {error}") from error
            log.warning("monitor %s: the report is made without %s: %s", config.id, type(parts[count - 1]).__name__, error)
    raise AssertionError("a report has at least one part")


def _in_reading_order(parts: Sequence[Any]) -> list[Any]:
    """Drift first, then the model, then the summary."""
    return [*parts[1:], parts[0]]


def _strict_json(text: str) -> str:
    """Replace NaN and infinities, which Evidently writes but JSON does not know, by null."""
    return json.dumps(json.loads(text, parse_constant=lambda _: None))


def _write(path: Path, text: str) -> None:
    """Write through a temporary name, so that nobody ever sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
