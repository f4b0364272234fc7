"""Two models' risks by a horizon: influences against leaving people out, and known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from usecases.statistics.concordance import concordance
from usecases.statistics.paired_survival import (
    SINGLE,
    Model,
    difference,
    net_benefit_difference,
)
from usecases.statistics.survival import FollowUp
from usecases.statistics.survival_calibration import observed_expected_ratio
from usecases.statistics.survival_utility import splits
from usecases.statistics.time_dependent import auc_at_horizon, brier_at_horizon

THRESHOLD = 0.3
HORIZON = 5.0


def simulated(size: int = 400, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Times, events and the risks of two models, with ties in all of them."""
    random = np.random.default_rng(seed)
    line = random.normal(-1.2, 1.0, size)
    time = np.ceil(random.exponential(5 / np.exp(line)) * 20) / 20
    death = np.ceil(random.exponential(15, size) * 20) / 20
    censored = np.ceil(random.uniform(0.5, 9, size) * 20) / 20
    event = np.select([(time <= death) & (time <= censored), death <= censored], [1, 2], 0)
    risks = [
        np.round(1 - np.exp(-np.exp(slope * line + random.normal(0, noise, size))), 2)
        for slope, noise in ((1.0, 0.9), (0.9, 0.3))
    ]
    followed = np.minimum(np.minimum(time, death), censored)
    return followed, event, np.clip(risks[0], 0.01, 0.99), np.clip(risks[1], 0.01, 0.99)


def model(time: np.ndarray, event: np.ndarray, risk: np.ndarray) -> Model:
    return Model.of(FollowUp.of(time, event, risk, HORIZON), (THRESHOLD,))


def estimates(time: np.ndarray, event: np.ndarray, risk: np.ndarray) -> dict[str, float]:
    """What the engine gives for one model alone."""
    follow = FollowUp.of(time, event, risk, HORIZON)
    pairs = concordance(follow)
    found = {
        "auc": auc_at_horizon(follow),
        "harrell_c": pairs.harrell,
        "uno_c": pairs.uno,
        "brier": brier_at_horizon(follow)[0],
        "observed_expected_ratio": observed_expected_ratio(follow),
        "net_benefit": splits(follow, np.asarray([THRESHOLD]))[0].net_benefit(),
    }
    return {name: float(one.value or 0.0) for name, one in found.items()}


def test_values_are_those_of_the_models_alone() -> None:
    time, event, first, second = simulated()
    one, other = model(time, event, first), model(time, event, second)
    alone = [estimates(time, event, risk) for risk in (first, second)]

    for name in SINGLE:
        found = difference(one, other, name)
        assert found.value == pytest.approx(alone[1][name] - alone[0][name], abs=1e-14)
    found = net_benefit_difference(one, other, THRESHOLD)
    assert found.value == pytest.approx(
        alone[1]["net_benefit"] - alone[0]["net_benefit"], abs=1e-14
    )


def test_errors_are_those_of_leaving_people_out() -> None:
    """The jackknife of the difference, person by person, is what the influences stand for.

    Uno's C takes its weights as known and is left out; the others agree to order 1 / n.
    """
    time, event, first, second = simulated()
    one, other = model(time, event, first), model(time, event, second)
    size = time.size
    left_out: dict[str, list[float]] = {}
    for person in range(size):
        kept = np.arange(size) != person
        parts = [estimates(time[kept], event[kept], risk[kept]) for risk in (first, second)]
        for name in parts[0]:
            left_out.setdefault(name, []).append(parts[1][name] - parts[0][name])

    for name, values in left_out.items():
        spread = np.asarray(values) - np.mean(values)
        expected = math.sqrt((size - 1) / size * float(np.sum(spread**2)))
        if name == "uno_c":
            continue
        found = (
            net_benefit_difference(one, other, THRESHOLD)
            if name == "net_benefit"
            else difference(one, other, name)
        )
        assert found.standard_error == pytest.approx(expected, rel=0.02)


def test_the_error_of_one_model_beside_no_information_is_its_own() -> None:
    """Beside equal risks, whose C is 1/2 in any sample, the difference is C itself."""
    time, event, first, _second = simulated()
    flat = model(time, event, np.full(time.size, 0.3))
    follow = FollowUp.of(time, event, first, HORIZON)
    alone = concordance(follow)

    for name, single in (("harrell_c", alone.harrell), ("uno_c", alone.uno)):
        found = difference(flat, model(time, event, first), name)
        assert found.value == pytest.approx((single.value or 0) - 0.5)
        assert found.standard_error == pytest.approx(single.standard_error, rel=1e-10)


def test_the_error_of_net_benefit_beside_treating_nobody_is_its_own() -> None:
    time, event, first, _second = simulated()
    nobody = model(time, event, np.full(time.size, 0.1))
    alone = splits(FollowUp.of(time, event, first, HORIZON), np.asarray([THRESHOLD]))[0]

    found = net_benefit_difference(nobody, model(time, event, first), THRESHOLD)

    assert found.value == pytest.approx(alone.net_benefit().value)
    assert found.standard_error == pytest.approx(alone.net_benefit().standard_error, rel=1e-10)


def test_without_censoring_brier_and_net_benefit_are_means_over_people() -> None:
    time, event, first, second = simulated()
    time = np.where(event == 0, 10.0, time)
    one, other = model(time, event, first), model(time, event, second)
    happened = (event == 1) & (time <= HORIZON)
    size = time.size

    lost = (second - happened) ** 2 - (first - happened) ** 2
    found = difference(one, other, "brier")
    assert found.value == pytest.approx(np.mean(lost))
    assert found.standard_error == pytest.approx(np.std(lost) / math.sqrt(size), rel=1e-10)

    odds = THRESHOLD / (1 - THRESHOLD)
    gains = [(risk > THRESHOLD) * np.where(happened, 1.0, -odds) for risk in (first, second)]
    found = net_benefit_difference(one, other, THRESHOLD)
    assert found.value == pytest.approx(np.mean(gains[1] - gains[0]))
    assert found.standard_error == pytest.approx(
        np.std(gains[1] - gains[0]) / math.sqrt(size), rel=1e-10
    )


def test_swapped_models_negate() -> None:
    time, event, first, second = simulated()
    one, other = model(time, event, first), model(time, event, second)

    for name in SINGLE:
        found, swapped = difference(one, other, name), difference(other, one, name)
        assert swapped.value == -(found.value or 0)
        assert swapped.standard_error == pytest.approx(found.standard_error)
        assert (swapped.lower, swapped.upper) == pytest.approx(
            (-(found.upper or 0), -(found.lower or 0))
        )


def test_models_of_one_ranking_differ_in_nothing_that_ranks() -> None:
    time, event, first, _second = simulated()
    one, other = model(time, event, first), model(time, event, first**2)

    for name in ("auc", "harrell_c", "uno_c"):
        found = difference(one, other, name)
        assert (found.value, found.lower) == (0.0, None)
        assert "no variation" in found.method
    assert difference(one, other, "brier").lower is not None


def test_without_an_event_there_is_a_reason() -> None:
    time, event, first, second = simulated(40)
    event = np.where(event == 1, 0, event)
    one, other = model(time, event, first), model(time, event, second)

    for name in ("auc", "harrell_c", "uno_c", "observed_expected_ratio"):
        found = difference(one, other, name)
        assert found.value is None
        assert found.unavailable
