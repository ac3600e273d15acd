"""Receivers, and a context whose messages go to them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgate.config.loader import load_monitor
from driftgate.context import Context
from driftgate.settings import Settings
from factories import make_config
from notifications.receivers import PASSWORD, USER, Hook, Mailbox, mail_server, make_certificate, web_server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def mailbox(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server with STARTTLS and login, whose certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mail_server(certificate) as box:
        yield box


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as found:
        yield found


def smtp_connection(port: int, **extra: Any) -> str:
    content = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "login": USER, "password": PASSWORD}
    return json.dumps({**content, "extra": {"from_email": "driftgate@example.com", "timeout": 2, **extra}})


def web_connection(url: str, **extra: Any) -> str:
    return json.dumps({"conn_type": "http", "password": url, "extra": extra})


@pytest.fixture
def connections() -> dict[str, str]:
    """Airflow connections by id; tests add theirs."""
    return {}


@pytest.fixture
def write_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the file about messages."""

    def write(**content: Any) -> Path:
        path = tmp_path / "notifications.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def context(settings: Settings, store: Any, tmp_path: Path, connections: dict[str, str]) -> Context:
    """The monitor `trips` of owner `tests`, in New York's time, with its records on the session's PostgreSQL."""
    folder = tmp_path / "monitors"
    folder.mkdir()
    rules = [{"metric": "drift_share", "above": 0.5}]
    config = make_config(schedule={"timezone": "America/New_York"}, decision={"rules": rules}).model_dump(mode="json", exclude_unset=True)
    (folder / "trips.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    own = dataclasses.replace(
        settings,
        monitors_dir=folder,
        notifications_file=tmp_path / "notifications.yaml",
        airflow_url="http://airflow.test:8080",
        grafana_url="http://grafana.test:3000",
    )
    return Context(load_monitor(folder / "trips.yaml"), own, store, connection_uri=connections.__getitem__)
