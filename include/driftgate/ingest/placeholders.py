"""Placeholders in monitor files: the window's dates, the project's folders, and secrets named by environment variable."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from driftgate.config.models import MonitorConfig
from driftgate.errors import SourceError
from driftgate.records import Window
from driftgate.settings import Settings

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


def folder_values(settings: Settings) -> dict[str, str]:
    """Values of ``{project_root}`` and ``{home}``."""
    return {"project_root": str(settings.project_root), "home": str(settings.home)}


def window_values(config: MonitorConfig, window: Window) -> dict[str, Any]:
    """Values of ``{window_start}`` and ``{window_end}``: date-times in the monitor's time zone."""
    zone = config.schedule.zone
    return {"window_start": window.start.astimezone(zone), "window_end": window.end.astimezone(zone)}


def fill(template: str, values: Mapping[str, Any], where: str) -> str:
    """Fill a template such as ``data/{window_start:%Y-%m-%d}.csv``.

    Raises
    ------
    SourceError
        If it names an unknown placeholder or has unbalanced braces.
    """
    try:
        return template.format(**values)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        known = ", ".join(f"{{{name}}}" for name in values)
        raise SourceError(f"{where}: cannot fill {template!r} ({type(error).__name__}: {error}); known placeholders are {known}") from error


def fill_all(value: Any, values: Mapping[str, Any], where: str) -> Any:
    """Fill the plain folder placeholders in every text of nested lists and mappings; other braces are left alone."""
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(f"{{{name}}}", str(text))
        return value
    if isinstance(value, Mapping):
        return {key: fill_all(item, values, where) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill_all(item, values, where) for item in value]
    return value


def expand_environment(value: Any, where: str, environ: Mapping[str, str] | None = None) -> Any:
    """Replace ``${NAME}`` by environment variables in every text of nested lists and mappings, so that secrets stay out of files.

    Raises
    ------
    SourceError
        If a variable is not set.
    """
    env = os.environ if environ is None else environ
    if isinstance(value, Mapping):
        return {key: expand_environment(item, where, env) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [expand_environment(item, where, env) for item in value]
    return _VARIABLE.sub(lambda match: variable(match[1], where, env), value) if isinstance(value, str) else value


def variable(name: str, where: str, environ: Mapping[str, str] | None = None) -> str:
    """Return an environment variable that a monitor file names.

    Raises
    ------
    SourceError
        If it is not set or empty.
    """
    env = os.environ if environ is None else environ
    if not env.get(name):
        raise SourceError(f"{where}: the environment variable {name} is not set; set it for every process that runs Driftgate's tasks")
    return env[name]
