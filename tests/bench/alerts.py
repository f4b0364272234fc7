"""Speed of heart-failure/alerts: daily scores of many patients, all thresholds."""

from __future__ import annotations

import numpy as np
import polars as pl

from tests.bench.rows import Row, whole_result

SECONDS_TARGET, MEMORY_TARGET = 8.0, 3.0
DAYS = 1096
FIRST = 18_262
"""2020-01-01, in days since 1970."""


def simulated(patients: int) -> dict[str, pl.DataFrame]:
    """Three years of scores that wander, and rise in the month before an event; 2% are missing."""
    random = np.random.default_rng(patients)
    ids = np.array([f"p{number:07}" for number in range(patients)])
    whose = np.repeat(np.arange(patients), random.poisson(1.8, patients))
    place = np.unique(whose * DAYS + random.integers(0, DAYS, whose.size))
    whose, when = place // DAYS, place % DAYS
    score = np.empty((patients, DAYS))
    level = np.zeros(patients)
    for day in range(DAYS):
        level = 0.95 * level + random.normal(size=patients)
        score[:, day] = 8 + 3 * level
    for lead in range(30):
        early = when >= lead
        np.add.at(score, (whose[early], when[early] - lead), 6 * (1 - lead / 30))
    row, day = np.nonzero(random.random(score.shape) >= 0.02)
    last = np.full(patients, FIRST + DAYS - 1)
    died = np.flatnonzero(random.random(patients) < 0.1)
    return {
        "followup": pl.DataFrame(
            {
                "patient_id": ids,
                "start": _dates(np.full(patients, FIRST)),
                "end": _dates(last),
                "site": np.array(["a", "b", "c", "d"])[random.integers(4, size=patients)],
            }
        ),
        "events": pl.DataFrame(
            {
                "patient_id": np.concatenate((ids[whose], ids[died])),
                "date": _dates(np.concatenate((FIRST + when, last[died]))),
                "type": ["hospitalisation"] * whose.size + ["death"] * died.size,
            }
        ),
        "predictions": pl.DataFrame(
            {"patient_id": ids[row], "date": _dates(FIRST + day), "score": score[row, day]}
        ),
    }


def _dates(days: np.ndarray) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def result_rows(patients: int, recovery: float | None, *, with_target: bool) -> list[Row]:
    """A whole result, read from files, in a process of its own: its time and its peak memory."""
    tables = simulated(patients)
    fields = ["--set", "threshold=20"]
    if recovery is not None:
        fields += ["--set", f"recovery_threshold={recovery:g}"]
    scores = tables["predictions"].height
    seconds, memory = whole_result("heart-failure/alerts", tables, *fields)
    words = "" if recovery is None else ", recovery threshold"
    return [
        Row(
            f"Whole heart-failure/alerts result, {patients:,} patients, {scores:,} daily scores, "
            f"four sites{words}, reading included",
            f"{seconds:.2f} s",
            "",
            "",
            f"≤ {SECONDS_TARGET:g} s" if with_target else "",
            seconds <= SECONDS_TARGET if with_target else None,
        ),
        Row(
            "the same, peak memory of the process",
            f"{memory:.2f} GiB",
            "",
            "",
            f"≤ {MEMORY_TARGET:g} GiB" if with_target else "",
            memory <= MEMORY_TARGET if with_target else None,
        ),
    ]


def alert_rows(*, quick: bool) -> list[Row]:
    """The lines of the table; ``quick`` leaves out the large ones."""
    rows = result_rows(1_000, None, with_target=False)
    if not quick:
        rows += result_rows(10_000, None, with_target=True)
        rows += result_rows(10_000, 17.0, with_target=True)
    return rows
