from __future__ import annotations

import re

import pytest

from portal.result import Estimate, Result
from usecases.ckd.findings import (
    NET_BENEFIT,
    OBSERVED_EXPECTED,
    RANKING,
    RISKS,
    SLOPE,
    SLOPE_SENTENCES,
    find,
    word,
)

POPULATION = {"patients": 11_682, "events": 804, "non_events": 10_878}


def estimate(
    measure: str,
    value: float | None = None,
    lower: float | None = None,
    upper: float | None = None,
    *,
    at: dict[str, float] | None = None,
    unavailable: str | None = None,
) -> Estimate:
    return Estimate(
        measure=measure,
        value=value,
        lower=lower,
        upper=upper,
        at=at,
        method="given",
        unavailable=unavailable,
    )


def result(*estimates: Estimate, **population: int | None) -> Result:
    return Result(
        use_case="ckd",
        task="binary",
        engine="test",
        protocol={"thresholds": [0.1]},
        inputs={},
        population=POPULATION | population,
        estimates=list(estimates),
    )


AUROC = estimate("auroc", 0.822, 0.807, 0.837)
RIGHT = estimate("observed_expected_ratio", 1.01, 0.94, 1.08)
SPREAD = estimate("calibration_slope", 0.972, 0.909, 1.035)


def title(*estimates: Estimate, **population: int | None) -> str:
    return find(result(*estimates, **population), str).title


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (0.8, 0.86, "Ranks patients well"),
        (0.799, 0.9, "Ranks patients fairly well"),
        (0.7, 0.72, "Ranks patients fairly well"),
        (0.699, 0.7, "Ranks patients better than chance, how well is uncertain"),
        (0.55, 0.699, "Ranks patients poorly, though better than chance"),
        (0.501, 0.9, "Ranks patients better than chance, how well is uncertain"),
        (0.5, 0.6, "Ranks patients no better than chance"),
        (0.4, 0.5, "Ranks patients no better than chance"),
        (0.5, 0.601, "Not shown to rank patients better than chance"),
        (0.2, 0.95, "Not shown to rank patients better than chance"),
        (0.3, 0.499, "Ranks patients the wrong way round"),
    ],
)
def test_ranking_is_named_by_what_the_whole_interval_of_the_auroc_allows(
    lower: float, upper: float, words: str
) -> None:
    assert word(RANKING, estimate("auroc", (lower + upper) / 2, lower, upper)) == words


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (0.863, 0.991, "over"),
        (0.9, 1, "right"),  # an interval that holds 1 overstates nothing
        (0.949, 0.999, "over"),
        (0.95, 0.999, "right"),  # so close to 1 that the difference decides nothing
        (1.001, 1.05, "right"),
        (1.001, 1.051, "under"),
        (1, 1.2, "right"),
        (0.8, 1.25, "right"),
        (0.799, 1.2, "open"),
        (0.9, 1.251, "open"),
    ],
)
def test_risks_are_called_too_high_or_too_low_only_when_the_whole_interval_says_so(
    lower: float, upper: float, words: str
) -> None:
    ratio = estimate("observed_expected_ratio", (lower + upper) / 2, lower, upper)
    assert word(OBSERVED_EXPECTED, ratio) == words


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (0.7, 0.999, "extreme"),
        (0.7, 1, "open"),
        (0.8, 1, "right"),
        (1.001, 1.2, "moderate"),
        (0.97, 0.999, "right"),
        (1, 1.25, "right"),
        (1, 1.3, "open"),
        (-0.1, 0.3, "extreme"),
    ],
)
def test_the_spread_of_the_risks_is_named_by_the_interval_of_the_slope(
    lower: float, upper: float, words: str
) -> None:
    slope = estimate("calibration_slope", (lower + upper) / 2, lower, upper)
    assert word(SLOPE, slope) == words


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (0.001, 0.03, "helps"),
        (0, 0.03, "open"),
        (-0.01, 0, "open"),
        (-0.02, -0.001, "harms"),
        (0, 0, "open"),
    ],
)
def test_net_benefit_helps_or_harms_only_when_its_interval_leaves_out_zero(
    lower: float, upper: float, words: str
) -> None:
    benefit = estimate("net_benefit", (lower + upper) / 2, lower, upper)
    assert word(NET_BENEFIT, benefit) == words


def test_every_combination_of_the_rules_has_a_second_half_of_the_title() -> None:
    for rule in OBSERVED_EXPECTED:
        slopes = {slope.words for slope in SLOPE} if rule.words == "right" else {None}
        assert {(rule.words, slope) for slope in slopes} <= set(RISKS)
    assert {rule.words for rule in SLOPE} == set(SLOPE_SENTENCES)


@pytest.mark.parametrize(
    ("ratio", "slope", "expected"),
    [
        (
            estimate("observed_expected_ratio", 0.925, 0.863, 0.991),
            SPREAD,
            "Ranks patients well; overstates their risk by 8%",
        ),
        (
            estimate("observed_expected_ratio", 1.25, 1.1, 1.42),
            SPREAD,
            "Ranks patients well; understates their risk by 20%",
        ),
        (RIGHT, SPREAD, "Ranks patients well; its risks match what was observed"),
        (
            RIGHT,
            estimate("calibration_slope", 0.7, 0.6, 0.8),
            "Ranks patients well; its risks are right on average but too extreme",
        ),
        (
            RIGHT,
            estimate("calibration_slope", 1.4, 1.2, 1.6),
            "Ranks patients well; its risks are right on average but too close together",
        ),
        (
            RIGHT,
            estimate("calibration_slope", 1.0, 0.5, 1.5),
            "Ranks patients well; its risks are right on average",
        ),
        (
            estimate("observed_expected_ratio", 1.0, 0.5, 2.0),
            SPREAD,
            "Ranks patients well; too few events to say whether its risks are right",
        ),
    ],
)
def test_the_title_joins_the_ranking_and_the_risks(
    ratio: Estimate, slope: Estimate, expected: str
) -> None:
    assert title(AUROC, ratio, slope) == expected


def test_the_title_speaks_of_ranking_alone_when_the_ratio_is_missing() -> None:
    assert title(AUROC) == "Ranks patients well"


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        ({"events": 4, "non_events": 900}, "Too few events to say"),
        ({"events": 900, "non_events": 4}, "Too few patients without the event to say"),
        (
            {"events": None, "non_events": None},
            "Too few patients with the event, or without it, to say",
        ),
        ({"events": 0}, "No patient has the event: nothing to say about ranking"),
        (
            {"events": 90, "non_events": 0},
            "Every patient has the event: nothing to say about ranking",
        ),
    ],
)
def test_a_result_without_an_auroc_says_which_patients_are_missing(
    population: dict[str, int | None], expected: str
) -> None:
    reason = "4 events; at least 10 are needed."
    assert title(estimate("auroc", unavailable=reason), **population) == expected


def test_the_sentences_of_the_cards_say_what_the_numbers_mean() -> None:
    found = find(
        result(
            AUROC,
            estimate("observed_expected_ratio", 0.925, 0.863, 0.991),
            SPREAD,
            estimate("net_benefit", 0.0269, 0.024, 0.031, at={"threshold": 0.1}),
            estimate("net_benefit", -0.5, -0.6, -0.4, at={"threshold": 0.5}),
        ),
        str,
    )
    assert found.sentences == {
        "auroc": "A patient with the event ranks above one without in 82 of 100 pairs.",
        "observed_expected_ratio": "Fewer events than predicted: risks are too high by 8%.",
        "calibration_slope": "Close to 1: high and low risks are spread as they should be.",
        "net_benefit": (
            "As good as finding the event in 27 more of 1,000 patients with no false alarm, "
            "against treating nobody."
        ),
    }


def test_a_card_without_a_value_gives_the_reason() -> None:
    found = find(result(estimate("auroc", unavailable="Needs 10 events; found 3.")), str)
    assert found.sentences["auroc"] == "Needs 10 events; found 3."
    assert found.sentences["net_benefit"] == "Not estimated."


def test_a_benefit_below_one_in_a_thousand_is_not_called_none() -> None:
    benefit = estimate("net_benefit", 0.0004, 0.0001, 0.0007)
    sentence = find(result(AUROC, benefit), str).sentences["net_benefit"]
    assert "in less than 1 more of 1,000 patients" in sentence


@pytest.mark.parametrize(
    ("value", "pairs"), [(0.994, "99"), (0.996, "more than 99"), (1.0, "100"), (0.5, "50")]
)
def test_only_a_perfect_ranking_is_said_to_win_every_pair(value: float, pairs: str) -> None:
    sentence = find(result(estimate("auroc", value, value, value)), str).sentences["auroc"]
    assert f" in {pairs} of 100 pairs" in sentence


def test_the_spread_of_risks_is_not_judged_where_they_may_not_rank_at_all() -> None:
    inverted = estimate("calibration_slope", -0.5, -0.7, -0.3)
    assert title(estimate("auroc", 0.4, 0.35, 0.45), RIGHT, inverted) == (
        "Ranks patients the wrong way round; its risks are right on average"
    )


def test_a_subgroup_never_speaks_for_everyone() -> None:
    alone = AUROC.model_copy(update={"subgroup": {"column": "site", "value": "north"}})
    assert title(alone, events=5) == "Too few events to say"


def test_every_word_goes_through_the_translation() -> None:
    seen: list[str] = []

    def shout(message: str) -> str:
        seen.append(message)
        return re.sub(r"\{[A-Z]+\}", lambda field: field[0].lower(), message.upper())

    found = find(
        result(AUROC, estimate("observed_expected_ratio", 0.925, 0.863, 0.991), SPREAD), shout
    )
    assert found.title == "RANKS PATIENTS WELL; OVERSTATES THEIR RISK BY 8%"
    assert all(sentence == sentence.upper() for sentence in found.sentences.values())
    assert "{number}%" in seen
