"""Harrell's and Uno's C with their standard errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usecases.statistics.concordance import concordance
from usecases.statistics.survival import FollowUp

PEOPLE = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from([0, 1, 2]), st.integers(0, 8)),
    min_size=2,
    max_size=70,
)


def followed(rows: list[tuple[int, int, int]], horizon: float = 9.0) -> FollowUp:
    time, event, risk = (np.array(column) for column in zip(*rows, strict=True))
    return FollowUp.of(time.astype(float), event, risk / 10, horizon)


def random_people(seed: int, people: int = 500) -> FollowUp:
    """Risks and times with ties; nobody is censored when another has the event."""
    random = np.random.default_rng(seed)
    risk = np.round(random.random(people), 2)
    event_time = np.ceil(random.exponential(6 * (1.2 - risk))) * 2
    censored = np.ceil(random.uniform(0, 12, people)) * 2 - 1
    time = np.minimum(event_time, censored)
    return FollowUp.of(time, (event_time < censored).astype(int), risk, 15.0)


def by_definition(follow: FollowUp, power: int) -> tuple[float, float, list[float]]:
    """C, its infinitesimal jackknife error and the counts, from all pairs."""
    follow = follow.deaths_censored
    event = follow.event == 1
    weight = np.where(event, follow.censoring.weight**power, 0.0)[:, np.newaxis]
    later = follow.time > follow.time[:, np.newaxis]
    also = (follow.time == follow.time[:, np.newaxis]) & ~event
    counted = weight * (event[:, np.newaxis] & (later | also))
    risk = follow.risk
    kinds = [
        counted * kind
        for kind in (
            risk < risk[:, np.newaxis],
            risk > risk[:, np.newaxis],
            risk == risk[:, np.newaxis],
        )
    ]
    each = [kind.sum(0) + kind.sum(1) for kind in kinds]
    total = sum(kind.sum() for kind in kinds)
    value = (kinds[0].sum() + kinds[2].sum() / 2) / total
    influence = (each[0] + each[2] / 2 - value * sum(each)) / total
    return value, np.sqrt(np.sum(influence**2)), [kind.sum() for kind in kinds]


@settings(max_examples=200)
@given(PEOPLE)
def test_counting_by_halves_agrees_with_counting_all_pairs(
    rows: list[tuple[int, int, int]],
) -> None:
    follow = followed(rows)

    found = concordance(follow)

    if found.harrell.value is None:
        assert found.harrell.unavailable
        return
    value, error, counts = by_definition(follow, 0)
    assert [found.concordant, found.discordant, found.tied] == counts
    assert found.harrell.value == pytest.approx(value, abs=1e-12)
    assert (found.harrell.standard_error or 0.0) == pytest.approx(error, abs=1e-12)
    value, error, _counts = by_definition(follow, 2)
    assert found.uno.value == pytest.approx(value, abs=1e-12)
    assert (found.uno.standard_error or 0.0) == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("people", [15, 16, 17, 33, 1000, 1025])
def test_any_number_of_people_is_halved_without_loss(people: int) -> None:
    follow = random_people(people, people)

    found = concordance(follow)

    value, error, _counts = by_definition(follow, 0)
    assert (found.harrell.value, found.harrell.standard_error) == pytest.approx((value, error))


@pytest.mark.parametrize("seed", range(3))
def test_harrells_c_agrees_with_lifelines(seed: int) -> None:
    from lifelines.utils import concordance_index

    follow = random_people(seed)
    cut = FollowUp.of(follow.time, follow.event, follow.risk, 1000.0)

    peer = concordance_index(cut.time, -cut.risk, cut.event)
    assert concordance(cut).harrell.value == pytest.approx(peer, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_unos_c_agrees_with_scikit_survival(seed: int) -> None:
    from sksurv.metrics import concordance_index_ipcw
    from sksurv.util import Surv

    follow = random_people(seed)
    outcome = Surv.from_arrays(follow.event == 1, follow.time)

    peer = concordance_index_ipcw(outcome, outcome, follow.risk, tau=15.5)
    found = concordance(follow)
    assert found.uno.value == pytest.approx(peer[0], abs=1e-12)
    assert (found.concordant, found.discordant, found.tied) == peer[1:4]


@given(PEOPLE)
def test_only_the_order_of_the_risks_matters(rows: list[tuple[int, int, int]]) -> None:
    follow = followed(rows)
    bent = FollowUp.of(follow.time, follow.event, follow.risk**3, follow.horizon)
    turned = FollowUp.of(follow.time, follow.event, 1 - follow.risk, follow.horizon)

    one, other, reverse = concordance(follow), concordance(bent), concordance(turned)

    assert one == other
    if one.harrell.value is not None and reverse.harrell.value is not None:
        assert one.harrell.value + reverse.harrell.value == pytest.approx(1)


def test_the_standard_error_is_close_to_the_jackknife() -> None:
    follow = random_people(4, 120)
    values = []
    for person in range(follow.people):
        rest = np.arange(follow.people) != person
        values.append(concordance(follow.part(rest)).harrell.value)

    jackknife = np.sqrt(np.sum((np.array(values) - np.mean(values)) ** 2))
    assert concordance(follow).harrell.standard_error == pytest.approx(jackknife, rel=0.03)


def test_without_events_or_pairs_there_is_a_reason() -> None:
    nobody = FollowUp.of(np.array([1.0, 2]), np.array([0, 0]), np.array([0.1, 0.2]), 3.0)
    alone = FollowUp.of(np.array([1.0]), np.array([1]), np.array([0.1]), 3.0)
    together = FollowUp.of(np.array([1.0, 1]), np.array([1, 1]), np.array([0.1, 0.2]), 3.0)

    assert concordance(nobody).harrell.unavailable == "Nobody has the event by the horizon."
    for follow in (alone, together):
        found = concordance(follow)
        assert "No two people" in (found.harrell.unavailable or "")
        assert found.uno.value is None


def test_equal_risks_have_a_c_of_one_half_without_an_interval() -> None:
    follow = FollowUp.of(np.arange(1.0, 20), np.ones(19, dtype=int), np.full(19, 0.3), 30.0)

    found = concordance(follow)

    assert found.harrell.value == 0.5
    assert found.harrell.lower is None
