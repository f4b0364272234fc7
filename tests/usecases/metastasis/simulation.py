"""Simulated scans and exams for the tests of both tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from portal.result import Result
from portal.tables import LoadedTable
from usecases.metastasis.lung_evaluation import evaluate_lung
from usecases.metastasis.lung_protocol import LungProtocol
from usecases.metastasis.mammography_evaluation import evaluate_mammography
from usecases.metastasis.mammography_protocol import MammographyProtocol

Frames = dict[str, pl.DataFrame]
QUICK: dict[str, Any] = {"bootstrap_replicates": 100}


def loaded(frames: Frames) -> dict[str, LoadedTable]:
    return {name: LoadedTable(frame, name[0] * 64) for name, frame in frames.items()}


def lung(frames: Frames, **protocol: Any) -> Result:
    return evaluate_lung(loaded(frames), LungProtocol(**{**QUICK, **protocol}))


def mammography(frames: Frames, **protocol: Any) -> Result:
    return evaluate_mammography(loaded(frames), MammographyProtocol(**{**QUICK, **protocol}))


def scans(cases: int = 120, seed: int = 1) -> Frames:
    """Scans of two sites with lesions, excluded findings and marks near some of both."""
    random = np.random.default_rng(seed)
    lesions: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for case in range(cases):
        name = f"c{case}"
        for number in range(random.poisson(1.0) + random.poisson(0.5)):
            place = random.uniform(-150, 150, 3)
            excluded = bool(random.random() < 0.3)
            diameter = -1.0 if excluded else float(random.uniform(4, 20))
            lesions.append(
                {
                    "case_id": name,
                    "lesion_id": f"l{number}",
                    **dict(zip("xyz", place.tolist(), strict=True)),
                    "diameter_mm": diameter,
                    "excluded": excluded,
                }
            )
            if random.random() < 0.75:
                near = place + random.normal(0, 1, 3)
                marks.append(_mark(name, near, float(random.beta(4, 2))))
        for _ in range(random.poisson(4)):
            marks.append(_mark(name, random.uniform(-150, 150, 3), float(random.beta(2, 4))))
    return {
        "cases": pl.DataFrame(
            {
                "case_id": [f"c{case}" for case in range(cases)],
                "site": ["lyon" if case % 2 else "paris" for case in range(cases)],
                "vendor": [["A", "B", None][case % 3] for case in range(cases)],
            }
        ),
        "lesions": pl.DataFrame(lesions),
        "predictions": pl.DataFrame(marks),
    }


def _mark(case: str, place: np.ndarray, score: float) -> dict[str, Any]:
    return {"case_id": case, **dict(zip("xyz", place.tolist(), strict=True)), "score": score}


def exams(
    count: int = 900, per_woman: int = 1, seed: int = 1, *, reader: bool = True, scale: float = 1
) -> Frames:
    """Exams of two sites; women have several where asked."""
    random = np.random.default_rng(seed)
    outcome = (random.random(count) < 0.15).astype(np.int64)
    score = scale / (1 + np.exp(-(-2 + 2.5 * outcome + random.normal(size=count))))
    columns: dict[str, Any] = {
        "exam_id": [f"e{number}" for number in range(count)],
        "patient_id": [f"w{number // per_woman}" for number in range(count)],
        "outcome": outcome,
    }
    if reader:
        recalled = random.random(count) < np.where(outcome == 1, 0.8, 0.1)
        columns["reader_recall"] = recalled.astype(np.int64)
    columns["site"] = ["lyon" if number // per_woman % 2 else "nice" for number in range(count)]
    columns["density"] = [["low", "high"][number // 3 % 2] for number in range(count)]
    return {
        "exams": pl.DataFrame(columns),
        "predictions": pl.DataFrame({"exam_id": columns["exam_id"], "score": score}),
    }


def shuffled(frames: Frames, seed: int = 3) -> Frames:
    return {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in frames.items()
    }
