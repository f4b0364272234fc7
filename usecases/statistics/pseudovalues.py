"""Pseudo-values of the observed risk, and regressions of them on the predicted risk.

A pseudo-value stands for whether a person has the event by the horizon where censoring hides it:
n times the estimate from everybody, less n - 1 times the estimate without that person. Andersen,
Klein & Rosthøj, Biometrika 2003;90:15-27; as ``pseudoci`` of R's pseudo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from usecases.statistics.risks import off_the_edge
from usecases.statistics.survival import DEATH, EVENT, FollowUp

_STEPS = 60
_HALVINGS = 12


def pseudo_values(follow: FollowUp) -> np.ndarray:
    """The jackknife pseudo-value of the risk by the horizon for each person, in O(n).

    Taking out a person changes the estimate only through the number at risk until that person's
    time, so all estimates without one person come from the running sums of one pass: exact, not
    the usual first-order approximation.

    Returns
    -------
    ndarray, shape (people,)
        May lie below 0 and above 1; the mean is close to the estimate.
    """
    size = follow.people
    estimate = follow.incidence
    at_risk = follow.at_risk.astype(np.float64)
    ended = estimate.events + estimate.deaths
    one_less = at_risk - 1
    # Through the times before a person's own, with one less at risk.
    hazard = np.divide(ended, one_less, out=np.zeros_like(at_risk), where=one_less > 0)
    free = np.cumprod(1 - np.minimum(hazard, 1.0))
    free_before = np.concatenate(([1.0], free[:-1]))
    jump = np.divide(estimate.events, one_less, out=np.zeros_like(at_risk), where=one_less > 0)
    risk = np.cumsum(free_before * jump)
    risk_before = np.concatenate(([0.0], risk[:-1]))
    # After it nothing changes but the share that is still free of the event.
    left = estimate.before * (1 - ended / at_risk)
    later = estimate.value - estimate.risk
    per_free = np.divide(later, left, out=np.zeros_like(at_risk), where=left > 0)
    point = follow.point
    without = np.empty((3, at_risk.size))
    for code in range(3):
        own_event, own_end = int(code == EVENT), int(code in (EVENT, DEATH))
        known = one_less > 0
        at_point = np.divide(
            estimate.events - own_event, one_less, out=np.zeros_like(at_risk), where=known
        )
        ended_here = np.divide(ended - own_end, one_less, out=np.ones_like(at_risk), where=known)
        without[code] = risk_before + free_before * (at_point + (1 - ended_here) * per_free)
    return size * estimate.value - (size - 1) * without[follow.event, point]


def complementary_log_log(risk: np.ndarray) -> np.ndarray:
    """``log(-log(1 - risk))``."""
    return np.log(-np.log1p(-risk))


def inverse_complementary_log_log(predictor: np.ndarray) -> np.ndarray:
    """``1 - exp(-exp(predictor))``."""
    return -np.expm1(-np.exp(np.minimum(predictor, 700.0)))


@dataclass(frozen=True)
class Averages:
    """Pseudo-values by predicted risk: all that a regression of them on the risk needs.

    Attributes
    ----------
    risk : ndarray, shape (risks,)
        Ascending.
    predictor : ndarray, shape (risks,)
        Complementary log-log of the risk.
    people, total, squares : ndarray, shape (risks,)
        Number of people, and sum of their pseudo-values and of the squares.
    """

    risk: np.ndarray
    predictor: np.ndarray
    people: np.ndarray
    total: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, risk: np.ndarray, pseudo: np.ndarray, order: np.ndarray) -> Averages:
        """Collect by distinct risk; ``order`` sorts the people by risk, ascending."""
        ranked, values = risk[order], pseudo[order]
        starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
        return cls(
            ranked[starts],
            complementary_log_log(off_the_edge(ranked[starts])),
            np.diff(starts, append=ranked.size),
            np.add.reduceat(values, starts),
            np.add.reduceat(values**2, starts),
        )

    def grouped(self, starts: np.ndarray) -> Averages:
        """With the risks from each start to the next replaced by their means."""
        if starts.size == self.risk.size:
            return self
        people, total, squares = (
            np.add.reduceat(column, starts) for column in (self.people, self.total, self.squares)
        )
        risk, predictor = (
            np.add.reduceat(column * self.people, starts) / people
            for column in (self.risk, self.predictor)
        )
        return Averages(risk, predictor, people, total, squares)

    def group_starts(self, limit: int) -> np.ndarray:
        """Where to cut the risks into at most ``limit`` groups: by people, and at the high end.

        Half of the groups hold equal numbers of people, half equal parts of the sum of risks,
        for events gather where risks are high.
        """
        size = self.risk.size
        if size <= limit:
            return np.arange(size)
        share = limit // 2
        pieces = [np.zeros(1, dtype=np.int64)]
        for column in (self.people.astype(np.float64), self.people * self.risk):
            running = np.cumsum(column)
            cuts = np.arange(1, share) * (running[-1] / share)
            pieces.append(np.searchsorted(running, cuts, side="right"))
        starts = np.unique(np.concatenate(pieces))
        return starts[starts < size]


@dataclass(frozen=True)
class Regression:
    """Coefficients and their robust covariance."""

    coefficients: np.ndarray
    covariance: np.ndarray

    @property
    def standard_errors(self) -> np.ndarray:
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


def fit(
    design: np.ndarray,
    averages: Averages,
    start: np.ndarray,
    *,
    offset: np.ndarray | float = 0.0,
) -> Regression | None:
    """Regression of pseudo-values with complementary log-log link; None where it fails.

    Generalised estimating equations with constant variance and independence, and the sandwich
    standard error: as ``geese(pseudo ~ ..., family = gaussian, mean.link = "cloglog",
    corstr = "independence")`` of R's geepack.

    Parameters
    ----------
    design : ndarray, shape (risks, coefficients)
    averages : Averages
    start : ndarray, shape (coefficients,)
    offset : ndarray, shape (risks,), or float
    """
    found = fit_rows(
        design,
        averages.people[np.newaxis].astype(np.float64),
        averages.total[np.newaxis],
        start,
        offset=offset,
    )[0]
    if not np.all(np.isfinite(found)):
        return None
    mean, slope = _curve(np.einsum("gk,k->g", design, found) + offset)
    weight = averages.people * slope**2
    bread = np.einsum("gi,gj->ij", design * weight[:, np.newaxis], design)
    # Sum of squared residuals at each risk.
    spread = averages.squares - 2 * mean * averages.total + averages.people * mean**2
    meat = np.einsum("gi,gj->ij", design * (spread * slope**2)[:, np.newaxis], design)
    try:
        inverse = np.linalg.inv(bread)
    except np.linalg.LinAlgError:
        return None
    return Regression(found, inverse @ meat @ inverse)


def fit_rows(
    design: np.ndarray,
    people: np.ndarray,
    total: np.ndarray,
    start: np.ndarray,
    *,
    offset: np.ndarray | float = 0.0,
    balanced: bool = False,
) -> np.ndarray:
    """Coefficients for each row of counts and sums of pseudo-values.

    Parameters
    ----------
    design : ndarray, shape (risks, coefficients)
    people, total : ndarray, shape (rows, risks)
    start : ndarray, shape (coefficients,)
    offset : ndarray, shape (risks,), or float
    balanced : bool
        Whether each column of the design is balanced, sum of x (y - mean) = 0, and not
        weighted by the slope of the mean as with constant variance. Then fitted risks average
        to the observed risk, and low risks, where the slope is all but 0, still count: the
        choice for curves and updates. Both estimate the same where the model is right.

    Returns
    -------
    ndarray, shape (rows, coefficients)
        NaN where the fit did not converge: Newton's (Gauss and Newton's) steps, halved while
        they lead away.
    """
    rows, size = people.shape[0], design.shape[1]
    beta = np.tile(start.astype(np.float64), (rows, 1))
    upper = np.triu_indices(size)
    products = design[:, upper[0]] * design[:, upper[1]]
    objective = _convex if balanced else _squares

    def loss_of(line: np.ndarray, which: np.ndarray) -> np.ndarray:
        return np.sum(objective(line, people[which], total[which]), axis=1)

    going = np.arange(rows)
    line = np.einsum("rk,gk->rg", beta, design) + offset
    loss = loss_of(line, going)
    converged = np.zeros(rows, dtype=bool)
    diagonal = np.arange(size)
    for _ in range(_STEPS):
        mean, slope = _curve(line)
        weight = 1.0 if balanced else slope
        # einsum and not a matrix product: the same bytes on any number of processors.
        gradient = np.einsum("rg,gk->rk", weight * (total[going] - people[going] * mean), design)
        flat = np.einsum("rg,gp->rp", people[going] * slope * weight, products)
        information = np.empty((going.size, size, size))
        information[:, upper[0], upper[1]] = flat
        information[:, upper[1], upper[0]] = flat
        information[:, diagonal, diagonal] *= 1 + 1e-12
        information[:, diagonal, diagonal] += 1e-300
        try:
            step = np.linalg.solve(information, gradient[..., np.newaxis])[..., 0]
        except np.linalg.LinAlgError:
            break
        tried = beta[going] + step
        line = np.einsum("rk,gk->rg", tried, design) + offset
        new_loss = loss_of(line, going)
        for _ in range(_HALVINGS):
            worse = np.flatnonzero(~(new_loss <= loss + 1e-10 * np.abs(loss)))
            if not worse.size:
                break
            step[worse] /= 2
            tried[worse] = beta[going[worse]] + step[worse]
            line[worse] = np.einsum("rk,gk->rg", tried[worse], design) + offset
            new_loss[worse] = loss_of(line[worse], going[worse])
        beta[going] = tried
        # Gauss and Newton's steps converge linearly: far below what is reported, then.
        done = np.all(np.abs(step) <= 1e-9 * (1 + np.abs(tried)), axis=1)
        converged[going[done]] = True
        gone = ~np.all(np.isfinite(tried), axis=1) | (np.abs(tried).max(axis=1) > 1e4)
        stay = ~done & ~gone
        going, line, loss = going[stay], line[stay], new_loss[stay]
        if not going.size:
            break
    beta[~converged] = np.nan
    return beta


def _squares(line: np.ndarray, people: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The squared residuals, but for what does not depend on the fit."""
    mean = _curve(line)[0]
    return mean * (people * mean - 2 * total)


def _convex(line: np.ndarray, people: np.ndarray, total: np.ndarray) -> np.ndarray:
    """What is least where the columns are balanced: the integral of the residuals."""
    hazard = np.exp(np.clip(line, -700.0, 30.0))
    small = hazard < 1e-4
    # The integral of (1 - exp(-v)) / v from 0, which cancels where the hazard is small.
    area = np.where(
        small,
        hazard - hazard**2 / 4,
        special.exp1(np.where(small, 1.0, hazard)) + np.clip(line, -700.0, 700.0) + np.euler_gamma,
    )
    return people * area - total * line


def _curve(predictor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and its slope at a predictor."""
    bounded = np.clip(predictor, -700.0, 30.0)
    hazard = np.exp(bounded)
    kept = np.exp(-hazard)
    return -np.expm1(-hazard), hazard * kept
