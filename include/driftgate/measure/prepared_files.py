"""A prepared reference on disk: one NumPy archive, a thirtieth of a second to read where the rows and their sorting take half a second.

The archive holds the sorted values and counts as arrays and everything else as JSON in an array of bytes. It is written whole or not
at all. What does not fit, another format, another monitor file, other rows, a damaged file, is not used; the caller makes it anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from driftgate.columns import Kind
from driftgate.config.models import MonitorConfig
from driftgate.files import replacing
from driftgate.measure.directions import Directions, Layout
from driftgate.measure.prepared import PreparedReference
from driftgate.measure.quality import column_kind
from driftgate.measure.residuals import ResidualSample
from driftgate.samples import Categories, ColumnSummary, Numbers

log = logging.getLogger(__name__)

FORMAT = 1
"""Raised whenever the content or its meaning changes; files of another format are made anew."""
_NOTE = "note"
Arrays = dict[str, np.ndarray]


def settings_hash(config: MonitorConfig) -> str:
    """Hash of the parts of the monitor file that a prepared reference depends on."""
    text = config.model_dump_json(include={"columns", "task", "measures", "fairness", "kpis"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_prepared(reference: PreparedReference, identity: str, path: Path) -> None:
    """Write everything that a window may ask of a reference.

    Parameters
    ----------
    reference
        The reference; what is not known of it yet is worked out from its rows now.
    identity
        Which rows these are; the file is used for these only.
    path
        Where to write; an earlier file is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    config, arrays = reference.config, Arrays()
    note = {
        "format": FORMAT,
        "identity": identity,
        "settings": settings_hash(config),
        "rows": reference.rows,
        "columns": list(reference.columns),
        "summaries": [_keep_summary(reference, name, arrays) for name in _summed_up(reference)],
        "residuals": {"kind": reference.residuals.kind},
        "segments": reference.segments,
        "fairness": reference.fairness,
        "kpis": reference.kpis,
        "directions": _keep_directions(reference.directions, arrays) if config.measures.multivariate == "pca" else None,
    }
    arrays |= _numbers("residuals", reference.residuals.numbers)
    arrays[_NOTE] = np.frombuffer(json.dumps(note).encode(), dtype=np.uint8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_prepared(config: MonitorConfig, identity: str, path: Path, load: Callable[[], pd.DataFrame]) -> PreparedReference | None:
    """Read a prepared reference; None where there is no file, or one that cannot be used.

    Parameters
    ----------
    load
        Reads the rows, should something really need them.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        note = json.loads(arrays[_NOTE].tobytes())
        if (note["format"], note["identity"], note["settings"]) != (FORMAT, identity, settings_hash(config)):
            return None
        return _Kept(config, load, note, arrays)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        log.warning("monitor %s: %s cannot be used (%s); it is made anew", config.id, path, error)
        return None


class _Kept(PreparedReference):
    """A reference as it was read back."""

    def __init__(self, config: MonitorConfig, load: Callable[[], pd.DataFrame], note: Mapping[str, Any], arrays: Arrays) -> None:
        super().__init__(config, load)
        self.rows = int(note["rows"])
        self.columns = list(note["columns"])
        self._summaries |= {(item["name"], item["kind"]): _summary(item, arrays) for item in note["summaries"]}
        self.residuals = ResidualSample(_read_numbers("residuals", arrays), note["residuals"]["kind"])
        self.segments = note["segments"]
        self.fairness = note["fairness"]
        self.kpis = note["kpis"]
        if note["directions"] is not None:
            self.directions = _directions(note["directions"], arrays)


def _summed_up(reference: PreparedReference) -> list[str]:
    columns = reference.config.columns
    return [name for name in (*columns.features, columns.prediction, columns.target) if name is not None and name in reference.columns]


def _keep_summary(reference: PreparedReference, name: str, arrays: Arrays) -> dict[str, Any]:
    kind: Kind = column_kind(reference.config, name)
    summary = reference.summary(name, kind)
    note = {"name": name, "kind": kind, "rows": summary.rows, "missing": summary.missing}
    note |= {"infinite": summary.infinite, "minus_infinite": summary.minus_infinite}
    if isinstance(summary.sample, Categories):
        arrays[f"{kind}:{name}:counts"] = summary.sample.counts
        return {**note, "names": list(summary.sample.names)}
    arrays |= _numbers(f"{kind}:{name}", summary.sample)
    return note


def _summary(note: Mapping[str, Any], arrays: Arrays) -> ColumnSummary:
    key = f"{note['kind']}:{note['name']}"
    if note["kind"] == "num":
        return ColumnSummary(note["rows"], note["missing"], note["infinite"], _read_numbers(key, arrays), note["minus_infinite"])
    names = np.empty(len(note["names"]), dtype=object)
    names[:] = note["names"]
    return ColumnSummary(note["rows"], note["missing"], note["infinite"], Categories(names, arrays[f"{key}:counts"]))


def _numbers(key: str, sample: Numbers) -> Arrays:
    values, counts = sample.distinct()
    return {f"{key}:values": values, f"{key}:counts": counts}


def _read_numbers(key: str, arrays: Arrays) -> Numbers:
    return Numbers(arrays[f"{key}:values"], arrays[f"{key}:counts"])


def _keep_directions(found: Directions, arrays: Arrays) -> dict[str, Any]:
    arrays |= {"directions:centres": found.layout.centres, "directions:weights": found.weights}
    levels = {name: [str(level) for level in names] for name, names in found.layout.levels.items()}
    return {"numbers": list(found.layout.numbers), "levels": levels, "mean": found.mean, "spread": found.spread}


def _directions(note: Mapping[str, Any], arrays: Arrays) -> Directions:
    levels = {name: pd.Index(names, dtype="str") for name, names in note["levels"].items()}
    layout = Layout(note["numbers"], arrays["directions:centres"], levels)
    return Directions(layout, arrays["directions:weights"], note["mean"], note["spread"])
