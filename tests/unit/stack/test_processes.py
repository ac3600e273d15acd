"""Leftovers of real processes: found, ended, and nobody else's touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from driftgate.stack import processes

LEAVE_A_CHILD = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"


def _eventually(condition: object, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_members_of_a_session_are_found_after_their_leader_died() -> None:
    leader = subprocess.Popen([sys.executable, "-c", LEAVE_A_CHILD], start_new_session=True)
    leader.wait()
    left = processes.members_of_session(leader.pid)
    assert len(left) == 1
    assert processes.end_all(left, seconds=5) == 1
    assert processes.members_of_session(leader.pid) == []


def test_the_own_session_is_never_swept() -> None:
    assert processes.members_of_session(os.getsid(0)) == []


def test_a_process_that_ignores_the_request_to_end_is_killed() -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    stubborn = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    processes.end_all([psutil.Process(stubborn.pid)], seconds=0.3)
    assert not psutil.pid_exists(stubborn.pid)
    stubborn.wait(5)
    stubborn.stdout.close()


def test_a_living_process_is_ours_only_by_its_command_line() -> None:
    assert processes.is_running(os.getpid(), command_contains="pytest")
    assert not processes.is_running(os.getpid(), command_contains="supervisord.conf")
    assert not processes.is_running(2**22 - 1, command_contains="")


@pytest.fixture
def program_file(tmp_path: Path) -> Path:
    script = "import json, os, sys; json.dump([dict(os.environ), os.getcwd()], open('seen.json', 'w'))"
    path = tmp_path / "program.json"
    path.write_text(
        json.dumps(
            {
                "command": [sys.executable, "-c", script],
                "environment": {"SECRET": "s3cret"},
                "inherits": True,
                "waits_for": None,
                "directory": str(tmp_path),
                "run_file": str(tmp_path / "run.json"),
            }
        )
    )
    return path


def _launch(program_file: Path, **environ: str) -> None:
    import driftgate

    path = str(Path(driftgate.__file__).parents[1])
    command = [sys.executable, "-m", "driftgate.stack.launch", str(program_file)]
    subprocess.run(command, env={"PYTHONPATH": path, **environ}, check=True, start_new_session=True, timeout=60)


def test_the_launcher_becomes_the_program_with_its_private_environment(program_file: Path) -> None:
    _launch(program_file, SOURCE_PASSWORD="kept", PYTHONDONTWRITEBYTECODE="1", MLFLOW_TRACKING_URI="http://elsewhere")
    environ, folder = json.loads((program_file.parent / "seen.json").read_text())
    assert (environ["SECRET"], environ["SOURCE_PASSWORD"]) == ("s3cret", "kept")
    assert "PYTHONDONTWRITEBYTECODE" not in environ
    assert "MLFLOW_TRACKING_URI" not in environ
    assert folder == str(program_file.parent)


def test_the_launcher_counts_the_starts(program_file: Path) -> None:
    _launch(program_file)
    _launch(program_file)
    assert json.loads((program_file.parent / "run.json").read_text())["starts"] == 2


def test_the_launcher_ends_what_a_killed_predecessor_left_in_its_group(tmp_path: Path, program_file: Path) -> None:
    session = f"""
import json, os, subprocess, sys
left = subprocess.Popen([sys.executable, "-c", {LEAVE_A_CHILD!r}], process_group=0)
left.wait()
json.dump({{"group": left.pid, "starts": 1}}, open({str(tmp_path / "run.json")!r}, "w"))
print(left.pid, flush=True)
subprocess.run([sys.executable, "-m", "driftgate.stack.launch", {str(program_file)!r}], process_group=0, check=True, stdout=sys.stderr)
"""
    import driftgate

    environ = {"PYTHONPATH": str(Path(driftgate.__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, "-c", session], env=environ, start_new_session=True, capture_output=True, text=True, timeout=60
    )
    group = int(result.stdout.split()[0])
    assert "ending 1 processes" in result.stderr
    assert _eventually(lambda: not [p for p in psutil.pids() if p != 0 and _group(p) == group])


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid) if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else -1
    except (OSError, psutil.Error):
        return -1
