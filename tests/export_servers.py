"""Servers for the export tests: Debian's own, started on free ports, and a stub that answers what a test tells it to."""

from __future__ import annotations

import gzip
import http.server
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 20.0


def missing_programs() -> str | None:
    """Install Debian's servers where that is possible; return why they are not there, or None."""
    result = subprocess.run(["bash", str(ROOT / "include" / "tools" / "servers.sh")], capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else (result.stderr.strip() or result.stdout.strip())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Server:
    """A real server on this machine; can be stopped hard and started again on the same port."""

    program: str
    arguments: Sequence[str]
    port: int
    ready: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> Self:
        program = shutil.which(self.program)
        assert program is not None, f"{self.program} is not installed"
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([program, *self.arguments], stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, f"{self.program} is not ready after {START_TIMEOUT_S:g} s"
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """End it in good order: an InfluxDB stand-in that is killed forgets its last seconds."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=parameters or None, timeout=10)

    def _answers(self) -> bool:
        try:
            return self.get(self.ready).is_success
        except httpx.TransportError:
            return False


def pushgateway(folder: Path, *extra: str) -> Server:
    port = free_port()
    return Server("prometheus-pushgateway", [f"--web.listen-address=127.0.0.1:{port}", *extra], port, "/-/ready", folder)


def victoria_metrics(folder: Path) -> Server:
    """An InfluxDB stand-in: takes the v2 write interface; one sample per millisecond, so that a point overwrites itself."""
    port = free_port()
    arguments = [
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
        "-search.latencyOffset=0s",
        "-search.disableCache",
    ]
    return Server("victoria-metrics", arguments, port, "/health", folder)


def prometheus(folder: Path, config: Path) -> Server:
    port = free_port()
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    return Server("prometheus", arguments, port, "/-/ready", folder)


def alertmanager(folder: Path, config: Path) -> Server:
    port = free_port()
    arguments = [
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return Server("prometheus-alertmanager", arguments, port, "/-/ready", folder)


@dataclass(frozen=True)
class Received:
    """One request that a stub got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        body = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return body.decode()


@dataclass
class Stub:
    """An HTTP server that keeps what it gets and answers from a list; the last answer is repeated."""

    answers: list[tuple[int, Mapping[str, str], bytes]] = field(default_factory=lambda: [(204, {}, b"")])
    delay_s: float = 0.0
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stub.received.append(Received(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                time.sleep(stub.delay_s)
                status, headers, content = stub.answers.pop(0) if len(stub.answers) > 1 else stub.answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Keep the output of the tests quiet."""

        for method in ("GET", "POST", "PUT", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._any)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


def wait_for(question: Any, timeout_s: float = 15.0) -> Any:
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + timeout_s
    while not (answer := question()):
        assert time.monotonic() < end, f"still {answer!r} after {timeout_s:g} s"
        time.sleep(0.1)
    return answer
