"""The launcher of the demonstration: refusals that say what to do, and no process left behind."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from portal.demo import __main__ as launcher
from portal.demo.supervisor import DemonstrationError, Program, Supervisor

ROOT = Path(__file__).resolve().parents[3]

# Ignores SIGTERM, and has a child in a session of its own that ignores it as well.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 1:
    child = subprocess.Popen([sys.executable, __file__], start_new_session=True)
    print(child.pid, "ready.", flush=True)
time.sleep(600)
"""

# A demonstration whose programs are stand-ins: as the launcher does it, minus the site.
LAUNCHER = """
import sys
from pathlib import Path
from portal.demo.supervisor import *

folder = Path(sys.argv[1])
try:
    with interruptible():
        supervisor = Supervisor({}, folder, stop_seconds=1)
        try:
            for name, arguments in (("one", ["tree"]), ("two", [])):
                command = [sys.executable, str(folder / "stubborn.py"), *arguments]
                supervisor.start(Program(name, command, folder / f"{name}.log", lambda: True))
            print("up", flush=True)
            supervisor.watch()
        finally:
            supervisor.stop()
except Interrupted:
    print("stopped", flush=True)
"""


def _wait(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _are_gone(processes: list[psutil.Process]) -> bool:
    return all(
        not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        for process in processes
    )


def _start(folder: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """The stand-in launcher, and the three processes below it."""
    (folder / "stubborn.py").write_text(STUBBORN)
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    _wait(lambda: (folder / "one.log").read_text().endswith("ready.\n"))
    below = psutil.Process(process.pid).children(recursive=True)
    assert len(below) == 3
    # Until the second one ignores SIGTERM too: its log stays empty, so its state has to tell.
    _wait(lambda: all(each.status() == psutil.STATUS_SLEEPING for each in below))
    return process, below


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_being_asked_to_stop_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    process, below = _start(tmp_path)
    process.send_signal(number)
    time.sleep(0.2)
    process.send_signal(number)  # an impatient second Ctrl-C changes nothing
    output, _ = process.communicate(timeout=20)
    assert output == "stopped\n"
    assert process.returncode == 0
    assert _are_gone(below)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells a child")
def test_a_killed_launcher_takes_its_programs_with_it(tmp_path: Path) -> None:
    supervisor = (
        "import sys; from pathlib import Path; from portal.demo.supervisor import *\n"
        "supervisor = Supervisor({}, Path.cwd())\n"
        "log = Path(sys.argv[1])\n"
        "supervisor.start(Program('sleep', ['/usr/bin/env', 'sleep', '600'], log, lambda: True))\n"
        "print('up', flush=True); supervisor.watch()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", supervisor, str(tmp_path / "log")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    below = psutil.Process(process.pid).children(recursive=True)
    assert below
    process.kill()
    process.communicate(timeout=20)
    _wait(lambda: _are_gone(below))


def test_a_program_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    others = set(psutil.Process().children())  # a browser of other tests, for one
    supervisor = Supervisor(os.environ, tmp_path)
    sleeper = Program("The web server", ["sleep", "600"], tmp_path / "web.log", lambda: True)
    says = "import sys; print('no such table'); sys.exit(3)"
    command = [sys.executable, "-c", says]
    failing = Program("The worker", command, tmp_path / "worker.log", lambda: False)
    supervisor.start(sleeper)
    supervisor.start(failing)
    below = [each for each in psutil.Process().children() if each not in others]
    assert below
    with pytest.raises(DemonstrationError) as caught:
        supervisor.wait_until_ready(20)
    supervisor.stop()
    assert "The worker ended with exit status 3" in str(caught.value)
    assert str(tmp_path / "worker.log") in str(caught.value)
    assert "no such table" in str(caught.value)
    assert _are_gone(below)


def test_a_program_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    supervisor = Supervisor(os.environ, tmp_path)
    supervisor.start(Program("The worker", ["sleep", "600"], tmp_path / "log", lambda: False))
    with pytest.raises(DemonstrationError, match=r"The worker was not ready after 0 s"):
        supervisor.wait_until_ready(0.3)
    supervisor.stop()


def test_a_preparation_that_fails_shows_what_it_said(tmp_path: Path) -> None:
    supervisor = Supervisor(os.environ, tmp_path)
    fails = [sys.executable, "-c", "import sys; print('half'); sys.exit('no disk space')"]
    with pytest.raises(DemonstrationError, match=r"(?s)exit status 1.*no disk space"):
        supervisor.run(fails, tmp_path / "setup.log")
    supervisor.stop()


def test_a_preparation_returns_what_it_printed(tmp_path: Path) -> None:
    supervisor = Supervisor(os.environ, tmp_path)
    log = tmp_path / "setup.log"
    assert (
        supervisor.run(
            [
                sys.executable,
                "-c",
                "print('signed in'); import sys; print('slow', file=sys.stderr)",
            ],
            log,
        )
        == "signed in\n"
    )
    supervisor.stop()


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "80 80"])
def test_a_port_that_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(DemonstrationError, match="make demo PORT=8001"):
        launcher.chosen_port(text)


def test_the_port_is_8000_unless_chosen() -> None:
    assert launcher.chosen_port("") == 8000
    assert launcher.chosen_port("8123") == 8123


def test_a_port_in_use_is_named_and_another_suggested() -> None:
    program = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0))\n"
        "print(s.getsockname()[1], flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    port = int(holder.stdout.readline())
    check = "import sys; from portal.demo.__main__ import check_port; check_port(int(sys.argv[1]))"
    # In processes of their own, since no test opens a socket itself.
    refused = subprocess.run(
        [sys.executable, "-c", check, str(port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    holder.communicate("", timeout=20)
    assert f"Port {port} is in use. Choose another: make demo PORT={port + 1}" in refused.stderr
    subprocess.run([sys.executable, "-c", check, str(port)], cwd=ROOT, check=True)


def test_a_second_launcher_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    lock = launcher.claim(tmp_path / "demo.lock", "http://127.0.0.1:8000/")
    with pytest.raises(DemonstrationError, match=r"already \(http://127.0.0.1:8000/, process"):
        launcher.claim(tmp_path / "demo.lock", "http://127.0.0.1:8001/")
    lock.close()
    launcher.claim(tmp_path / "demo.lock", "http://127.0.0.1:8001/").close()


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    key = launcher.secret_key(path)
    assert len(key) >= 64
    assert launcher.secret_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_site_is_told_nothing_of_a_production_that_the_caller_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://holds-patients")
    monkeypatch.setenv("S3_BUCKET", "holds-patients")
    folder = tmp_path / "été 1"
    folder.mkdir()
    told = launcher.environment(folder, "postgresql://demonstration", 8000)
    assert "holds-patients" not in " ".join(told.values())
    assert told["CELERY_BROKER_URL"].startswith("filesystem:///")
    assert told["CELERY_BROKER_URL"].endswith("/%C3%A9t%C3%A9%201/broker")


def test_the_state_of_the_static_files_changes_with_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "été.css").write_text("a {}")
    (tmp_path / "requirements.lock").write_text("plotly==7.0")
    monkeypatch.setattr(launcher, "ROOT", tmp_path)
    before = launcher.state_of_static_files()
    assert launcher.state_of_static_files() == before
    (tmp_path / "static" / "été.css").write_text("a { color: red }")
    after = launcher.state_of_static_files()
    assert after != before
    (tmp_path / "requirements.lock").write_text("plotly==7.1")
    assert launcher.state_of_static_files() not in {before, after}


def test_the_worker_is_ready_when_its_log_says_so(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("connecting to the broker: not ready. Waiting\n")
    assert not launcher.says_ready(log)
    log.write_text("2030-01-01 10:00:00 INFO celery.apps.worker: celery@host ready.\n")
    assert launcher.says_ready(log)
