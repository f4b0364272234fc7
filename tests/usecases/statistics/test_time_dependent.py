"""AUC, Brier score and IPA at the horizon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from usecases.statistics.survival import FollowUp
from usecases.statistics.time_dependent import auc_at_horizon, auc_influence, brier_at_horizon

HORIZON = 15.0
PEOPLE = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from([0, 1, 2]), st.integers(0, 10)),
    min_size=2,
    max_size=40,
)


def random_people(seed: int, people: int = 500, deaths: bool = False) -> FollowUp:
    """Risks and times with ties; nobody is censored when another has the event."""
    random = np.random.default_rng(seed)
    risk = np.round(random.random(people), 2)
    event_time = np.ceil(random.exponential(14 * (1.3 - risk))) * 2
    event = np.ones(people, dtype=int)
    if deaths:
        death = np.ceil(random.exponential(25, people)) * 2
        event = np.where(death < event_time, 2, 1)
        event_time = np.minimum(event_time, death)
    censored = np.ceil(random.uniform(0, 16, people)) * 2 - 1
    ended = np.where(event_time < censored, event, 0)
    return FollowUp.of(np.minimum(event_time, censored), ended, risk, HORIZON - 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_auc_and_brier_agree_with_scikit_survival(seed: int) -> None:
    from sksurv.metrics import brier_score, cumulative_dynamic_auc
    from sksurv.util import Surv

    random = np.random.default_rng(seed)
    follow = random_people(seed)
    # scikit-survival needs follow-up past the horizon.
    beyond = follow.at_horizon
    time = np.where(beyond, follow.time + 1 + random.integers(5, size=beyond.size), follow.time)
    outcome = Surv.from_arrays(follow.event == 1, time)

    auc, _mean = cumulative_dynamic_auc(outcome, outcome, follow.risk, [HORIZON - 0.5])
    _times, score = brier_score(outcome, outcome, 1 - follow.risk[:, np.newaxis], [HORIZON - 0.5])

    assert auc_at_horizon(follow).value == pytest.approx(auc[0], abs=1e-12)
    assert brier_at_horizon(follow)[0].value == pytest.approx(score[0], abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_with_everybody_followed_they_are_those_of_a_yes_no_outcome(seed: int) -> None:
    random = np.random.default_rng(seed)
    risk = np.round(random.random(300), 2)
    outcome = (random.random(300) < risk).astype(int)
    follow = FollowUp.of(np.where(outcome, 2.0, 9.0), outcome, risk, 5.0)

    auc = auc_at_horizon(follow)
    brier, scaled = brier_at_horizon(follow)

    assert auc.value == pytest.approx(roc_auc_score(outcome, risk), abs=1e-13)
    assert brier.value == pytest.approx(brier_score_loss(outcome, risk), abs=1e-13)
    share = outcome.mean()
    assert scaled.value == pytest.approx(1 - brier.value / (share * (1 - share)))


def test_who_dies_is_a_control_and_counts_in_the_brier_score_as_without_the_event() -> None:
    # Nobody is censored: events 0.9, 0.5; died 0.6; free 0.1.
    follow = FollowUp.of(
        np.array([1.0, 2, 3, 9]), np.array([1, 1, 2, 0]), np.array([0.9, 0.5, 0.6, 0.1]), 5.0
    )

    assert auc_at_horizon(follow).value == pytest.approx(3 / 4)
    assert brier_at_horizon(follow)[0].value == pytest.approx(
        (0.1**2 + 0.5**2 + 0.6**2 + 0.1**2) / 4
    )


def test_weights_of_a_case_computed_by_hand() -> None:
    # One of 3 at risk of censoring at 2 is lost: those after it weigh 3/2.
    follow = FollowUp.of(
        np.array([1.0, 2, 3, 9]), np.array([1, 0, 1, 0]), np.array([0.2, 0.7, 0.8, 0.4]), 5.0
    )

    assert follow.censoring.weight.tolist() == pytest.approx([1, 0, 1.5, 1.5])
    # Of the weights of events, 1 loses to the control and 1.5 wins.
    assert auc_at_horizon(follow).value == pytest.approx(1.5 / 2.5)


@pytest.mark.parametrize("deaths", [False, True])
def test_the_standard_errors_are_close_to_the_jackknife(deaths: bool) -> None:
    follow = random_people(11, 250, deaths)
    values = []
    for person in range(follow.people):
        part = follow.part(np.arange(follow.people) != person)
        brier, scaled = brier_at_horizon(part)
        values.append([auc_at_horizon(part).value, brier.value, scaled.value])
    spread = np.array(values) - np.mean(values, axis=0)
    jackknife = np.sqrt(np.sum(spread**2, axis=0))

    found = [auc_at_horizon(follow), *brier_at_horizon(follow)]

    errors = [quantity.standard_error for quantity in found]
    assert errors == pytest.approx(jackknife, rel=0.03)


@given(PEOPLE)
def test_risks_turned_round_turn_the_area_round(rows: list[tuple[int, int, int]]) -> None:
    time, event, risk = (np.array(column) for column in zip(*rows, strict=True))
    one = auc_influence(FollowUp.of(time.astype(float), event, risk / 10, 5.0))
    other = auc_influence(FollowUp.of(time.astype(float), event, 1 - risk / 10, 5.0))

    if isinstance(one, str):
        assert one == other
    else:
        assert not isinstance(other, str)
        assert one.value + other.value == pytest.approx(1)
        assert np.sum(one.influence) == pytest.approx(0, abs=1e-9)


def test_with_one_kind_of_people_there_is_a_reason() -> None:
    for code in (0, 1):
        follow = FollowUp.of(np.full(4, 2.0), np.full(4, code), np.array([0.1, 0.2, 0.3, 0.4]), 5.0)
        if code == 0:
            follow = FollowUp.of(np.full(4, 9.0), np.full(4, 0), follow.risk, 5.0)
        assert "Nobody has the event" in (auc_at_horizon(follow).unavailable or "")
        assert brier_at_horizon(follow)[1].unavailable == "The observed risk is 0 or 1."
