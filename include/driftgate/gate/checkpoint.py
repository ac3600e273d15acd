"""The gate: a Great Expectations checkpoint over one batch. Bad data stops here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import GateError
from driftgate.files import write_json
from driftgate.gate.big import BigBatch, answer_with
from driftgate.gate.context import open_context
from driftgate.gate.data_docs import update_site
from driftgate.gate.details import failed_expectations, judge
from driftgate.gate.suites import load_suite
from driftgate.records import GateResult, GateVerdict, Window
from driftgate.settings import Settings

if TYPE_CHECKING:
    from great_expectations.checkpoint.checkpoint import CheckpointResult
    from great_expectations.data_context import AbstractDataContext

RESULT_FILE = "gate.json"
_NO_SUITE = ""


def run_gate(
    config: MonitorConfig, window: Window, frame: pd.DataFrame | Path, settings: Settings, *, build_docs: bool = True
) -> GateResult:
    """Validate a batch against the monitor's suite.

    The verdict is `fail` when an expectation of severity critical does not hold, `warn` when only others do not, or when
    ``gate.on_failure`` is `warn`; without a suite it is `pass` with nothing evaluated. An expectation that cannot be
    evaluated (its column is gone) counts as one that does not hold. The same window again replaces its result and page.

    Parameters
    ----------
    frame
        The rows; or the batch's file, which is then read in pieces (:mod:`driftgate.gate.big`).
    build_docs
        Also write the Data Docs page of this window and the index. The work does not grow with the windows that are there.

    Raises
    ------
    GateError
        If the suite is missing or invalid, or a result cannot be written. Never for a failed verdict.
    """
    where = f"monitor {config.id}, window {window}"
    if config.gate.suite is None:
        return GateResult(config.id, window, _NO_SUITE, GateVerdict.PASS, evaluated=0)
    context = open_context(settings)
    result = _validate(context, config, window, frame, settings, where)
    outcome = next(iter(result.run_results.values())).to_json_dict()
    failed = failed_expectations(outcome)
    page = update_site(context, _stored(result, settings), config, settings, where) if build_docs else None
    path = _write(outcome, settings.window_dir(config.id, window.key) / RESULT_FILE, where)
    return GateResult(
        monitor=config.id,
        window=window,
        suite=config.gate.suite,
        verdict=judge(failed, config.gate.on_failure),
        evaluated=len(outcome["results"]),
        failed=failed,
        data_docs=page,
        result_path=str(path),
    )


def _validate(
    context: AbstractDataContext, config: MonitorConfig, window: Window, frame: pd.DataFrame | Path, settings: Settings, where: str
) -> CheckpointResult:
    """Run the checkpoint; name and time of its run come from the window, so that a repeated run has the same identity."""
    from great_expectations import Checkpoint, ValidationDefinition
    from great_expectations.core.run_identifier import RunIdentifier

    name = str(config.gate.suite)
    suite = context.suites.add(load_suite(name, settings, where))
    source = context.data_sources.add_pandas(config.id)
    data = source.add_dataframe_asset("batch").add_batch_definition_whole_dataframe("window")
    definition = context.validation_definitions.add(ValidationDefinition(name=config.id, data=data, suite=suite))
    checkpoint = context.checkpoints.add(Checkpoint(name=config.id, validation_definitions=[definition], result_format="SUMMARY"))
    if isinstance(frame, Path):
        batch = BigBatch(frame, where)
        answer_with(batch.metrics(context, data, suite), source.get_execution_engine())
        frame = batch.head
    run = RunIdentifier(run_name=f"{config.id}-{window.key}", run_time=window.start)
    try:
        return checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run)
    except OSError as error:
        raise GateError(f"{where}: cannot write below {settings.validations_dir}: {error}; check free space and permissions") from error


def _stored(result: CheckpointResult, settings: Settings) -> Path:
    """Return the file in which the checkpoint stored its result."""
    *folders, name = next(iter(result.run_results)).to_tuple()
    return settings.validations_dir.joinpath(*folders, f"{name}.json")


def _write(outcome: dict[str, Any], path: Path, where: str) -> Path:
    try:
        write_json(path, outcome)
    except OSError as error:
        raise GateError(f"{where}: cannot write {path}: {error}; check free space and permissions") from error
    return path.absolute()
