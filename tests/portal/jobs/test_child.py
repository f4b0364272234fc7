"""The limited child process: what it may see and use, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal.jobs.child import (
    PROJECT,
    ChildFailed,
    ChildRefused,
    Limits,
    is_want_of_memory,
    run_child,
)

MIB = 1024**2
LIMITS = Limits(memory_bytes=400 * MIB, cpu_seconds=20, wall_seconds=20, file_bytes=MIB)

WORK = """
    import ctypes, os, resource, subprocess, sys, time
    from portal.jobs.child import Refused

    def main(request, progress):
        return globals()[request["what"]](request, progress)

    def echo(request, progress):
        progress("first", 0.25)
        progress("second", 1.0)
        print("noise on standard output")
        return {"given": request, "folder": os.getcwd(), "environment": dict(os.environ)}

    def limits(request, progress):
        return {
            name: resource.getrlimit(getattr(resource, name))[0]
            for name in ("RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_CORE")
        }

    def refuse(request, progress):
        raise Refused("The table has no column 'age'.")

    def eat(request, progress):
        bytearray(request["bytes"])
        return {}

    def eat_in_numpy(request, progress):
        import numpy
        numpy.ones(request["bytes"] // 8)
        return {}

    def eat_in_polars(request, progress):
        import polars
        polars.zeros(request["bytes"] // 8, eager=True) + 1
        return {}

    def eat_shared(request, progress):
        import mmap
        shared = mmap.mmap(-1, request["bytes"])
        for start in range(0, request["bytes"], 4096):
            shared[start] = 1
        time.sleep(60)

    def spin(request, progress):
        while True:
            pass

    def sleep(request, progress):
        progress("asleep", 0.0)
        time.sleep(60)

    def crash(request, progress):
        ctypes.string_at(0)

    def kill_itself(request, progress):
        os.kill(os.getpid(), 9)

    def leave(request, progress):
        os._exit(3)

    def write(request, progress):
        with open("big", "wb") as file:
            file.write(bytes(request["bytes"]))
        return {}

    def fail(request, progress):
        sys.stderr.write("the last words\\n")
        return {"quotient": 1 / 0}

    def start_another(request, progress):
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        progress(f"{os.getpid()} {other.pid}", 0.0)
        time.sleep(60)
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "child_work.py").write_text(textwrap.dedent(WORK))
    monkeypatch.syspath_prepend(str(tmp_path))
    return "child_work"


def run(
    module: str,
    *,
    limits: Limits = LIMITS,
    on_progress: Callable[[str, float], None] = lambda stage, fraction: None,
    keep_going: Callable[[], bool] = lambda: True,
    **request: Any,
) -> dict[str, Any]:
    return run_child(
        module,
        request,
        limits=limits,
        on_progress=on_progress,
        keep_going=keep_going,
        poll_seconds=0.1,
    )


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_dead(pids: list[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(is_alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_the_reply_and_the_progress_come_back(work: str) -> None:
    seen: list[tuple[str, float]] = []
    reply = run(
        work, what="echo", number=0.1, on_progress=lambda stage, done: seen.append((stage, done))
    )
    assert reply["given"] == {"what": "echo", "number": 0.1}
    assert seen == [("first", 0.25), ("second", 1.0)]


def test_the_child_works_in_a_folder_of_its_own_that_is_removed(work: str) -> None:
    folder = Path(run(work, what="echo")["folder"])
    assert folder != Path.cwd()
    assert not folder.exists()


def test_the_child_sees_no_secret(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "ANYTHING_ELSE"):
        monkeypatch.setenv(name, "hush-hush")
    environment = run(work, what="echo")["environment"]
    assert "hush-hush" not in " ".join(environment.values())
    assert set(environment) <= {
        "HOME",
        "LANG",
        "LC_CTYPE",
        "LD_LIBRARY_PATH",
        "MALLOC_ARENA_MAX",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PATH",
        "POLARS_MAX_THREADS",
        "PYTHONPATH",
        "TMPDIR",
        "TZ",
    }


def test_the_limits_are_in_force_before_the_work_starts(work: str) -> None:
    found = run(work, what="limits")
    assert found == {"RLIMIT_CPU": 20, "RLIMIT_FSIZE": MIB, "RLIMIT_CORE": 0}


def test_a_refusal_comes_back_as_its_sentence(work: str) -> None:
    with pytest.raises(ChildRefused) as caught:
        run(work, what="refuse")
    assert caught.value.message == "The table has no column 'age'."


@pytest.mark.parametrize("what", ["eat", "eat_in_numpy", "eat_in_polars"])
def test_too_much_memory_is_reported_as_memory(work: str, what: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(work, what=what, bytes=800 * MIB)
    assert caught.value.reason == "memory"
    assert "400 MiB of memory" in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="Reads the shared memory of a process in /proc")
def test_memory_that_no_rlimit_counts_is_seen_by_the_parent(work: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(
            work,
            what="eat_shared",
            bytes=200 * MIB,
            limits=Limits(100 * MIB, 20, 20, MIB),
        )
    assert caught.value.reason == "memory"


def test_too_much_processor_time_is_reported_as_cpu(work: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(work, what="spin", limits=Limits(400 * MIB, 1, 20, MIB))
    assert caught.value.reason == "cpu"
    assert "1 second of processor time" in caught.value.message


def test_too_much_wall_time_is_reported_as_time(work: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(work, what="sleep", limits=Limits(400 * MIB, 20, 1, MIB))
    assert caught.value.reason == "time"
    assert "within 1 second" in caught.value.message


@pytest.mark.parametrize(("what", "said"), [("crash", "SIGSEGV"), ("leave", "exit status 3")])
def test_a_crash_is_told_from_a_want_of_memory(work: str, what: str, said: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(work, what=what)
    assert caught.value.reason == "crashed"
    assert said in caught.value.message


def test_a_kill_by_the_kernel_is_reported_as_memory(work: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(work, what="kill_itself")
    assert caught.value.reason == "memory"


def test_a_file_over_the_limit_is_refused(work: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(work, what="write", bytes=2 * MIB)
    assert caught.value.reason == "crashed"
    assert "file larger than 1 MiB" in caught.value.message


def test_an_internal_error_goes_to_the_log_and_not_to_the_person(work: str) -> None:
    with pytest.raises(ChildFailed) as caught:
        run(work, what="fail")
    assert caught.value.reason == "crashed"
    assert "the last words" in caught.value.detail
    assert "division by zero" in caught.value.detail
    assert "division by zero" not in caught.value.message


def test_an_unknown_module_is_an_internal_error() -> None:
    with pytest.raises(ChildFailed) as caught:
        run("no_such_module_of_ours")
    assert caught.value.reason == "crashed"
    assert "ModuleNotFoundError" in caught.value.detail


def test_cancelling_stops_the_child_and_what_it_started_within_two_seconds(work: str) -> None:
    pids: list[int] = []
    asked = time.monotonic()

    def start(stage: str, _: float) -> None:
        nonlocal asked
        pids.extend(int(number) for number in stage.split())
        asked = time.monotonic()

    with pytest.raises(ChildFailed) as caught:
        run(work, what="start_another", on_progress=start, keep_going=lambda: not pids)
    assert caught.value.reason == "stopped"
    assert time.monotonic() - asked < 2
    assert len(pids) == 2
    assert wait_until_dead(pids, 1)


def lose(*_: object) -> bool:
    raise ConnectionError("the database has gone")


@pytest.mark.parametrize(
    ("on_progress", "keep_going"), [(lose, lambda: True), (lambda stage, fraction: None, lose)]
)
def test_an_error_of_the_caller_stops_the_child_and_is_passed_on(
    work: str, on_progress: Callable[[str, float], None], keep_going: Callable[[], bool]
) -> None:
    before = time.monotonic()
    with pytest.raises(ConnectionError, match="the database has gone"):
        run(work, what="sleep", on_progress=on_progress, keep_going=keep_going)
    assert time.monotonic() - before < 5


@pytest.mark.skipif(sys.platform != "linux", reason="Looks for processes in /proc")
@pytest.mark.parametrize("what", ["spin", "sleep"])
def test_a_killed_parent_leaves_no_child(work: str, what: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = [{str(PROJECT)!r}, {str(tmp_path)!r}]
            from portal.jobs.child import Limits, run_child
            run_child({work!r}, {{"what": {what!r}}}, limits=Limits({400 * MIB}, 60, 60, {MIB}),
                      on_progress=lambda stage, fraction: None,
                      keep_going=lambda: True)
            """
        )
    )
    parent = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    try:
        children = wait_for_children(parent.pid)
        assert children
        assert all(is_alive(pid) for pid in children)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert wait_until_dead(children, 5)


def wait_for_children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if found := listing.read_text().split():
            time.sleep(0.3)  # past the start of its interpreter
            return [int(number) for number in found]
        time.sleep(0.02)
    return []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("Failed to allocate memory for requested buffer of size 8"), True),
        (ValueError("bad value"), False),
    ],
)
def test_want_of_memory_is_known_by_its_words(error: Exception, expected: bool) -> None:
    assert is_want_of_memory(error) is expected
