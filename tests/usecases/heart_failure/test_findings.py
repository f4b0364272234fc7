from __future__ import annotations

import itertools

import pytest

from portal.result import Estimate, Result
from usecases.heart_failure.findings import BURDEN, WARNS, find
from usecases.heart_failure.use_case import ALERTS_TASK, USE_CASE
from usecases.statistics.alert_measures import NAMES


def estimate(
    measure: str,
    value: float | None = None,
    lower: float | None = None,
    upper: float | None = None,
    unavailable: str | None = None,
) -> Estimate:
    return Estimate(
        measure=measure,
        value=value,
        lower=lower,
        upper=upper,
        method="given",
        unavailable=unavailable,
    )


def result(*estimates: Estimate, **population: int | None) -> Result:
    return Result(
        use_case="heart-failure",
        task="alerts",
        engine="test",
        protocol={"window": 30},
        inputs={},
        population={"events": 500, **population},
        estimates=list(estimates),
    )


@pytest.mark.parametrize(
    ("sensitivity", "rate", "title"),
    [
        ((0.8, 0.7, 0.9), (1.5, 1.4, 1.6), "Warns before most events; about 1.5 unexplained"),
        ((0.8, 0.69, 0.9), (0.2, 0.1, 0.5), "Warns before more than half of the events; un"),
        ((0.3, 0.2, 0.49), (2.5, 2.0, 3.0), "Warns before fewer than half of the events; un"),
        ((0.5, 0.4, 0.6), (0.07, 0.03, 0.6), "Warns before about half of the events; about 0.07"),
        ((0.5, 0.2, 0.8), (2.5, 1.9, 3.0), "How many events it warns before is uncertain; about"),
    ],
)
def test_a_title_says_no_more_than_the_intervals_allow(
    sensitivity: tuple[float, ...], rate: tuple[float, ...], title: str
) -> None:
    found = find(
        result(
            estimate("event_sensitivity", *sensitivity), estimate("unexplained_alert_rate", *rate)
        ),
        str,
    )
    assert found.title.startswith(title)


def test_some_rule_fits_every_interval() -> None:
    ends = [0, 0.1, 0.39, 0.4, 0.5, 0.6, 0.7, 0.9, 1, 2, 5]
    for lower, upper in itertools.combinations_with_replacement(ends, 2):
        for rules in (WARNS, BURDEN):
            assert any(rule.fits(lower, upper) for rule in rules)


def test_too_few_events_are_said_as_such() -> None:
    none = estimate("event_sensitivity", unavailable="There are no events.")
    assert find(result(none, events=0), str).title == "No event: nothing to say about warning"
    assert find(result(none, events=None), str).title == "Too few events to say"
    assert find(result(none, events=0), str).sentences["event_sensitivity"] == (
        "There are no events."
    )


def test_sentences_say_what_the_numbers_mean() -> None:
    found = find(
        result(
            estimate("event_sensitivity", 0.549245, 0.52, 0.58),
            estimate("unexplained_alert_rate", 1.49718, 1.4, 1.6),
            estimate("alert_ppv", 0.222962, 0.2, 0.24),
            estimate("lead_time_median", 17, 17, 18),
            estimate("lead_time_q25", 11, 11, 12),
            estimate("lead_time_q75", 24, 23, 25),
        ),
        str,
    )
    assert found.sentences == {
        "event_sensitivity": "An alert started within 30 days before 55 of 100 events.",
        "unexplained_alert_rate": "For every 100 patients in a year, 150 alerts with no event in "
        "the days after.",
        "alert_ppv": "Of 100 alerts, 22 had an event in the 30 days after them.",
        "lead_time_median": "The middle half of the warnings came 11 to 24 days ahead.",
    }


def test_a_share_is_not_rounded_to_all_or_none() -> None:
    found = find(
        result(estimate("event_sensitivity", 0.998, 0.99, 1), estimate("alert_ppv", 0.001, 0, 1)),
        str,
    )
    assert "more than 99 of 100" in found.sentences["event_sensitivity"]
    assert "fewer than 1 had" in found.sentences["alert_ppv"]


def test_the_declaration_describes_every_measure() -> None:
    assert {measure.key for measure in ALERTS_TASK.measures} == set(NAMES)
    assert all(len(measure.label.split()) <= 3 for measure in ALERTS_TASK.measures)
    assert USE_CASE.task("alerts") is ALERTS_TASK
    assert (USE_CASE.slug, USE_CASE.colour) == ("heart-failure", "brick")
