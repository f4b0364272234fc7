"""The smoothed calibration curve, and the calibration errors that are read off it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from usecases.statistics.regression import fit_logistic
from usecases.statistics.risks import RiskTable

KNOT_SHARES = {5: (0.05, 0.275, 0.5, 0.725, 0.95), 3: (0.1, 0.5, 0.9)}
"""Where the knots lie among the people: Harrell, Regression Modeling Strategies, 2015, 2.4.6."""

MANY_EVENTS = 100
"""Events, and non-events, from which five knots are used; three below."""

ERRORS = ("ici", "e50", "e90", "emax")


@dataclass(frozen=True)
class Smoother:
    """Logistic regression on a restricted cubic spline of logit(risk).

    Austin & Steyerberg, Statistics in Medicine 2019;38:4051-4065, use it beside loess for ICI,
    E50, E90; unlike loess it costs one regression however many people there are.
    """

    knots: np.ndarray
    centre: float
    spread: float
    coefficients: np.ndarray

    @classmethod
    def fit(cls, table: RiskTable) -> Smoother | str:
        """Fit to a table; a sentence where no smoother can be fitted."""
        if not table.total_events or not table.total_non_events:
            return "All people have the same outcome."
        predictor = table.linear_predictor
        if table.risk.size < 2 or np.ptp(predictor) == 0:  # 0 may stand for its neighbour
            return "All risks are equal."
        enough = min(table.total_events, table.total_non_events) >= MANY_EVENTS
        running = np.cumsum(table.people)
        shares = np.asarray(KNOT_SHARES[5 if enough else 3])
        places = np.searchsorted(running, shares * running[-1], side="left")
        knots = np.unique(predictor[np.minimum(places, predictor.size - 1)])
        if knots.size < 3 or table.risk.size <= knots.size:
            knots = knots[:0]  # too few distinct risks to bend between: a straight line
        centre = float(np.sum(predictor * table.people) / running[-1])
        variance = float(np.sum((predictor - centre) ** 2 * table.people) / running[-1])
        unfitted = cls(knots, centre, float(np.sqrt(variance)), np.empty(0))
        fit = fit_logistic(unfitted.design(predictor), table.events, table.non_events)
        if fit is None:
            return "The smoothing regression did not converge."
        return cls(knots, centre, unfitted.spread, fit)

    @property
    def method(self) -> str:
        if not self.knots.size:
            return "logistic regression on logit(risk)"
        return (
            f"logistic regression on a restricted cubic spline of logit(risk), "
            f"{self.knots.size} knots"
        )

    def design(self, predictor: np.ndarray) -> np.ndarray:
        """The spline's columns at each logit, shape (risks, coefficients), standardised."""
        # Standardised, as the regression of a million people should not lose digits.
        scaled = (predictor - self.centre) / self.spread
        columns = [np.ones_like(scaled), scaled]
        knots = (self.knots - self.centre) / self.spread
        if knots.size:
            last, before = knots[-1], knots[-2]
            for knot in knots[:-2]:
                bend = _cubed(scaled - knot) - (
                    _cubed(scaled - before) * (last - knot)
                    - _cubed(scaled - last) * (before - knot)
                ) / (last - before)
                columns.append(bend / (last - knots[0]) ** 2)
        return np.column_stack(columns)

    def observed(self, predictor: np.ndarray) -> np.ndarray:
        """The smoothed observed risk at each logit."""
        return special.expit(np.einsum("gk,k->g", self.design(predictor), self.coefficients))

    @staticmethod
    def observed_rows(design: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """The same for each row of other coefficients, shape (rows, risks)."""
        return special.expit(np.einsum("gk,rk->rg", design, coefficients))


def calibration_errors(distance: np.ndarray, people: np.ndarray) -> np.ndarray:
    """ICI, E50, E90 and Emax of distances between predicted and smoothed observed risk.

    Parameters
    ----------
    distance : ndarray, shape (..., risks)
        Not negative.
    people : ndarray of int, shape (..., risks)

    Returns
    -------
    ndarray, shape (..., 4)
        The mean, the median, the 90th percentile and the largest over people; percentiles as
        ``quantile`` of R (type 7).
    """
    order = np.argsort(distance, axis=-1, kind="stable")
    ranked = np.take_along_axis(distance, order, axis=-1)
    running = np.cumsum(np.take_along_axis(people, order, axis=-1), axis=-1)
    total = running[..., -1]
    mean = np.sum(distance * people, axis=-1) / total
    largest = np.max(np.where(people > 0, distance, 0.0), axis=-1)
    return np.stack(
        [mean, _quantile(ranked, running, 0.5), _quantile(ranked, running, 0.9), largest], axis=-1
    )


def _quantile(ranked: np.ndarray, running: np.ndarray, share: float) -> np.ndarray:
    """Weighted type-7 quantile of ascending values with running counts."""
    place = (running[..., -1:] - 1) * share
    floor = np.floor(place)
    size = ranked.shape[-1] - 1
    below = np.minimum(np.sum(running <= floor, axis=-1, keepdims=True), size)
    above = np.minimum(np.sum(running <= floor + 1, axis=-1, keepdims=True), size)
    low = np.take_along_axis(ranked, below, axis=-1)
    high = np.take_along_axis(ranked, above, axis=-1)
    return (low + (place - floor) * (high - low))[..., 0]


def _cubed(value: np.ndarray) -> np.ndarray:
    return np.maximum(value, 0.0) ** 3
