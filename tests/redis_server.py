"""A real Redis for tests: Debian's program, on a free port of the loopback address, with a password and nothing on disk."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = "redis-server"
_SECONDS = 10.0


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Run a server below ``folder`` and yield its address, password included."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    password = secrets.token_urlsafe(24)
    configuration = folder / "redis.conf"
    lines = ("bind 127.0.0.1", f"port {port}", f"requirepass {password}", 'save ""', "appendonly no", f"dir {folder}")
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (folder / "redis.log").open("w") as log:
        process = subprocess.Popen([PROGRAM, str(configuration)], stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, process)
        yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=_SECONDS)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + _SECONDS
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < limit, f"{PROGRAM} does not listen on {port}"
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{PROGRAM} ended with {process.returncode}")
