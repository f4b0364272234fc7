"""Net benefit and proportions at thresholds under censoring."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from usecases.statistics.survival import FollowUp
from usecases.statistics.survival_utility import PROPORTIONS, net_benefit_treat_all, splits


def random_people(seed: int = 1, people: int = 500, deaths: bool = True) -> FollowUp:
    random = np.random.default_rng(seed)
    risk = np.round(random.random(people), 2)
    time = np.ceil(random.exponential(12 * (1.1 - risk), people) * 10) / 10
    death = random.exponential(15 if deaths else 1e9, people)
    censored = np.ceil(random.uniform(0, 12, people) * 10) / 10
    event = np.select([(time <= death) & (time <= censored), death <= censored], [1, 2], 0)
    return FollowUp.of(np.minimum.reduce([time, death, censored]), event, risk, 5.0)


def test_of_people_followed_to_the_end_they_are_plain_counts() -> None:
    # Above 0.5: three, of whom two have the event; below or at: two, of whom one has.
    risk = np.array([0.9, 0.8, 0.6, 0.5, 0.2])
    event = np.array([1, 1, 0, 1, 2])
    follow = FollowUp.of(np.array([1.0, 2, 9, 3, 4]), event, risk, 5.0)

    split = splits(follow, np.array([0.5]))[0]

    assert split.net_benefit().value == pytest.approx(2 / 5 - 1 / 5)
    found = [split.proportion(name).value for name in PROPORTIONS]
    assert found == pytest.approx([2 / 3, 1 / 2, 2 / 3, 1 / 2])
    assert split.gain_over_treat_all().value == pytest.approx((2 / 5 - 1 / 5) - (3 / 5 - 2 / 5))
    assert net_benefit_treat_all(follow, 0.5) == pytest.approx(3 / 5 - 2 / 5)


@pytest.mark.parametrize("seed", range(3))
def test_net_benefit_agrees_with_dcurves(seed: int) -> None:
    import pandas as pd
    from dcurves import dca

    follow = random_people(seed, deaths=False)
    thresholds = np.array([0.155, 0.305, 0.605])  # nobody's own risk: dcurves counts p >= t
    frame = pd.DataFrame({"time": follow.time, "event": follow.event, "risk": follow.risk})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = dca(
            data=frame,
            outcome="event",
            modelnames=["risk"],
            thresholds=thresholds,
            time=5.0,
            time_to_outcome_col="time",
        )

    found = [split.net_benefit().value for split in splits(follow, thresholds)]
    theirs = peer[peer["model"] == "risk"].sort_values("threshold")["net_benefit"]
    assert found == pytest.approx(theirs.to_numpy(), abs=1e-9)


def test_each_side_is_the_observed_risk_of_its_people() -> None:
    follow = random_people()

    for split in splits(follow, np.array([0.1, 0.5, 0.9])):
        for side, chosen in (
            (split.above, follow.risk > split.threshold),
            (split.below, follow.risk <= split.threshold),
        ):
            part = follow.part(chosen)
            assert side.people == part.people
            assert side.risk == pytest.approx(part.incidence.value)
            assert side.variance == pytest.approx(part.incidence.standard_error**2)


def test_the_standard_errors_are_close_to_those_of_a_bootstrap() -> None:
    follow = random_people(3, 400)
    random = np.random.default_rng(1)
    drawn = []
    for _ in range(400):
        chosen = random.integers(follow.people, size=follow.people)
        part = FollowUp.of(follow.time[chosen], follow.event[chosen], follow.risk[chosen], 5.0)
        split = splits(part, np.array([0.4]))[0]
        drawn.append(
            [
                split.net_benefit().value,
                split.gain_over_treat_all().value,
                *(split.proportion(name).value for name in PROPORTIONS),
            ]
        )

    split = splits(follow, np.array([0.4]))[0]
    gains = split.net_benefit(), split.gain_over_treat_all()
    found = [*gains, *(split.proportion(name) for name in PROPORTIONS)]
    errors = [quantity.standard_error for quantity in found]
    assert errors == pytest.approx(np.std(drawn, axis=0), rel=0.15)


def test_the_four_shares_add_up_to_everybody() -> None:
    for split in splits(random_people(), np.array([0.0, 0.33, 1.0])):
        assert sum(split.shares.values()) == pytest.approx(1)


def test_nobody_above_the_threshold_gains_nothing_and_has_no_predictive_value() -> None:
    follow = random_people()
    split = splits(follow, np.array([0.95]), risk=0.9 * follow.risk)[0]

    assert split.net_benefit().value == 0
    assert "fewer than 1 people" in (split.proportion("ppv").unavailable or "")
    assert split.proportion("sensitivity").value == 0


def test_a_side_that_nobody_is_followed_to_the_horizon_in_gives_a_reason() -> None:
    follow = FollowUp.of(
        np.array([1.0, 2, 9, 9]), np.array([1, 0, 0, 1]), np.array([0.8, 0.9, 0.2, 0.1]), 5.0
    )

    split = splits(follow, np.array([0.5]))[0]

    assert split.net_benefit().unavailable == (
        "Nobody above the threshold is followed to the horizon."
    )
    assert split.proportion("sensitivity").value is None
    assert split.proportion("npv").value == 1.0


def test_a_proportion_of_few_people_is_not_given() -> None:
    split = splits(random_people(), np.array([0.97]))[0]

    assert 0 < split.above.people < 30
    assert "fewer than 30 people" in (split.proportion("ppv", 30).unavailable or "")
