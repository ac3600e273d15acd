"""Monitor files from disk: YAML in, :class:`LoadedMonitor` out, every problem as one readable line."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from driftgate.config.models import LoadedMonitor, MonitorConfig
from driftgate.config.yaml_files import Keys, line_numbers, load_typed
from driftgate.errors import ConfigError


@dataclass(frozen=True)
class MonitorSet:
    """Every monitor of a folder: the valid ones by id, and what is wrong with the others by file."""

    monitors: Mapping[str, LoadedMonitor] = field(default_factory=dict)
    errors: Mapping[Path, ConfigError] = field(default_factory=dict)


def monitor_files(folder: Path) -> list[Path]:
    """Return the monitor files of a folder; names that begin with ``_`` or ``.`` are templates and drafts."""
    found = [*folder.glob("*.yaml"), *folder.glob("*.yml")]
    return sorted(path for path in found if not path.name.startswith(("_", ".")))


def load_monitors(folder: Path) -> MonitorSet:
    """Load every monitor file of a folder; a broken one is reported and never hides the others."""
    monitors: dict[str, LoadedMonitor] = {}
    errors: dict[Path, ConfigError] = {}
    for path in monitor_files(folder):
        try:
            loaded = load_monitor(path)
            if loaded.config.id in monitors:
                other = monitors[loaded.config.id].path
                raise ConfigError([f"{path}: id: {loaded.config.id!r} is already used by {other}; choose another id and file name"])
            monitors[loaded.config.id] = loaded
        except ConfigError as error:
            errors[path] = error
    return MonitorSet(monitors, errors)


def find_monitor(folder: Path, monitor_id: str) -> LoadedMonitor:
    """Load the one monitor of this id.

    Raises
    ------
    ConfigError
        If there is no such file (names those that exist) or if it is not valid.
    """
    for suffix in (".yaml", ".yml"):
        path = folder / f"{monitor_id}{suffix}"
        if path.is_file() and not path.name.startswith("_"):
            return load_monitor(path)
    known = [path.stem for path in monitor_files(folder)]
    close = difflib.get_close_matches(monitor_id, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigError([f"{folder}: there is no monitor {monitor_id!r}; {hint}monitors here: {', '.join(known) or 'none'}"])


def load_monitor(path: Path) -> LoadedMonitor:
    """Read and validate one monitor file.

    Raises
    ------
    ConfigError
        With one line per problem: file, line, key, value, what is wrong, what to write instead.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read ({error}); check the path and that the file is UTF-8 text"]) from error
    return _validated(path, text)


@lru_cache(maxsize=256)
def _validated(path: Path, text: str) -> LoadedMonitor:
    """Validate the text of a file; a task does that when its DAG file is parsed and would do it again when it runs."""
    config = load_typed(path, text, MonitorConfig, example="_template.yaml", keys=_key_path)
    if config.id != path.stem:
        remedy = f"write id: {path.stem} or rename the file to {config.id}.yaml"
        raise ConfigError([f"{path}:{line_numbers(text).get(('id',), 1)}: id: {config.id!r} differs from the file name; {remedy}"])
    return LoadedMonitor(config=config, path=path, fingerprint=hashlib.sha256(text.encode()).hexdigest()[:16])


def _key_path(location: Keys) -> Keys:
    """Drop what pydantic adds to a location: the name of the union member behind ``source``."""
    if location[:1] == ("source",) and len(location) > 1 and location[1] in ("files", "sql", "python"):
        return ("source", *location[2:])
    return location
