"""The embedded PostgreSQL: started once, shared, found again after a crash, stopped when unused."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from portal import postgres, postgres_keeper

ROOT = Path(__file__).resolve().parents[2]

USER = """
import sys
from pathlib import Path
from portal.postgres import embedded_database_url
print(embedded_database_url(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


class Users:
    """Processes that use a database until they are told to end."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, data: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.communicate("", timeout=30)
        self.processes.clear()


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder: only its owner may enter that, and the server of root is another.
    folder = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
    folder.chmod(0o755)
    yield folder
    keepers = list(folder.rglob("postgres.keeper"))
    _wait(lambda: not any(postgres.is_locked(keeper) for keeper in keepers))
    shutil.rmtree(folder)


@pytest.fixture
def users(folder: Path) -> Iterator[Users]:
    # Takes the folder so that the processes end before it is removed.
    assert folder.exists()
    users = Users()
    yield users
    users.end()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline().strip()
    assert line, process.stderr.read()
    return line


def _ask(address: str, query: str) -> list[Any]:
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def _wait(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _server(data: Path) -> psutil.Process:
    running = postgres.Postmaster.read(data)
    assert running
    return psutil.Process(running.pid)


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it went between the two questions
        return True


def test_the_database_speaks_utf8_and_only_its_user_reaches_it(users: Users, folder: Path) -> None:
    data = folder / ".local" / "postgres"
    address = _address(users.start(data))
    [(encoding, provider, collation)] = _ask(
        address,
        "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale FROM pg_database "
        "WHERE datname = current_database()",
    )
    assert (encoding, provider, collation) == ("UTF8", "b", "C.UTF-8")
    assert _ask(address, "SHOW listen_addresses") == [("",)]
    running = postgres.Postmaster.read(data)
    assert running
    assert running.socket_folder.stat().st_mode & 0o777 == 0o700


def test_the_folder_may_have_spaces_accents_quotes_and_a_long_path(
    users: Users, folder: Path
) -> None:
    data = folder / 'Données d\'été "rénales" $HOME' / ("very long " * 12).strip() / "postgres"
    assert len(os.fsencode(data)) > 150
    address = _address(users.start(data))
    assert _ask(address, "SELECT 1") == [(1,)]


def test_processes_that_start_it_at_once_share_one_server(users: Users, folder: Path) -> None:
    data = folder / "postgres"
    started = [users.start(data) for _ in range(4)]
    assert len({_address(process) for process in started}) == 1
    keepers = [
        process
        for process in psutil.process_iter()
        if "portal.postgres_keeper" in _words(process) and str(data) in _words(process)
    ]
    assert len(keepers) == 1


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def test_it_runs_until_its_last_user_ends_and_keeps_the_data(users: Users, folder: Path) -> None:
    data = folder / "postgres"
    first, second = users.start(data), users.start(data)
    address = _address(first)
    assert _address(second) == address
    _ask(address, "CREATE TABLE kept (n int)")
    server = _server(data)
    first.communicate("", timeout=30)
    time.sleep(2 * postgres_keeper.POLL_SECONDS)
    assert _ask(address, "SELECT count(*) FROM kept") == [(0,)]
    second.kill()  # a user that is killed no longer counts either
    _wait(lambda: _is_gone(server))
    assert _ask(_address(users.start(data)), "SELECT count(*) FROM kept") == [(0,)]


def test_it_stops_at_once_when_its_only_user_releases_it(folder: Path) -> None:
    data = folder / "postgres"
    postgres.embedded_database_url(data)
    server = _server(data)
    assert postgres.release(data)
    assert _is_gone(server)


def test_release_leaves_the_server_to_its_other_users(users: Users, folder: Path) -> None:
    data = folder / "postgres"
    address = _address(users.start(data))
    assert postgres.embedded_database_url(data) == address
    assert not postgres.release(data)
    time.sleep(2 * postgres_keeper.POLL_SECONDS)
    assert _ask(address, "SELECT 1") == [(1,)]


def test_the_end_of_a_forked_process_does_not_stop_it(folder: Path) -> None:
    data = folder / "postgres"
    address = postgres.embedded_database_url(data)
    # fork() in a process with threads warns; the child here is a fork of a fresh interpreter.
    program = (
        "import os, sys; from pathlib import Path; from portal.postgres import *\n"
        "embedded_database_url(Path(sys.argv[1]))\n"
        "os._exit(0) if os.fork() == 0 else os.wait()\n"
        "print(release(Path(sys.argv[1])))\n"
    )
    forked = subprocess.run(
        [sys.executable, "-c", program, str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert forked.stdout.strip() == "False"
    assert _ask(address, "SELECT 1") == [(1,)]
    assert postgres.release(data)


def test_a_killed_server_comes_back_at_the_same_address(users: Users, folder: Path) -> None:
    data = folder / "postgres"
    address = _address(users.start(data))
    _ask(address, "CREATE TABLE kept (n int)")
    server = _server(data)
    server.send_signal(signal.SIGKILL)
    _wait(lambda: _is_gone(server))
    assert postgres.embedded_database_url(data) == address
    assert _ask(address, "SELECT count(*) FROM kept") == [(0,)]
    users.end()
    assert postgres.release(data)


def test_it_starts_after_a_power_cut_though_its_process_number_is_taken(folder: Path) -> None:
    data = folder / "postgres"
    address = postgres.embedded_database_url(data)
    _ask(address, "CREATE TABLE kept (n int)")
    server = _server(data)
    keeper = server.parent()
    assert keeper
    for process in (keeper, server):
        process.kill()
    _wait(lambda: _is_gone(server) and _is_gone(keeper))
    # As after a reboot: the number that the server left behind is another program's by now.
    pid_file = data.resolve() / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert postgres.embedded_database_url(data) == address
    assert _ask(address, "SELECT count(*) FROM kept") == [(0,)]
    assert postgres.release(data)


def test_a_new_keeper_takes_over_a_server_that_outlived_its_keeper(folder: Path) -> None:
    data = folder / "postgres"
    address = postgres.embedded_database_url(data)
    server = _server(data)
    keeper = server.parent()
    assert keeper
    keeper.kill()
    _wait(lambda: _is_gone(keeper))
    assert postgres.embedded_database_url(data) == address
    assert _server(data).pid == server.pid
    assert postgres.release(data)
    assert _is_gone(server)


def test_it_works_below_a_folder_that_only_its_owner_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    data = tmp_path / "postgres"
    assert _ask(postgres.embedded_database_url(data), "SELECT 1") == [(1,)]
    assert data.is_symlink() == (os.geteuid() == 0)  # root's server is another user's
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    real = data.resolve()
    remove = [sys.executable, "-m", "portal.postgres_keeper", "remove", str(data)]
    refused = subprocess.run(remove, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "is in use" in refused.stderr
    assert postgres.release(data)
    subprocess.run(remove, cwd=ROOT, check=True)
    assert not os.path.lexists(data)
    assert not real.exists()


def test_a_data_folder_that_is_not_one_is_refused_with_its_name(folder: Path) -> None:
    data = folder / "postgres"
    data.mkdir()
    (data / "letter.txt").write_text("not a database")
    with pytest.raises(postgres.PostgresError, match=str(data)):
        postgres.embedded_database_url(data)
    postgres.release(data)
    assert (data / "letter.txt").exists()
