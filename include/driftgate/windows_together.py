"""Many windows of a monitor in one process: what they share is read, opened or built once, and nothing is recorded yet.

A window that was prepared lies in its folder until it is settled (:mod:`driftgate.settling`), which is done one after the other because
verdicts, decisions and incidents look at the windows before. Windows are prepared in any order and in as many processes as are wanted.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from driftgate import baselines, pipeline
from driftgate.config.windows import label
from driftgate.context import Context
from driftgate.errors import DriftgateError, GateError, ServiceError, SourceError
from driftgate.files import write_text
from driftgate.records import Batch, BatchStatus, GateResult, GateVerdict, Measures, Window, to_dict
from driftgate.storage import DataPath, locate

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.baselines import Baseline
    from driftgate.gate.checkpoint import Gate
    from driftgate.ingest.together import WindowsReader

log = logging.getLogger(__name__)

PREPARED_FILE = "prepared.json"
_FORMAT = 1
_ORDERED_REFERENCES = ("trailing", "last_year")
Seen = Callable[[Window], None]
"""Told of every window that is prepared."""


@dataclass(frozen=True)
class Prepared:
    """What is known about a window before it is judged."""

    batch: Batch
    is_new: bool = True
    """Whether its rows were read now; False: those kept earlier were used."""
    gate: GateResult | None = None
    measures: Measures | None = None
    """Without limits and verdicts; None where the window is measured when it is settled, or not at all."""
    baseline: str | None = None
    """Mark of the baseline that ``measures`` rest on, see :func:`driftgate.baselines.mark`."""
    problem: str | None = None
    """Why it could not be read or measured."""

    @property
    def window(self) -> Window:
        return self.batch.window

    @property
    def has_passed(self) -> bool:
        return self.gate is not None and self.gate.verdict is not GateVerdict.FAIL

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **data,
                "batch": Batch.from_dict(data["batch"]),
                "gate": GateResult.from_dict(data["gate"]) if data["gate"] else None,
                "measures": Measures.from_dict(data["measures"]) if data["measures"] else None,
            }
        )


def looks_back(context: Context) -> bool:
    """Whether the very rows that a window is compared with depend on what became of the windows before it."""
    return context.config.reference.kind in _ORDERED_REFERENCES


@dataclass
class WindowsTogether:
    """Prepares windows that lie beside each other.

    Parameters
    ----------
    context
        The monitor; its records are only read.
    windows
        The windows, oldest first.
    reprocess
        Read the source again even where a window's rows are already kept.
    dag_run
        Written to batches that are read now.
    """

    context: Context
    windows: Sequence[Window]
    reprocess: bool = False
    dag_run: str | None = None
    done: int = field(default=0, init=False)

    def run(self, seen: Seen | None = None) -> list[Prepared]:
        """Prepare every window and keep the result in its folder; one that is kept there already, made under the same conditions, is used.

        Raises
        ------
        ServiceError
            If a server does not answer; trying again goes on where this ended.
        GateError
            If the suite is missing or invalid.
        """
        found = []
        with self.context.store.window_locks(self.context.config.id, self.windows, "ingest"):
            for window in self.windows:
                found.append(self._kept(window) or self._keep(self.prepare(window)))
                if seen is not None:
                    seen(window)
        return found

    def prepare(self, window: Window) -> Prepared:
        """Read a window's rows, hold them at the gate, and measure what follows from them alone."""
        known = self._known.get(window)
        is_kept = known is not None and not self.reprocess and pipeline.reusable(self.context, known)
        try:
            batch = known if is_kept and known is not None else self._read(window)
        except SourceError as error:
            failed = Batch(self.context.config.id, window, BatchStatus.FAILED, dag_run=self.dag_run, note=str(error))
            return Prepared(failed, problem=str(error))
        if batch.status is BatchStatus.NO_DATA:
            return Prepared(batch)
        prepared = Prepared(batch, is_new=not is_kept)
        return self._gated(prepared)

    def _read(self, window: Window) -> Batch:
        return replace(pipeline.read(self.context, window, self._version, self._reader.together), dag_run=self.dag_run)

    def _gated(self, prepared: Prepared) -> Prepared:
        from driftgate.big_batches import gate_rows
        from driftgate.gate.checkpoint import Docs

        rows = gate_rows(self.context, prepared.batch)
        return self._measured(replace(prepared, gate=self._gate.run(prepared.window, rows, docs=Docs.LATER)), rows)

    def _measured(self, prepared: Prepared, rows: pd.DataFrame | Path) -> Prepared:
        from driftgate.big_batches import measured_rows

        baseline = self._baseline(prepared.batch.model_version)
        if not prepared.has_passed or baseline is None:
            return prepared
        batch = prepared.batch
        try:
            frame = measured_rows(self.context, batch, None if isinstance(rows, Path) else rows)
            reference = pipeline.compared_with(self.context, batch)
            measures = pipeline.measure_alone(self.context, batch, frame, reference, baseline)
        except (ServiceError, GateError):
            raise
        except DriftgateError as error:
            log.warning("%s %s is not measured: %s", self.context.config.id, label(self.context.config, batch.window), error)
            return replace(prepared, problem=str(error))
        return replace(prepared, measures=measures, baseline=baselines.mark(baseline))

    # --- what the windows share --------------------------------------------------------------------------------------

    @cached_property
    def _known(self) -> Mapping[Window, Batch]:
        start, end = self.windows[0].start, max(window.end for window in self.windows)
        return {batch.window: batch for batch in self.context.store.batches(self.context.config.id, start, end)}

    @cached_property
    def _version(self) -> str | None:
        return pipeline.scoring_version(self.context)

    @cached_property
    def _reader(self) -> WindowsReader:
        from driftgate.ingest.together import WindowsReader

        context = self.context
        return WindowsReader(context.config, self.windows, context.settings, context.connection_uri)

    @cached_property
    def _gate(self) -> Gate:
        from driftgate.gate.checkpoint import Gate

        return Gate(self.context.config, self.context.settings, self.context.docs_lock)

    @cached_property
    def _baselines(self) -> dict[str | None, Baseline | None]:
        return {}

    def _baseline(self, version: str | None) -> Baseline | None:
        """Return what a version's windows are measured with; None where that is not known before the windows are settled."""
        if looks_back(self.context):
            return None
        if version not in self._baselines:
            self._baselines[version] = baselines.load(self.context, version)
        return self._baselines[version]

    # --- keeping -----------------------------------------------------------------------------------------------------

    @cached_property
    def _conditions(self) -> str:
        """Hash of everything beside the source that decides what a prepared window holds."""
        context = self.context
        suite = context.settings.gx_dir / "expectations" / f"{context.config.gate.suite}.json"
        parts = [str(_FORMAT), context.monitor.fingerprint, str(self._version), str(self.dag_run), str(self.reprocess)]
        parts.append(suite.read_text(encoding="utf-8") if suite.is_file() else "")
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]

    def _keep(self, prepared: Prepared) -> Prepared:
        content = {"conditions": self._conditions, "prepared": to_dict(prepared)}
        write_text(prepared_path(self.context, prepared.window), json.dumps(content))
        return prepared

    def _kept(self, window: Window) -> Prepared | None:
        """Return what an earlier attempt of this very run prepared."""
        found = _read_kept(prepared_path(self.context, window))
        if found is None or found["conditions"] != self._conditions:
            return None
        prepared = Prepared.from_dict(found["prepared"])
        is_whole = prepared.problem is None and (prepared.batch.path is None or locate(prepared.batch.path).is_file())
        is_measured = not prepared.has_passed or self._mark(prepared.batch.model_version) == prepared.baseline
        return prepared if is_whole and is_measured else None

    def _mark(self, version: str | None) -> str | None:
        baseline = self._baseline(version)
        return None if baseline is None else baselines.mark(baseline)


def prepared_path(context: Context, window: Window) -> DataPath:
    """Return where a prepared window lies until it is settled."""
    return context.settings.window_dir(context.config.id, window.key) / PREPARED_FILE


def load_prepared(context: Context, window: Window) -> Prepared | None:
    """Return a prepared window; None where there is none (any more)."""
    found = _read_kept(prepared_path(context, window))
    return None if found is None else Prepared.from_dict(found["prepared"])


def _read_kept(path: DataPath) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
