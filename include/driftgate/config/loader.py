"""Monitor files from disk: YAML in, :class:`LoadedMonitor` out, every problem as one readable line."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from driftgate.config.models import LoadedMonitor, MonitorConfig
from driftgate.errors import ConfigError

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a section with keys",
    "mapping_type": "a section with keys",
    "model_type": "a section with keys",
    "datetime_type": "a date such as 2013-01-01",
    "datetime_from_date_parsing": "a date such as 2013-01-01",
    "datetime_parsing": "a date such as 2013-01-01",
}


@dataclass(frozen=True)
class MonitorSet:
    """Every monitor of a folder: the valid ones by id, and what is wrong with the others by file."""

    monitors: Mapping[str, LoadedMonitor] = field(default_factory=dict)
    errors: Mapping[Path, ConfigError] = field(default_factory=dict)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice (plain YAML keeps the last one silently)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is written twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


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
    data = _parse(path, text)
    lines = _line_numbers(text)
    try:
        config = MonitorConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError([_describe(path, lines, item) for item in error.errors()]) from error
    if config.id != path.stem:
        remedy = f"write id: {path.stem} or rename the file to {config.id}.yaml"
        raise ConfigError([f"{path}:{lines.get(('id',), 1)}: id: {config.id!r} differs from the file name; {remedy}"])
    return LoadedMonitor(config=config, path=path, fingerprint=hashlib.sha256(text.encode()).hexdigest()[:16])


def _parse(path: Path, text: str) -> Mapping[str, Any]:
    try:
        data = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            [f"{path}:{line}: {error.problem or 'not valid YAML'}; correct the indentation or quoting near this line"]
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not valid YAML: {error}"]) from error
    if not isinstance(data, Mapping):
        raise ConfigError([f"{path}: holds {type(data).__name__}, not keys and values; copy _template.yaml and fill it in"])
    return data


def _line_numbers(text: str) -> dict[tuple[str | int, ...], int]:
    """Map every key path of the document to its line."""
    lines: dict[tuple[str | int, ...], int] = {}

    def walk(node: yaml.Node, path: tuple[str | int, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                lines[(*path, key.value)] = key.start_mark.line + 1
                walk(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[(*path, index)] = value.start_mark.line + 1
                walk(value, (*path, index))

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None:
        walk(root, ())
    return lines


def _key_path(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Drop what pydantic adds to a location: the name of the union member behind ``source``."""
    if location[:1] == ("source",) and len(location) > 1 and location[1] in ("files", "sql", "python"):
        return ("source", *location[2:])
    return location


def _describe(path: Path, lines: Mapping[tuple[str | int, ...], int], item: ErrorDetails) -> str:
    keys = _key_path(item["loc"])
    line = next((lines[keys[:depth]] for depth in range(len(keys), 0, -1) if keys[:depth] in lines), 1)
    if item["type"].startswith("union_tag"):
        keys = (*keys, "kind")
    name = ".".join(str(key) for key in keys)
    return f"{path}:{line}: {name + ': ' if name else ''}{_problem(keys, item)}"


def _problem(keys: tuple[str | int, ...], item: ErrorDetails) -> str:
    kind, value = item["type"], item["input"]
    if kind == "missing":
        return "is required and missing; add it (see _template.yaml)"
    if kind == "extra_forbidden":
        return _unknown_key(keys)
    if kind == "value_error":
        message = str(item["ctx"]["error"])
        return f"{value!r} {message}" if message.startswith(("is ", "must ")) else message
    if kind in _EXPECTED:
        return f"{value!r} is not {_EXPECTED[kind]}; write {_EXPECTED[kind]}"
    if kind in ("literal_error", "union_tag_invalid"):
        context = item["ctx"]
        shown = context.get("tag", value)
        return f"{shown!r} is not allowed; use one of {context.get('expected') or context.get('expected_tags')}"
    if kind == "union_tag_not_found":
        return "is required and missing; write kind: files, kind: sql or kind: python"
    return f"{value!r} is not allowed: {item['msg'][0].lower()}{item['msg'][1:]}"


def _unknown_key(keys: tuple[str | int, ...]) -> str:
    allowed = _allowed_keys(keys[:-1])
    close = difflib.get_close_matches(str(keys[-1]), allowed, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"is not a key here; {hint}allowed: {', '.join(allowed)}" if allowed else "is not a key here; remove it"


def _allowed_keys(section: tuple[str | int, ...]) -> list[str]:
    """Return the keys a section may have, found by walking the model's annotations."""
    candidates: list[type[BaseModel]] = [MonitorConfig]
    for key in section:
        following: list[type[BaseModel]] = []
        for model in candidates:
            field_info = model.model_fields.get(str(key))
            following += _models_in(field_info.annotation) if field_info else ([model] if isinstance(key, int) else [])
        candidates = following or candidates
    return sorted({name for model in candidates for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
