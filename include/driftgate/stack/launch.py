"""Start one supervised program: clear what its predecessor left, wait for the database, become the program.

Run by the supervisor as ``python -m driftgate.stack.launch FILE``; the file (mode 0600) holds command and environment.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from driftgate.stack.environment import without_dropped
from driftgate.stack.processes import end_all, members_of_group

_DATABASE_SECONDS = 60
_LEFTOVER_SECONDS = 5.0


def main(arguments: list[str]) -> None:
    """Replace this process by the program that the file describes."""
    program = json.loads(Path(arguments[0]).read_text())
    run_file = Path(program["run_file"])
    starts = _clear_predecessor(run_file) + 1
    _write_run_file(run_file, starts)
    _wait_for(program["waits_for"])
    inherited = without_dropped(os.environ) if program["inherits"] else {}
    command = program["command"]
    os.chdir(program["directory"])
    os.execvpe(command[0], command, {**inherited, **program["environment"]})  # noqa: S606 - becoming the program is the purpose


def _clear_predecessor(run_file: Path) -> int:
    """End children that a killed predecessor left behind (they would hold its port); return how often it was started."""
    try:
        last: dict[str, Any] = json.loads(run_file.read_text())
    except (OSError, json.JSONDecodeError):
        return 0
    group = int(last.get("group", 0))
    if group and group != os.getpgid(0):
        left = members_of_group(group, session=os.getsid(0))
        if left:
            print(f"launch: ending {len(left)} processes left by the last start", flush=True)
            end_all(left, seconds=_LEFTOVER_SECONDS)
    return int(last.get("starts", 0))


def _write_run_file(run_file: Path, starts: int) -> None:
    temporary = run_file.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({"group": os.getpgid(0), "starts": starts}))
    os.replace(temporary, run_file)


def _wait_for(command: list[str] | None) -> None:
    """Wait, within bounds, until a command succeeds; the program itself reports what is wrong after that."""
    if command is None:
        return
    deadline = time.monotonic() + _DATABASE_SECONDS
    while time.monotonic() < deadline:
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.2)
    print(f"launch: `{shlex.join(command)}` did not succeed within {_DATABASE_SECONDS} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
