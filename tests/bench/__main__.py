"""``python -m tests.bench``: speed and memory of the engine, beside scikit-learn in the same run.

Prints a table and writes it to ``usecases/statistics/BENCHMARKS.md`` with the machine in words.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import scipy
import sklearn
from sklearn.metrics import roc_auc_score

from usecases.statistics.discrimination import auroc

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "usecases" / "statistics" / "BENCHMARKS.md"
AUROC_TARGET, RESULT_TARGET, MEMORY_TARGET = 0.15, 40.0, 1.5

WHOLE_RESULT = """
import pathlib, sys, time
import usecases.evaluate
folder = pathlib.Path(sys.argv[1])
start = time.perf_counter()
code = usecases.evaluate.main([
    "ckd/binary", "--table", f"cohort={folder / 'cohort.parquet'}",
    "--table", f"predictions={folder / 'predictions.parquet'}", "--out", str(folder / "out.json"),
])
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


def simulated(people: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes (about one in eight) and risks, in random order."""
    random = np.random.default_rng(people)
    risk = 1 / (1 + np.exp(-random.normal(-2.5, 1.2, people)))
    return (random.random(people) < risk).astype(np.int64), risk


def fastest(call: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of several calls."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def auroc_row(people: int, *, with_target: bool) -> Row:
    outcome, risk = simulated(people)
    ours = fastest(lambda: auroc(outcome, risk), 5)
    theirs = fastest(lambda: roc_auc_score(outcome, risk), 3 if people <= 10**6 else 2)
    found = auroc(outcome, risk).value
    if found is None or abs(found - roc_auc_score(outcome, risk)) > 1e-12:
        raise RuntimeError("The two areas differ; a benchmark of wrong numbers says nothing.")
    return Row(
        f"AUROC with DeLong interval, {people:.0e} predictions".replace("e+0", "e"),
        f"{ours:.4f} s",
        f"{theirs:.4f} s",
        f"{ours / theirs:.3f}",
        f"≤ {AUROC_TARGET}" if with_target else "",
        ours / theirs <= AUROC_TARGET if with_target else None,
    )


def result_rows(people: int) -> list[Row]:
    """A whole ckd/binary result, read from files, in a process of its own."""
    outcome, risk = simulated(people)
    theirs = fastest(lambda: roc_auc_score(outcome, risk), 3)
    with tempfile.TemporaryDirectory() as folder:
        ids = pl.Series("patient_id", np.arange(people)).cast(pl.String)
        pl.DataFrame({"patient_id": ids, "outcome": outcome}).write_parquet(
            f"{folder}/cohort.parquet"
        )
        pl.DataFrame({"patient_id": ids, "risk": risk}).write_parquet(
            f"{folder}/predictions.parquet"
        )
        done = subprocess.run(
            [sys.executable, "-c", WHOLE_RESULT, folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    code, seconds, kibibytes = done.stdout.split()
    if code != "0":
        raise RuntimeError(done.stderr)
    ratio, memory = float(seconds) / theirs, int(kibibytes) / 1024**2
    what = f"Whole ckd/binary result, {people:.0e} patients, reading included".replace("e+0", "e")
    return [
        Row(
            what,
            f"{float(seconds):.2f} s",
            f"{theirs:.4f} s",
            f"{ratio:.1f}",
            f"≤ {RESULT_TARGET:.0f}",
            ratio <= RESULT_TARGET,
        ),
        Row(
            "the same, peak memory of the process",
            f"{memory:.2f} GiB",
            "",
            "",
            f"≤ {MEMORY_TARGET} GiB",
            memory <= MEMORY_TARGET,
        ),
    ]


def machine() -> str:
    """The machine in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} processor cores ({platform.machine()}), {memory:.0f} GiB of memory, "
        f"{platform.system()}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}, Polars {pl.__version__}, scikit-learn {sklearn.__version__}"
    )


def table(rows: list[Row]) -> str:
    """A Markdown table whose columns line up."""
    head = ["what", "here", "roc_auc_score", "ratio", "target", "reached"]
    lines = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out 1e7 and write no report")
    quick = parser.parse_args().quick
    rows = [auroc_row(people, with_target=False) for people in (10**5, 10**6)]
    if not quick:
        rows.append(auroc_row(10**7, with_target=True))
    rows += result_rows(10**6)
    print(table(rows))
    print(f"\n{machine()}")
    if not quick:
        REPORT.write_text(report(rows))
        print(f"Written to {REPORT.relative_to(ROOT)}")


def report(rows: list[Row]) -> str:
    return f"""# Benchmarks

Written by `make bench`. Seconds are the fastest of several runs (the whole result: one run, in a
process of its own); `roc_auc_score` of scikit-learn runs on the same predictions in the same
session, so that the ratio can be compared between machines.

{table(rows)}

{machine()}.

Why it is fast: scores are split by outcome and sorted by value, as integers (an argsort costs
many times more), in two threads from 2^17 predictions; the smaller half is then looked up in the
larger. A whole result counts patients by distinct risk once, and bootstraps at most about 1,000
groups of neighbouring risks, so replicates cost the same for a thousand patients and a million.
"""


if __name__ == "__main__":
    main()
