"""What an attacker works out of a lung-ct Result: all when unprotected, else nothing."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.result import Result, Subgroup
from tests.usecases.metastasis.lung_attack import AT, LungAttack, small_counts
from tests.usecases.metastasis.simulation import Frames, loaded, lung, scans
from usecases.metastasis.scans import Scans
from usecases.statistics.detection import Detections
from usecases.statistics.disclosure import StepsOfRows, hidden_parts, told_in_parts
from usecases.statistics.lesion_cuts import by_score

POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def tables(cases: int, seed: int, *, sites: int = 2, digits: int | None = None) -> Frames:
    """Simulated scans of sites of very unequal size, scores with ties where asked."""
    frames = scans(cases, seed)
    random = np.random.default_rng(seed)
    shares = np.arange(1, sites + 1) ** 2.0
    site = random.choice([f"s{n}" for n in range(sites)], cases, p=shares / shares.sum())
    frames["cases"] = frames["cases"].with_columns(site=pl.Series(site))
    if digits is not None:
        frames["predictions"] = frames["predictions"].with_columns(pl.col("score").round(digits))
    return frames


def sent(result: Result) -> dict[str, Any]:
    return json.loads(result.to_json())


@pytest.fixture(scope="module")
def leaking() -> dict[str, Any]:
    return sent(lung(tables(80, 3), smallest_count=1, minimum_events=1))


def detections(frames: Frames) -> Detections:
    return Scans.of(loaded(frames), matching="centre-in-radius", tolerance=10, most=100).found


def test_the_attacker_is_right(leaking: dict[str, Any]) -> None:
    found = detections(tables(80, 3))
    attack = LungAttack(leaking)

    assert attack.lesions[None] == found.lesions
    assert attack.found[None]["all marks"] == found.hits
    false = np.sort(found.false_score)[::-1]
    checked = 0
    for point in POINTS:
        if point in attack.found[None] and point * 80 < false.size:
            cut = false[int(point * 80)]
            assert attack.found[None][point] == np.count_nonzero(found.lesion_score > cut)
            checked += 1
    assert checked >= 4


@pytest.mark.parametrize("kept", ["froc", "sensitivity_by_size", "case_roc", "afroc"])
def test_each_unprotected_curve_alone_gives_small_counts_away(
    leaking: dict[str, Any], kept: str
) -> None:
    only = {**leaking, "estimates": [], "curves": {kept: leaking["curves"][kept]}}

    assert any("between" in words for words in small_counts(only))


def test_unprotected_sensitivities_alone_give_small_counts_away(leaking: dict[str, Any]) -> None:
    kept = [found for found in leaking["estimates"] if found["measure"] == "sensitivity"]

    assert any("between" in words for words in small_counts({**leaking, "estimates": kept}))


def test_the_mean_gives_the_one_sensitivity_away_that_is_not_given() -> None:
    changed = copy.deepcopy(sent(lung(tables(80, 3, sites=1), smallest_count=1)))
    hidden = next(
        found
        for found in changed["estimates"]
        if found["measure"] == "sensitivity" and found["at"] == {AT: 2.0} and not found["subgroup"]
    )
    count = round(hidden["value"] * changed["population"]["lesions"])
    hidden["value"] = None

    assert LungAttack(changed).found[None]["the mean"] == count


def test_the_marks_that_are_used_give_hidden_hits_away() -> None:
    changed = sent(lung(tables(80, 3), smallest_count=1))
    hits = changed["population"]["hits"]
    changed["population"]["hits"] = changed["population"]["misses"] = None

    assert LungAttack(changed).found[None]["all marks"] == hits


@settings(max_examples=25, deadline=None)
@given(
    cases=st.integers(15, 300),
    seed=st.integers(0, 10**6),
    sites=st.integers(1, 4),
    digits=st.sampled_from([None, None, 2, 1]),
    smallest=st.sampled_from([5, 10]),
    points=st.sampled_from([POINTS, (1.0, 20.0), (0.5, 1.0, 2.0)]),
)
def test_no_small_count_follows_from_a_result(
    cases: int,
    seed: int,
    sites: int,
    digits: int | None,
    smallest: int,
    points: tuple[float, ...],
) -> None:
    frames = tables(cases, seed, sites=sites, digits=digits)

    result = lung(
        frames,
        smallest_count=smallest,
        minimum_events=1,
        operating_points=points,
        subgroups=("vendor",),
    )

    assert small_counts(sent(result), smallest) == []
    check_lesions(result, frames, smallest)


def check_lesions(result: Result, frames: Frames, smallest: int) -> None:
    """The lesions between the cuts that are told of are of no case or of enough."""
    found = detections(frames)
    case = found.lesion_case[by_score(found)]
    counts = set(LungAttack(sent(result)).found[None].values())
    for low, high in itertools.pairwise(sorted(counts)):
        between = np.unique(case[low:high]).size
        assert between == 0 or between >= smallest


@pytest.mark.parametrize("cases", [200, 600])
def test_what_stays_is_worth_having(cases: int) -> None:
    result = lung(tables(cases, 4))

    assert small_counts(sent(result)) == []
    for name in ("cpm", "lesion_average_precision", "case_auroc", "weighted_afroc_area"):
        assert result.estimate(name).value is not None
    assert result.estimate("sensitivity", at={AT: 1.0}).value is not None
    given_points = [result.estimate("sensitivity", at={AT: at}).value for at in POINTS]
    assert len(given_points) - given_points.count(None) >= 4
    assert len(result.curves["froc"].rows) >= {200: 6, 600: 20}[cases]
    assert len(result.curves["case_roc"].rows) >= {200: 5, 600: 12}[cases]
    assert len(result.curves["afroc"].rows) >= {200: 3, 600: 5}[cases]


def test_thinning_moves_no_estimate() -> None:
    frames = tables(300, 5, sites=1)
    protected, open_ = lung(frames), lung(frames, smallest_count=1)

    assert len(protected.curves["froc"].rows) < len(open_.curves["froc"].rows)
    for estimate in protected.estimates:
        if estimate.value is not None:
            same = open_.estimate(estimate.measure, at=estimate.at, subgroup=estimate.subgroup)
            assert estimate.value == same.value


def test_a_sensitivity_that_is_not_given_has_a_reason_and_a_note() -> None:
    result = lung(tables(150, 4))

    hidden = [
        found
        for found in result.estimates
        if found.measure == "sensitivity" and found.value is None and found.subgroup is None
    ]
    assert hidden
    assert {found.unavailable for found in hidden} == {
        "Not given: it would give away lesions of fewer than 10 cases."
    }
    note = next(note for note in result.suppressed if note.code == "points")
    assert note.values["points"] == [found.at[AT] for found in hidden if found.at]


def test_a_hidden_site_has_no_estimates_and_no_case_mix() -> None:
    result = lung(tables(150, 4, sites=4), minimum_events=1)

    groups = result.population["subgroups"]["site"]
    hidden = [name for name, counts in groups.items() if None in counts.values()]
    assert len(hidden) >= 2
    for name in hidden:
        group = Subgroup(column="site", value=name)
        assert all(found.value is None for found in result.estimates if found.subgroup == group)
        mix = next(entry for entry in result.population["sites"] if entry["site"] == name)
        assert (mix["lesions_per_case"], mix["mean_diameter_mm"]) == (None, None)


def test_few_misses_are_not_told_by_the_other_marks() -> None:
    frames = tables(120, 3)
    found = LungAttack(sent(lung(frames, smallest_count=1)))
    assert found.lesions[None] > found.found[None]["all marks"]
    near = frames["lesions"].filter(~pl.col("excluded")).select("case_id", "x", "y", "z")
    marks = pl.concat([frames["predictions"], near[4:].with_columns(score=pl.lit(0.01))])

    result = lung({**frames, "predictions": marks})

    for name in ("hits", "misses", "false_positives"):
        assert result.population[name] is None
    assert small_counts(sent(result)) == []


def test_a_detector_of_few_scores_is_not_solved_for_its_cases() -> None:
    frames = tables(120, 3)
    score = pl.when(pl.col("case_id").is_in(["c1", "c2", "c3"])).then(0.9).otherwise(0.1)
    frames["predictions"] = frames["predictions"].with_columns(score=score)

    result = lung(frames)

    for name in ("case_auroc", "afroc_area", "lesion_average_precision"):
        assert "no more than 5 different scores" in str(result.estimate(name).unavailable)
    assert "case_roc" not in result.curves


def test_rows_of_a_few_people_are_few_however_many_they_are() -> None:
    steps = StepsOfRows(np.repeat([0, 1, 2, 3, 4, 5], [1, 1, 20, 1, 1, 1]), 3)

    assert not steps.fits(2)  # of two people
    assert steps.fit([22])  # of three, and three are left
    assert not steps.fits(12)
    assert steps.fits(22)


def test_parts_hide_together_where_one_would_follow_from_the_rest() -> None:
    person = np.arange(40)
    part = np.repeat([0, 1, 2], [4, 12, 24])
    assert hidden_parts(part, person, 3, 5) == {0, 1}
    # At the one cut, 2 of the second part are counted: it goes with another part.
    part = np.repeat([0, 1, 2], [10, 10, 20])
    place = np.where(np.isin(person, [0, 1, 2, 3, 4, 10, 11, *range(20, 30)]), 2, 1)
    shown = told_in_parts(part, place, person, [True] * 3, [False] * 3, 5)
    assert shown[:, 1].tolist() == [False, False, True]
    assert shown[:, [0, 2]].all()
