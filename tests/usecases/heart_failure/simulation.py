"""Series of scores that rise before events, for the tests of heart-failure/alerts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from portal.result import Result
from portal.tables import LoadedTable
from usecases.heart_failure.evaluation import evaluate_alerts
from usecases.heart_failure.protocol import AlertsProtocol

FIRST = date(2024, 1, 1)
QUICK: dict[str, Any] = {"bootstrap_replicates": 100, "threshold": 9}

Frames = dict[str, pl.DataFrame]


def dates(days: Iterable[int]) -> pl.Series:
    return pl.Series([FIRST + timedelta(days=int(day)) for day in days], dtype=pl.Date)


def simulated(
    patients: int = 120,
    seed: int = 1,
    *,
    days: int = 300,
    sites: tuple[str, ...] = (),
    deaths: bool = True,
) -> Frames:
    """Daily scores with ties, missing days and gaps; events; a tenth of the patients die."""
    random = np.random.default_rng(seed)
    ids = [f"p{number:04}" for number in range(patients)]
    end = random.integers(days // 2, days, patients)
    followup: dict[str, Any] = {
        "patient_id": ids,
        "start": dates([0] * patients),
        "end": dates(end),
        "sex": [("female", "male")[one] for one in random.integers(2, size=patients)],
    }
    if sites:
        followup["site"] = [sites[one] for one in random.integers(len(sites), size=patients)]
    events, scores = [], []
    for number in range(patients):
        fell_ill = random.choice(end[number], size=min(3, random.poisson(1.2)), replace=False)
        level = random.normal(4, 1.5, end[number] + 1)
        for day in fell_ill:
            level[max(0, day - 20) : day + 1] += 2.5
            events.append((ids[number], int(day), "heart-failure hospitalisation"))
        if deaths and random.random() < 0.2:
            events.append((ids[number], int(end[number]), "Death"))
        kept = random.random(level.size) < 0.85
        gap = int(random.integers(level.size))
        kept[gap : gap + 15] = False
        kept[0] = True
        for day in np.flatnonzero(kept):
            scores.append((ids[number], int(day), float(np.round(level[day]))))
    return {
        "followup": pl.DataFrame(followup),
        "events": pl.DataFrame(
            {
                "patient_id": [row[0] for row in events],
                "date": dates(row[1] for row in events),
                "type": [row[2] for row in events],
            }
        ),
        "predictions": pl.DataFrame(
            {
                "patient_id": [row[0] for row in scores],
                "date": dates(row[1] for row in scores),
                "score": [row[2] for row in scores],
            }
        ),
    }


def with_alerts(frames: Frames, threshold: float = 9) -> Frames:
    """Every score at or above a threshold as an alert, instead of the scores."""
    scores = frames["predictions"]
    alerts = scores.filter(pl.col("score") >= threshold).select("patient_id", "date")
    return {"followup": frames["followup"], "events": frames["events"], "alerts": alerts}


def evaluated(frames: Frames, **protocol: Any) -> Result:
    tables = {name: LoadedTable(frame, name[0] * 64) for name, frame in frames.items()}
    return evaluate_alerts(tables, AlertsProtocol.model_validate({**QUICK, **protocol}))


def shuffled(frames: Frames, seed: int = 3) -> Frames:
    """The same rows in another order."""
    return {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in frames.items()
    }
