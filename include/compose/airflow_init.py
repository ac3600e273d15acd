"""The one-shot container before Airflow: login of the UI, folders, both migrations, pools. Safe to run at every start.

On Kubernetes (``--without-login``) people and their passwords are in Airflow's database, and the address by which tables are changed comes
as a file, named in DRIFTGATE_OWNER_URI_FILE: the other containers of the release must not have it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ADMIN = "admin"


def required(name: str) -> str:
    """Return the environment variable; stop with a readable message when it is missing or empty."""
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"airflow-init: {name} is not set; see .env.example")
    return value


def write_password(path: Path, password: str) -> None:
    """Write the password file of Airflow's simple auth manager with mode 0600; it replaces the file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({ADMIN: password}, file)
    temporary.replace(path)


def make_folders(home: Path) -> None:
    """Create what the tasks write below, so that a volume with wrong rights is found here and not in the first run."""
    for name in ("batches", "references", "gx/validations", "gx/data_docs"):
        (home / name).mkdir(parents=True, exist_ok=True)


def make_pools() -> None:
    """Make the pools named in DRIFTGATE_<WEIGHT>_POOL where they are missing; their slots are people's to tune, in the UI."""
    for weight in ("LIGHT", "HEAVY"):
        name = os.environ.get(f"DRIFTGATE_{weight}_POOL")
        if name and subprocess.run(["airflow", "pools", "get", name], capture_output=True, check=False).returncode:
            slots = os.environ.get(f"DRIFTGATE_{weight}_POOL_SLOTS") or "4"
            run("airflow", "pools", "set", name, slots, f"Driftgate: {weight.lower()} tasks")


def run(*command: str) -> None:
    """Run one command and stop with its exit status when it fails."""
    print(f"airflow-init: {' '.join(command)}", flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        raise SystemExit(f"airflow-init: `{' '.join(command)}` ended with status {status}; the reason is in the lines above")


def use_owner() -> None:
    """Let the migrations use the address that a file holds, where one is given."""
    path = os.environ.get("DRIFTGATE_OWNER_URI_FILE")
    if path:
        os.environ["DRIFTGATE_DATABASE_URI"] = Path(path).read_text(encoding="utf-8").strip()


def main(arguments: list[str]) -> None:
    """Prepare everything that the long-running services rely on."""
    if "--without-login" not in arguments:
        write_password(Path(required("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")), required("AIRFLOW_ADMIN_PASSWORD"))
    use_owner()
    make_folders(Path(required("DRIFTGATE_HOME")))
    run("airflow", "db", "migrate")
    run("driftgate", "migrate")
    make_pools()
    print("airflow-init: ready", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
