"""Follow-up to a horizon: Kaplan-Meier, Aalen-Johansen, and weights for censoring."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usecases.statistics.survival import FollowUp, Incidence, kaplan_meier_excess, observed_risk

PEOPLE = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from([0, 1, 2]), st.integers(0, 10)),
    min_size=2,
    max_size=40,
)


def followed(rows: list[tuple[int, int, int]], horizon: float = 5.0) -> FollowUp:
    time, event, risk = (np.array(column) for column in zip(*rows, strict=True))
    return FollowUp.of(time.astype(float), event, risk / 10, horizon)


def with_ties(seed: int, people: int = 300) -> FollowUp:
    random = np.random.default_rng(seed)
    time = np.ceil(random.exponential(4, people) * 4) / 4
    event = random.choice([0, 1, 2], people, p=[0.4, 0.35, 0.25])
    return FollowUp.of(time, event, np.round(random.random(people), 2), 5.0)


def test_the_observed_risk_of_a_case_computed_by_hand() -> None:
    # At 1: 1 of 4 has the event. At 2: 1 of 3 dies. At 3: 1 of 2 has the event.
    follow = FollowUp.of(np.array([1.0, 2, 3, 4]), np.array([1, 2, 1, 0]), np.full(4, 0.2), 3.5)

    assert follow.incidence.value == pytest.approx(1 / 4 + 3 / 4 * 2 / 3 * 1 / 2)
    assert follow.death.value == pytest.approx(3 / 4 * 1 / 3)
    assert follow.deaths_censored.incidence.value == pytest.approx(1 - 3 / 4 * 1 / 2)
    # Everything is known about everybody, so the error is that of a share of one half.
    assert follow.incidence.standard_error == pytest.approx(np.sqrt(0.5 * 0.5 / 4))


def test_somebody_censored_when_another_has_the_event_was_at_risk_of_it() -> None:
    follow = FollowUp.of(np.array([2.0, 2, 3]), np.array([0, 1, 0]), np.full(3, 0.2), 3.0)

    assert follow.incidence.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(4))
def test_kaplan_meier_agrees_with_lifelines(seed: int) -> None:
    from lifelines import KaplanMeierFitter

    follow = with_ties(seed).deaths_censored

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = KaplanMeierFitter().fit(follow.time, follow.event == 1)
        value = 1 - float(peer.predict(5.0))
    assert follow.incidence.value == pytest.approx(value, abs=1e-12)
    # Greenwood's.
    ended, at_risk = follow.events, follow.at_risk
    kept = at_risk > ended
    greenwood = np.sum(ended[kept] / (at_risk[kept] * (at_risk[kept] - ended[kept])))
    assert follow.incidence.standard_error == pytest.approx((1 - value) * np.sqrt(greenwood))


@pytest.mark.parametrize("seed", range(4))
def test_aalen_johansen_agrees_with_scikit_survival(seed: int) -> None:
    from sksurv.nonparametric import cumulative_incidence_competing_risks

    follow = with_ties(seed)

    times, risks = cumulative_incidence_competing_risks(follow.event.astype(int), follow.time)
    place = np.searchsorted(times, 5.0, side="right") - 1
    assert follow.incidence.value == pytest.approx(risks[1, place], abs=1e-12)
    assert follow.death.value == pytest.approx(risks[2, place], abs=1e-12)


@given(PEOPLE)
def test_the_standard_error_is_the_root_of_the_squared_influences(
    rows: list[tuple[int, int, int]],
) -> None:
    follow = followed(rows)
    influence = follow.incidence.influence(follow.point, follow.event)

    assert influence.sum() == pytest.approx(0, abs=1e-12)
    assert follow.incidence.standard_error == pytest.approx(np.sqrt(np.sum(influence**2)), abs=1e-9)


@given(PEOPLE)
@example([(1, 1, 0), (1, 1, 0), (1, 2, 0)])  # everybody leaves at once: two thirds and a third
def test_the_errors_over_time_are_those_of_follow_up_that_ends_there(
    rows: list[tuple[int, int, int]],
) -> None:
    whole = followed(rows).incidence

    for place in range(whole.risk.size):
        until = slice(place + 1)
        part = Incidence.of(whole.at_risk[until], whole.events[until], whole.deaths[until])
        assert whole.standard_errors[place] == pytest.approx(part.standard_error, abs=1e-7)


@given(PEOPLE)
def test_the_weights_for_censoring_add_up_to_the_people_and_give_the_observed_risk(
    rows: list[tuple[int, int, int]],
) -> None:
    follow = followed(rows)
    if not follow.total_at_horizon and follow.event[-1] == 0:
        return  # nobody is known about at the horizon
    weight = follow.censoring.weight

    assert weight.sum() == pytest.approx(follow.people)
    share = weight[follow.event == 1].sum() / follow.people
    assert share == pytest.approx(follow.incidence.value, abs=1e-12)


@given(PEOPLE, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    rows: list[tuple[int, int, int]], shuffler: object
) -> None:
    one = followed(rows)
    shuffled = list(rows)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    other = followed(shuffled)

    for name in ("time", "event", "risk", "risk_rank", "point"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@settings(max_examples=50)
@given(PEOPLE)
def test_what_happens_after_the_horizon_changes_nothing(rows: list[tuple[int, int, int]]) -> None:
    later = [(time + 3, 0, risk) if time > 5 else (time, event, risk) for time, event, risk in rows]

    one, other = followed(rows), followed(later)

    assert one.incidence.value == other.incidence.value
    assert np.array_equal(one.censoring.weight, other.censoring.weight)


def test_times_that_differ_by_rounding_are_the_same_time() -> None:
    time = np.array([0.1 + 0.2, 0.3, 0.1 * 3, 1.0])

    follow = FollowUp.of(time, np.array([1, 1, 0, 0]), np.full(4, 0.5), 0.3)

    assert follow.times.tolist() == [0.3]
    assert follow.incidence.value == 0.5
    assert follow.total_at_horizon == 2


def test_a_part_of_the_people_is_what_they_are_alone() -> None:
    follow = with_ties(3)
    chosen = follow.risk > 0.5

    part = follow.part(chosen)

    alone = FollowUp.of(follow.time[chosen], follow.event[chosen], follow.risk[chosen], 5.0)
    assert part.incidence.value == alone.incidence.value
    assert np.array_equal(part.censoring.weight, alone.censoring.weight)


def test_kaplan_meier_lies_above_aalen_johansen_where_people_die() -> None:
    follow = with_ties(5)

    excess = kaplan_meier_excess(follow)

    censored = follow.deaths_censored
    assert excess.value == pytest.approx(censored.incidence.value - follow.incidence.value)
    assert excess.lower > 0
    assert kaplan_meier_excess(censored).value == 0
    assert kaplan_meier_excess(censored).lower is None


def test_an_observed_risk_of_none_or_all_has_no_interval() -> None:
    for code, value in ((0, 0.0), (1, 1.0)):
        follow = FollowUp.of(np.full(5, 2.0), np.full(5, code), np.full(5, 0.2), 2.0)

        found = observed_risk(follow)

        assert (found.value, found.lower) == (value, None)
        assert "no interval" in found.method


@pytest.mark.parametrize(
    ("time", "event", "risk", "message"),
    [
        ([1.0, 0.0], [0, 1], [0.1, 0.1], "time must be above 0"),
        ([1.0, np.nan], [0, 1], [0.1, 0.1], "time must be above 0"),
        ([1.0, 2.0], [0, 3], [0.1, 0.1], "event must be 0"),
        ([1.0, 2.0], [0, 1], [0.1, 1.1], "risk must lie in"),
        ([1.0, 2.0], [0, 1], [0.1], "equal length"),
    ],
)
def test_people_who_make_no_sense_are_refused(
    time: list[float], event: list[int], risk: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        FollowUp.of(np.array(time), np.array(event), np.array(risk), 5.0)
