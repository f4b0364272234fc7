"""Models compared on the same people: what holds for every task."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest

from portal.jobs.child import Refused
from portal.result import Comparison, Difference, Result
from portal.tables import LoadedTable
from portal.usecase import Task, no_progress
from tests.usecases.ckd import test_evaluation as binary
from tests.usecases.ckd import test_survival_evaluation as survival
from tests.usecases.heart_failure import simulation as alerts
from tests.usecases.metastasis import simulation as metastasis
from usecases.ckd.use_case import BINARY, SURVIVAL
from usecases.heart_failure.use_case import ALERTS_TASK
from usecases.metastasis.use_case import LUNG_CT, MAMMOGRAPHY

ROOT = Path(__file__).resolve().parents[2]
Frames = dict[str, pl.DataFrame]
QUICK = {"bootstrap_replicates": 100}
Simulated = tuple[Frames, list[pl.DataFrame]]
"""The reference tables, and the predictions of two models."""


def _noisy(frame: pl.DataFrame, column: str, noise: float, low: float, high: float) -> pl.DataFrame:
    """Another model: the same numbers with noise, in the same rows."""
    random = np.random.default_rng(frame.height)
    order = frame.sort(frame.columns)
    values = order[column].to_numpy() + random.normal(0, noise, frame.height)
    return order.with_columns(pl.Series(column, np.clip(np.round(values, 3), low, high)))


def _ckd(pair: tuple[pl.DataFrame, pl.DataFrame], noise: float) -> Simulated:
    cohort, predictions = pair
    return {"cohort": cohort}, [predictions, _noisy(predictions, "risk", noise, 0.001, 0.999)]


def _alerts() -> Simulated:
    frames = alerts.simulated(260)
    scores = frames.pop("predictions")
    return frames, [scores, _noisy(scores, "score", 2.0, -20, 30)]


def _lung() -> Simulated:
    frames = metastasis.scans(150)
    marks = frames.pop("predictions")
    return frames, [marks, _noisy(marks, "score", 0.4, 0, 1)]


def _exams(per_woman: int = 1) -> Simulated:
    frames = metastasis.exams(1_400, per_woman)
    scores = frames.pop("predictions")
    return frames, [scores, _noisy(scores, "score", 0.3, 0, 1)]


TASKS: dict[str, tuple[Task, Callable[[], Simulated], dict[str, Any]]] = {
    "binary": (
        BINARY,
        lambda: _ckd(binary.simulated(1_500), 0.15),
        {"thresholds": (0.2, 0.35), **QUICK},
    ),
    "survival": (
        SURVIVAL,
        lambda: _ckd(survival.simulated(1_500), 0.15),
        {"thresholds": (0.2, 0.25), **QUICK},
    ),
    "lung-ct": (LUNG_CT, _lung, {"operating_points": (0.5, 1.0, 2.0), **QUICK}),
    "mammography": (MAMMOGRAPHY, _exams, {"thresholds": (0.3,), **QUICK}),
    "mammography of women": (MAMMOGRAPHY, lambda: _exams(2), {"thresholds": (0.3,), **QUICK}),
    "alerts": (ALERTS_TASK, _alerts, {"threshold": 8, **QUICK}),
}


def _loaded(frames: Mapping[str, pl.DataFrame]) -> dict[str, LoadedTable]:
    return {name: LoadedTable(frame, name[0] * 64) for name, frame in frames.items()}


def compared(
    name: str, frames: Mapping[str, pl.DataFrame], models: list[pl.DataFrame], **protocol: Any
) -> Comparison:
    task, _simulate, settings = TASKS[name]
    assert task.compare is not None
    tables = [LoadedTable(model, str(number) * 64) for number, model in enumerate(models)]
    asked = task.protocol.model_validate({**settings, **protocol})
    return task.compare(_loaded(frames), tables, asked, no_progress)


@functools.cache
def simulated(name: str) -> Simulated:
    return TASKS[name][1]()


@functools.cache
def comparison(name: str) -> Comparison:
    """Without a smallest count, so that everything is given."""
    frames, models = simulated(name)
    return compared(name, frames, models, smallest_count=1)


def by_key(found: Comparison) -> dict[tuple[str, str, int], Difference]:
    return {(one.measure, str(one.at), one.second): one for one in found.differences}


each_task = pytest.mark.parametrize("name", TASKS)


@each_task
def test_values_are_the_differences_of_the_results(name: str) -> None:
    frames, models = simulated(name)
    task, _simulate, settings = TASKS[name]
    asked = task.protocol.model_validate({**settings, "smallest_count": 1})
    results: list[Result] = [
        task.evaluate(_loaded({**frames, "predictions": model}), asked, no_progress)
        for model in models
    ]

    found = comparison(name)

    assert len(found.differences) >= 3
    for one in found.differences:
        values = [result.estimate(one.measure, at=one.at).value for result in results]
        assert None not in values
        assert one.value == pytest.approx(values[1] - values[0], abs=1e-10)
        assert (one.first, one.second) == (0, 1)
        assert one.method
        if one.lower is not None:
            assert one.upper is not None
            assert one.lower <= one.value <= one.upper
            assert one.standard_error
            assert one.standard_error > 0
    assert sum(one.lower is not None for one in found.differences) > len(found.differences) / 2
    assert (found.task, found.engine) == (task.slug, task.engine)


@each_task
def test_a_measure_that_is_compared_is_one_of_the_task(name: str) -> None:
    task = TASKS[name][0]
    for one in comparison(name).differences:
        assert task.measure(one.measure).label


@each_task
def test_rows_in_another_order_give_the_same_bytes(name: str) -> None:
    frames, models = simulated(name)

    shuffled = compared(
        name,
        metastasis.shuffled(frames),
        [model.sample(fraction=1, shuffle=True, seed=5) for model in models],
        smallest_count=1,
    )

    assert shuffled.to_json() == comparison(name).to_json()


@each_task
def test_swapped_models_negate(name: str) -> None:
    frames, models = simulated(name)

    swapped = by_key(compared(name, frames, models[::-1], smallest_count=1))

    for key, one in by_key(comparison(name)).items():
        other = swapped[key]
        assert other.value == pytest.approx(-(one.value or 0), abs=1e-12)
        if one.lower is None or one.upper is None:
            assert other.lower is None
            continue
        assert (other.lower, other.upper) == pytest.approx((-one.upper, -one.lower), abs=1e-12)


@each_task
def test_the_same_model_twice_does_not_differ(name: str) -> None:
    frames, models = simulated(name)

    found = compared(name, frames, [models[0], models[1], models[0].reverse()])

    same = [one for one in found.differences if one.second == 2]
    assert {(one.value, one.lower, one.upper, one.standard_error) for one in same} == {
        (0.0, 0.0, 0.0, 0.0)
    }
    assert {one.method for one in same} == {"0 by definition, as both say the same of everyone"}
    two = by_key(compared(name, frames, models))
    assert {key: one for key, one in by_key(found).items() if key[2] == 1} == two
    assert [one.second for one in found.differences] == [1, 2] * len(two)


@each_task
def test_models_that_differ_on_few_people_are_not_told_apart(name: str) -> None:
    """Other predictions of five people alone: the difference would be about them."""
    frames, models = simulated(name)
    key = models[0].columns[0]
    few = models[0][key].unique().sort()[:5].implode()
    moved = models[1] if name != "alerts" else models[1].with_columns(pl.col("score") + 50)
    mixed = pl.concat(
        [
            models[0].filter(~pl.col(key).is_in(few)),
            moved.select(models[0].columns).filter(pl.col(key).is_in(few)),
        ]
    )

    found = compared(name, frames, [models[0], mixed])

    assert {one.unavailable for one in found.differences} == {
        "Not given: the models differ on fewer than 10 people."
    }
    assert [note.code for note in found.suppressed] == ["discordant"]
    assert compared(name, frames, [models[0], mixed], smallest_count=1).suppressed == []


@pytest.mark.parametrize("name", [name for name in TASKS if name != "lung-ct"])
def test_people_without_a_prediction_of_every_model_take_no_part(name: str) -> None:
    frames, models = simulated(name)
    first, key = next(iter(frames)), models[0].columns[0]
    ids = models[0][key].unique().sort()
    parts = [
        models[0].filter(~pl.col(key).is_in(ids[:20].implode())),
        models[1].filter(~pl.col(key).is_in(ids[15:40].implode())),
    ]
    kept = {
        table: frame.filter(~pl.col(key).is_in(ids[:40].implode()))
        if key in frame.columns
        else frame
        for table, frame in frames.items()
    }
    complete = [model.filter(~pl.col(key).is_in(ids[:40].implode())) for model in models]

    found = compared(name, frames, parts)

    alone = compared(name, kept, complete)
    assert found.population["rows"] == frames[first].height - 40
    assert found.population["without_prediction"] == 40
    assert [note.code for note in found.warnings] == ["without_prediction"]
    assert "40 of" in found.warnings[0].message
    assert alone.warnings == []
    assert found.differences == alone.differences


@each_task
def test_fewer_than_two_models_are_refused(name: str) -> None:
    frames, models = simulated(name)
    for some in ([], models[:1]):
        with pytest.raises(Refused, match="two models or more"):
            compared(name, frames, some)


@pytest.mark.parametrize("name", [name for name in TASKS if name != "lung-ct"])
def test_models_of_different_people_are_refused(name: str) -> None:
    frames, models = simulated(name)
    key = models[0].columns[0]
    half = models[0][key].unique().sort()[:100].implode()

    with pytest.raises(Refused, match="every model"):
        compared(
            name,
            frames,
            [models[0].filter(pl.col(key).is_in(half)), models[1].filter(~pl.col(key).is_in(half))],
        )


@each_task
def test_too_few_events_give_a_reason(name: str) -> None:
    frames, models = simulated(name)

    found = compared(name, frames, models, minimum_events=100_000)

    for one in found.differences:
        if (name, one.measure) != ("alerts", "unexplained_alert_rate"):
            assert one.value is None
            assert "100000" in (one.unavailable or "")


@each_task
def test_progress_rises_to_the_end(name: str) -> None:
    frames, models = simulated(name)
    task, _simulate, settings = TASKS[name]
    assert task.compare is not None
    told: list[float] = []

    task.compare(
        _loaded(frames),
        [LoadedTable(model, "0" * 64) for model in [*models, *models[::-1]]],
        task.protocol.model_validate(settings),
        lambda _stage, fraction: told.append(fraction),
    )

    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert len(told) >= 4


@each_task
def test_a_comparison_fits_its_schema(name: str) -> None:
    content = json.loads(comparison(name).to_json())

    jsonschema.validate(content, Comparison.model_json_schema(by_alias=True))
    assert content["schema"] == "shaiped-comparison/1"


@each_task
def test_another_seed_moves_no_value(name: str) -> None:
    frames, models = simulated(name)

    other = compared(name, frames, models, smallest_count=1, seed=7)

    assert [one.value for one in other.differences] == [
        one.value for one in comparison(name).differences
    ]


def test_every_protocol_hides_what_would_give_few_people_away() -> None:
    """With a smallest count, some differences of proportions are left out, and the note says so."""
    for name in ("binary", "survival", "mammography", "lung-ct", "alerts"):
        frames, models = simulated(name)

        found = compared(name, frames, models, smallest_count=60)

        hidden = {
            one.measure
            for one in found.differences
            if (one.unavailable or "").startswith("Not given: it would give away")
        }
        assert hidden
        (note,) = found.suppressed
        assert set(note.values["measures"]) == hidden
        shown = by_key(comparison(name))
        for key, one in by_key(found).items():
            if one.unavailable is None and one.measure not in hidden:
                assert one == shown[key]


@pytest.mark.parametrize("name", ["ckd/binary", "ckd/survival"])
def test_the_same_bytes_on_one_processor_or_more(name: str, tmp_path: Path) -> None:
    frames, models = simulated(name.partition("/")[2])
    frames["cohort"].write_csv(tmp_path / "cohort.csv")
    arguments = ["--compare", name, "--table", f"cohort={tmp_path / 'cohort.csv'}"]
    for number, model in enumerate(models):
        model.write_parquet(tmp_path / f"{number}.parquet")
        arguments += ["--predictions", str(tmp_path / f"{number}.parquet")]
    written = []
    for processors in ("1", "2"):
        subprocess.run(
            [
                *(sys.executable, "-m", "usecases.evaluate", *arguments),
                *("--set", "bootstrap_replicates=100", "--out", str(tmp_path / processors)),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "OPENBLAS_NUM_THREADS": processors,
                "POLARS_MAX_THREADS": processors,
            },
            check=True,
            timeout=120,
        )
        written.append((tmp_path / processors).read_bytes())

    assert written[0] == written[1]
