"""Reading typed YAML files: every problem becomes one line with file, line, key, value and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from driftgate.errors import ConfigError

Keys = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

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


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built with it: a tenth of the time


class _UniqueKeyLoader(_SafeLoader):  # type: ignore[misc]
    """Safe YAML that refuses a key written twice (plain YAML keeps the last one silently)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is written twice", key.start_mark)
            seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def _as_it_is(location: Keys) -> Keys:
    return location


def load_typed(
    path: Path,
    text: str,
    model: type[Model],
    *,
    example: str = "the comments in the shipped file",
    keys: Callable[[Keys], Keys] = _as_it_is,
) -> Model:
    """Turn the text of a file into a model; an empty file is the model with its defaults.

    Parameters
    ----------
    example
        Where a person sees how the file is written.
    keys
        Turns pydantic's location of a problem into the keys of the file, where they differ.

    Raises
    ------
    ConfigError
        With one line per problem.
    """
    data = _parse(path, text, example)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = line_numbers(text)
        raise ConfigError([_describe(path, lines, item, keys(item["loc"]), model, example) for item in error.errors()]) from error


def _parse(path: Path, text: str, example: str) -> Mapping[str, Any]:
    try:
        data = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([f"{path}:{line}: {error.problem or 'not valid YAML'}; correct the indentation or quoting near it"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not valid YAML: {error}"]) from error
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise ConfigError([f"{path}: holds {type(data).__name__}, not keys and values; see {example}"])
    return data


def line_numbers(text: str) -> dict[Keys, int]:
    """Map every key path of the document to its line."""
    lines: dict[Keys, int] = {}

    def walk(node: yaml.Node, path: Keys) -> None:
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


def _describe(path: Path, lines: Mapping[Keys, int], item: ErrorDetails, keys: Keys, model: type[BaseModel], example: str) -> str:
    keys = tuple(key for key in keys if key != "[key]")
    line = next((lines[keys[:depth]] for depth in range(len(keys), 0, -1) if keys[:depth] in lines), 1)
    if item["type"].startswith("union_tag"):
        keys = (*keys, item["ctx"]["discriminator"].strip("'"))
    name = ".".join(str(key) for key in keys)
    return f"{path}:{line}: {name + ': ' if name else ''}{_problem(keys, item, model, example)}"


def _problem(keys: Keys, item: ErrorDetails, model: type[BaseModel], example: str) -> str:
    kind, value = item["type"], item["input"]
    if kind in ("missing", "union_tag_not_found"):
        return f"is required and missing; add it (see {example})"
    if kind == "extra_forbidden":
        return _unknown_key(keys, model)
    if kind == "value_error":
        message = str(item["ctx"]["error"])
        return f"{value!r} {message}" if message.startswith(("is ", "must ")) else message
    if kind in _EXPECTED:
        return f"{value!r} is not {_EXPECTED[kind]}; write {_EXPECTED[kind]}"
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        context = item["ctx"]
        return f"{context.get('tag', value)!r} is not allowed; use one of {context.get('expected') or context.get('expected_tags')}"
    return f"{value!r} is not allowed: {item['msg'][0].lower()}{item['msg'][1:]}"


def _unknown_key(keys: Keys, model: type[BaseModel]) -> str:
    allowed = _allowed_keys(keys[:-1], model)
    close = difflib.get_close_matches(str(keys[-1]), allowed, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"is not a key here; {hint}allowed: {', '.join(allowed)}" if allowed else "is not a key here; remove it"


def _allowed_keys(section: Keys, root: type[BaseModel]) -> list[str]:
    """Return the keys a section may have, found by walking the model's annotations."""
    candidates: list[type[BaseModel]] = [root]
    for key in section:
        following: list[type[BaseModel]] = []
        for model in candidates:
            info = next((info for name, info in model.model_fields.items() if str(key) in (name, info.alias)), None)
            following += _models_in(info.annotation) if info else ([model] if _is_item(key, model) else [])
        candidates = following or candidates
    return sorted({info.alias or name for model in candidates for name, info in model.model_fields.items()})


def _is_item(key: str | int, model: type[BaseModel]) -> bool:
    """Whether a key is a place in a list, or a name that the user chose, rather than a key of the section."""
    return str(key) not in {info.alias or name for name, info in model.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
