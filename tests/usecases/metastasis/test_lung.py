"""A whole lung-ct result: known answers, what it holds and hides, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from portal.jobs.child import Refused
from portal.result import Result, Subgroup
from tests.usecases.metastasis.simulation import QUICK, Frames, loaded, lung, scans, shuffled
from tests.usecases.statistics import naive_detection as naive
from usecases import evaluate
from usecases.metastasis.lung_curves import size_names
from usecases.metastasis.lung_evaluation import AT, SINGLE, evaluate_lung
from usecases.metastasis.lung_protocol import LungProtocol

ROOT = Path(__file__).resolve().parents[3]
POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LUNA16 = dict(
    zip(POINTS, (0.692243, 0.768971, 0.823777, 0.865093, 0.892917, 0.917369, 0.933390), strict=True)
)
LUNA16_BOUNDS = dict(
    zip(
        POINTS,
        (
            (0.6374, 0.7403),
            (0.7264, 0.8091),
            (0.7933, 0.8551),
            (0.8366, 0.8896),
            (0.8707, 0.9162),
            (0.895, 0.9365),
            (0.9143, 0.9523),
        ),
        strict=True,
    )
)


def test_luna16_gives_the_numbers_of_the_challenge(
    tmp_path: Path, reference_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = reference_data / "metastasis-lung-ct" / "luna16"
    out = tmp_path / "result.json"
    code = evaluate.main(
        [
            "metastasis/lung-ct",
            *("--table", f"cases={folder / 'cases.parquet'}"),
            *("--table", f"lesions={folder / 'lesions.parquet'}"),
            *("--table", f"predictions={folder / 'predictions_deeplung.parquet'}"),
            *("--set", "operating_points=1/8,1/4,1/2,1,2,4,8", "--out", str(out)),
        ]
    )
    assert (code, *capsys.readouterr()) == (0, "", "")
    result = Result.model_validate_json(out.read_bytes())

    for point, value in LUNA16.items():
        estimate = result.estimate("sensitivity", at={AT: point})
        assert estimate.value == pytest.approx(value, abs=5e-7)
        assert (estimate.lower, estimate.upper) == pytest.approx(LUNA16_BOUNDS[point], abs=0.01)
    assert result.estimate("cpm").value == pytest.approx(0.8419657914, abs=5e-11)
    assert result.estimate("case_auroc").value == pytest.approx(0.8810635004, abs=5e-11)
    counts = {
        "patients": 888,
        "lesions": 1186,
        "excluded_findings": 35192,
        "candidates": 55677,
        "candidates_used": 52708,
        "hits": 1136,
        "false_positives": 46078,
        "misses": 50,
        "ignored": 5308,
        "duplicates": 186,
    }
    assert {name: result.population[name] for name in counts} == counts


def rows_of(frames: Frames) -> tuple[list[str], list[dict[str, Any]], list[dict[str, Any]]]:
    return (
        frames["cases"]["case_id"].to_list(),
        frames["lesions"].to_dicts(),
        frames["predictions"].to_dicts(),
    )


@pytest.mark.parametrize("tolerance", [None, 2.0])
def test_every_number_agrees_with_the_slow_loops(tolerance: float | None) -> None:
    frames = scans()
    slow = naive.luna16(*rows_of(frames), most=6, tolerance=tolerance)
    matching = {} if tolerance is None else {"matching": "distance", "tolerance": tolerance}

    result = lung(frames, maximum_marks=6, smallest_count=1, **matching)

    expected = naive.sensitivities(slow, list(POINTS))
    found = [result.estimate("sensitivity", at={AT: point}).value for point in POINTS]
    assert found == pytest.approx(expected)
    assert result.estimate("cpm").value == pytest.approx(np.mean(expected))
    assert result.estimate("lesion_average_precision").value == pytest.approx(
        naive.average_precision(slow)
    )
    for name, weighted in (("afroc_area", False), ("weighted_afroc_area", True)):
        assert result.estimate(name).value == pytest.approx(naive.afroc(slow, weighted=weighted))
    for name in ("hits", "misses", "false_positives", "ignored", "duplicates", "candidates_used"):
        assert result.population[name] == slow[name]


def test_a_site_is_evaluated_as_if_it_stood_alone() -> None:
    frames = scans()
    result = lung(frames, subgroups=("vendor",), smallest_count=1)
    for column, value in (("site", "lyon"), ("vendor", "(missing)")):
        which = pl.col(column).is_null() if value == "(missing)" else pl.col(column) == value
        cases = frames["cases"].filter(which).drop("site")
        mine = pl.col("case_id").is_in(cases["case_id"].to_list())
        alone = lung(
            {
                "cases": cases,
                "lesions": frames["lesions"].filter(mine),
                "predictions": frames["predictions"].filter(mine),
            },
            smallest_count=1,
        )
        for name in SINGLE:
            part = result.estimate(name, subgroup=Subgroup(column=column, value=value))
            assert part.model_copy(update={"subgroup": None}) == alone.estimate(name)
    pooled = {(entry.measure, (entry.at or {}).get(AT)): entry for entry in result.pooled}
    assert set(pooled) == {
        *((name, None) for name in SINGLE),
        *(("sensitivity", p) for p in POINTS),
    }
    assert all(entry.value is not None for entry in pooled.values())


def test_sensitivity_by_size_is_that_of_the_lesions_of_that_size() -> None:
    frames = scans(300)
    result = lung(frames, smallest_count=1)
    slow = naive.luna16(*rows_of(frames))
    lesions = frames["lesions"].filter(~pl.col("excluded"))
    assert result.population["lesions"] == lesions.height
    bands = [(0, 6), (6, 8), (8, 15), (15, 99)]
    total = 0.0
    for name, (low, high) in zip(size_names(), bands, strict=True):
        count = lesions.filter(pl.col("diameter_mm").is_between(low, high, closed="left")).height
        group = Subgroup(column="diameter_mm", value=name)
        total += count * result.estimate("sensitivity", at={AT: 1.0}, subgroup=group).value
    assert total / lesions.height == pytest.approx(naive.sensitivities(slow, [1.0])[0])


def test_the_order_of_rows_and_the_type_of_ids_change_nothing() -> None:
    frames = scans()
    result = lung(frames, subgroups=("vendor",))
    assert lung(shuffled(frames), subgroups=("vendor",)).to_json() == result.to_json()

    number = pl.col("case_id").str.slice(1).cast(pl.Int64) + 1000
    integers = {name: frame.with_columns(number) for name, frame in frames.items()}
    texts = {
        name: frame.with_columns(pl.col("case_id").cast(pl.String))
        for name, frame in integers.items()
    }
    assert lung(integers).to_json() == lung(texts).to_json()


def test_scores_on_another_scale_give_the_same_measures() -> None:
    frames = scans()
    moved = {**frames, "predictions": frames["predictions"].with_columns(pl.col("score") * 64 - 99)}
    assert lung(moved).estimates == lung(frames).estimates


def test_cases_without_marks_count_and_are_reported() -> None:
    frames = scans()
    frames["predictions"] = frames["predictions"].filter(pl.col("case_id") != "c0")
    result = lung(frames)
    assert result.population["patients"] == 120
    without = result.population["without_prediction"]
    assert without == 120 - frames["predictions"]["case_id"].n_unique()
    note = next(note for note in result.warnings if note.code == "without_marks")
    assert f"in {without} of 120 cases" in note.message


def test_marks_and_lesions_of_unknown_cases_are_refused() -> None:
    frames = scans()
    for name in ("lesions", "predictions"):
        wrong = frames[name].with_columns(
            pl.col("case_id").replace(frames[name]["case_id"][0], "c999")
        )
        with pytest.raises(Refused, match=f"case_id of table '{name}' must exist"):
            lung({**frames, name: wrong})


@pytest.mark.parametrize("diameter", [None, -1.0, 0.0])
def test_a_lesion_without_a_diameter_is_refused_unless_matched_by_distance(
    diameter: float | None,
) -> None:
    frames = scans()
    frames["lesions"] = frames["lesions"].with_columns(
        pl.when(pl.col("excluded")).then(None).otherwise(pl.lit(diameter)).alias("diameter_mm")
    )
    with pytest.raises(Refused, match="Add the diameters, or match by 'distance'"):
        lung(frames)
    result = lung(frames, matching="distance", tolerance=5)
    assert result.estimate("cpm").value is not None


def test_without_a_lesion_there_are_reasons() -> None:
    frames = scans()
    for empty in (
        frames["lesions"].clear(),
        frames["lesions"].with_columns(excluded=pl.lit(True)),
    ):
        result = lung({**frames, "lesions": empty})
        reason = "There is no case with a lesion; at least 10 are needed."
        assert {estimate.unavailable for estimate in result.estimates} == {reason}
        assert result.curves == {}
        assert result.population["lesions"] == 0


def test_where_every_case_has_a_lesion_only_comparisons_are_missing() -> None:
    frames = scans()
    ill = frames["lesions"].filter(~pl.col("excluded"))["case_id"].unique().to_list()
    mine = pl.col("case_id").is_in(ill)
    result = lung({name: frame.filter(mine) for name, frame in frames.items()})
    assert result.estimate("cpm").value is not None
    for name in ("case_auroc", "afroc_area", "weighted_afroc_area"):
        assert "no case without a lesion" in result.estimate(name).unavailable
    assert "froc" in result.curves
    assert "case_roc" not in result.curves


def test_without_any_mark_nothing_is_found() -> None:
    frames = scans()
    result = lung({**frames, "predictions": frames["predictions"].clear()})
    assert result.estimate("cpm").value == 0
    assert result.estimate("cpm").lower is None
    assert result.estimate("case_auroc").value == 0.5
    assert result.population["false_positives"] == 0


def test_one_case_has_reasons_and_hides_its_counts() -> None:
    frames = scans()
    mine = pl.col("case_id") == frames["lesions"].filter(~pl.col("excluded"))["case_id"][0]
    result = lung({name: frame.filter(mine) for name, frame in frames.items()})
    assert all(estimate.value is None for estimate in result.estimates)
    assert result.population["events"] is None
    assert result.population["lesions"] is None
    assert result.curves == {}


def test_equal_scores_are_said_and_read_off_a_straight_line() -> None:
    frames = scans()
    frames["predictions"] = frames["predictions"].with_columns(score=pl.lit(1.0))
    result = lung(frames)
    assert "one_score" in {note.code for note in result.warnings}
    most = result.population["false_positives"] / 120
    share = result.population["hits"] / result.population["lesions"]
    found = result.estimate("sensitivity", at={AT: 1.0}).value
    assert found == pytest.approx(share / most)


def test_overlapping_lesions_are_both_hit_and_said() -> None:
    frames = scans()
    twin = frames["lesions"].with_columns(lesion_id=pl.lit("twin-") + pl.col("lesion_id"))
    result = lung({**frames, "lesions": pl.concat([frames["lesions"], twin])})
    note = next(note for note in result.warnings if note.code == "overlapping_lesions")
    assert note.values["hits"] == result.population["shared"] > 0
    population = result.population
    assert population["hits"] + population["misses"] == population["lesions"]
    assert result.estimate("cpm").value == pytest.approx(lung(frames).estimate("cpm").value)


def test_operating_points_beyond_the_curve_are_said() -> None:
    result = lung(scans(), operating_points=(1.0, 50.0))
    note = next(note for note in result.warnings if note.code == "curve_ends")
    assert "at 50 is that of all its marks" in note.message
    hits, lesions = (result.population[name] for name in ("hits", "lesions"))
    assert result.estimate("sensitivity", at={AT: 50.0}).value == pytest.approx(hits / lesions)


def test_small_counts_of_cases_are_hidden() -> None:
    frames = scans(60)
    few = pl.Series("site", ["lyon"] * 4 + ["paris"] * 56)
    frames["cases"] = frames["cases"].with_columns(few)
    result = lung(frames)
    shown = result.population["subgroups"]["site"]["lyon"]
    assert shown["patients"] is None
    assert result.population["sites"][0]["lesions_per_case"] is None
    assert "subgroup_counts" in {note.code for note in result.suppressed}


def test_the_curve_holds_the_operating_points_and_no_score_of_a_mark() -> None:
    frames = scans(400)
    result = lung(frames, smallest_count=5)
    rows = {row[AT]: row for row in result.curves["froc"].rows}
    scores = set(frames["predictions"]["score"].to_list())
    for point in POINTS:
        assert rows[point]["sensitivity"] == result.estimate("sensitivity", at={AT: point}).value
    assert not scores & {row["threshold"] for row in rows.values()}
    assert len([row for row in rows.values() if row["threshold"] is not None]) > 20
    assert len(rows) <= 1000


def test_a_threshold_of_the_curve_makes_so_many_false_positives() -> None:
    frames = scans(400)
    result = lung(frames, smallest_count=5)
    slow = naive.luna16(*rows_of(frames))
    false = np.concatenate([np.asarray(scores) for scores in slow["false"].values()])
    checked = 0
    for row in result.curves["froc"].rows:
        if row["threshold"] is not None:
            assert np.sum(false >= row["threshold"]) == np.floor(round(row[AT] * 400, 9))
            checked += 1
    assert checked > 20


def test_progress_runs_from_0_to_1_and_can_stop_the_work() -> None:
    seen: list[float] = []
    evaluate_lung(loaded(scans()), LungProtocol(**QUICK), lambda _, at: seen.append(at))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)

    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_lung(loaded(scans()), LungProtocol(**QUICK), stop)


@pytest.mark.parametrize(
    "wrong",
    [
        {"operating_points": (0.0,)},
        {"operating_points": ("1/0",)},
        {"operating_points": ("x/2",)},
        {"operating_points": ()},
        {"matching": "nearest"},
        {"tolerance": 0},
        {"maximum_marks": 0},
        {"radius": 3},
    ],
)
def test_protocols_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LungProtocol(**wrong)


def test_fractions_are_read_and_operating_points_sorted() -> None:
    protocol = LungProtocol.model_validate({"operating_points": ["1", "1/8", "0.5", "1/2"]})
    assert protocol.operating_points == (0.125, 0.5, 1.0)


def test_an_unknown_subgroup_is_refused_with_what_there_is() -> None:
    with pytest.raises(Refused, match="called nothing; it has: site, vendor"):
        lung(scans(), subgroups=("nothing",))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"), st.integers(0, 9), st.sampled_from([2.0, 5.0]), st.booleans()
        ),
        max_size=8,
    ),
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.sampled_from([0.1, 0.9])),
        max_size=15,
        unique_by=lambda mark: mark[:2],
    ),
    st.integers(1, 4),
)
def test_any_small_tables_give_a_result(
    lesions: list[tuple[str, int, float, bool]], marks: list[tuple[str, int, float]], sites: int
) -> None:
    schema = {"case_id": pl.String, "x": pl.Float64, "y": pl.Float64, "z": pl.Float64}
    frames = {
        "cases": pl.DataFrame(
            {"case_id": list("abcd"), "site": [f"s{i % sites}" for i in range(4)]}
        ),
        "lesions": pl.DataFrame(
            [(case, x, 0, 0, str(i), d, out) for i, (case, x, d, out) in enumerate(lesions)],
            schema={
                **schema,
                "lesion_id": pl.String,
                "diameter_mm": pl.Float64,
                "excluded": pl.Boolean,
            },
            orient="row",
        ),
        "predictions": pl.DataFrame(
            [(case, x, 0, 0, score) for case, x, score in marks],
            schema={**schema, "score": pl.Float64},
            orient="row",
        ),
    }
    result = lung(frames, minimum_events=1, smallest_count=1)
    for estimate in result.estimates:
        assert (estimate.value is None) == (estimate.unavailable is not None)
        if estimate.lower is not None:
            assert 0 <= estimate.lower <= estimate.upper <= 1
    assert Result.model_validate_json(result.to_json()) == result
