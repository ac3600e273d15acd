"""Real receivers of messages and metrics on this machine: a mail server with a login, and a web server that keeps what it gets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "driftgate", "let-me-in"


@dataclass
class Post:
    """One request that the web server got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receivers:
    """Both servers; they keep their ports when they are stopped and started again."""

    mails: list[EmailMessage] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    smtp_port: int = 0
    http_port: int = 0
    _controller: Controller | None = None
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        self._start_mail()
        self._start_web()

    def stop(self) -> None:
        """Stop both: connections are refused from now on."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def running(self) -> bool:
        return self._server is not None

    def posts_to(self, path: str) -> list[Post]:
        return [post for post in self.posts if post.path.startswith(path)]

    def environment(self) -> dict[str, str]:
        """Variables that make a stack use these receivers."""
        web = f"http://127.0.0.1:{self.http_port}"
        return {
            "AIRFLOW_CONN_TEST_MAIL": json.dumps(
                {
                    "conn_type": "smtp",
                    "host": "127.0.0.1",
                    "port": self.smtp_port,
                    "login": USER,
                    "password": PASSWORD,
                    "extra": {"disable_tls": True, "disable_ssl": True, "from_email": "driftgate@example.org"},
                }
            ),
            "AIRFLOW_CONN_TEST_SLACK": json.dumps({"conn_type": "slackwebhook", "host": f"{web}/slack", "password": "T000/B000/secret"}),
            "AIRFLOW_CONN_TEST_TEAMS": json.dumps({"conn_type": "http", "host": f"{web}/teams"}),
            "AIRFLOW_CONN_TEST_WEBHOOK": json.dumps({"conn_type": "http", "host": f"{web}/hook"}),
            "PROMETHEUS_GATEWAY": f"{web}/gateway",
            "INFLUXDB_URL": f"{web}/influx",
            "INFLUXDB_TOKEN": "influx-token",
            "INFLUXDB_ORG": "mlops",
            "INFLUXDB_BUCKET": "ml_monitoring",
        }

    def _start_mail(self) -> None:
        received = self.mails
        self.smtp_port = self.smtp_port or _free_port()

        class Keep:
            async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
                message = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]
                received.append(message)  # type: ignore[arg-type]
                return "250 kept"

        self._controller = Controller(
            Keep(),
            hostname="127.0.0.1",
            port=self.smtp_port,
            authenticator=_login,
            auth_required=True,
            auth_require_tls=False,
        )
        self._controller.start()

    def _start_web(self) -> None:
        class Handler(_Handler):
            received = self.posts

        self._server = ThreadingHTTPServer(("127.0.0.1", self.http_port), Handler)
        self.http_port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known)


class _Handler(BaseHTTPRequestHandler):
    received: ClassVar[list[Post]]

    def _keep(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.received.append(Post(self.command, self.path, dict(self.headers), body))
        status = 204 if self.path.startswith("/influx") else 200
        self.send_response(status)
        self.send_header("Content-Length", "0" if status == 204 else "2")
        self.end_headers()
        if status != 204:
            self.wfile.write(b"ok")

    do_POST = do_PUT = do_DELETE = do_GET = _keep  # noqa: N815 - names that http.server asks for

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal for the tests."""
