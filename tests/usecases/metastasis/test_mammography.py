"""A whole mammography result: what it holds and hides, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from portal.jobs.child import Refused
from portal.result import Result, Subgroup
from tests.usecases.metastasis.simulation import QUICK, exams, loaded, mammography, shuffled
from usecases.metastasis.mammography_evaluation import READER, evaluate_mammography
from usecases.metastasis.mammography_protocol import MammographyProtocol

HELD = {"specificity": 0.9}


def columns_of(frames: dict[str, pl.DataFrame]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    both = frames["exams"].join(frames["predictions"], on="exam_id")
    return tuple(
        both[name].to_numpy().astype(kind)
        for name, kind in (("outcome", bool), ("score", float), ("reader_recall", bool))
    )


def test_every_number_at_a_threshold_is_a_plain_share() -> None:
    frames = exams()
    outcome, score, reader = columns_of(frames)
    at = {"threshold": 0.3}
    result = mammography(frames, thresholds=(0.3,), smallest_count=1)

    recalled = score >= 0.3
    expected = {
        "sensitivity": np.mean(recalled[outcome]),
        "specificity": np.mean(~recalled[~outcome]),
        "recall_rate": np.mean(recalled),
        "cancer_detection_rate": 1000 * np.mean(recalled & outcome),
        "ppv": np.mean(outcome[recalled]),
        "sensitivity_difference": np.mean(recalled[outcome]) - np.mean(reader[outcome]),
        "specificity_difference": np.mean(~recalled[~outcome]) - np.mean(~reader[~outcome]),
    }
    for name, value in expected.items():
        estimate = result.estimate(name, at=at)
        assert estimate.value == pytest.approx(value), name
        assert estimate.lower < estimate.value < estimate.upper
    readers = (
        *(np.mean(reader[outcome]), np.mean(~reader[~outcome]), np.mean(reader)),
        *(1000 * np.mean(reader & outcome), np.mean(outcome[reader])),
    )
    for name, value in zip(READER, readers, strict=True):
        assert result.estimate(name).value == pytest.approx(value)
    assert result.estimate("auroc").value == pytest.approx(roc_auc_score(outcome, score))
    counts = {"rows": 900, "patients": 900, "events": int(outcome.sum())}
    assert {name: result.population[name] for name in counts} == counts


def test_the_held_points_hold_what_they_promise() -> None:
    result = mammography(exams(), specificity=0.8, sensitivity=0.7, smallest_count=1)
    assert result.estimate("specificity", at={"specificity": 0.8}).value >= 0.8
    points = {row["point"]: row for row in result.curves["operating_points"].rows}
    outcome, score, _ = columns_of(exams())
    cut = points["sensitivity 70%"]["threshold"]
    assert np.mean(score[outcome] >= cut) >= 0.7
    specificity = result.estimate("specificity", at={"sensitivity": 0.7}).value
    assert specificity == pytest.approx(np.mean(score[~outcome] < cut))


@pytest.mark.parametrize(
    ("better", "verdicts"), [(1.0, {"sensitivity": True}), (0.0, {"sensitivity": False})]
)
def test_the_verdict_follows_the_lower_end_of_the_interval(
    better: float, verdicts: dict[str, bool]
) -> None:
    frames = exams(2_000)
    outcome = frames["exams"]["outcome"].to_numpy()
    random = np.random.default_rng(2)
    score = better * outcome + random.normal(scale=0.3, size=2_000)
    frames["predictions"] = frames["predictions"].with_columns(pl.Series("score", score))
    result = mammography(frames, margin=0.04, smallest_count=1)

    rows = {row["measure"]: row for row in result.curves["reader_comparison"].rows}
    for name, expected in verdicts.items():
        estimate = result.estimate(f"{name}_difference", at=HELD)
        assert rows[name]["no_worse"] is expected
        assert (estimate.lower > -0.04) is expected
        assert (rows[name]["lower"], rows[name]["margin"]) == (estimate.lower, 0.04)


def test_where_women_have_several_exams_intervals_draw_women() -> None:
    result = mammography(exams(per_woman=3), thresholds=(0.3,))
    assert result.population["patients"] == 300
    assert "Obuchowski" in result.estimate("auroc").method
    for name in ("sensitivity", "specificity", "recall_rate", "ppv"):
        assert "women" in result.estimate(name, at={"threshold": 0.3}).method
    assert "clustered" in {note.code for note in result.warnings}
    single = mammography(exams(), thresholds=(0.3,))
    assert single.estimate("auroc").method == "DeLong"
    assert single.estimate("sensitivity", at={"threshold": 0.3}).method == "Wilson"


def test_without_a_reader_nothing_is_said_about_one() -> None:
    result = mammography(exams(reader=False))
    measures = {estimate.measure for estimate in result.estimates}
    assert not {name for name in measures if "reader" in name or "difference" in name}
    assert not {"reader", "reader_comparison"} & set(result.curves)


def test_a_site_is_evaluated_as_if_it_stood_alone() -> None:
    frames = exams(per_woman=2)
    result = mammography(frames, subgroups=("density",), smallest_count=1)
    for column, value in (("site", "lyon"), ("density", "high")):
        table = frames["exams"].filter(pl.col(column) == value).drop("site")
        scores = frames["predictions"].join(table, on="exam_id", how="semi")
        alone = mammography({"exams": table, "predictions": scores}, smallest_count=1)
        group = Subgroup(column=column, value=value)
        parts = [estimate for estimate in result.estimates if estimate.subgroup == group]
        assert [part.model_copy(update={"subgroup": None}) for part in parts] == alone.estimates
    pooled = {(entry.measure, *(entry.at or {})) for entry in result.pooled}
    assert {("auroc",), ("sensitivity", "specificity"), ("specificity", "sensitivity")} <= pooled
    assert ("specificity", "specificity") not in pooled
    assert all(entry.sites == 2 for entry in result.pooled)


def test_the_order_of_rows_and_the_type_of_ids_change_nothing() -> None:
    frames = exams(per_woman=2)
    assert mammography(shuffled(frames)).to_json() == mammography(frames).to_json()
    number = pl.col("exam_id").str.slice(1).cast(pl.Int64) + 1000
    integers = {name: frame.with_columns(number) for name, frame in frames.items()}
    texts = {
        name: frame.with_columns(pl.col("exam_id").cast(pl.String))
        for name, frame in integers.items()
    }
    assert mammography(integers).to_json() == mammography(texts).to_json()


def test_scores_on_another_scale_give_the_same_measures() -> None:
    one, other = mammography(exams()), mammography(exams(scale=64))
    assert one.estimates == other.estimates


def test_turned_scores_turn_the_area_round() -> None:
    frames = exams()
    turned = {**frames, "predictions": frames["predictions"].with_columns(-pl.col("score"))}
    one, other = (mammography(tables).estimate("auroc") for tables in (frames, turned))
    assert one.value + other.value == pytest.approx(1)
    assert one.standard_error == pytest.approx(other.standard_error)


def test_exams_without_a_score_take_no_part_and_are_counted() -> None:
    frames = exams()
    frames["predictions"] = frames["predictions"].head(850)
    result = mammography(frames)
    assert (result.population["rows"], result.population["without_prediction"]) == (850, 50)
    assert "50 of 900 exams" in next(
        note.message for note in result.warnings if note.code == "without_prediction"
    )


def test_scores_of_unknown_exams_are_refused() -> None:
    frames = exams()
    frames["exams"] = frames["exams"].filter(pl.col("exam_id") != "e7")
    with pytest.raises(Refused, match="exam_id of table 'predictions' must exist in table 'exams'"):
        mammography(frames)


def test_a_reader_who_is_missing_in_some_exams_is_refused() -> None:
    frames = exams()
    holes = pl.when(pl.col("exam_id") == "e3").then(None).otherwise(pl.col("reader_recall"))
    frames["exams"] = frames["exams"].with_columns(holes.alias("reader_recall"))
    with pytest.raises(Refused, match="'reader_recall' must be given for each exam"):
        mammography(frames)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_alone_has_reasons(outcome: int) -> None:
    frames = exams()
    frames["exams"] = frames["exams"].with_columns(pl.lit(outcome).alias("outcome"))
    result = mammography(frames)
    words = "without cancer" if outcome else "with cancer"
    reason = f"There is no exam {words}; at least 10 are needed."
    assert {estimate.unavailable for estimate in result.estimates} == {reason}
    assert result.curves == {}


def test_few_cancers_are_hidden() -> None:
    frames = exams(200)
    few = pl.Series("outcome", [1] * 4 + [0] * 196)
    frames["exams"] = frames["exams"].with_columns(few)
    result = mammography(frames)
    assert (result.population["events"], result.population["non_events"]) == (None, None)
    assert all(estimate.value is None for estimate in result.estimates)
    assert {"counts", "curves"} <= {note.code for note in result.suppressed}


def test_equal_scores_rank_nobody() -> None:
    frames = exams()
    frames["predictions"] = frames["predictions"].with_columns(score=pl.lit(0.5))
    result = mammography(frames)
    assert result.estimate("auroc").value == 0.5
    assert result.estimate("auroc").lower is None
    assert result.estimate("sensitivity", at=HELD).value == 0
    assert result.estimate("ppv", at=HELD).unavailable == "It is a proportion of no exams."
    assert "thresholds" not in result.curves


def test_the_rows_of_the_slider_agree_with_the_estimates_and_hide_few_exams() -> None:
    frames = exams()
    outcome, score, _ = columns_of(frames)
    result = mammography(frames, thresholds=(0.6,))
    rows = {row["threshold"]: row for row in result.curves["thresholds"].rows}
    for name in ("sensitivity", "specificity", "ppv"):
        assert rows[0.6][name] == result.estimate(name, at={"threshold": 0.6}).value
    assert rows[0.6]["true_positive"] == np.sum(score[outcome] >= 0.6)
    assert len(rows) > 40
    assert not set(score.tolist()) & set(rows)
    for row in rows.values():
        for name in ("true_positive", "false_positive", "false_negative", "true_negative"):
            assert row[name] == 0 or row[name] >= 10


def test_progress_runs_from_0_to_1_and_can_stop_the_work() -> None:
    seen: list[float] = []
    tables, protocol = loaded(exams()), MammographyProtocol(**QUICK)
    evaluate_mammography(tables, protocol, lambda _, at: seen.append(at))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)

    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_mammography(tables, protocol, stop)


@pytest.mark.parametrize(
    "wrong",
    [
        {"specificity": 1.0},
        {"sensitivity": 0},
        {"margin": 0},
        {"thresholds": (float("nan"),)},
        {"horizon": 5},
    ],
)
def test_protocols_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MammographyProtocol(**wrong)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([-3.0, 0.0, 0.1, 7.0]), st.booleans()),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_any_small_tables_give_a_result(
    rows: list[tuple[bool, float, bool]], per_woman: int, sites: int
) -> None:
    outcome, score, recalled = (list(column) for column in zip(*rows, strict=True))
    number = range(len(rows))
    frames = {
        "exams": pl.DataFrame(
            {
                "exam_id": [f"e{i}" for i in number],
                "patient_id": [f"w{i // per_woman}" for i in number],
                "outcome": [int(value) for value in outcome],
                "reader_recall": [int(value) for value in recalled],
                "site": [f"s{i % sites}" for i in number],
            }
        ),
        "predictions": pl.DataFrame({"exam_id": [f"e{i}" for i in number], "score": score}),
    }
    result = mammography(frames, minimum_events=1, smallest_count=1, thresholds=(0.1, 9.0))
    for estimate in result.estimates:
        assert (estimate.value is None) == (estimate.unavailable is not None)
        if estimate.lower is not None:
            assert estimate.lower <= estimate.upper
    assert Result.model_validate_json(result.to_json()) == result
