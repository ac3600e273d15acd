from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.errors import ConfigError, SourceError
from driftgate.ingest.source import read_rows
from factories import make_config, make_window

MODULE = """
import pandas as pd
from driftgate.errors import SourceError

def rows(window_start, window_end, columns, scale=1.0, folder=None):
    return pd.DataFrame({"columns": [",".join(columns)], "start": [window_start.isoformat()], "scale": [scale], "folder": [folder]})

def wrong(window_start, window_end, columns):
    return [1, 2]

def failing(window_start, window_end, columns):
    raise ZeroDivisionError("no trips today")

def own_error(window_start, window_end, columns):
    raise SourceError("landing file x.csv is unreadable")

def too_few(window_start):
    return None

constant = 3
"""


@pytest.fixture
def project(local_settings, request):
    name = f"trips_source_{abs(hash(request.node.name))}"
    (local_settings.project_root / f"{name}.py").write_text(MODULE)
    return name


def read(settings, path, columns=("columns", "start", "scale", "folder"), **source):
    config = make_config(source={"kind": "python", "callable": path, **source}, schedule={"timezone": "Europe/Berlin"})
    return read_rows(config, make_window(), columns, settings)


def test_the_callable_gets_local_window_columns_and_filled_params(local_settings, project):
    row = read(local_settings, f"{project}:rows", params={"scale": 2.0, "folder": "{home}/landing"}).iloc[0]
    assert row["columns"] == "columns,start,scale,folder"
    assert row["start"] == "2024-01-01T01:00:00+01:00"
    assert row["scale"] == 2.0
    assert row["folder"] == f"{local_settings.home}/landing"


def test_columns_that_nobody_asked_for_are_dropped(local_settings, project):
    assert list(read(local_settings, f"{project}:rows", columns=["scale"]).columns) == ["scale"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wrong", "returned list; it must return a pandas DataFrame"),
        ("failing", "failed with ZeroDivisionError: no trips today"),
        ("too_few", "failed with TypeError"),
        ("own_error", r"landing file x\.csv is unreadable"),
    ],
)
def test_a_faulty_callable_is_named(local_settings, project, function, message):
    with pytest.raises(SourceError, match=message) as caught:
        read(local_settings, f"{project}:{function}")
    assert function == "own_error" or f"{project}:{function}" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module:rows", "there is no module 'no_such_module'"),
        ("driftgate.no_such:rows", r"there is no module 'driftgate\.no_such'"),
        ("{project}:nothing", "has no 'nothing'; it has failing, own_error, rows"),
        ("{project}:constant", "constant is a int, not a function"),
    ],
)
def test_a_callable_that_cannot_be_found_names_what_is_missing(local_settings, project, path, message):
    with pytest.raises(ConfigError, match=message):
        read(local_settings, path.format(project=project))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import surely_not_installed\n", "needs 'surely_not_installed', which is not installed"),
        ("def broken(:\n", "fails with SyntaxError"),
        ("1 / 0\n", "fails with ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_fails_to_import_says_why(local_settings, content, message, request):
    name = f"faulty_{abs(hash(request.node.name))}"
    Path(local_settings.project_root, f"{name}.py").write_text(content)
    with pytest.raises(ConfigError, match=message):
        read(local_settings, f"{name}:rows")
