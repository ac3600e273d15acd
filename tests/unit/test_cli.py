"""The command line, where it decides something itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from driftgate import cli
from driftgate.settings import Settings
from driftgate.stack import state as states
from driftgate.stack.layout import for_settings
from driftgate.stack.state import StackState
from postgres_server import serve


@pytest.fixture
def migrate_command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run `driftgate migrate` with these settings."""

    def run(*arguments: str, **changed: Any) -> int:
        monkeypatch.setattr(cli, "load", lambda: replace(settings, **changed))
        return cli.main(["migrate", *arguments])

    return run


@pytest.fixture
def embedded(settings: Settings, tmp_path: Path) -> Iterator[StackState]:
    """PostgreSQL of an embedded stack with its roles and an empty database, and the stack's file."""
    from driftgate.stack import provision

    with serve(tmp_path / "postgres") as address:
        made = StackState(
            {"airflow": 1, "mlflow": 2, "postgres": int(address.port or 0)}, states.generate_secrets({"postgres": str(address.password)})
        )
        layout = for_settings(settings)
        layout.create()
        states.save(layout, made)
        provision.provision(made)
        yield made


def tables(uri: str) -> int:
    engine = create_engine(uri)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT count(*) FROM pg_tables WHERE schemaname = 'driftgate' AND tablename = 'batch'")
        ).scalar_one()
    engine.dispose()
    return int(found)


def test_migrate_uses_the_owner_of_the_embedded_stack(embedded: StackState, migrate_command: Callable[..., int]) -> None:
    """The role of the tasks, which the settings name, may not change tables."""
    assert tables(embedded.owner_uri) == 0
    assert migrate_command("--uri", embedded.app_uri) == 2
    assert migrate_command(database_uri=embedded.app_uri) == 0
    assert tables(embedded.owner_uri) == 1


def test_migrate_without_an_embedded_stack_uses_the_configured_database(
    postgres_uri: str, migrate_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate_command(database_uri=postgres_uri) == 0
    assert "up to date" in capsys.readouterr().out


def test_migrate_without_any_database_says_how_to_name_one(migrate_command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert migrate_command() == 2
    assert "set DRIFTGATE_DATABASE_URI" in capsys.readouterr().err
