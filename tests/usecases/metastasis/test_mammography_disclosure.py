"""What an attacker works out of a mammography Result: all when unprotected, else nothing."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.result import Result, Subgroup
from tests.usecases.ckd.attack import EVENTS
from tests.usecases.metastasis.mammography_attack import MammographyAttack, small_counts
from tests.usecases.metastasis.simulation import Frames, mammography

THRESHOLDS = (0.1, 0.25, 0.5)


def screened(
    count: int,
    seed: int,
    *,
    per_woman: int = 1,
    sites: int = 3,
    digits: int = 3,
    cancers: float = 0.2,
    reader: float = 0.75,
) -> Frames:
    """Exams of sites of very unequal size, and a reader who recalls much the same ones."""
    random = np.random.default_rng(seed)
    outcome = random.random(count) < cancers
    score = np.round(1 / (1 + np.exp(-(-2 + 2 * outcome + random.normal(size=count)))), digits)
    recalled = random.random(count) < np.where(outcome, reader, 0.12)
    shares = np.arange(1, sites + 1) ** 2.0
    woman = np.arange(count) // per_woman
    site = random.choice([f"s{n}" for n in range(sites)], count, p=shares / shares.sum())
    exams = pl.DataFrame(
        {
            "exam_id": [f"e{number}" for number in range(count)],
            "patient_id": [f"w{number}" for number in woman],
            "outcome": outcome.astype(np.int64),
            "reader_recall": recalled.astype(np.int64),
            "site": site[woman * per_woman],
            "density": random.choice(["low", "high"], count),
        }
    )
    return {
        "exams": exams,
        "predictions": pl.DataFrame({"exam_id": exams["exam_id"], "score": score}),
    }


def sent(result: Result) -> dict[str, Any]:
    return json.loads(result.to_json())


@pytest.fixture(scope="module")
def leaking() -> dict[str, Any]:
    result = mammography(
        screened(160, 3), smallest_count=1, minimum_events=1, thresholds=THRESHOLDS
    )
    return sent(result)


def test_the_attacker_is_right(leaking: dict[str, Any]) -> None:
    frames = screened(160, 3)
    both = frames["exams"].join(frames["predictions"], on="exam_id")
    attack = MammographyAttack(leaking)

    checked = 0
    for (scope, outcome), cuts in attack.above.items():
        if outcome > 1 or isinstance(scope, str):
            continue
        part = both if scope is None else both.filter(pl.col(scope[0]) == scope[1])
        part = part.filter(pl.col("outcome") == (1 if outcome == EVENTS else 0))
        for cut, count in cuts.items():
            if isinstance(cut, float):
                assert count == part.filter(pl.col("score") >= cut).height
                checked += 1
    assert checked > 50
    recalled = both.filter((pl.col("outcome") == 1) & (pl.col("reader_recall") == 1))
    assert attack.above[None, EVENTS + 2]["recalled"] == recalled.height
    alone = recalled.filter(pl.col("score") < 0.25).height
    assert attack.alone[None, 0.25, EVENTS][1] == pytest.approx(alone, rel=0.4, abs=1)


@pytest.mark.parametrize("kept", ["roc", "thresholds", "operating_points"])
def test_each_unprotected_curve_alone_gives_small_counts_away(
    leaking: dict[str, Any], kept: str
) -> None:
    only = {**leaking, "estimates": [], "curves": {kept: leaking["curves"][kept]}}
    only["population"] = {**leaking["population"], "subgroups": {}, "sites": []}

    assert small_counts(only)


@pytest.mark.parametrize(
    "kept",
    [
        ("sensitivity",),
        ("specificity",),
        ("cancer_detection_rate",),
        ("recall_rate", "ppv"),
        ("reader_sensitivity",),
        ("sensitivity_difference",),
    ],
)
def test_unprotected_estimates_alone_give_small_counts_away(
    leaking: dict[str, Any], kept: tuple[str, ...]
) -> None:
    estimates = [found for found in leaking["estimates"] if found["measure"] in kept]

    assert small_counts({**leaking, "estimates": estimates, "curves": {}})


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(20, 900),
    seed=st.integers(0, 10**6),
    per_woman=st.sampled_from([1, 1, 2]),
    sites=st.integers(1, 4),
    digits=st.integers(1, 3),
    cancers=st.sampled_from([0.02, 0.15, 0.4]),
    reader=st.sampled_from([0.5, 0.8, 0.99]),
    smallest=st.sampled_from([5, 10]),
    thresholds=st.lists(
        st.sampled_from([0.02, 0.1, 0.11, 0.25, 0.5, 0.9]), max_size=4, unique=True
    ),
)
def test_no_small_count_follows_from_a_result(
    count: int,
    seed: int,
    per_woman: int,
    sites: int,
    digits: int,
    cancers: float,
    reader: float,
    smallest: int,
    thresholds: list[float],
) -> None:
    frames = screened(
        count,
        seed,
        per_woman=per_woman,
        sites=sites,
        digits=digits,
        cancers=cancers,
        reader=reader,
    )

    result = mammography(
        frames,
        smallest_count=smallest,
        minimum_events=1,
        thresholds=tuple(thresholds),
        subgroups=("density",),
    )

    assert small_counts(sent(result), smallest) == []
    check_cuts(result, frames, smallest)


def check_cuts(result: Result, frames: Frames, smallest: int) -> None:
    """Between the thresholds that are told of stand no exams or those of enough women."""
    both = frames["exams"].join(frames["predictions"], on="exam_id")
    sides: dict[int, set[float]] = {0: set(), 1: set()}
    for name in ("roc", "thresholds", "operating_points"):
        for row in result.curves[name].rows if name in result.curves else []:
            if row["threshold"] is None:
                continue
            for side, measure in ((0, "sensitivity"), (1, "specificity")):
                if name != "operating_points" or row[measure] is not None:
                    sides[side].add(row["threshold"])
    for side, cuts in sides.items():
        part = both.filter(pl.col("outcome") == 1 - side)
        for low, high in itertools.pairwise([-1.0, *sorted(cuts), 2.0] if cuts else []):
            between = part.filter((pl.col("score") >= low) & (pl.col("score") < high))
            women = between["patient_id"].n_unique()
            assert women == 0 or women >= smallest


@pytest.mark.parametrize("count", [300, 1_000, 5_000])
def test_what_stays_is_worth_having(count: int) -> None:
    result = mammography(screened(count, 3, cancers=0.3), specificity=0.8)

    assert small_counts(sent(result)) == []
    assert result.estimate("auroc").value is not None
    at = {"specificity": 0.8}
    for name in ("sensitivity", "specificity", "recall_rate", "ppv"):
        assert result.estimate(name, at=at).value is not None
    for name in ("sensitivity_difference", "specificity_difference"):
        estimate = result.estimate(name, at=at)
        assert estimate.lower < estimate.value < estimate.upper
    assert len(result.curves["roc"].rows) >= {300: 5, 1_000: 14, 5_000: 50}[count]
    assert len(result.curves["thresholds"].rows) >= {300: 3, 1_000: 12, 5_000: 40}[count]


def test_a_paired_interval_that_would_tell_of_few_women_gives_way_to_one_without_pairs() -> None:
    few, many = (
        mammography(screened(count, 3, cancers=0.3), specificity=0.8) for count in (300, 6_000)
    )

    at = {"specificity": 0.8}
    assert "Newcombe" in few.estimate("sensitivity_difference", at=at).method
    assert "Newcombe" not in many.estimate("sensitivity_difference", at=at).method


def test_few_recalls_of_the_reader_are_not_given() -> None:
    result = mammography(screened(400, 4, reader=0.97))

    assert result.estimate("reader_sensitivity").value is None
    assert result.estimate("reader_specificity").value is not None
    assert result.estimate("sensitivity_difference", at={"specificity": 0.9}).value is None
    assert "reader" not in result.curves
    assert "reader" in {note.code for note in result.suppressed}


def test_a_hidden_site_has_no_estimates_and_no_case_mix() -> None:
    result = mammography(screened(500, 2, sites=4, cancers=0.25), minimum_events=1)

    groups = result.population["subgroups"]["site"]
    hidden = [name for name, counts in groups.items() if counts["events"] is None]
    assert len(hidden) == 2
    for name in hidden:
        group = Subgroup(column="site", value=name)
        assert all(found.value is None for found in result.estimates if found.subgroup == group)
        mix = next(entry for entry in result.population["sites"] if entry["site"] == name)
        assert (mix["prevalence"], mix["reader_recall_rate"]) == (None, None)


def test_a_model_of_two_scores_is_not_solved_for_its_table() -> None:
    frames = screened(400, 3)
    score = pl.when(pl.int_range(400) < 30).then(0.9).otherwise(0.1)
    frames["predictions"] = frames["predictions"].with_columns(score=score)

    result = mammography(frames)

    assert "no more than 5 different scores" in str(result.estimate("auroc").unavailable)
    assert result.curves == {}


def test_several_exams_of_few_women_are_few() -> None:
    """Thirty exams with cancer are of five women."""
    frames = screened(600, 3, per_woman=6, sites=1)
    outcome = pl.when(pl.int_range(600) < 30).then(1).otherwise(0)
    frames["exams"] = frames["exams"].with_columns(outcome=outcome)

    result = mammography(frames)

    assert result.population["events"] is None
    assert all(found.value is None for found in result.estimates)
    assert result.curves == {}
