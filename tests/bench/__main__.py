"""``python -m tests.bench``: speed and memory of the engine, beside its peers in the same run.

Pages of the site are measured too: their server time, and what they send.

Prints a table and writes it to ``usecases/statistics/BENCHMARKS.md`` with the machine in words.
"""

from __future__ import annotations

import argparse
import os
import platform

import numpy as np
import pandas as pd
import polars as pl
import scipy
import sklearn
from dcurves import dca
from sklearn.metrics import roc_auc_score

from tests.bench.alerts import alert_rows
from tests.bench.consortium import consortium_rows
from tests.bench.detection import detection_rows
from tests.bench.pages import page_rows
from tests.bench.rows import ROOT, Row, fastest, ratio_row, whole_result
from tests.bench.searching import search_rows
from tests.bench.survival import survival_rows
from usecases.statistics.auroc_bootstrap import auroc_bootstrap
from usecases.statistics.discrimination import auroc
from usecases.statistics.risks import RiskTable
from usecases.statistics.utility import GRID, decision_curve

REPORT = ROOT / "usecases" / "statistics" / "BENCHMARKS.md"
AUROC_TARGET, RESULT_TARGET, MEMORY_TARGET = 0.15, 40.0, 1.5
BOOTSTRAP_TARGET, DECISION_TARGET = 0.05, 0.05
REPLICATES, PEER_REPLICATES = 1000, 20


def simulated(people: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes (about one in eight) and risks, in random order."""
    random = np.random.default_rng(people)
    risk = 1 / (1 + np.exp(-random.normal(-2.5, 1.2, people)))
    return (random.random(people) < risk).astype(np.int64), risk


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


def bootstrap_row(people: int) -> Row:
    """AUROC with a bootstrap interval; of the peer's replicates a few are timed and scaled."""
    outcome, risk = simulated(people)
    random = np.random.default_rng(1)

    def peer() -> None:
        for _ in range(PEER_REPLICATES):
            drawn = random.integers(people, size=people)
            roc_auc_score(outcome[drawn], risk[drawn])

    ours = fastest(lambda: auroc_bootstrap(RiskTable.of(outcome, risk), seed=1), 2)
    theirs = fastest(peer, 2) * REPLICATES / PEER_REPLICATES
    return ratio_row(
        f"AUROC bootstrap, {REPLICATES:,} replicates, {people:.0e} predictions".replace("e+0", "e"),
        ours,
        f"{PEER_REPLICATES} replicates, scaled",
        theirs,
        BOOTSTRAP_TARGET,
    )


def decision_row(people: int) -> Row:
    """A decision curve, ours with its intervals."""
    outcome, risk = simulated(people)
    frame = pd.DataFrame({"outcome": outcome, "risk": risk})
    theirs = fastest(
        lambda: dca(data=frame, outcome="outcome", modelnames=["risk"], thresholds=GRID), 2
    )
    return ratio_row(
        f"Decision curve, 99 thresholds, {people:.0e} predictions".replace("e+0", "e"),
        fastest(lambda: decision_curve(outcome, risk), 3),
        "dcurves, no intervals",
        theirs,
        DECISION_TARGET,
    )


def result_rows(people: int) -> list[Row]:
    """A whole ckd/binary result, read from files, in a process of its own."""
    outcome, risk = simulated(people)
    theirs = fastest(lambda: roc_auc_score(outcome, risk), 3)
    ids = pl.Series("patient_id", np.arange(people)).cast(pl.String)
    seconds, memory = whole_result(
        "ckd/binary",
        {
            "cohort": pl.DataFrame({"patient_id": ids, "outcome": outcome}),
            "predictions": pl.DataFrame({"patient_id": ids, "risk": risk}),
        },
    )
    ratio = seconds / theirs
    what = f"Whole ckd/binary result, {people:.0e} patients, reading included".replace("e+0", "e")
    return [
        Row(
            what,
            f"{seconds:.2f} s",
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
    head = ["what", "here", "peer", "ratio", "target", "reached"]
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
    rows += [bootstrap_row(people) for people in (10**4, 10**5)]
    rows += [decision_row(people) for people in (10**5, 10**6)]
    rows += result_rows(10**6)
    rows += survival_rows(quick=quick)
    rows += alert_rows(quick=quick)
    rows += detection_rows(quick=quick)
    rows += page_rows(quick=quick)
    rows += consortium_rows(quick=quick)
    rows += search_rows(quick=quick)
    print(table(rows))
    print(f"\n{machine()}")
    if not quick:
        REPORT.write_text(report(rows))
        print(f"Written to {REPORT.relative_to(ROOT)}")


def report(rows: list[Row]) -> str:
    return f"""# Benchmarks

Written by `make bench`. Seconds are the fastest of several runs (the whole result: one run, in a
process of its own). A peer runs on the same data in the same session, so that the ratio can be
compared between machines; it is `roc_auc_score` of scikit-learn where no other is named.

{table(rows)}

{machine()}.

Why it is fast: scores are split by outcome and sorted by value, as integers (an argsort costs
many times more), in two threads from 2^17 predictions; the smaller half is then looked up in the
larger. A whole result counts patients by distinct risk once, and bootstraps at most about 1,000
groups of neighbouring risks, so replicates cost the same for a thousand patients and a million.
Concordance sorts patients as integers (time, event and place by risk in one), and counts pairs by
halving the follow-up: patients of the earlier half meet those of the later half in one pass, in
the order of risk, and both halves are halved again.
"""


if __name__ == "__main__":
    main()
