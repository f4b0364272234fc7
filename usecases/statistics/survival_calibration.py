"""Do the predicted risks by a horizon agree with what was observed? Under censoring."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from usecases.statistics.pseudovalues import (
    Averages,
    Regression,
    fit,
    fit_rows,
    inverse_complementary_log_log,
    pseudo_values,
)
from usecases.statistics.quantity import Z95, Quantity, normal_quantity, percentile_quantity
from usecases.statistics.resampling import CHUNK, generator
from usecases.statistics.smoothing import KNOT_SHARES, MANY_EVENTS, Smoother, calibration_errors
from usecases.statistics.survival import EVENT, FollowUp

EXPECTED = "Mean predicted risk; normal"
OBSERVED_EXPECTED = (
    "Observed / mean predicted risk; log scale, the wider of the Poisson error "
    "(1 / root of the events) and the error of the observed risk"
)
LINE = "Pseudo-values regressed on cloglog(risk), cloglog link; robust (sandwich) error"
IN_THE_LARGE = "Pseudo-values regressed on offset cloglog(risk), cloglog link; robust error"
SMOOTHER = "pseudo-values regressed on {terms} of cloglog(risk), cloglog link"
ERRORS = ("ici", "e50", "e90")
EQUAL = "All risks are equal."
NO_FIT = "The regression did not converge."

GROUPS = 250
"""Most groups of neighbouring risks that a bootstrap resamples."""

PSEUDO_VALUES = 11
"""Purpose of the generator of bootstraps of pseudo-values (see ``resampling``)."""


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
    """Pseudo-values beside the predicted risks, and the regressions of one on the other."""

    averages: Averages
    with_event: np.ndarray
    """Of those with the event: people, sum and squares of pseudo-values, shape (3, risks)."""

    @classmethod
    def of(cls, follow: FollowUp) -> Calibration:
        """Take the pseudo-values of everybody in ``follow``."""
        pseudo = pseudo_values(follow)
        averages = Averages.of(follow.risk, pseudo, follow.by_risk)
        happened = follow.event == EVENT
        place, values = follow.risk_rank[happened], pseudo[happened]
        with_event = [
            np.bincount(place, weights=column, minlength=averages.risk.size)
            for column in (np.ones(values.size), values, values**2)
        ]
        return cls(averages, np.stack(with_event))

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
    def smooth(self) -> PseudoSmoother | str:
        """The smoothed curve, or why there is none."""
        return PseudoSmoother.fit(self.averages, int(self.with_event[0].sum()))


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
class PseudoSmoother:
    """Regression of pseudo-values on a restricted cubic spline of cloglog(risk).

    The pseudo-value curve of van Geloven et al., BMJ 2022;377:e069249, with a spline in place of
    loess: it costs one regression however many people there are, and stays within 0 and 1.
    """

    spline: Smoother
    coefficients: np.ndarray

    @classmethod
    def fit(cls, averages: Averages, events: int) -> PseudoSmoother | str:
        """Fit; a sentence where no smoother can be fitted."""
        if averages.risk.size < 2:
            return EQUAL
        predictor, people = averages.predictor, averages.people
        running = np.cumsum(people)
        shares = np.asarray(KNOT_SHARES[5 if events >= MANY_EVENTS else 3])
        places = np.searchsorted(running, shares * running[-1], side="left")
        knots = np.unique(predictor[np.minimum(places, predictor.size - 1)])
        if knots.size < 3 or averages.risk.size <= knots.size:
            knots = knots[:0]  # too few distinct risks to bend between: a straight line
        centre = float(np.sum(predictor * people) / running[-1])
        spread = math.sqrt(float(np.sum((predictor - centre) ** 2 * people) / running[-1]))
        if not spread > 0:
            return EQUAL
        spline = Smoother(knots, centre, spread, np.empty(0))
        design = spline.design(predictor)
        start = np.zeros(design.shape[1])
        start[:2] = centre, spread  # the predicted risks themselves
        found = fit_rows(
            design,
            people[np.newaxis].astype(np.float64),
            averages.total[np.newaxis],
            start,
            balanced=True,
        )[0]
        if not np.all(np.isfinite(found)):
            return "The smoothing regression did not converge."
        return cls(spline, found)

    @property
    def method(self) -> str:
        size = self.spline.knots.size
        terms = f"a restricted cubic spline ({size} knots)" if size else "a straight line"
        return SMOOTHER.format(terms=terms)

    def observed(self, predictor: np.ndarray) -> np.ndarray:
        """The smoothed observed risk at each cloglog(risk)."""
        return self.observed_rows(predictor, self.coefficients[np.newaxis])[0]

    def observed_rows(self, predictor: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """The same for rows of other coefficients, shape (rows, risks)."""
        line = np.einsum("rk,gk->rg", coefficients, self.spline.design(predictor))
        return inverse_complementary_log_log(np.clip(line, -700.0, 30.0))

    def errors(self, averages: Averages) -> np.ndarray:
        """ICI, E50 and E90."""
        distance = np.abs(self.observed(averages.predictor) - averages.risk)
        return calibration_errors(distance, averages.people)[:3]


@dataclass(frozen=True)
class SmoothErrors:
    """Calibration errors with their intervals, and the replicates that a band is drawn from."""

    quantities: dict[str, Quantity]
    coefficients: np.ndarray | None = None


def smooth_errors(calibration: Calibration, replicates: int, seed: int) -> SmoothErrors:
    """ICI, E50 and E90 of the smoothed curve, with bootstrap intervals.

    People are drawn with replacement, each with the risk and pseudo-value it has. With more than
    :data:`GROUPS` distinct risks they are drawn from groups of neighbouring risks, people with
    the event apart from the others: the number drawn from each is multinomial, and the sum of
    their pseudo-values normal with the mean and variance that drawing them one by one would
    give. So the cost does not grow with the number of people.
    """
    smoother = calibration.smooth
    if isinstance(smoother, str):
        missing = Quantity("Smoothed calibration curve; bootstrap", unavailable=smoother)
        return SmoothErrors(dict.fromkeys(ERRORS, missing))
    averages = calibration.averages
    grouped = averages.grouped(averages.group_starts(GROUPS))
    design = smoother.spline.design(grouped.predictor)
    drawn: list[np.ndarray] = []
    errors: list[np.ndarray] = []
    for people, total in _replicates(calibration, replicates, seed):
        coefficients = fit_rows(design, people, total, smoother.coefficients, balanced=True)
        lost = ~np.all(np.isfinite(coefficients), axis=1)
        line = np.einsum("rk,gk->rg", np.where(lost[:, np.newaxis], 0.0, coefficients), design)
        observed = inverse_complementary_log_log(np.clip(line, -700.0, 30.0))
        found = calibration_errors(np.abs(observed - grouped.risk), people.astype(np.int64))[:, :3]
        found[lost] = np.nan
        drawn.append(coefficients)
        errors.append(found)
    values, of_groups = smoother.errors(averages), smoother.errors(grouped)
    replicated = np.concatenate(errors)
    exact = "" if grouped is averages else f" from {grouped.risk.size} groups of risks"
    method = f"Smoother: {smoother.method}; bootstrap of people{exact}, percentile"
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
    coefficients = np.concatenate(drawn)
    return SmoothErrors(quantities, coefficients[np.all(np.isfinite(coefficients), axis=1)])


def _replicates(
    calibration: Calibration, replicates: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks of (people, sums of pseudo-values), each of shape (rows, groups)."""
    averages = calibration.averages
    starts = averages.group_starts(GROUPS)
    everyone = np.stack((averages.people, averages.total, averages.squares))
    cells = np.stack((calibration.with_event, everyone - calibration.with_event))
    cells = np.add.reduceat(cells, starts, axis=2)
    people, total, squares = (cells[:, row].ravel() for row in range(3))
    filled = np.flatnonzero(np.round(people))
    count = np.round(people[filled])
    mean = total[filled] / count
    # A sum of squares of nearly equal numbers leaves rounding where there is no variance.
    variance = squares[filled] / count - mean**2
    spread = np.sqrt(np.where(variance > 1e-9 * (1 + mean**2), variance, 0.0))
    size = int(count.sum())
    for chunk, first in enumerate(range(0, replicates, CHUNK)):
        rows = min(CHUNK, replicates - first)
        random = generator(seed, PSEUDO_VALUES, chunk)
        drawn = np.zeros((rows, people.size))
        sums = np.zeros((rows, people.size))
        times = random.multinomial(size, count / size, size=rows)
        noise = random.standard_normal((rows, filled.size))
        drawn[:, filled] = times
        sums[:, filled] = times * mean + np.sqrt(times) * spread * noise
        half = drawn.shape[1] // 2
        yield drawn[:, :half] + drawn[:, half:], sums[:, :half] + sums[:, half:]
