"""Locks among processes."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from driftgate.files import LockHeldError, locked


def test_a_lock_that_another_process_holds_is_waited_for_and_named(tmp_path: Path) -> None:
    path, told = tmp_path / "deep" / ".lock", []
    with locked(path):
        pass
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LockHeldError, match=r"another process has held .*\.lock for 0 s"), locked(path, 0.1, lambda: told.append(1)):
            pytest.fail("the lock is not free")
        assert told == [1]
    with locked(path, 0.1, lambda: told.append(2)):
        assert told == [1], "nobody held it any more"


def test_an_error_of_the_work_is_passed_on_and_the_lock_let_go(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="of the work"), locked(tmp_path / ".lock", 1):
        raise TimeoutError("of the work")
    with locked(tmp_path / ".lock", 0.1):
        pass
