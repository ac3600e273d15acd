"""The pages' application the way Airflow mounts it, with logins and monitor files of the tests' own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from driftgate.settings import Settings

PREFIX = "/driftgate"


def write_monitor(folder: Path, name: str, **overrides: Any) -> None:
    """Write a small monitor file."""
    content = {
        "id": name,
        "owner": "tests",
        "task": "regression",
        "source": {"kind": "files", "path": "data/{window_start:%Y-%m-%d}.csv"},
        "columns": {
            "timestamp": "ts",
            "id": ["trip_id"],
            "target": "duration",
            "numerical": ["distance", "hour"],
            "categorical": ["vendor"],
            "segments": ["vendor"],
        },
        "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}, {"metric": "drift_share", "above": 0.5}]},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content | overrides), encoding="utf-8")


def mounted(settings: Settings, **changes: Any) -> Any:
    """Return a client of the application below its prefix; needs a migrated Airflow database."""
    from airflow.api_fastapi.app import init_auth_manager
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from driftgate_airflow.ui.app import create_app

    init_auth_manager()
    parent = FastAPI()
    parent.mount(PREFIX, create_app(replace(settings, **changes)))
    return TestClient(parent, follow_redirects=False)


def login(role: str | None, name: str | None = None) -> dict[str, str]:
    """Return the header of a logged-in user with a role of Airflow's simple auth manager."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name or str(role), role=role))
    return {"Authorization": f"Bearer {token}"}
