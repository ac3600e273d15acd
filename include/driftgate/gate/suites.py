"""Suites: the committed JSON files under great_expectations/expectations, read without ever writing them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.errors import GateError
from driftgate.settings import Settings

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite


def suites_dir(settings: Settings) -> Path:
    """Folder of the suites."""
    return settings.gx_dir / "expectations"


def suite_names(settings: Settings) -> list[str]:
    """Names of the suites that are there."""
    return sorted(path.stem for path in suites_dir(settings).glob("*.json"))


def load_suite(name: str, settings: Settings, where: str) -> ExpectationSuite:
    """Read one suite.

    Raises
    ------
    GateError
        If the file is missing or is not a suite that this version of Great Expectations understands.
    """
    path = suites_dir(settings) / f"{name}.json"
    content = _read(path, settings, where)
    return _build(name, content, f"{where}: {path}")


def _read(path: Path, settings: Settings, where: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        present = ", ".join(suite_names(settings)) or "none"
        raise GateError(
            f"{where}: there is no suite {path} (suites present: {present}); write it, or correct gate.suite in the monitor file"
        ) from error
    except (OSError, ValueError) as error:
        raise GateError(f"{where}: {path} cannot be read as JSON: {error}; correct the file") from error
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise GateError(f"{where}: {path} has no list 'expectations'; see great_expectations/expectations/flights.json for the form")
    return content


def _build(name: str, content: dict[str, Any], where: str) -> ExpectationSuite:
    from great_expectations import ExpectationSuite

    for index, item in enumerate(content["expectations"]):
        _check_expectation(item, index, where)
    return ExpectationSuite(
        name=name,
        id=content.get("id"),
        expectations=content["expectations"],
        meta=content.get("meta") or {},
        notes=content.get("notes"),
    )


def _check_expectation(item: Any, index: int, where: str) -> None:
    """Raise when an expectation cannot be built; a suite built from dictionaries would only log an invalid one and go on without it."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        ExpectationConfiguration(**item).to_domain_obj()
    except Exception as error:  # GX raises many kinds for an unknown expectation or a wrong argument
        kind = item.get("type") if isinstance(item, dict) else item
        raise GateError(f"{where} is not a valid suite: expectations[{index}] ({kind}): {_first_line(error)}; correct it") from error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
