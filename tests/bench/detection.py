"""Speed of metastasis/lung-ct and metastasis/mammography."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_curve

from tests.bench.rows import ROOT, Row, fastest, ratio_row, whole_result, whole_result_rows
from usecases.statistics import froc
from usecases.statistics.detection import Detections, Lesions, Marks, match, used_marks

LUNA16 = (
    Path(os.environ.get("SHAIPED_REFERENCE_DATA") or ROOT.parent / "shared" / "data")
    / "metastasis-lung-ct"
    / "luna16"
)
SECONDS_TARGET, MEMORY_TARGET = 2.0, 1.0
POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
REPLICATES, MEASURED = 1_000, 20


def simulated_scans(cases: int) -> dict[str, pl.DataFrame]:
    """Scans like LUNA16's: 1.3 lesions, 40 excluded findings and 60 marks a scan."""
    random = np.random.default_rng(cases)
    case = {"lesion": np.repeat(np.arange(cases), random.poisson(1.3, cases))}
    case["finding"] = np.repeat(np.arange(cases), random.poisson(40, cases))
    case["mark"] = np.repeat(np.arange(cases), random.poisson(60, cases))
    places = {name: random.uniform(-150, 150, (of.size, 3)) for name, of in case.items()}
    hit = random.random(case["lesion"].size) < 0.95
    at = np.concatenate((places["lesion"][hit] + 0.5, places["mark"]))
    of = np.concatenate((case["lesion"][hit], case["mark"]))
    score = np.concatenate((random.beta(5, 1.5, hit.sum()), random.beta(1, 4, case["mark"].size)))
    what = np.concatenate((case["lesion"], case["finding"]))
    where = np.concatenate((places["lesion"], places["finding"]))
    excluded = np.arange(what.size) >= case["lesion"].size
    return {
        "cases": pl.DataFrame({"case_id": np.arange(cases)}),
        "lesions": pl.DataFrame(
            {
                "case_id": what,
                "lesion_id": np.arange(what.size),
                **dict(zip("xyz", where.T, strict=True)),
                "diameter_mm": np.where(excluded, -1.0, random.uniform(4, 20, what.size)),
                "excluded": excluded,
            }
        ),
        "predictions": pl.DataFrame(
            {"case_id": of, **dict(zip("xyz", at.T, strict=True)), "score": score}
        ),
    }


def simulated_exams(exams: int) -> dict[str, pl.DataFrame]:
    """Two exams a woman, one cancer in 150, a reader, three sites."""
    random = np.random.default_rng(exams)
    number = np.arange(exams)
    outcome = (random.random(exams) < 1 / 150).astype(np.int64)
    score = 1 / (1 + np.exp(3 - 2.5 * outcome - random.normal(size=exams)))
    recalled = random.random(exams) < np.where(outcome == 1, 0.8, 0.06)
    return {
        "exams": pl.DataFrame(
            {
                "exam_id": number,
                "patient_id": number // 2,
                "outcome": outcome,
                "reader_recall": recalled.astype(np.int64),
                "site": number // 2 % 3,
            }
        ).with_columns(pl.col("site").cast(pl.String)),
        "predictions": pl.DataFrame({"exam_id": number, "score": score}),
    }


def detected(tables: dict[str, pl.DataFrame]) -> Detections:
    """The simulated scans, matched; their identifiers are numbers from 0."""
    lesions, marks = tables["lesions"], tables["predictions"]
    what = Lesions(
        lesions["case_id"].to_numpy(),
        lesions.select("x", "y", "z").to_numpy(),
        lesions["diameter_mm"].to_numpy(),
        lesions["excluded"].to_numpy(),
    )
    where = Marks(
        marks["case_id"].to_numpy(),
        marks.select("x", "y", "z").to_numpy(),
        marks["score"].to_numpy(),
    )
    where = where.at(used_marks(where.case, where.score, 100))
    return match(tables["cases"].height, what, where, what.reach_in_radius())


def bootstrap_row(cases: int) -> Row:
    """Every measure with its bootstrap, beside the sensitivities alone by ``roc_curve``."""
    found = detected(simulated_scans(cases))
    hit = found.lesion_score > -np.inf
    truth = np.concatenate((np.ones(hit.sum()), np.zeros(found.false_positives)))
    score = np.concatenate((found.lesion_score[hit], found.false_score))
    owner = np.concatenate((found.lesion_case[hit], found.false_case))

    def script(weight: np.ndarray) -> np.ndarray:
        times = weight[owner].astype(np.int64)
        labels, scores = np.repeat(truth, times), np.repeat(score, times)
        rate, share, _ = roc_curve(labels, scores)
        marks = np.round(rate * np.sum(labels == 0)) / cases
        lesions = weight[found.lesion_case].sum()
        return np.interp(POINTS, marks, share * labels.sum() / lesions)

    ours = [quantity.value for quantity in _measured(found).sensitivity]
    if not np.allclose(ours, script(np.ones(cases)), atol=1e-9):
        raise RuntimeError("The sensitivities differ; a benchmark of wrong numbers says nothing.")
    random = np.random.default_rng(1)

    def theirs() -> None:
        for _ in range(MEASURED):
            script(np.bincount(random.integers(cases, size=cases), minlength=cases))

    return ratio_row(
        f"Free-response measures, {REPLICATES:,} bootstraps, {cases:,} scans, "
        f"{found.candidates_used:,} marks",
        fastest(lambda: _measured(found), 3),
        f"roc_curve, sensitivities alone, {MEASURED} bootstraps scaled",
        fastest(theirs, 2) * REPLICATES / MEASURED,
        None,
    )


def _measured(found: Detections) -> froc.Measured:
    return froc.measure(found, froc.Settings(POINTS, REPLICATES, 1))


def luna16_rows() -> list[Row]:
    """The whole LUNA16 result, where the data are beside the checkout."""
    what = "Whole metastasis/lung-ct result of LUNA16, 1,000 bootstraps, reading included"
    if not LUNA16.is_dir():
        return [Row(f"{what}: the data are not here", "", "", "", f"≤ {SECONDS_TARGET:g} s", None)]
    tables = {
        "cases": pl.read_parquet(LUNA16 / "cases.parquet"),
        "lesions": pl.read_parquet(LUNA16 / "lesions.parquet"),
        "predictions": pl.read_parquet(LUNA16 / "predictions_deeplung.parquet"),
    }
    return whole_result_rows(what, "metastasis/lung-ct", tables, SECONDS_TARGET, MEMORY_TARGET)


def untargeted(what: str, task: str, tables: dict[str, pl.DataFrame]) -> Row:
    """The time of a whole result that has no target, with its memory in words."""
    seconds, memory = whole_result(task, tables)
    return Row(f"{what}, {memory:.2f} GiB", f"{seconds:.2f} s", "", "", "", None)


def detection_rows(*, quick: bool) -> list[Row]:
    """The lines of the table; ``quick`` leaves out the large ones."""
    rows = [*luna16_rows(), bootstrap_row(1_000)]
    sizes = ((), ()) if quick else ((10_000,), (10**5, 10**6))
    for cases in sizes[0]:
        rows.append(bootstrap_row(cases))
        what = f"Whole metastasis/lung-ct result, {cases:,} scans, reading included"
        rows.append(untargeted(what, "metastasis/lung-ct", simulated_scans(cases)))
    for exams in (10**4, *sizes[1]):
        what = f"Whole metastasis/mammography result, {exams:,} exams of three sites with a reader"
        rows.append(untargeted(what, "metastasis/mammography", simulated_exams(exams)))
    return rows
