"""Processes that the stack started: found by session and process group, ended politely and then for sure."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Differs after every reboot of the machine or container, so that process ids of an earlier life are never believed."""
    try:
        return f"{_BOOT_ID.read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return str(int(psutil.boot_time()))


def members_of_session(session: int) -> list[psutil.Process]:
    """Every process of a session but the caller's own; the supervisor and all that it starts share one."""
    if session == os.getsid(0):
        return []
    return [process for process in _processes() if _session(process.pid) == session]


def members_of_group(group: int, *, session: int) -> list[psutil.Process]:
    """Members of a process group within a session, and everything that descends from them."""
    found: dict[int, psutil.Process] = {}
    for process in _processes():
        if _group(process.pid) == group and _session(process.pid) == session:
            found.update({child.pid: child for child in (process, *descendants(process.pid))})
    found.pop(os.getpid(), None)
    return list(found.values())


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def end_all(processes: Iterable[psutil.Process], *, seconds: float) -> int:
    """Ask processes to end, kill those that are still there after ``seconds``; return how many there were."""
    alive = [process for process in processes if process.pid != os.getpid() and _signal(process, signal.SIGTERM)]
    _, stubborn = psutil.wait_procs(alive, timeout=seconds)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=seconds)
    return len(alive)


def is_running(pid: int, *, command_contains: str) -> bool:
    """Whether a process with this id is alive and is ours, judged by its command line."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and command_contains in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _processes() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return -1


def _signal(process: psutil.Process, number: int) -> bool:
    try:
        process.send_signal(number)
    except psutil.Error:
        return False
    return True
