from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from driftgate import settings as settings_module
from driftgate.errors import StackError
from driftgate.stack import state as states
from driftgate.stack.layout import Layout, write_private
from driftgate.stack.state import StackState

PORTS = {"airflow": 18080, "mlflow": 15000, "postgres": 15433, "evidently": 18000}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(project_root=tmp_path, home=tmp_path / "home")
    made.create()
    return made


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_with_secrets_can_be_read_by_their_owner_only(layout: Layout) -> None:
    previous = os.umask(0)
    try:
        states.save(layout, StackState(PORTS, states.generate_secrets()))
    finally:
        os.umask(previous)
    assert _mode(layout.stack_file) == 0o600
    assert _mode(layout.passwords) == 0o600
    assert _mode(layout.stack) == 0o700


def test_a_saved_state_is_loaded_unchanged(layout: Layout) -> None:
    state = StackState(PORTS, states.generate_secrets())
    states.save(layout, state)
    assert states.load(layout) == state


def test_the_library_finds_the_servers_in_the_saved_state(layout: Layout) -> None:
    state = StackState(PORTS, states.generate_secrets())
    states.save(layout, state)
    settings = settings_module.load({"DRIFTGATE_PROJECT_ROOT": str(layout.project_root), "DRIFTGATE_HOME": str(layout.home)})
    assert settings.database_uri == f"postgresql+psycopg2://driftgate_app:{state.secrets['driftgate_app']}@127.0.0.1:15433/driftgate"
    assert settings.mlflow_uri == "http://127.0.0.1:15000"
    assert settings.airflow_url == "http://127.0.0.1:18080"
    assert settings.evidently_url == "http://127.0.0.1:18000"


def test_a_stack_without_the_evidently_ui_has_no_address_of_it(layout: Layout) -> None:
    state = StackState(PORTS, states.generate_secrets(), evidently=False)
    states.save(layout, state)
    assert states.load(layout) == state
    settings = settings_module.load({"DRIFTGATE_PROJECT_ROOT": str(layout.project_root), "DRIFTGATE_HOME": str(layout.home)})
    assert settings.evidently_url is None


def test_the_state_of_an_earlier_version_has_no_evidently_ui(layout: Layout) -> None:
    states.save(layout, StackState(PORTS, states.generate_secrets()))
    content = json.loads(layout.stack_file.read_text())
    del content["evidently"], content["ports"]["evidently"], content["secrets"]["evidently"]
    layout.stack_file.write_text(json.dumps(content))
    state = states.load(layout)
    assert state is not None
    assert (state.evidently, state.evidently_url) == (False, None)


def test_there_is_no_state_before_the_first_start(layout: Layout) -> None:
    assert states.load(layout) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"ports": 1}', '{"ports": {"airflow": "x"}, "secrets": {}}'])
def test_a_damaged_state_file_is_an_error_that_names_it(layout: Layout, content: str) -> None:
    write_private(layout.stack_file, content)
    with pytest.raises(StackError, match=r"stack\.json is damaged.*remove it"):
        states.load(layout)


def test_secrets_are_long_and_all_different() -> None:
    secrets = states.generate_secrets()
    assert len(set(secrets.values())) == len(secrets)
    assert min(len(value) for value in secrets.values()) >= 32
    assert secrets != states.generate_secrets()


def test_known_secrets_are_kept_and_missing_ones_added() -> None:
    known = {"airflow": "kept", "unknown": "dropped"}
    secrets = states.generate_secrets(known)
    assert secrets["airflow"] == "kept"
    assert "unknown" not in secrets
    assert set(secrets) == set(states.generate_secrets())


def test_the_password_file_is_what_airflow_reads(layout: Layout) -> None:
    state = StackState(PORTS, states.generate_secrets())
    states.save(layout, state)
    assert json.loads(layout.passwords.read_text()) == {"admin": state.secrets["airflow_admin"]}


def test_a_write_that_fails_leaves_the_old_file(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(layout.stack_file, "old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StackError, match="No space left"):
        write_private(layout.stack_file, "new")
    assert layout.stack_file.read_text() == "old"
    assert [path.name for path in layout.home.iterdir() if path.is_file()] == ["stack.json"]


def test_the_data_location_is_remembered_until_another_one_is_given(layout: Layout) -> None:
    home = {"DRIFTGATE_HOME": str(layout.home)}
    states.save(layout, StackState(PORTS, states.generate_secrets(), data_url="s3://bucket/prefix"))
    assert states.load(layout).data_url == "s3://bucket/prefix"  # type: ignore[union-attr]
    assert settings_module.load(home).data_url == "s3://bucket/prefix"
    assert settings_module.load({**home, "DRIFTGATE_DATA_URL": "s3://other"}).data_url == "s3://other"
    assert settings_module.load({**home, "DRIFTGATE_DATA_URL": ""}).data_url is None
