"""Work that may go wrong, in a process of its own with limits on memory, time and file size.

:func:`run_child` starts a second Python, hands it a request, and returns its reply. The child
knows nothing of the site: it sees no secret, no database and no setting, only the request. It
cannot outlive its parent: it ends when the parent closes its standard input, which the kernel
does for a parent that was killed; on Linux the kernel is asked to kill it as well.

A module that runs in the child has ``main(request, progress) -> dict`` and may raise
:class:`Refused` with a sentence for the person who asked.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
_STDERR_KEPT = 16 * 1024
_LONGEST_LINE = 64 * 1024**2
_READ_SIZE = 64 * 1024
_PROGRESS_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1
_SIGNS_OF_MEMORY = (
    "bad_alloc",
    "bad allocation",
    "memoryerror",
    "memory allocation of",
    "cannot allocate memory",
    "failed to allocate memory",
    "unable to allocate",
    "out of memory",
    "out-of-memory",
    "not enough memory",
    "can't start new thread",
    "can't spawn worker thread",
)


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    ``memory_bytes`` counts what it writes to (heap and private mappings), not the libraries and
    files that it maps; see ``threads`` for why the floor rises with each thread.
    """

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: int
    file_bytes: int
    """Size of the largest file that it may write."""
    threads: int = 1
    """Threads of each numerical library; each one costs its stack and its own caches."""


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Raised in the child: the request cannot be met, and this sentence says why."""


class ChildRefused(Exception):  # noqa: N818
    """Raised in the parent: what the child said in :class:`Refused`."""

    @property
    def message(self) -> str:
        return str(self)


class ChildFailed(Exception):  # noqa: N818
    """The child gave no reply.

    Attributes
    ----------
    reason : {"memory", "cpu", "time", "crashed", "stopped"}
        ``stopped`` means that ``keep_going`` said so.
    message : str
        A sentence that a person can act on.
    detail : str
        The last of its standard error, for the log and not for a page.
    """

    def __init__(self, reason: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.detail = detail


def run_child(
    module: str,
    request: dict[str, Any],
    *,
    limits: Limits,
    on_progress: Callable[[str, float], None],
    keep_going: Callable[[], bool],
    poll_seconds: float = 0.5,
) -> dict[str, Any]:
    """Run ``module.main(request, progress)`` in a limited process and return its reply.

    Parameters
    ----------
    module : str
        Dotted name of a module with ``main``; it must not be chosen by a user.
    request : dict
        Anything JSON can hold. Paths in it should be absolute: the child works in a temporary
        folder of its own, which is removed afterwards.
    limits : Limits
    on_progress : callable
        Called with the stage and the fraction done, at most ten times a second for each stage.
    keep_going : callable
        Called about every ``poll_seconds``; False stops the child at once. Whatever it or
        ``on_progress`` raises stops the child too, and is passed on.
    poll_seconds : float

    Raises
    ------
    ChildRefused
        The child refused the request, with a sentence for the person.
    ChildFailed
        The child gave no reply: see its ``reason``.
    """
    folder = Path(tempfile.mkdtemp(prefix="child-"))
    try:
        envelope = {"request": request, "limits": asdict(limits), "parent": os.getpid()}
        # Kept private and in a file: a pipe would block on a child that never reads.
        (folder / "request.json").write_text(json.dumps(envelope))
        child = _Child(module, folder, limits)
        try:
            return child.converse(on_progress, keep_going, poll_seconds)
        finally:
            child.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# The parent's side


class _Child:
    """One running child, seen from its parent."""

    def __init__(self, module: str, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self.started = time.monotonic()
        self.peak_bytes = 0
        self.cpu_used = 0.0
        self.stderr = b""
        self._incoming = b""
        self.exit_code: int | None = None
        reading, writing = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "portal.jobs.child", module, str(writing)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=_environment(folder, limits),
                pass_fds=(writing,),
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        if self.process.stdin is None or self.process.stderr is None:  # for the type checker
            raise RuntimeError("The pipes of the child were not made.")
        self.stdin = self.process.stdin
        self.messages = reading
        self.errors = self.process.stderr.fileno()
        os.set_blocking(self.messages, False)
        os.set_blocking(self.errors, False)

    def converse(
        self,
        on_progress: Callable[[str, float], None],
        keep_going: Callable[[], bool],
        poll_seconds: float,
    ) -> dict[str, Any]:
        """Read what the child says until it has answered, or until it must be stopped."""
        next_poll = self.started
        with selectors.DefaultSelector() as selector:
            selector.register(self.messages, selectors.EVENT_READ)
            selector.register(self.errors, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if now >= next_poll:
                    self._check(keep_going)
                    now = time.monotonic()
                    next_poll = now + poll_seconds
                for key, _ in selector.select(max(0.0, next_poll - now)):
                    data = os.read(key.fd, _READ_SIZE)
                    if key.fd == self.errors:
                        self.stderr = (self.stderr + data)[-_STDERR_KEPT:]
                        if not data:
                            selector.unregister(self.errors)
                        continue
                    if not data:
                        self.end()
                        raise self._why_it_ended()
                    for message in self._complete_messages(data):
                        if "progress" in message:
                            stage, fraction = message["progress"]
                            on_progress(stage, fraction)
                        else:
                            return self._answer(message)

    def _complete_messages(self, data: bytes) -> list[dict[str, Any]]:
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        if len(self._incoming) > _LONGEST_LINE:
            raise self._failed("crashed", "The work gave a reply that is too large to take.")
        return [json.loads(line) for line in lines]

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        if "reply" in message:
            reply: dict[str, Any] = message["reply"]
            return reply
        self.end()
        if "refused" in message:
            raise ChildRefused(message["refused"])
        if message["error"] == "memory":
            raise self._memory_failure()
        if message["error"] == "file":
            raise self._failed(
                "crashed",
                f"The work tried to write a file larger than {_size(self.limits.file_bytes)}, "
                "which it may not; use a smaller table, or ask the administrator to raise the "
                "limit.",
            )
        raise self._failed(
            "crashed",
            f"The work failed with an internal error ({message['error']}); "
            "the administrator finds the details in the log.",
        )

    def _check(self, keep_going: Callable[[], bool]) -> None:
        """Stop a child that is unwanted, too slow, or larger than its limit let it see."""
        if not keep_going():
            self.end()
            raise self._failed("stopped", "The work was stopped because it was asked to.")
        if time.monotonic() - self.started >= self.limits.wall_seconds:
            self.end()
            raise self._failed(
                "time",
                f"The work was not done within {_seconds(self.limits.wall_seconds)} and was "
                "stopped; use a smaller table or a faster model, or ask the administrator to "
                "raise the limit.",
            )
        used = _own_memory(self.process.pid)
        self.peak_bytes = max(self.peak_bytes, used)
        if used > self.limits.memory_bytes:
            self.end()
            raise self._memory_failure()

    def _why_it_ended(self) -> ChildFailed:
        """The reason of a child that ended without an answer."""
        code = self.exit_code
        text = self.stderr.decode(errors="replace").lower()
        if code == -signal.SIGXCPU or self.cpu_used >= self.limits.cpu_seconds:
            return self._failed(
                "cpu",
                "The work needed more than the "
                f"{_seconds(self.limits.cpu_seconds)} of processor time that it is allowed, and "
                "was stopped; look for a loop that does not end, use a smaller table, or ask the "
                "administrator to raise the limit.",
            )
        # Nobody but the kernel, short of memory, is expected to send SIGKILL here. A crash is
        # put down to memory only with evidence: its last words, or that it was near its limit.
        near_limit = self.peak_bytes > self.limits.memory_bytes // 2
        died = code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
        if (
            code == -signal.SIGKILL
            or any(sign in text for sign in _SIGNS_OF_MEMORY)
            or (died and near_limit)
        ):
            return self._memory_failure()
        how = "without an answer"
        if code is not None and code < 0:
            how = f"on signal {signal.Signals(-code).name}"
        elif code:
            how = f"with exit status {code}"
        return self._failed(
            "crashed",
            f"The work ended unexpectedly ({how}); try again, and if it happens again, the "
            "administrator finds the details in the log.",
        )

    def _memory_failure(self) -> ChildFailed:
        return self._failed(
            "memory",
            f"The work needed more than the {_size(self.limits.memory_bytes)} of memory that it "
            "is allowed, and was stopped; use a smaller table or model, or ask the administrator "
            "to raise the limit.",
        )

    def _failed(self, reason: str, message: str) -> ChildFailed:
        return ChildFailed(reason, message, self.stderr.decode(errors="replace"))

    def end(self) -> None:
        """Kill the child's whole process group, reap the child and close the pipes; repeatable.

        The group is killed before the child is reaped: until then its number is not reused.
        The exit status of a child that has ended already is not changed by that.
        """
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        try:
            _, status, usage = os.wait4(self.process.pid, 0)
            self.exit_code = os.waitstatus_to_exitcode(status)
            self.cpu_used = usage.ru_utime + usage.ru_stime
        except ChildProcessError:  # reaped by a SIGCHLD handler of the host process
            self.exit_code = None
        self.process.returncode = self.exit_code if self.exit_code is not None else 0
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.errors, _READ_SIZE):
                self.stderr = (self.stderr + data)[-_STDERR_KEPT:]
        os.close(self.messages)
        if self.process.stderr is not None:
            self.process.stderr.close()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()


def _environment(folder: Path, limits: Limits) -> dict[str, str]:
    """All that the child is told of its surroundings; in particular no secret of the site."""
    paths = [str(PROJECT), *(path for path in sys.path if os.path.isabs(path))]
    threads = str(limits.threads)
    environment = {
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "MKL_NUM_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "PATH": os.environ.get("PATH", os.defpath),
        "POLARS_MAX_THREADS": threads,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "TMPDIR": str(folder),
        "TZ": "UTC",
    }
    if "LD_LIBRARY_PATH" in os.environ:  # some interpreters do not start without it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment


def _own_memory(pid: int) -> int:
    """Bytes that a process holds for itself, in memory or swapped out; 0 if it has gone.

    Pages of mapped files are left out where the system tells them apart (Linux): they are the
    kernel's to take back.
    """
    if sys.platform == "linux":
        wanted = ("RssAnon:", "RssShmem:", "VmSwap:")
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            return 0
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(wanted))
    ps = shutil.which("ps")
    if ps is None:
        return 0
    shown = subprocess.run(
        [ps, "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return int(shown.stdout.strip() or 0) * 1024


def _size(count: int) -> str:
    return f"{count / 1024**3:.3g} GiB" if count >= 1024**3 else f"{count / 1024**2:.3g} MiB"


def _seconds(count: int) -> str:
    return "1 second" if count == 1 else f"{count} seconds"


# The child's side


def serve(module: str, messages: int) -> None:
    """Read the request, take on the limits, run the module, answer, and end the process."""
    os.set_inheritable(messages, False)
    path = Path("request.json")
    envelope = json.loads(path.read_text())
    path.unlink()
    _end_with_parent(envelope["parent"])
    limits = Limits(**envelope["limits"])
    _apply(limits)
    sending = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        line = json.dumps(message, allow_nan=False).encode() + b"\n"
        with sending:
            while line:
                line = line[os.write(messages, line) :]

    last = ("", 0.0)

    def progress(stage: str, fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if stage != last[0] or fraction >= 1 or now - last[1] >= _PROGRESS_SECONDS:
            last = (stage, now)
            send({"progress": [stage, fraction]})

    try:
        reply = importlib.import_module(module).main(envelope["request"], progress)
        send({"reply": reply})
    except Refused as refusal:
        send({"refused": str(refusal)})
    except BaseException as error:
        traceback.print_exc()
        send({"error": _kind_of(error)})
    sys.stderr.flush()
    os._exit(0)  # without the destructors of native libraries: all that matters is done


def _kind_of(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return "file"
    if is_want_of_memory(error):
        return "memory"
    # Native libraries have their own exception for EFBIG.
    return "file" if "file too large" in str(error).lower() else type(error).__name__


def is_want_of_memory(error: BaseException) -> bool:
    """Whether ``error`` is a failed allocation, for which native libraries have their own."""
    text = f"{type(error).__name__}: {error}".lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in _SIGNS_OF_MEMORY)


def _end_with_parent(parent: int) -> None:
    """End this process, and all it started, as soon as the parent has gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # The kernel's killer, should the whole machine be short of memory, starts with us.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
    if os.getppid() != parent:
        os._exit(1)

    def watch() -> None:
        while os.read(0, 1024):
            pass
        shutil.rmtree(Path.cwd(), ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    threading.stack_size(256 * 1024)
    threading.Thread(target=watch, name="parent", daemon=True).start()
    threading.stack_size(0)


def _apply(limits: Limits) -> None:
    """Take on the limits; what a system lacks is left to the parent's watch.

    ``RLIMIT_DATA`` rather than ``RLIMIT_AS``: the latter also counts libraries, mapped files
    and reserved addresses, several times what the work really uses.
    """
    wanted = [
        ("RLIMIT_DATA", limits.memory_bytes, limits.memory_bytes),
        ("RLIMIT_CPU", limits.cpu_seconds, limits.cpu_seconds + 2),
        ("RLIMIT_FSIZE", limits.file_bytes, limits.file_bytes),
        ("RLIMIT_CORE", 0, 0),
    ]
    for name, soft, hard in wanted:
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (soft, hard))


if __name__ == "__main__":
    # Through the import system, so that the module's Refused is this very class.
    importlib.import_module("portal.jobs.child").serve(sys.argv[1], int(sys.argv[2]))
