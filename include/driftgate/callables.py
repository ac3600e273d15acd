"""Callables named in monitor files (``module:function``): found, imported, checked."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftgate.errors import ConfigError


def resolve(path: str, project_root: Path) -> Callable[..., Any]:
    """Import the callable that a monitor file names.

    Parameters
    ----------
    path
        ``module:function``, for example ``include.examples.flights:read_window``.
    project_root
        Folder below which the user's modules lie; it becomes importable.

    Raises
    ------
    ConfigError
        If the module or the function does not exist, the import fails, or the name is not callable.
    """
    module_name, _, function_name = path.partition(":")
    module = _import(path, module_name, project_root)
    found = getattr(module, function_name, None)
    if found is None:
        raise ConfigError([f"callable {path!r}: module {module_name} has no {function_name!r}; {_offer(module)}"])
    if not callable(found):
        raise ConfigError([f"callable {path!r}: {function_name} is a {type(found).__name__}, not a function; name a function"])
    return found  # type: ignore[no-any-return]


def _import(path: str, module_name: str, project_root: Path) -> Any:
    root = str(project_root)
    if root not in sys.path:
        sys.path.append(root)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigError(
                [f"callable {path!r}: there is no module {error.name!r} below {root} or among the installed packages; check the spelling"]
            ) from error
        raise ConfigError([f"callable {path!r}: importing {module_name} needs {error.name!r}, which is not installed"]) from error
    except Exception as error:
        raise ConfigError([f"callable {path!r}: importing {module_name} fails with {type(error).__name__}: {error}"]) from error


def _offer(module: Any) -> str:
    names = [name for name, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == module.__name__]
    public = sorted(name for name in names if not name.startswith("_"))[:10]
    return f"it has {', '.join(public)}" if public else "it defines no public function"
