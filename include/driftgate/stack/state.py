"""Ports and secrets of the embedded stack, kept in stack.json (mode 0600) across restarts."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from driftgate.errors import StackError
from driftgate.stack.layout import Layout, write_private, write_private_json
from driftgate.stack.ports import HOST

ADMIN = "admin"
"""User name of the login to Airflow."""

ROLES = ("airflow", "mlflow", "driftgate_owner", "driftgate_app", "driftgate_reader")
"""Database roles; each password is a secret of the same name."""

SUPERUSER = "postgres"

_PASSWORDS = (SUPERUSER, *ROLES, "airflow_admin", "airflow_api_secret_key", "airflow_jwt_secret", "evidently")
_FERNET_KEY = "airflow_fernet_key"


@dataclass(frozen=True)
class StackState:
    """What one embedded stack keeps: its ports and its secrets."""

    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    evidently: bool = True
    """Whether the last `driftgate up` was to start the Evidently UI."""
    broker: str | None = field(default=None, repr=False)
    """Address of the Redis through which Celery workers get tasks, with its password; None: the scheduler runs the tasks itself."""
    data_url: str | None = None
    """Where the data lies, see :attr:`driftgate.settings.Settings.data_url`."""

    def database_uri(self, role: str, database: str, *, driver: str = "postgresql+psycopg2") -> str:
        """Address of a database for one role, with the password: never log it."""
        return f"{driver}://{role}:{self.secrets[role]}@{HOST}:{self.ports['postgres']}/{database}"

    @property
    def app_uri(self) -> str:
        return self.database_uri("driftgate_app", "driftgate")

    @property
    def owner_uri(self) -> str:
        """Address for migrations: the role that owns the tables."""
        return self.database_uri("driftgate_owner", "driftgate")

    @property
    def mlflow_url(self) -> str:
        return f"http://{HOST}:{self.ports['mlflow']}"

    @property
    def airflow_url(self) -> str:
        return f"http://{HOST}:{self.ports['airflow']}"

    @property
    def evidently_url(self) -> str | None:
        """None when the Evidently UI is left out."""
        port = self.ports.get("evidently") if self.evidently else None  # a stack of an earlier version has none
        return f"http://{HOST}:{port}" if port else None


def generate_secrets(known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Every secret of a stack: those already known, and fresh ones for the rest."""
    result = {name: secrets.token_urlsafe(24) for name in _PASSWORDS}
    result[_FERNET_KEY] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    result.update({name: value for name, value in (known or {}).items() if name in result})
    return result


def load(layout: Layout) -> StackState | None:
    """Load the recorded state, or None when there was never a stack here."""
    try:
        content = json.loads(layout.stack_file.read_text())
        return StackState(
            ports={name: int(port) for name, port in content["ports"].items()},
            secrets={name: str(value) for name, value in content["secrets"].items()},
            evidently=bool(content.get("evidently")),
            broker=content.get("broker"),
            data_url=content.get("settings", {}).get("data_url"),
        )
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StackError(f"{layout.stack_file} cannot be read by this user: run the command as the user who started the stack") from error
    except (json.JSONDecodeError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise StackError(f"{layout.stack_file} is damaged ({error!r}): remove it; `driftgate up` makes new passwords") from error


def save(layout: Layout, state: StackState) -> None:
    """Write stack.json and the password file of Airflow's login, both of mode 0600."""
    write_private_json(
        layout.stack_file,
        {
            "settings": {
                "database_uri": state.app_uri,
                "mlflow_uri": state.mlflow_url,
                "airflow_url": state.airflow_url,
                **({"evidently_url": state.evidently_url} if state.evidently_url else {}),
                **({"data_url": state.data_url} if state.data_url else {}),
            },
            "evidently": state.evidently,
            "broker": state.broker,
            "ports": dict(state.ports),
            "secrets": dict(state.secrets),
        },
    )
    write_private(layout.passwords, json.dumps({ADMIN: state.secrets["airflow_admin"]}) + "\n")
