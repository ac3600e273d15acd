"""The gate: a Great Expectations checkpoint over one batch. Bad data stops here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import GateError
from driftgate.files import write_json, write_text
from driftgate.gate.big import BigBatch, answering
from driftgate.gate.context import open_context
from driftgate.gate.data_docs import update_site
from driftgate.gate.details import failed_expectations, judge
from driftgate.gate.later_pages import promise_page
from driftgate.gate.quick import Quick
from driftgate.gate.suites import load_suite
from driftgate.records import GateResult, GateVerdict, Window
from driftgate.settings import Settings
from driftgate.storage import DataPath

if TYPE_CHECKING:
    from great_expectations import Checkpoint, ExpectationSuite
    from great_expectations.checkpoint.checkpoint import CheckpointResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.datasource.fluent import PandasDatasource

RESULT_FILE = "gate.json"
_NO_SUITE = ""

DocsLock = Callable[[], AbstractContextManager[None] | None]
"""Makes what is held while the index of Data Docs changes; None: a lock among the processes of this machine."""


def run_gate(
    config: MonitorConfig,
    window: Window,
    frame: pd.DataFrame | Path,
    settings: Settings,
    *,
    build_docs: bool = True,
    docs_lock: DocsLock | None = None,
) -> GateResult:
    """Validate one batch against the monitor's suite: :class:`Gate` for a single window."""
    return Gate(config, settings, docs_lock).run(window, frame, docs=Docs.DRAWN if build_docs else Docs.NONE)


@dataclass(frozen=True)
class _Made:
    """What is made once for all windows of a monitor."""

    checkpoint: Checkpoint
    suite: ExpectationSuite
    source: PandasDatasource
    data: BatchDefinition[Any]


class Docs(Enum):
    """What a validation leaves in Data Docs."""

    DRAWN = "drawn"
    """Its page and its place in the index. The work does not grow with the windows that are there."""
    LATER = "later"
    """A page that is drawn when somebody opens it; the index is brought up to date by :func:`driftgate.gate.data_docs.enter_windows`."""
    NONE = "none"


class Gate:
    """The gate of one monitor, for as many windows as are wanted: the suite is read once, and one checkpoint is run for each.

    The verdict is `fail` when an expectation of severity critical does not hold, `warn` when only others do not, or when
    ``gate.on_failure`` is `warn`; without a suite it is `pass` with nothing evaluated. An expectation that cannot be
    evaluated (its column is gone) counts as one that does not hold. The same window again replaces its result and page.

    Parameters
    ----------
    docs_lock
        Makes what is held while the index of Data Docs changes; needed where other machines write it too.
    """

    def __init__(self, config: MonitorConfig, settings: Settings, docs_lock: DocsLock | None = None) -> None:
        self._config, self._settings, self._docs_lock = config, settings, docs_lock
        self._made: _Made | None = None
        self._quick = Quick()

    def run(self, window: Window, frame: pd.DataFrame | Path, *, docs: Docs = Docs.DRAWN) -> GateResult:
        """Validate the batch of a window.

        Parameters
        ----------
        frame
            The rows; or the batch's file, which is then read in pieces (:mod:`driftgate.gate.big`).

        Raises
        ------
        GateError
            If the suite is missing or invalid, or a result cannot be written. Never for a failed verdict.
        """
        config, settings = self._config, self._settings
        where = f"monitor {config.id}, window {window}"
        if config.gate.suite is None:
            return GateResult(config.id, window, _NO_SUITE, GateVerdict.PASS, evaluated=0)
        result, outcome = self._validate(window, frame, where)
        failed = failed_expectations(outcome)
        page = self._page(result, docs, where)
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

    @cached_property
    def _context(self) -> AbstractDataContext:
        return open_context()

    def _validate(self, window: Window, frame: pd.DataFrame | Path, where: str) -> tuple[CheckpointResult, dict[str, Any]]:
        """Run the checkpoint; name and time of its run come from the window, so that a repeated run has the same identity."""
        from great_expectations.core.run_identifier import RunIdentifier

        made = self._made = self._made or self._make(where)
        run = RunIdentifier(run_name=f"{self._config.id}-{window.key}", run_time=window.start)
        with self._shown(made, frame, where) as shown, self._quick.run():
            result = made.checkpoint.run(batch_parameters={"dataframe": shown}, run_id=run)
            return result, next(iter(result.run_results.values())).to_json_dict()

    @contextmanager
    def _shown(self, made: _Made, frame: pd.DataFrame | Path, where: str) -> Iterator[pd.DataFrame]:
        """Yield what the checkpoint is shown as the batch: the rows, or one row of a file whose metrics are known beforehand."""
        if not isinstance(frame, Path):
            yield frame
            return
        batch = BigBatch(frame, where)
        with answering(batch.metrics(self._context, made.data, made.suite), made.source.get_execution_engine()):
            yield batch.head

    def _make(self, where: str) -> _Made:
        from great_expectations import Checkpoint, ValidationDefinition

        context, config = self._context, self._config
        suite = context.suites.add(load_suite(str(config.gate.suite), self._settings, where))
        source = context.data_sources.add_pandas(config.id)
        data = source.add_dataframe_asset("batch").add_batch_definition_whole_dataframe("window")
        definition = context.validation_definitions.add(ValidationDefinition(name=config.id, data=data, suite=suite))
        checkpoint = Checkpoint(name=config.id, validation_definitions=[definition], result_format="SUMMARY")
        return _Made(context.checkpoints.add(checkpoint), suite, source, data)

    def _page(self, result: CheckpointResult, docs: Docs, where: str) -> str | None:
        stored = self._keep(result, where)
        if docs is Docs.NONE:
            return None
        if docs is Docs.LATER:
            return promise_page(stored, self._settings, where)
        lock = self._docs_lock() if self._docs_lock else None
        return update_site(self._context, stored, self._config, self._settings, where, lock)

    def _keep(self, result: CheckpointResult, where: str) -> DataPath:
        """Write the result as Great Expectations' own store in files would: same place, same text."""
        key, outcome = next(iter(result.run_results.items()))
        *folders, name = key.to_tuple()
        path = self._settings.validations_dir.joinpath(*folders, f"{name}.json")
        try:
            write_text(path, self._context.validation_results_store.serialize(outcome))
        except OSError as error:
            raise GateError(
                f"{where}: cannot write below {self._settings.validations_dir}: {error}; check free space and permissions"
            ) from error
        return path


def _write(outcome: dict[str, Any], path: DataPath, where: str) -> DataPath:
    try:
        write_json(path, outcome)
    except OSError as error:
        raise GateError(f"{where}: cannot write {path}: {error}; check free space and permissions") from error
    return path.absolute()
