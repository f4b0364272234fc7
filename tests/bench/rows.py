"""Lines of the benchmark table, and what measures them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[2]

WHOLE_RESULT = """
import pathlib, sys, time
import usecases.evaluate
folder = pathlib.Path(sys.argv[1])
tables = [part for path in sorted(folder.glob("*.parquet"))
          for part in ("--table", f"{path.stem}={path}")]
start = time.perf_counter()
code = usecases.evaluate.main([*sys.argv[2:], *tables, "--out", str(folder / "out.json")])
seconds = time.perf_counter() - start
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = next(int(l.split()[1]) for l in status.read_text().splitlines() if "VmHWM" in l)
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(code, seconds, peak)
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    peer: str
    ratio: str
    target: str
    reached: bool | None

    def cells(self) -> list[str]:
        reached = {True: "yes", False: "NO", None: ""}[self.reached]
        return [self.what, self.ours, self.peer, self.ratio, self.target, reached]


def fastest(call: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of several calls."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def ratio_row(what: str, ours: float, peer: str, theirs: float, target: float | None) -> Row:
    """A line that compares seconds with those of a peer."""
    return Row(
        what,
        f"{ours:.4f} s",
        f"{theirs:.4f} s ({peer})",
        f"{ours / theirs:.3f}",
        "" if target is None else f"≤ {target}",
        None if target is None else ours / theirs <= target,
    )


def whole_result(
    task: str, tables: Mapping[str, pl.DataFrame], *options: str
) -> tuple[float, float]:
    """Seconds and GiB of a whole result, read from files, in a process of its own.

    ``options`` are further arguments of the command line.

    Raises
    ------
    RuntimeError
        If the command line refuses the tables.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in tables.items():
            frame.write_parquet(f"{folder}/{name}.parquet")
        done = subprocess.run(
            [sys.executable, "-c", WHOLE_RESULT, folder, task, *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    code, seconds, kibibytes = done.stdout.split()
    if code != "0":
        raise RuntimeError(done.stderr)
    return float(seconds), int(kibibytes) / 1024**2


def whole_result_rows(
    what: str, task: str, tables: Mapping[str, pl.DataFrame], seconds: float, memory: float
) -> list[Row]:
    """Two lines: the time of a whole result and its peak memory, each with its target."""
    took, peak = whole_result(task, tables)
    return [
        Row(what, f"{took:.2f} s", "", "", f"≤ {seconds:g} s", took <= seconds),
        Row(
            "the same, peak memory of the process",
            f"{peak:.2f} GiB",
            "",
            "",
            f"≤ {memory:g} GiB",
            peak <= memory,
        ),
    ]
