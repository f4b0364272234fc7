"""The declaration of both tasks: measures, figures, tables and the command line's schema."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from portal.figures import figure_json, forest, headline
from portal.result import Result
from portal.tables import TableRefused, check_references, read_table
from portal.usecase import Figure, Task, load_use_case
from tests.usecases.metastasis.simulation import exams, lung, mammography, scans
from usecases import evaluate
from usecases.metastasis.use_case import LUNG_CT, MAMMOGRAPHY, USE_CASE

ROOT = Path(__file__).resolve().parents[3]
BOTH = pytest.mark.parametrize("task", USE_CASE.tasks, ids=lambda task: task.slug)


@functools.cache
def result_of(task: Task) -> Result:
    if task is LUNG_CT:
        return lung(scans(300))
    return mammography(exams(2_000), thresholds=(0.3,))


def test_the_use_case_is_found_under_its_name() -> None:
    assert load_use_case("usecases.metastasis") is USE_CASE
    assert [task.slug for task in USE_CASE.tasks] == ["lung-ct", "mammography"]
    assert LUNG_CT.predicted_column == MAMMOGRAPHY.predicted_column == "score"


def test_the_declaration_imports_neither_django_nor_plotly() -> None:
    code = (
        "import sys, usecases.metastasis.use_case; "
        "print([name for name in sys.modules if name in ('django', 'plotly')])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@BOTH
def test_every_measure_has_a_short_label_and_one_sentence(task: Task) -> None:
    for measure in task.measures:
        assert len(measure.label.split()) <= 3, measure.label
        assert measure.explanation.endswith("."), measure.key
        assert measure.explanation.count(". ") == 0, measure.key
    labels = [measure.label for measure in task.measures]
    assert len(set(labels)) == len(labels)


@BOTH
def test_the_engine_estimates_exactly_the_measures_that_are_declared(task: Task) -> None:
    result = result_of(task)
    assert {estimate.measure for estimate in result.estimates} == {
        measure.key for measure in task.measures
    }
    pooled = {entry.measure for entry in result.pooled}
    assert pooled
    assert pooled <= {measure.key for measure in task.measures}


@BOTH
def test_the_headline_measures_have_an_estimate_and_a_sentence(task: Task) -> None:
    result = result_of(task)
    found = task.find(result, str)
    assert set(found.sentences) == set(task.headline)
    for key in task.headline:
        assert headline(result, key).value is not None
        assert task.measure(key).key == key


@BOTH
def test_every_curve_of_every_figure_is_in_the_result_of_the_engine(task: Task) -> None:
    for figure in task.figures:
        assert set(figure.curves) <= set(result_of(task).curves), figure.slug
    for curve in result_of(task).curves.values():
        assert 0 < len(curve.rows) <= 1000


@pytest.mark.parametrize(
    ("task", "figure"),
    [(task, figure) for task in USE_CASE.tasks for figure in task.figures],
    ids=lambda value: value.slug,
)
def test_a_result_of_the_engine_is_drawn_below_150_kb(task: Task, figure: Figure) -> None:
    drawn = figure_json(figure.draw(result_of(task), str))
    assert drawn["data"]
    assert len(json.dumps(drawn, separators=(",", ":"), allow_nan=False).encode()) < 150_000


@pytest.mark.parametrize("slug", ["froc", "sizes", "case-roc", "afroc", "roc", "reader"])
def test_a_result_without_values_is_drawn_with_the_reason(slug: str) -> None:
    tables = scans()
    without_lesions = lung({**tables, "lesions": tables["lesions"].clear()})
    people = exams()
    people["exams"] = people["exams"].with_columns(pl.lit(0).alias("outcome"))
    without_cancer = mammography(people)
    for task, result, words in (
        (LUNG_CT, without_lesions, "no case with a lesion"),
        (MAMMOGRAPHY, without_cancer, "no exam with cancer"),
    ):
        for figure in task.figures:
            if figure.slug == slug:
                drawn = figure_json(figure.draw(result, str))
                text = drawn["layout"]["annotations"][0]["text"].replace("<br>", " ")
                assert words in text


def test_the_points_of_the_figures_are_the_estimates() -> None:
    result = result_of(LUNG_CT)
    points = figure_json(LUNG_CT.figures[0].draw(result, str))["data"][2]
    for at, value in zip(points["x"], points["y"], strict=True):
        estimate = result.estimate("sensitivity", at={"false_positives_per_scan": at})
        assert estimate.value == pytest.approx(value, rel=1e-5)
    compared = figure_json(MAMMOGRAPHY.figures[1].draw(result_of(MAMMOGRAPHY), str))["data"][0]
    difference = result_of(MAMMOGRAPHY).estimate("sensitivity_difference", at={"threshold": 0.3})
    assert compared["x"][0] == pytest.approx(100 * difference.value, rel=1e-5)


def test_a_figure_of_the_reader_says_where_there_is_none() -> None:
    result = mammography(exams(reader=False))
    drawn = figure_json(MAMMOGRAPHY.figures[1].draw(result, str))
    text = drawn["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert text == "The table of exams holds no recalls of a reader."


@BOTH
def test_the_forest_has_a_row_for_each_site(task: Task) -> None:
    drawn = forest(result_of(task), task.headline[0])
    assert len(drawn.rows) == 2
    assert all(row.n for row in drawn.rows)
    assert drawn.pooled is not None
    assert drawn.pooled.value is not None


@BOTH
def test_a_result_survives_its_json_and_the_schema_is_printed(
    task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    result = result_of(task)
    assert Result.model_validate_json(result.to_json()) == result
    assert evaluate.main(["--schema", f"metastasis/{task.slug}"]) == 0
    schemas = json.loads(capsys.readouterr().out)
    assert set(result.protocol) == set(schemas["protocol"]["properties"])
    stored = json.loads(result.to_json())
    assert set(stored) <= set(schemas["result"]["properties"])
    assert set(schemas["result"]["required"]) <= set(stored)


def written(frames: dict[str, pl.DataFrame], folder: Path) -> dict[str, Path]:
    for name, frame in frames.items():
        frame.write_csv(folder / f"{name}.csv")
    return {name: folder / f"{name}.csv" for name in frames}


@pytest.mark.parametrize(
    ("task", "frames"), [(LUNG_CT, scans), (MAMMOGRAPHY, exams)], ids=["lung-ct", "mammography"]
)
def test_the_tables_are_read_from_csv_and_refer_to_the_first(
    task: Task, frames: Callable[[], dict[str, pl.DataFrame]], tmp_path: Path
) -> None:
    files = written(frames(), tmp_path)
    tables = {schema.name: read_table(files[schema.name], schema) for schema in task.tables}
    check_references(tables, task.tables)
    read = task.evaluate(tables, task.protocol(bootstrap_replicates=100), lambda *_: None)
    assert headline(read, task.headline[0]).value is not None

    first = task.tables[0]
    shorter = tables[first.name].frame.slice(20)
    cut = {**tables, first.name: type(tables[first.name])(shorter, "0" * 64)}
    with pytest.raises(TableRefused, match="must exist in table"):
        check_references(cut, task.tables)


def test_two_marks_in_one_place_are_refused(tmp_path: Path) -> None:
    frames = scans()
    frames["predictions"] = pl.concat([frames["predictions"], frames["predictions"].head(1)])
    files = written(frames, tmp_path)
    with pytest.raises(TableRefused, match="only once"):
        read_table(files["predictions"], LUNG_CT.table("predictions"))
