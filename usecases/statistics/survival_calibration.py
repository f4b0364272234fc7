"""Do the predicted risks by a horizon agree with what was observed? Under censoring."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from usecases.statistics.pseudovalues import (
    Averages,
    Regression,
    fit,
    fit_rows,
    pseudo_values,
)
from usecases.statistics.quantity import Z95, Quantity, normal_quantity, percentile_quantity
from usecases.statistics.regression import fit_logistic_rows
from usecases.statistics.resampling import CHUNK, generator
from usecases.statistics.risks import RiskTable, off_the_edge
from usecases.statistics.smoothing import Smoother, calibration_errors
from usecases.statistics.survival import EVENT, FollowUp

EXPECTED = "Mean predicted risk; normal"
OBSERVED_EXPECTED = (
    "Observed / mean predicted risk; log scale, the wider of the Poisson error "
    "(1 / root of the events) and the error of the observed risk"
)
LINE = "Pseudo-values regressed on cloglog(risk), cloglog link; robust (sandwich) error"
IN_THE_LARGE = "Pseudo-values regressed on offset cloglog(risk), cloglog link; robust error"
ERRORS = ("ici", "e50", "e90")
EQUAL = "All risks are equal."
NO_FIT = "The regression did not converge."

GROUPS = 250
"""Most groups of neighbouring risks that a bootstrap resamples."""

WEIGHTED_PEOPLE = 11
"""Purpose of the generator of bootstraps of weighted people (see ``resampling``)."""


def expected_risk(follow: FollowUp) -> Quantity:
    """The mean of the predicted risks."""
    error = float(np.std(follow.risk, ddof=1)) / math.sqrt(follow.people)
    return normal_quantity(float(np.mean(follow.risk)), error, EXPECTED, low=0.0, high=1.0)


def observed_expected_ratio(follow: FollowUp) -> Quantity:
    """Observed risk by the horizon over the mean predicted risk, the latter taken as known.

    Its log has two published errors: ``1 / sqrt(events)`` (McLernon et al., Annals of Internal
    Medicine 2023;176:105-114) and the error of the observed risk over the observed risk (van
    Geloven et al., BMJ 2022;377:e069249). The first is too small where many are lost early, the
    second is the smaller one where few are; the wider of the two is used.
    """
    expected = float(np.mean(follow.risk))
    if expected == 0:
        return Quantity(OBSERVED_EXPECTED, unavailable="The risks add up to 0.")
    observed = follow.incidence.value
    if observed == 0:
        return Quantity(OBSERVED_EXPECTED, unavailable="There is no event.")
    error = max(1 / math.sqrt(follow.total_events), follow.incidence.standard_error / observed)
    value = observed / expected
    ends = [value * math.exp(sign * Z95 * error) for sign in (-1, 1)]
    return Quantity(OBSERVED_EXPECTED, value, ends[0], ends[1], value * error)


@dataclass(frozen=True)
class Calibration:
    """What was observed beside the predicted risks, by distinct risk.

    Attributes
    ----------
    averages : Averages
        The pseudo-values.
    known : ndarray, shape (2, 3, risks)
        Of those known to have the event by the horizon, and of those known not to: people, and
        the sum and the squares of their weights (inverse probability of not being censored).
    """

    averages: Averages
    known: np.ndarray

    @classmethod
    def of(cls, follow: FollowUp) -> Calibration:
        """Collect everybody in ``follow``."""
        averages = Averages.of(follow.risk, pseudo_values(follow), follow.by_risk)
        weight, rank = follow.censoring.weight, follow.risk_rank
        happened = follow.event == EVENT
        known = [
            [
                np.bincount(rank[part], weights=column, minlength=averages.risk.size)
                for column in (np.ones(part.size), weight[part], weight[part] ** 2)
            ]
            for part in (np.flatnonzero(happened), np.flatnonzero(~happened & (weight > 0)))
        ]
        return cls(averages, np.asarray(known))

    def intercept(self) -> Quantity:
        """Calibration intercept with the slope held at 1 (calibration in the large).

        As ``geese(pseudo ~ offset(cloglog(risk)), mean.link = "cloglog")``: van Geloven et al.,
        BMJ 2022;377:e069249. Not to be read as the intercept of the regression that estimates
        the slope.
        """
        found = _fitted(self.averages, slope=False)
        if found is None:
            return Quantity(IN_THE_LARGE, unavailable=NO_FIT)
        return _wald(found, 0, IN_THE_LARGE)

    def slope(self) -> Quantity:
        """Calibration slope: the coefficient of cloglog(risk)."""
        if self.averages.risk.size < 2:
            return Quantity(LINE, unavailable=EQUAL)
        found = _fitted(self.averages, slope=True)
        if found is None:
            return Quantity(LINE, unavailable=NO_FIT)
        return _wald(found, 1, LINE)

    @cached_property
    def weighted(self) -> RiskTable:
        """The table of risks with weights in place of counts of people."""
        return RiskTable(self.averages.risk, self.known[0, 1], self.known[1, 1])

    @cached_property
    def smoother(self) -> Smoother | str:
        """The smoothed curve, or why there is none."""
        return Smoother.fit(self.weighted)


def _fitted(averages: Averages, *, slope: bool) -> Regression | None:
    """Regression on a constant with offset cloglog(risk), or on both."""
    ones = np.ones(averages.risk.size)
    if slope:
        design = np.column_stack((ones, averages.predictor))
        return fit(design, averages, np.asarray([0.0, 1.0]))
    return fit(ones[:, np.newaxis], averages, np.zeros(1), offset=averages.predictor)


def recalibration(averages: Averages, *, slope: bool) -> tuple[float, float] | None:
    """Constant and slope by which the risks become right on average; None where there are none.

    The mean of the updated risks is the observed risk; with a slope, so is their mean weighted
    by cloglog(risk).
    """
    ones = np.ones((averages.risk.size, 1))
    people, total = averages.people[np.newaxis].astype(np.float64), averages.total[np.newaxis]
    if slope:
        design = np.column_stack((ones, averages.predictor))
        found = fit_rows(design, people, total, np.asarray([0.0, 1.0]), balanced=True)[0]
    else:
        offset = averages.predictor
        found = fit_rows(ones, people, total, np.zeros(1), offset=offset, balanced=True)[0]
    if not np.all(np.isfinite(found)):
        return None
    return float(found[0]), float(found[1]) if slope else 1.0


def _wald(found: Regression, index: int, method: str) -> Quantity:
    return normal_quantity(
        float(found.coefficients[index]), float(found.standard_errors[index]), method
    )


@dataclass(frozen=True)
class SmoothErrors:
    """Calibration errors with their intervals, and the replicates that a band is drawn from."""

    quantities: dict[str, Quantity]
    smoother: Smoother | None = None
    coefficients: np.ndarray | None = None


def smooth_errors(calibration: Calibration, replicates: int, seed: int) -> SmoothErrors:
    """ICI, E50 and E90 of the smoothed curve, with bootstrap intervals.

    The curve is that of :class:`Smoother`, every person weighing the inverse of the chance of
    not being censored: Austin, Harrell & van Klaveren, Statistics in Medicine 2020;39:2714-2742,
    define the errors; the weights stand in for their hazard regression.

    People are drawn with replacement, each with a known weight. With more than :data:`GROUPS`
    distinct risks they are drawn from groups of neighbouring risks: the number drawn of each
    group with the event, without it and lost is multinomial, and the sum of their weights normal
    with the mean and the variance that drawing them one by one would give. So the cost does not
    grow with the number of people.
    """
    smoother = calibration.smoother
    if isinstance(smoother, str):
        missing = Quantity("Smoothed calibration curve; bootstrap", unavailable=smoother)
        return SmoothErrors(dict.fromkeys(ERRORS, missing))
    averages = calibration.averages
    starts = averages.group_starts(GROUPS)
    grouped = averages.grouped(starts)
    predictor = special.logit(off_the_edge(grouped.risk))
    design = smoother.design(predictor)
    drawn: list[np.ndarray] = []
    errors: list[np.ndarray] = []
    for people, events, non_events in _replicates(calibration, starts, replicates, seed):
        coefficients = fit_logistic_rows(design, events, non_events, start=smoother.coefficients)
        lost = ~np.all(np.isfinite(coefficients), axis=1)
        observed = smoother.observed_rows(design, np.where(lost[:, np.newaxis], 0.0, coefficients))
        found = calibration_errors(np.abs(observed - grouped.risk), people)[:, : len(ERRORS)]
        found[lost] = np.nan
        drawn.append(coefficients)
        errors.append(found)
    values, of_groups = (
        calibration_errors(
            np.abs(smoother.observed(special.logit(off_the_edge(one.risk))) - one.risk),
            one.people,
        )
        for one in (averages, grouped)
    )
    replicated = np.concatenate(errors)
    exact = "" if grouped is averages else f" from {grouped.risk.size} groups of risks"
    method = f"Smoother: weighted {smoother.method}; bootstrap of people{exact}, percentile"
    quantities = {
        name: percentile_quantity(
            float(values[index]),
            replicated[:, index],
            method,
            shift=float(values[index] - of_groups[index]),
            low=0.0,
            high=1.0,
        )
        for index, name in enumerate(ERRORS)
    }
    return SmoothErrors(quantities, smoother, np.concatenate(drawn))


def _replicates(
    calibration: Calibration, starts: np.ndarray, replicates: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Chunks of people and of weights with and without the event, each of (rows, groups)."""
    known = np.add.reduceat(calibration.known, starts, axis=2)
    everyone = np.add.reduceat(calibration.averages.people, starts)
    groups = everyone.size
    count = np.concatenate((known[:, 0].ravel(), everyone - known[0, 0] - known[1, 0]))
    weights = [np.append(known[:, row].ravel(), np.zeros(groups)) for row in (1, 2)]
    filled = np.flatnonzero(count > 0.5)
    count = np.round(count[filled])
    mean = weights[0][filled] / count
    # A sum of squares of equal numbers leaves rounding where there is no variance.
    variance = weights[1][filled] / count - mean**2
    spread = np.sqrt(np.where(variance > 1e-12 * mean**2, variance, 0.0))
    size = int(count.sum())
    for chunk, first in enumerate(range(0, replicates, CHUNK)):
        rows = min(CHUNK, replicates - first)
        random = generator(seed, WEIGHTED_PEOPLE, chunk)
        times = random.multinomial(size, count / size, size=rows)
        noise = random.standard_normal(times.shape)
        drawn = np.zeros((rows, 3, groups), dtype=np.int64)
        sums = np.zeros((rows, 3, groups))
        drawn.reshape(rows, -1)[:, filled] = times
        sums.reshape(rows, -1)[:, filled] = np.maximum(
            times * mean + np.sqrt(times) * spread * noise, 0.0
        )
        yield drawn.sum(axis=1), sums[:, 0], sums[:, 1]
