"""An S3 server of the tests' own: moto's, in a process that can be stopped and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

HOST = "127.0.0.1"
BUCKET = "lake"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "for-tests-only", "AWS_DEFAULT_REGION": "us-east-1"}
_START_SECONDS = 120


class S3Server:
    """A running server with one bucket, which lives in its memory."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs to reach it; nothing of the machine's own configuration is read."""
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(self.port)]
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(command, stdout=stream, stderr=stream)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.request("PUT", f"/{BUCKET}")
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the S3 server did not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End the server; what it held is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def request(self, method: str, path: str, content: bytes = b"") -> bytes:
        headers = {"Content-Type": "application/octet-stream"}
        with urlopen(Request(f"{self.endpoint}{path}", content or None, headers, method=method), timeout=30) as answer:
            found: bytes = answer.read()
        return found

    @contextmanager
    def asking_for_credentials(self) -> Iterator[None]:
        """Check who asks; nobody is known, so nobody may do anything."""
        self.request("POST", "/moto-api/reset-auth", b"0")
        try:
            yield
        finally:
            self.request("POST", "/moto-api/reset-auth", b"inf")


@contextmanager
def serve(folder: Path) -> Iterator[S3Server]:
    """Run a server that ends with the block."""
    server = S3Server(folder / "s3.log")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
