"""Prepared references of files: made once, kept on this machine and in this process, and used for every window after that."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from driftgate.config.models import MonitorConfig

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from driftgate.measure.prepared import PreparedReference

log = logging.getLogger(__name__)

SUFFIX = ".prepared.npz"
CACHED = 16
"""So many prepared references stay in the memory of a process, those used last."""
Key = tuple[str, ...]

_cache: OrderedDict[Key, PreparedReference] = OrderedDict()
_lock = Lock()


def of_file(config: MonitorConfig, path: Path, identity: str, load: Callable[[], pd.DataFrame]) -> PreparedReference:
    """Return the prepared form of reference rows that lie in a file, made and kept where there is none that fits.

    Parameters
    ----------
    path
        Where the prepared form lies on this machine.
    identity
        Which rows these are: changes when they do.
    load
        Reads the rows, where they are needed.
    """
    from driftgate.measure.prepared_files import read_prepared, settings_hash

    key = (str(path), identity, settings_hash(config))
    known = _cached(key)
    if known is not None:
        return known
    return _kept(key, read_prepared(config, identity, path, load) or _made(config, identity, path, load))


def of_part(whole: PreparedReference, key: Key | None, kept: np.ndarray) -> PreparedReference:
    """Return the prepared form of some rows of a reference, worked out in memory.

    Parameters
    ----------
    key
        Names the whole reference; None: it is of this window alone, and so is the part.
    kept
        One boolean per row.
    """
    import hashlib

    from driftgate.measure.prepared import PreparedReference
    from driftgate.measure.prepared_files import settings_hash

    own = None if key is None else (*key, settings_hash(whole.config), hashlib.sha256(kept.tobytes()).hexdigest())
    known = None if own is None else _cached(own)
    if known is not None:
        return known
    part = PreparedReference(whole.config, lambda: whole.frame[kept].reset_index(drop=True))
    return part if own is None else _kept(own, part)


def forget() -> None:
    """Empty the cache of this process."""
    with _lock:
        _cache.clear()


def _made(config: MonitorConfig, identity: str, path: Path, load: Callable[[], pd.DataFrame]) -> PreparedReference:
    from driftgate.measure.prepared import PreparedReference
    from driftgate.measure.prepared_files import read_prepared, write_prepared

    reference = PreparedReference(config, load)
    try:
        write_prepared(reference, identity, path)
    except OSError as error:
        log.warning("monitor %s: the prepared reference %s cannot be kept (%s); every process prepares it anew", config.id, path, error)
        return reference
    return read_prepared(config, identity, path, load) or reference  # what was read back holds no rows


def _cached(key: Key) -> PreparedReference | None:
    with _lock:
        found = _cache.get(key)
        if found is not None:
            _cache.move_to_end(key)
        return found


def _kept(key: Key, reference: PreparedReference) -> PreparedReference:
    with _lock:
        _cache[key] = reference
        while len(_cache) > CACHED:
            _cache.popitem(last=False)
    return reference
