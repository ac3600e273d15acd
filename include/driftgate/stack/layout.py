"""Where the embedded stack keeps what: every path below the state folder, with the modes that protect secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.errors import StackError
from driftgate.settings import STACK_FILE, Settings

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
TRAVERSABLE_FOLDER = 0o711
"""Mode of the state folder of root: PostgreSQL's own user may pass through, but not list, the folder."""

_USER_FOLDERS = ("batches", "references", "gx", "evidently")


@dataclass(frozen=True)
class Layout:
    """Paths of one embedded stack; build with :func:`for_settings`."""

    project_root: Path
    home: Path

    @property
    def stack_file(self) -> Path:
        """Addresses and secrets; read by :func:`driftgate.settings.load`."""
        return self.home / STACK_FILE

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    @property
    def mlflow_artifacts(self) -> Path:
        return self.home / "mlflow" / "artifacts"

    @property
    def postgres(self) -> Path:
        """Folder that belongs to the system user under which PostgreSQL runs."""
        return self.home / "postgres"

    @property
    def postgres_data(self) -> Path:
        return self.postgres / "data"

    @property
    def stack(self) -> Path:
        """Private folder of the supervision: configuration, lock, socket, programs, run files."""
        return self.home / "stack"

    @property
    def programs(self) -> Path:
        return self.stack / "programs"

    @property
    def run(self) -> Path:
        return self.stack / "run"

    @property
    def lock(self) -> Path:
        return self.stack / "lock"

    @property
    def supervisor_conf(self) -> Path:
        return self.stack / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        return self.run / "supervisord.pid"

    @property
    def session(self) -> Path:
        """The session id of the last supervisord: everything that it started belongs to that session."""
        return self.run / "session.json"

    @property
    def passwords(self) -> Path:
        """User names and passwords of Airflow's login, in the form that its SimpleAuthManager reads."""
        return self.stack / "airflow_passwords.json"

    def log_file(self, program: str) -> Path:
        return self.logs / f"{program}.log"

    def program_file(self, program: str) -> Path:
        return self.programs / f"{program}.json"

    def run_file(self, program: str) -> Path:
        return self.run / f"{program}.json"

    def create(self) -> None:
        """Make every folder; existing ones keep their mode, except the private one of the supervision."""
        try:
            self._create()
        except PermissionError as error:
            raise StackError(
                f"the state folder {self.home} cannot be written by this user ({error.strerror}: {error.filename}): "
                "run the command as the user who owns it, or set DRIFTGATE_HOME to a folder of your own"
            ) from error
        except OSError as error:
            raise StackError(f"the state folder {self.home} cannot be created: {error}; set DRIFTGATE_HOME to another folder") from error

    def _create(self) -> None:
        if not self.home.exists():
            self.home.mkdir(parents=True)
            self.home.chmod(TRAVERSABLE_FOLDER if os.geteuid() == 0 else PRIVATE_FOLDER)
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(self.home))
        for folder in (self.logs, self.airflow_home, self.mlflow_artifacts.parent, self.mlflow_artifacts, self.postgres, self.stack):
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        for name in _USER_FOLDERS:
            (self.home / name).mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        for folder in (self.stack, self.programs, self.run):
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            folder.chmod(PRIVATE_FOLDER)


def for_settings(settings: Settings) -> Layout:
    """Return the layout below the state folder of these settings."""
    return Layout(project_root=settings.project_root, home=settings.home)


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 atomically: a reader sees the old content or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StackError(f"{path} cannot be written: {error}; free space on that disk or check its permissions") from error


def write_private_json(path: Path, content: Mapping[str, Any]) -> None:
    write_private(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read the object in a JSON file, empty when the file is missing or was cut off by a crash."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    except PermissionError as error:
        raise StackError(f"{path} cannot be read by this user: run the command as the user who started the stack") from error
    return content if isinstance(content, dict) else {}
