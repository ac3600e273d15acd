"""Airflow connections in all the forms in which people write them; and texts without what is secret in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftgate.notify.connections import ConnectionFormError, read_connection, signing_secret, web_address

SLACK = "https://hooks.slack.com/services/T0000/B0000/XyZ"
FLOW = "https://prod-1.westeurope.logic.azure.com:443/workflows/ab/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers&sig=a_b-c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "smtp://u%40x:p%2F%3A%40%25@mail.example.com:587/?__extra__=%7B%22disable_tls%22%3A+true%7D",
            ("smtp", "mail.example.com", 587, "u@x", "p/:@%"),
        ),
        ("smtp://mail.example.com", ("smtp", "mail.example.com", None, "", "")),
        ('{"conn_type": "smtp", "host": "h", "port": "25", "login": "u", "password": "p"}', ("smtp", "h", 25, "u", "p")),
        ("smtp://u:p@[::1]:25", ("smtp", "::1", 25, "u", "p")),
    ],
)
def test_both_forms_are_read(text: str, expected: tuple[Any, ...]) -> None:
    found = read_connection(text)
    assert (found.kind, found.host, found.port, found.login, found.password) == expected


@pytest.mark.parametrize("disabled", ["true", "True", "1", True])
def test_options_are_read_as_text_or_values(disabled: Any) -> None:
    assert read_connection(json.dumps({"conn_type": "smtp", "extra": json.dumps({"disable_tls": disabled})})).flag("disable_tls")
    assert read_connection(f"smtp://h?disable_tls={disabled}").flag("disable_tls")
    assert not read_connection("smtp://h?disable_tls=false").flag("disable_tls")


@pytest.mark.parametrize("text", ["", "no address", "{", "[]", "{}", "http://h:port:x/?__extra__={"])
def test_what_cannot_be_read_is_not_shown(text: str) -> None:
    with pytest.raises(ConnectionFormError, match="its content cannot be read") as caught:
        read_connection(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "address"),
    [
        pytest.param({"conn_type": "http", "password": FLOW}, FLOW, id="whole address as the password"),
        pytest.param({"conn_type": "http", "host": FLOW}, FLOW, id="whole address as the host"),
        pytest.param({"conn_type": "slackwebhook", "password": "T0000/B0000/XyZ"}, SLACK, id="Slack's token alone"),
        pytest.param(
            {"conn_type": "slackwebhook", "host": "https://hooks.slack.com/services", "password": "/T0000/B0000/XyZ"},
            SLACK,
            id="host and token",
        ),
        pytest.param(
            {"conn_type": "http", "host": "example.com", "schema": "https", "port": 8443}, "https://example.com:8443", id="in parts"
        ),
        pytest.param({"conn_type": "http", "host": "example.com", "schema": "a/b"}, "http://example.com/a/b", id="with a path"),
        pytest.param({"conn_type": "http", "host": "http://example.com", "port": 81}, "http://example.com:81", id="port beside an address"),
        pytest.param(
            {"conn_type": "http", "host": "example.com", "schema": "x", "extra": {"signing_secret": "s", "timeout": 3, "a": "b c"}},
            "http://example.com/x?a=b+c",
            id="options are no parameters",
        ),
    ],
)
def test_the_address_of_a_web_hook(content: dict[str, Any], address: str) -> None:
    assert web_address(read_connection(json.dumps(content))) == address


@pytest.mark.parametrize("address", [SLACK, "http://127.0.0.1:8000/hook?x=1&y=a%2Fb", "https://example.com/a/b"])
def test_a_plain_address_in_the_environment_is_that_address(address: str) -> None:
    assert web_address(read_connection(address)) == address


def test_a_connection_without_an_address_says_so() -> None:
    with pytest.raises(ConnectionFormError, match="write the whole URL"):
        web_address(read_connection('{"conn_type": "http"}'))


def test_the_secret_for_signing_is_the_password_unless_that_is_the_address() -> None:
    assert signing_secret(read_connection('{"conn_type": "http", "host": "h", "password": "shared"}')) == "shared"
    assert signing_secret(read_connection(json.dumps({"conn_type": "http", "password": SLACK}))) == ""
    assert signing_secret(read_connection(json.dumps({"conn_type": "http", "password": SLACK, "extra": {"signing_secret": "x"}}))) == "x"


@pytest.mark.parametrize("text", [SLACK, FLOW, json.dumps({"conn_type": "slackwebhook", "password": "T0000/B0000/XyZ"})])
def test_secrets_are_hidden_in_any_text(text: str) -> None:
    connection = read_connection(text)
    address = web_address(connection)
    said = connection.hide_secrets(f"POST {address} failed; path {address.partition('.com')[2]} of {address!r}")
    assert "XyZ" not in said
    assert "a_b-c" not in said
    assert "POST https://" in said
    assert "failed" in said


def test_a_connection_shows_no_secret_when_printed() -> None:
    found = read_connection(
        '{"conn_type": "smtp", "host": "h", "password": "hidden-1", "extra": {"token": "hidden-2"}, "schema": "hidden-3"}'
    )
    assert "hidden" not in repr(found)
