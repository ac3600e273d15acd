"""One request to a server that is down, slow, busy or says no: bounded, readable, silent about secrets."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from driftgate.errors import ServiceError, SettingsError
from driftgate.export import delivery
from driftgate.export.delivery import Request, SinkRefusedError, Target, deliver, parse_address
from export_servers import Stub

REQUEST = Request("PUT", "/here", b"content", {"org": "a b"}, {"X-Kind": "test"})


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as made:
        yield made


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PAUSES_S", (0.02, 0.05))


def target(url: str, **rest: object) -> Target:
    return Target("Sink", url, secrets=("topsecret",), **rest)  # type: ignore[arg-type]


def test_a_request_arrives_as_it_was_made(stub: Stub) -> None:
    stub.answers = [(200, {}, b"thanks")]
    assert deliver(target(stub.url, auth=("me", "topsecret"), headers={"X-Always": "1"}), REQUEST) == b"thanks"
    (got,) = stub.received
    assert (got.method, got.path, got.body) == ("PUT", "/here?org=a+b", b"content")
    assert (got.headers["x-kind"], got.headers["x-always"], got.headers["authorization"]) == ("test", "1", "Basic bWU6dG9wc2VjcmV0")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_broken_server_is_tried_again(stub: Stub, status: int) -> None:
    stub.answers = [(status, {}, b"later"), (status, {}, b"later"), (204, {}, b"")]
    deliver(target(stub.url), REQUEST)
    assert len(stub.received) == 3


def test_tries_are_bounded_in_number_and_the_answer_is_in_the_error(stub: Stub) -> None:
    stub.answers = [(503, {}, b"cache is\n full, token topsecret")]
    with pytest.raises(ServiceError, match=r"cannot take it now: 503 Service Unavailable, cache is full, token \*\*\*") as caught:
        deliver(target(stub.url), REQUEST)
    assert caught.value.retryable
    assert len(stub.received) == 3


@pytest.mark.parametrize(
    ("status", "name"), [(400, "Bad Request"), (401, "Unauthorized"), (404, "Not Found"), (413, "Content"), (422, "422")]
)
def test_a_refusal_is_not_tried_again_and_says_what_to_do(stub: Stub, status: int, name: str) -> None:
    stub.answers = [(status, {}, b'{"message":"no topsecret here"}')]
    with pytest.raises(SinkRefusedError, match=rf"refused it: {status} .*\*\*\* here.*do this") as caught:
        deliver(target(stub.url, advice={status: "do this"}), REQUEST)
    assert (caught.value.status, caught.value.retryable, len(stub.received)) == (status, False, 1)


def test_a_redirect_is_not_followed_with_the_secrets(stub: Stub) -> None:
    with Stub() as other:
        stub.answers = [(302, {"Location": other.url}, b"")]
        with pytest.raises(SinkRefusedError, match="points to another address"):
            deliver(target(stub.url, auth=("me", "topsecret")), REQUEST)
        assert other.received == []


def test_a_server_that_asks_for_a_short_pause_gets_it(stub: Stub) -> None:
    stub.answers = [(429, {"Retry-After": "1"}, b""), (204, {}, b"")]
    started = time.monotonic()
    deliver(target(stub.url), REQUEST)
    assert 1.0 <= time.monotonic() - started < 3


def test_a_server_that_asks_for_a_long_pause_is_given_up_at_once(stub: Stub) -> None:
    stub.answers = [(429, {"Retry-After": "120"}, b"")]
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"429.*asks to wait 120 s"):
        deliver(target(stub.url), REQUEST)
    assert time.monotonic() - started < 2
    assert len(stub.received) == 1


def test_nobody_listening_is_an_error_that_names_the_address() -> None:
    with pytest.raises(ServiceError, match=r"Sink at http://127\.0\.0\.1:1 did not answer: connection refused; nothing is lost"):
        deliver(target("http://127.0.0.1:1"), REQUEST)


def test_an_unknown_name_is_said_to_be_one() -> None:
    with pytest.raises(ServiceError, match="did not answer: its name cannot be resolved"):
        deliver(target("http://no-such-host.invalid:9091"), REQUEST)


def test_a_server_that_never_answers_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(ServiceError, match="did not answer"):
            deliver(target(f"http://127.0.0.1:{silent.getsockname()[1]}"), REQUEST, deadline_s=1.0)
        assert time.monotonic() - started < 2


def test_a_server_that_drips_its_answer_ends_at_the_deadline_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 1000:
                    try:
                        connection.send(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(ServiceError, match="did not answer within 1 s"):
            deliver(target(f"http://127.0.0.1:{listener.getsockname()[1]}"), REQUEST, deadline_s=1.0)
        assert time.monotonic() - started < 2


def test_the_default_bounds_of_two_sinks_together_stay_under_twenty_seconds() -> None:
    assert 2 * delivery.DEADLINE_S < 20
    assert delivery.TRY_TIMEOUT_S < delivery.DEADLINE_S


def test_no_log_line_shows_a_password(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url, auth = parse_address(stub.url.replace("http://", "http://me:topsecret@"), "PROMETHEUS_GATEWAY")
    deliver(target(url, auth=auth), REQUEST)
    assert stub.received[0].headers["authorization"].startswith("Basic ")
    assert "topsecret" not in caplog.text
    assert "bWU6dG9wc2VjcmV0" not in caplog.text
    assert "topsecret" not in repr(target(url, auth=auth))


@pytest.mark.parametrize(
    ("text", "url", "auth"),
    [
        ("localhost:9091", "http://localhost:9091", None),
        ("http://gateway:9091/", "http://gateway:9091", None),
        ("https://me:p%40ss@gateway/prefix/", "https://gateway/prefix", ("me", "p@ss")),
        ("me:secret@gateway:9091", "http://gateway:9091", ("me", "secret")),
        ("http://[::1]:9091", "http://[::1]:9091", None),
    ],
)
def test_addresses_are_read_in_every_common_form(text: str, url: str, auth: tuple[str, str] | None) -> None:
    assert parse_address(text, "PROMETHEUS_GATEWAY") == (url, auth)


@pytest.mark.parametrize("text", ["ftp://me:topsecret@host", "http://me:topsecret@host:port", "http://", "http://me:topsecret@ho st"])
def test_an_unusable_address_is_an_error_that_names_the_variable_and_hides_the_value(text: str) -> None:
    with pytest.raises(SettingsError, match="PROMETHEUS_GATEWAY is not an address") as caught:
        parse_address(text, "PROMETHEUS_GATEWAY")
    assert "topsecret" not in str(caught.value)
    assert caught.value.__cause__ is None
