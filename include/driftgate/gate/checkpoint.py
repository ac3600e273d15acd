"""The gate: a Great Expectations checkpoint over one batch. Bad data stops here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import GateError
from driftgate.files import write_json, write_text
from driftgate.gate.context import open_context
from driftgate.gate.data_docs import update_site
from driftgate.gate.details import failed_expectations, judge
from driftgate.gate.suites import load_suite
from driftgate.records import GateResult, GateVerdict, Window
from driftgate.settings import Settings
from driftgate.storage import DataPath

if TYPE_CHECKING:
    from great_expectations.checkpoint.checkpoint import CheckpointResult
    from great_expectations.data_context import AbstractDataContext

RESULT_FILE = "gate.json"
_NO_SUITE = ""

DocsLock = Callable[[], AbstractContextManager[None] | None]
"""Makes what is held while the index of Data Docs changes; None: a lock among the processes of this machine."""


def run_gate(
    config: MonitorConfig,
    window: Window,
    frame: pd.DataFrame,
    settings: Settings,
    *,
    build_docs: bool = True,
    docs_lock: DocsLock | None = None,
) -> GateResult:
    """Validate a batch against the monitor's suite.

    The verdict is `fail` when an expectation of severity critical does not hold, `warn` when only others do not, or when
    ``gate.on_failure`` is `warn`; without a suite it is `pass` with nothing evaluated. An expectation that cannot be
    evaluated (its column is gone) counts as one that does not hold. The same window again replaces its result and page.

    Parameters
    ----------
    build_docs
        Also write the Data Docs page of this window and the index. The work does not grow with the windows that are there.
    docs_lock
        Makes what is held while the index changes; needed where other machines write it too.

    Raises
    ------
    GateError
        If the suite is missing or invalid, or a result cannot be written. Never for a failed verdict.
    """
    where = f"monitor {config.id}, window {window}"
    if config.gate.suite is None:
        return GateResult(config.id, window, _NO_SUITE, GateVerdict.PASS, evaluated=0)
    context = open_context()
    result = _validate(context, config, window, frame, settings, where)
    outcome = next(iter(result.run_results.values())).to_json_dict()
    failed = failed_expectations(outcome)
    stored = _keep(context, result, settings, where)
    page = update_site(context, stored, config, settings, where, docs_lock() if docs_lock else None) if build_docs else None
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
    context: AbstractDataContext, config: MonitorConfig, window: Window, frame: pd.DataFrame, settings: Settings, where: str
) -> CheckpointResult:
    """Run the checkpoint; name and time of its run come from the window, so that a repeated run has the same identity."""
    from great_expectations import Checkpoint, ValidationDefinition
    from great_expectations.core.run_identifier import RunIdentifier

    name = str(config.gate.suite)
    suite = context.suites.add(load_suite(name, settings, where))
    asset = context.data_sources.add_pandas(config.id).add_dataframe_asset("batch")
    definition = context.validation_definitions.add(
        ValidationDefinition(name=config.id, data=asset.add_batch_definition_whole_dataframe("window"), suite=suite)
    )
    checkpoint = context.checkpoints.add(Checkpoint(name=config.id, validation_definitions=[definition], result_format="SUMMARY"))
    run = RunIdentifier(run_name=f"{config.id}-{window.key}", run_time=window.start)
    return checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run)


def _keep(context: AbstractDataContext, result: CheckpointResult, settings: Settings, where: str) -> DataPath:
    """Write the result as Great Expectations' own store in files would: same place, same text."""
    key, outcome = next(iter(result.run_results.items()))
    *folders, name = key.to_tuple()
    path = settings.validations_dir.joinpath(*folders, f"{name}.json")
    try:
        write_text(path, context.validation_results_store.serialize(outcome))
    except OSError as error:
        raise GateError(f"{where}: cannot write below {settings.validations_dir}: {error}; check free space and permissions") from error
    return path


def _write(outcome: dict[str, Any], path: DataPath, where: str) -> DataPath:
    try:
        write_json(path, outcome)
    except OSError as error:
        raise GateError(f"{where}: cannot write {path}: {error}; check free space and permissions") from error
    return path.absolute()
