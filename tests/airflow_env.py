"""An Airflow of its own for the tests: import before anything of Airflow, and never a running installation's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_HOME_VARIABLE = "DRIFTGATE_TEST_AIRFLOW_HOME_" + os.environ.get("PYTEST_XDIST_WORKER", "only")
"""One home per process that runs tests: a worker must not take over the home of the process that started it."""


def prepare() -> Path:
    """Point Airflow at an empty home with an SQLite database and this checkout's folders; the same one for the whole session."""
    if _HOME_VARIABLE in os.environ:
        return Path(os.environ[_HOME_VARIABLE])
    home = Path(tempfile.mkdtemp(prefix="driftgate-test-airflow-"))
    for name in [name for name in os.environ if name.startswith("AIRFLOW__") or name == "AIRFLOW_CONFIG"]:
        del os.environ[name]
    os.environ |= {
        _HOME_VARIABLE: str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",  # what one test stores is replaced by the next, not kept for 30 s
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,reader:viewer",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the tests that is long enough for a signature, really it is",
        "AIRFLOW__API__BASE_URL": "http://airflow.test:8080",
    }
    return home


def migrate(home: Path) -> None:
    """Create Airflow's tables once per session."""
    import sqlite_files

    sqlite_files.never_wait_for_the_disk()
    marker = home / "migrated"
    if not marker.exists():
        from airflow.utils.db import initdb

        initdb()
        marker.touch()
