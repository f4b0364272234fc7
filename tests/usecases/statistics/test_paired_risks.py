"""Two models' risks of a yes/no outcome: against a plain loop over the same draws."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import logit

from usecases.statistics.paired_risks import (
    AT_THRESHOLD,
    PROPORTIONS,
    SINGLE,
    People,
    difference,
    difference_at,
    measure,
)
from usecases.statistics.resampling import CHUNK, CLUSTERS, generator

THRESHOLDS = (0.2, 0.4)
REPLICATES = 150


def simulated(
    size: int = 260, seed: int = 1, digits: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    line = random.normal(-0.8, 1.2, size)
    happened = random.random(size) < 1 / (1 + np.exp(-line))
    risks = [
        np.clip(
            np.round(1 / (1 + np.exp(-(slope * line + random.normal(0, noise, size)))), digits),
            10.0**-digits,
            1 - 10.0**-digits,
        )
        for slope, noise in ((1.0, 0.8), (0.8, 0.3))
    ]
    return happened, risks[0], risks[1]


def plain(happened: np.ndarray, risk: np.ndarray) -> dict[str, float]:
    """Each measure of rows that may repeat, by definition."""
    found = {
        "brier": float(np.mean((risk - happened) ** 2)),
        "observed_expected_ratio": float(happened.sum() / risk.sum()),
        "calibration_slope": float(
            sm.GLM(happened.astype(float), sm.add_constant(logit(risk)), sm.families.Binomial())
            .fit(tol=1e-12)
            .params[1]
        ),
    }
    for threshold in THRESHOLDS:
        above = risk >= threshold
        odds = threshold / (1 - threshold)
        benefit = np.mean(above & happened) - odds * np.mean(above & ~happened)
        found[f"net_benefit {threshold}"] = float(benefit)
        found[f"sensitivity {threshold}"] = float(np.mean(above[happened]))
        found[f"specificity {threshold}"] = float(np.mean(~above[~happened]))
    return found


def looped(
    happened: np.ndarray, risks: tuple[np.ndarray, np.ndarray], patient: np.ndarray
) -> dict[str, tuple[float, float]]:
    """The percentile interval of each difference, patients drawn one by one."""
    rows = [np.flatnonzero(patient == number) for number in range(patient.max() + 1)]
    drawn: list[dict[str, float]] = []
    for start in range(0, REPLICATES, CHUNK):
        random = generator(3, CLUSTERS, start // CHUNK)
        for _ in range(min(CHUNK, REPLICATES - start)):
            chosen = np.concatenate(
                [rows[number] for number in random.integers(len(rows), size=len(rows))]
            )
            one, other = (plain(happened[chosen], risk[chosen]) for risk in risks)
            drawn.append({name: other[name] - one[name] for name in one})
    return {
        name: tuple(np.quantile([draw[name] for draw in drawn], (0.025, 0.975)))
        for name in drawn[0]
    }


@pytest.mark.parametrize("clustered", [False, True])
def test_the_bootstrap_is_that_of_a_plain_loop(clustered: bool) -> None:
    happened, *risks = simulated()
    patient = np.arange(happened.size) // 2 if clustered else None
    people = People(happened, patient)

    one, other = measure(people, risks, THRESHOLDS, replicates=REPLICATES, seed=3)

    expected = looped(happened, (risks[0], risks[1]), people.unit)
    values = [plain(happened, risk) for risk in risks]
    found = {name: difference(people, one, other, name) for name in SINGLE if name != "auroc"}
    for threshold in THRESHOLDS:
        for name in AT_THRESHOLD:
            if clustered or name not in PROPORTIONS:
                key = f"{name} {threshold}"
                found[key] = difference_at(people, one, other, name, threshold)
    assert len(found) == 3 + len(THRESHOLDS) * (3 if clustered else 1)
    for name, quantity in found.items():
        tolerance = 1e-6 if name == "calibration_slope" else 1e-12
        assert quantity.value == pytest.approx(values[1][name] - values[0][name], abs=tolerance)
        assert (quantity.lower, quantity.upper) == pytest.approx(expected[name], abs=tolerance)
        assert "patient-cluster" in quantity.method or not clustered


def test_groups_of_risks_give_the_interval_of_single_risks() -> None:
    """Beyond 1,000 distinct risks groups are resampled: values are exact, intervals close."""
    happened, *risks = simulated(4_000, digits=6)
    people = People(happened)

    one, other = measure(people, risks, THRESHOLDS, replicates=400, seed=3)

    values = [plain(happened, risk) for risk in risks]
    random = np.random.default_rng(8)
    drawn = []
    for _ in range(400):
        chosen = random.integers(happened.size, size=happened.size)
        parts = [plain(happened[chosen], risk[chosen]) for risk in risks]
        drawn.append([parts[1][name] - parts[0][name] for name in parts[0]])
    errors = dict(zip(values[0], np.std(drawn, axis=0, ddof=1), strict=True))
    for name in ("brier", "observed_expected_ratio", "calibration_slope"):
        quantity = difference(people, one, other, name)
        assert "groups of neighbouring risks" in quantity.method
        assert quantity.value == pytest.approx(values[1][name] - values[0][name], abs=1e-6)
        assert quantity.standard_error == pytest.approx(errors[name], rel=0.2)
        assert quantity.lower is not None
        assert quantity.upper is not None
        assert quantity.lower < quantity.value < quantity.upper


def test_swapped_models_negate_and_a_third_changes_nothing() -> None:
    happened, first, second = simulated()
    people = People(happened)

    one, other, _more = measure(
        people, [first, second, first[::-1]], THRESHOLDS, replicates=100, seed=1
    )
    back, forth = measure(people, [second, first], THRESHOLDS, replicates=100, seed=1)

    for name in SINGLE:
        found = difference(people, one, other, name)
        swapped = difference(people, back, forth, name)
        assert swapped.value == pytest.approx(-(found.value or 0))
        assert (swapped.lower, swapped.upper) == pytest.approx(
            (-(found.upper or 0), -(found.lower or 0)), abs=1e-12
        )


def test_a_model_without_a_slope_has_no_difference_of_slopes() -> None:
    happened, first, _second = simulated()
    people = People(happened)

    one, flat = measure(
        people, [first, np.full(happened.size, 0.3)], THRESHOLDS, replicates=100, seed=1
    )

    found = difference(people, one, flat, "calibration_slope")
    assert (found.value, found.unavailable) == (None, "All risks are equal.")
    assert difference(people, one, flat, "brier").value is not None
