"""The file about messages: what is accepted, and what a person reads when something is wrong."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from driftgate.config.notifications import check, load_notifications
from driftgate.records import Severity

CHANNEL = "channels:\n  chat: {kind: slack, connection: ops_slack}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "notifications.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_sends_nothing(project_root: Path) -> None:
    path = project_root / "include" / "notifications.yaml"
    assert check(path) == []
    assert not load_notifications(path).is_active


def test_every_key_of_the_shipped_file_exists(tmp_path: Path, project_root: Path) -> None:
    """Uncomment everything after the introduction: a key that was renamed in the code fails here."""
    lines = (project_root / "include" / "notifications.yaml").read_text(encoding="utf-8").splitlines()
    first = lines.index("# channels:")
    config = load_notifications(write(tmp_path, "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[first:])))
    assert list(config.channels) == ["ops_mail", "ops_chat", "fares_team", "pager"]
    assert config.routes[2].monitors == ["fares_*"]
    assert config.quiet_hours is not None
    assert (config.quiet_hours.start, config.quiet_hours.end) == (time(22), time(7))
    assert config.digest is not None
    assert config.digest.at == time(8)


def test_the_shipped_file_shows_the_defaults(tmp_path: Path, project_root: Path) -> None:
    text = (project_root / "include" / "notifications.yaml").read_text(encoding="utf-8")
    config = load_notifications(tmp_path / "missing.yaml")
    for name in ("resolved", "attempts", "max_age"):
        value = getattr(config, name)
        assert f"# {name}: {'null' if value is None else str(value).lower()}" in text
    assert "let_through: [critical]" in text


def test_a_file_that_does_not_exist_sends_nothing(tmp_path: Path) -> None:
    assert check(tmp_path / "notifications.yaml") == []
    assert not load_notifications(tmp_path / "notifications.yaml").is_active


def test_times_without_quotes_are_understood(tmp_path: Path) -> None:
    quiet = load_notifications(write(tmp_path, "quiet_hours: {from: 22:30, to: 07:00}\n")).quiet_hours
    assert quiet is not None
    assert (quiet.start, quiet.end, quiet.let_through) == (time(22, 30), time(7), [Severity.CRITICAL])


def test_ages_are_durations(tmp_path: Path) -> None:
    assert load_notifications(write(tmp_path, "max_age: 7d\n")).max_age == timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("chanels: {}\n", ("notifications.yaml:1: chanels:", "did you mean 'channels'"), id="unknown key"),
        pytest.param(
            "channels:\n  chat: {kind: slak, connection: x}\n", ("notifications.yaml:2: channels.chat.kind: 'slak'", "'slack'"), id="kind"
        ),
        pytest.param("channels:\n  chat: {kind: slack}\n", ("channels.chat.connection: is required and missing",), id="no connection"),
        pytest.param(
            "channels:\n  chat: {kind: slack, conection: x}\n",
            ("did you mean 'connection'?", "allowed: connection, kind, to"),
            id="in a channel",
        ),
        pytest.param("channels:\n  Chat: {kind: slack, connection: x}\n", ("'Chat' is not the name of a channel", "lower-case"), id="name"),
        pytest.param(
            "channels:\n  m: {kind: email, connection: x}\n", ("channels.m: a channel of kind email needs 'to'",), id="no recipients"
        ),
        pytest.param(
            "channels:\n  m: {kind: email, connection: x, to: [ops]}\n",
            ("channels.m.to.0: 'ops' is not an e-mail address",),
            id="recipient",
        ),
        pytest.param("channels:\n  m: {kind: email, connection: x, to: ['a@b, c@d']}\n", ("is not an e-mail address",), id="two in one"),
        pytest.param("channels:\n  c: {kind: slack, connection: x, to: [a@b.c]}\n", ("kind slack has no 'to'",), id="recipients of a hook"),
        pytest.param(
            CHANNEL + "routes:\n  - channels: [chatt]\n",
            ("routes[0].channels names 'chatt'", "did you mean 'chat'?"),
            id="route to nowhere",
        ),
        pytest.param(CHANNEL + "routes:\n  - channels: []\n", ("notifications.yaml:4: routes.0.channels",), id="route without channel"),
        pytest.param(
            CHANNEL + "routes:\n  - {channels: [chat], severity: fatal}\n", ("routes.0.severity.0: 'fatal'", "'critical'"), id="severity"
        ),
        pytest.param(CHANNEL + "digest: {channels: [mail]}\n", ("digest.channels names 'mail'", "use one of chat"), id="digest to nowhere"),
        pytest.param("digest: {channels: [mail]}\n", ("(none is configured yet)",), id="digest without channels"),
        pytest.param(
            "quiet_hours: {from: '25:00', to: '07:00'}\n", ("quiet_hours.from: '25:00' is not a time of day", '"22:00"'), id="time"
        ),
        pytest.param("quiet_hours: {from: '07:00', to: '07:00'}\n", ("are the same time",), id="all day"),
        pytest.param(
            "quiet_hours: {from: '22:00', until: '07:00'}\n", ("quiet_hours.to: is required", "allowed: from, let_through"), id="no end"
        ),
        pytest.param("quiet_hours: {from: '22:00', to: '07:00', timezone: Mars}\n", ("'Mars' is not a time zone",), id="time zone"),
        pytest.param("attempts: 0\n", ("attempts: 0 is not allowed", "greater than or equal to 1"), id="attempts"),
        pytest.param("resolved: maybe\n", ("resolved: 'maybe' is not true or false",), id="yes or no"),
        pytest.param("max_age: 7 years\n", ("max_age: '7 years'", "for example 30m, 6h, 1d or 2w"), id="duration"),
        pytest.param("resolved: true\nresolved: false\n", ("notifications.yaml:2: key 'resolved' is written twice",), id="key twice"),
        pytest.param("- channels\n", ("holds list, not keys and values",), id="a list"),
        pytest.param("channels: {a\n", ("correct the indentation or quoting",), id="broken YAML"),
    ],
)
def test_a_problem_names_file_key_value_and_remedy(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    said = "\n".join(check(write(tmp_path, text)))
    for part in expected:
        assert part in said


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    assert len(check(write(tmp_path, "chanels: {}\nattempts: x\nresolved: maybe\n"))) == 3
