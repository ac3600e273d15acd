"""Who may import whom. Reads the code as text: nothing of the project is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "include" / "driftgate"
STEPS = {
    "ingest",
    "gate",
    "measure",
    "calibrate",
    "estimate",
    "labels",
    "record",
    "decide",
    "retrain",
    "serve",
    "report",
    "export",
    "notify",
}
HEAVY = {"pandas", "numpy", "evidently", "great_expectations", "mlflow", "sklearn", "scipy", "pyarrow", "sqlalchemy", "alembic", "fsspec"}
LIGHT_MODULES = (
    "cli.py",
    "errors.py",
    "records.py",
    "settings.py",
    "context.py",
    "pipeline.py",
    "retraining.py",
    "references.py",
    "prepared_references.py",
    "incidents.py",
    "notifications.py",
    "exporting.py",
    "attention.py",
    "housekeeping.py",
    "cli_alarms.py",
    "cli_labels.py",
    "known_labels.py",
    "label_records.py",
    "late_labels.py",
    "cli_models.py",
    "cli_storage.py",
    "storage.py",
    "files.py",
    "cli_backfill.py",
    "backfill.py",
    "backfill_run.py",
    "settling.py",
    "windows_together.py",
    "seasons.py",
    "reference_rows.py",
    "calibrating.py",
    "baselines.py",
    "big_batches.py",
    "calibration_commands.py",
    "rules.py",
    "config",
)
OWNERS = {
    "great_expectations": {"gate"},
    "evidently": {"measure", "report"},
    "mlflow": {"record", "retrain", "serve", "mlflow_client.py"},
    "prometheus_client": {"export"},
}


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def imports(path: Path, *, module_level_only: bool = False) -> Iterator[str]:
    """Yield the dotted names a file imports; TYPE_CHECKING blocks cost nothing at run time and are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {id(inner) for node in ast.walk(tree) if _is_type_checking(node) for inner in ast.walk(node)}
    inside = {id(inner) for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in hidden or (module_level_only and id(node) in inside):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def area(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0]


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", python_files(LIBRARY), ids=names)
def test_the_library_never_imports_airflow(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] in ("airflow", "driftgate_airflow")]


@pytest.mark.parametrize("step", sorted(STEPS))
def test_steps_never_import_each_other(step: str) -> None:
    for path in python_files(LIBRARY / step):
        strangers = {name for name in imports(path) if name.startswith("driftgate.") and name.split(".")[1] in STEPS - {step}}
        assert not strangers, f"{names(path)} imports {strangers}"


@pytest.mark.parametrize("package", sorted(OWNERS))
def test_each_engine_is_used_in_its_own_folder_only(package: str) -> None:
    users = {area(path) for path in python_files(LIBRARY) if any(name.split(".")[0] == package for name in imports(path))}
    assert users, f"nothing imports {package}: is the test still reading the right folder?"
    assert users <= OWNERS[package]


def test_the_decision_does_no_io() -> None:
    allowed = {"__future__", "collections", "dataclasses", "datetime", "driftgate", "math", "typing", "enum", "functools", "itertools"}
    for path in python_files(LIBRARY / "decide"):
        assert {name.split(".")[0] for name in imports(path)} <= allowed, names(path)


@pytest.mark.parametrize("part", LIGHT_MODULES)
def test_light_modules_import_nothing_heavy_at_module_level(part: str) -> None:
    target = LIBRARY / part
    for path in [target] if target.is_file() else python_files(target):
        heavy = {name for name in imports(path, module_level_only=True) if name.split(".")[0] in HEAVY}
        assert not heavy, f"{names(path)} imports {heavy}"


@pytest.mark.parametrize("path", python_files(ROOT / "dags", ROOT / "plugins"), ids=names)
def test_dags_and_plugins_import_nothing_heavy_at_module_level(path: Path) -> None:
    if path.name == "preload.py":  # what it is for
        return
    heavy = {name for name in imports(path, module_level_only=True) if name.split(".")[0] in HEAVY}
    assert not heavy


@pytest.mark.parametrize("path", python_files(ROOT / "dags"), ids=names)
def test_dag_files_import_only_airflow_the_operators_and_the_configuration(path: Path) -> None:
    allowed = ("airflow", "driftgate_airflow", "driftgate.config", "driftgate.settings", "driftgate.errors", "__future__")
    standard = {"datetime", "pathlib", "typing", "collections", "functools", "dataclasses"}
    strangers = [name for name in imports(path) if not name.startswith(allowed) and name.split(".")[0] not in standard]
    assert not [name for name in strangers if name != "driftgate"]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 110


@pytest.mark.parametrize("path", python_files(LIBRARY, ROOT / "plugins"), ids=names)
def test_modules_stay_readable_in_length(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_nothing_shadows_a_library() -> None:
    assert not (ROOT / "great_expectations" / "__init__.py").exists(), "it would replace the library great_expectations"
    ignored = (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").split()
    assert "driftgate_airflow" in " ".join(ignored), "Airflow would import every operator file as a top-level module"
    assert not list((ROOT / "tests").rglob("__init__.py"))
