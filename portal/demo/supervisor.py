"""Starts the processes of a demonstration, watches them, and ends every one of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class DemonstrationError(RuntimeError):
    """The demonstration cannot run; the message says why and what to do."""


class Interrupted(Exception):  # noqa: N818 - being asked to stop is no error
    """Someone asked the demonstration to stop."""


@dataclass(frozen=True)
class Program:
    """A process that is to run for as long as the demonstration does.

    Parameters
    ----------
    name
        What a person calls it.
    command
        The program and its arguments.
    log
        The file that takes what it says.
    ready
        Whether it does its work yet; asked again and again.
    """

    name: str
    command: Sequence[str]
    log: Path
    ready: Callable[[], bool]


_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` on Ctrl-C, on SIGTERM and when the terminal closes."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    with _handling(interrupt):
        yield


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in _INTERRUPTS}
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)


class Supervisor:
    """The processes that were started, each the head of a process group of its own."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, stop_seconds: float = STOP_SECONDS
    ) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self.stop_seconds = stop_seconds
        self._running: list[tuple[Program, subprocess.Popen[bytes]]] = []

    def run(self, command: Sequence[str], log: Path) -> str:
        """Run a command to its end; `begin` and then `finish`."""
        return self.finish(self.begin(command, log))

    def begin(self, command: Sequence[str], log: Path) -> Program:
        """Start a command that will end by itself.

        What it prints goes beside `log`, apart from warnings and errors, which `log` takes.
        """
        program = Program(" ".join(command[1:]), command, log, lambda: True)
        with _output_of(program).open("wb") as output, log.open("wb") as errors:
            self._spawn(program, output, errors)
        return program

    def finish(self, program: Program) -> str:
        """Wait for the end of a command.

        Returns
        -------
        str
            What it printed.

        Raises
        ------
        DemonstrationError
            When it failed, with the end of what it printed.
        """
        process = next(process for each, process in self._running if each is program)
        status = process.wait()
        self._running.remove((program, process))
        if status != 0:
            raise DemonstrationError(
                f"'{program.name}' failed, {_status(status)}. {_log_of(program)}"
            )
        return _output_of(program).read_text(errors="replace")

    def start(self, program: Program) -> None:
        with program.log.open("wb") as log:
            self._spawn(program, log, log)

    def _spawn(self, program: Program, output: IO[bytes], errors: IO[bytes]) -> None:
        process = subprocess.Popen(
            list(program.command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            # Out of reach of the terminal's Ctrl-C, which would hit every process at once.
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._running.append((program, process))

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until every program does its work.

        Raises
        ------
        DemonstrationError
            When one ended, or is not ready in time.
        """
        deadline = time.monotonic() + seconds
        waiting = [program for program, _ in self._running]
        while waiting:
            self.check()
            waiting = [program for program in waiting if not program.ready()]
            if waiting and time.monotonic() > deadline:
                late = waiting[0]
                raise DemonstrationError(
                    f"{late.name} was not ready after {seconds:.0f} s. {_log_of(late)}"
                )
            time.sleep(0.1)

    def watch(self) -> None:
        """Return never: raise `DemonstrationError` when a program ends."""
        while True:
            self.check()
            time.sleep(0.3)

    def check(self) -> None:
        for program, process in self._running:
            if (status := process.poll()) is not None:
                raise DemonstrationError(
                    f"{program.name} ended with {_status(status)}. {_log_of(program)}"
                )

    def stop(self) -> None:
        """End every process: asked first, and killed after `stop_seconds`."""
        # A second Ctrl-C must not break this off.
        with _handling(signal.SIG_IGN):
            self._stop()

    def _stop(self) -> None:
        family = {child for _, process in self._running for child in _family(process.pid)}
        for _, process in self._running:
            # Only the head, which knows in what order to end its own.
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + self.stop_seconds
        for _, process in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            family |= _family(process.pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # Those that left their group.
        for child in family:
            with contextlib.suppress(psutil.Error):
                child.kill()
        psutil.wait_procs(family, timeout=5)
        self._running.clear()


def _family(pid: int) -> set[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return set(psutil.Process(pid).children(recursive=True))
    return set()


def _end_with_parent() -> None:
    """Have the kernel end this process should the launcher be killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _status(returncode: int) -> str:
    if returncode < 0:
        return f"signal {signal.Signals(-returncode).name}"
    return f"exit status {returncode}"


def _output_of(program: Program) -> Path:
    return program.log.with_suffix(".out")


def _log_of(program: Program) -> str:
    said = program.log.read_text(errors="replace")
    return f"The end of its log, {program.log}:\n{_end_of(said)}"


def _end_of(text: str, lines: int = 25) -> str:
    return "\n".join("    " + line for line in text.rstrip().splitlines()[-lines:])
