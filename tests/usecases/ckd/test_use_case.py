from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from portal.figures import figure_json, forest, headline
from portal.result import Result
from portal.tables import LoadedTable
from portal.usecase import Figure, load_use_case, no_progress
from usecases.ckd.use_case import BINARY, USE_CASE

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = (
    Path(os.environ.get("SHAIPED_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    / "ckd-binary"
    / "gusto-9-12"
)


def evaluate(cohort: pl.DataFrame, predictions: pl.DataFrame) -> Result:
    tables = {
        "cohort": LoadedTable(frame=cohort, sha256="0" * 64),
        "predictions": LoadedTable(frame=predictions, sha256="1" * 64),
    }
    protocol = BINARY.protocol.model_validate({"bootstrap_replicates": 100})
    return BINARY.evaluate(tables, protocol, no_progress)


def simulated(rows: int, prevalence: float = 0.2) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A cohort of two sites whose risks are right."""
    random = np.random.default_rng(7)
    centre = np.log(prevalence / (1 - prevalence))
    risk = 1 / (1 + np.exp(-random.normal(centre, 1.2, rows)))
    identifiers = [f"p{row}" for row in range(rows)]
    cohort = pl.DataFrame(
        {
            "patient_id": identifiers,
            "outcome": (random.random(rows) < risk).astype(np.int64),
            "site": ["north", "south"] * (rows // 2),
        }
    )
    return cohort, pl.DataFrame({"patient_id": identifiers, "risk": risk})


@functools.cache
def result_of_two_sites() -> Result:
    return evaluate(*simulated(3_000))


def test_the_use_case_is_found_under_its_name() -> None:
    assert load_use_case("usecases.ckd") is USE_CASE
    assert USE_CASE.task("binary") is BINARY
    assert [schema.name for schema in BINARY.tables] == ["cohort", "predictions"]


def test_the_declaration_imports_neither_django_nor_plotly() -> None:
    code = (
        "import sys, usecases.ckd.use_case; "
        "print([name for name in sys.modules if name in ('django', 'plotly')])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_every_measure_has_a_short_label_and_one_sentence() -> None:
    for measure in BINARY.measures:
        assert len(measure.label.split()) <= 4, measure.label
        assert measure.explanation.endswith("."), measure.key
        assert measure.explanation.count(". ") == 0, measure.key
    labels = [measure.label for measure in BINARY.measures]
    assert len(set(labels)) == len(labels)


def test_the_engine_estimates_exactly_the_measures_that_are_declared() -> None:
    estimated = {estimate.measure for estimate in result_of_two_sites().estimates}
    assert estimated == {measure.key for measure in BINARY.measures}


def test_what_is_pooled_is_declared() -> None:
    pooled = {entry.measure for entry in result_of_two_sites().pooled}
    assert pooled
    assert pooled <= {measure.key for measure in BINARY.measures}


def test_the_headline_measures_have_an_estimate_and_a_sentence() -> None:
    result = result_of_two_sites()
    found = BINARY.find(result, str)
    assert set(found.sentences) == set(BINARY.headline)
    for key in BINARY.headline:
        assert headline(result, key) is not None
        assert BINARY.measure(key).key == key


def test_the_card_of_the_net_benefit_is_at_the_first_threshold_of_the_protocol() -> None:
    result = result_of_two_sites()
    benefit = headline(result, "net_benefit")
    assert benefit is not None
    assert benefit.at == {"threshold": result.protocol["thresholds"][0]}


def test_every_curve_of_every_figure_is_in_the_result_of_the_engine() -> None:
    curves = set(result_of_two_sites().curves)
    for figure in BINARY.figures:
        assert set(figure.curves) <= curves, figure.slug


@pytest.mark.parametrize("figure", BINARY.figures, ids=lambda figure: figure.slug)
def test_a_result_of_the_engine_is_drawn_below_150_kb(figure: Figure) -> None:
    drawn = figure_json(figure.draw(result_of_two_sites(), str))
    assert drawn["data"]
    assert len(json.dumps(drawn, separators=(",", ":"), allow_nan=False).encode()) < 150_000


def test_risks_that_are_right_are_not_called_wrong() -> None:
    assert BINARY.find(result_of_two_sites(), str).title == (
        "Ranks patients fairly well; its risks match what was observed"
    )


def test_the_forest_has_a_row_and_a_number_of_patients_for_each_site() -> None:
    drawn = forest(result_of_two_sites(), "auroc")
    assert [row.name for row in drawn.rows] == ["north", "south"]
    assert [row.n for row in drawn.rows] == [1_500, 1_500]
    assert drawn.pooled is not None
    assert drawn.low < drawn.rows[0].estimate.value < drawn.high


def test_a_cohort_of_one_class_has_a_title_and_empty_figures_with_the_reason() -> None:
    cohort, predictions = simulated(400)
    result = evaluate(cohort.with_columns(pl.lit(0).alias("outcome")), predictions)
    assert (
        BINARY.find(result, str).title == "No patient has the event: nothing to say about ranking"
    )
    for figure in BINARY.figures:
        drawn = figure_json(figure.draw(result, str))
        assert drawn["layout"]["annotations"][0]["text"], figure.slug


def test_a_cohort_with_few_events_says_so_without_telling_how_few() -> None:
    cohort, predictions = simulated(400)
    few = cohort.with_columns(pl.Series("outcome", [1] * 4 + [0] * 396))
    result = evaluate(few, predictions)
    found = BINARY.find(result, str)
    assert found.title == "Too few patients with the event, or without it, to say"
    assert all("fewer than 10 people" in sentence for sentence in found.sentences.values())
    for figure in BINARY.figures:
        drawn = figure_json(figure.draw(result, str))
        assert "fewer than 10" in drawn["layout"]["annotations"][0]["text"].replace("<br>", " ")


@pytest.mark.skipif(
    not REFERENCE.is_dir(), reason=f"the reference data of GUSTO-I is not at {REFERENCE}"
)
def test_gusto_regions_rank_well_and_their_risks_are_overstated_by_8_percent() -> None:
    cohort = pl.read_parquet(REFERENCE / "cohort.parquet")
    predictions = pl.read_parquet(REFERENCE / "predictions.parquet")
    text = pl.col("patient_id").cast(pl.String)
    result = evaluate(cohort.with_columns(text), predictions.with_columns(text))
    found = BINARY.find(result, str)
    assert found.title == "Ranks patients well; overstates their risk by 8%"
    assert found.sentences["auroc"].endswith("in 82 of 100 pairs.")
    assert [row.n for row in forest(result, "auroc").rows] == [3123, 1717, 2491, 4352]
