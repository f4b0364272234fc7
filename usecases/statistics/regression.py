"""Logistic regression of counted outcomes, one fit or many at once."""

from __future__ import annotations

import numpy as np
from scipy import special

_STEPS = 50
_HALVINGS = 10
_GLM_STEPS = 25
_GLM_TOLERANCE = 1e-8


def fit_logistic(
    design: np.ndarray,
    events: np.ndarray,
    non_events: np.ndarray,
    *,
    offset: np.ndarray | None = None,
) -> np.ndarray | None:
    """Maximum-likelihood coefficients, or None where they do not exist.

    Parameters
    ----------
    design : ndarray, shape (risks, coefficients)
    events, non_events : ndarray of int, shape (risks,)
    offset : ndarray, shape (risks,), optional
    """
    fits = fit_logistic_rows(design, events[np.newaxis], non_events[np.newaxis], offset=offset)
    return fits[0] if np.all(np.isfinite(fits[0])) else None


def fit_logistic_rows(
    design: np.ndarray,
    events: np.ndarray,
    non_events: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """A fit for each row of counts, by Newton's method with step halving.

    Parameters
    ----------
    design : ndarray, shape (risks, coefficients)
    events, non_events : ndarray of int, shape (rows, risks)
    offset : ndarray, shape (risks,), optional
    start : ndarray, shape (coefficients,), optional

    Returns
    -------
    ndarray, shape (rows, coefficients)
        NaN where the fit did not converge.
    """
    rows, size = events.shape[0], design.shape[1]
    base = np.zeros(design.shape[0]) if offset is None else offset
    beta = np.tile(np.zeros(size) if start is None else start, (rows, 1))
    people = events + non_events
    upper = np.triu_indices(size)
    products = design[:, upper[0]] * design[:, upper[1]] if rows > 1 else None
    predictor = base + _times(beta, design)
    likelihood = _log_likelihood(predictor, events, people)
    going = np.arange(rows)
    converged = np.zeros(rows, dtype=bool)
    for _ in range(_STEPS):
        step = _newton_step(design, products, upper, predictor[going], events[going], people[going])
        tried = beta[going] + step
        new_predictor = base + _times(tried, design)
        new_likelihood = _log_likelihood(new_predictor, events[going], people[going])
        for _ in range(_HALVINGS):
            worse = ~(new_likelihood >= likelihood[going] - 1e-10 * np.abs(likelihood[going]))
            if not worse.any():
                break
            step[worse] /= 2
            tried[worse] = beta[going[worse]] + step[worse]
            new_predictor[worse] = base + _times(tried[worse], design)
            new_likelihood[worse] = _log_likelihood(
                new_predictor[worse], events[going[worse]], people[going[worse]]
            )
        beta[going], predictor[going], likelihood[going] = tried, new_predictor, new_likelihood
        # Newton doubles the digits: a step this small leaves nothing to gain.
        done = np.all(np.abs(step) <= 1e-9 * (1 + np.abs(tried)), axis=1)
        converged[going[done]] = True
        lost = ~np.all(np.isfinite(tried), axis=1) | (np.abs(tried).max(axis=1) > 1e6)
        going = going[~done & ~lost]
        if not going.size:
            break
    beta[~converged] = np.nan
    return beta


def glm_logistic(
    design: np.ndarray,
    events: np.ndarray,
    non_events: np.ndarray,
    *,
    offset: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Coefficients and Wald standard errors exactly as ``glm(..., family = binomial)`` of R.

    R starts from fitted values of 1/4 and 3/4, stops when the deviance changes by less than
    1e-8 of itself, and takes standard errors from the weights of its last step; those differ
    from the errors at the maximum in the sixth digit, so the same steps are taken here.

    Parameters
    ----------
    design : ndarray, shape (risks, coefficients)
    events, non_events : ndarray of int, shape (risks,)
    offset : ndarray, shape (risks,), optional

    Returns
    -------
    tuple of two ndarrays of shape (coefficients,), or None
        None where R would not converge in 25 steps.
    """
    base = np.zeros(design.shape[0]) if offset is None else offset
    people = events + non_events
    # After its first step R's fitted values no longer depend on the outcome.
    weight = 3 / 16 * people
    start = special.logit(0.75)
    ahead = start + 0.25 / (3 / 16)
    working = 3 / 16 * (events - non_events) * ahead - weight * base
    deviance = 2 * float(-np.log(0.75) * people.sum())
    for _ in range(_GLM_STEPS):
        information = np.einsum("gi,gj->ij", design * weight[:, np.newaxis], design)
        try:
            covariance = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        beta = covariance @ np.einsum("gi,g->i", design, working)
        predictor = np.einsum("gk,k->g", design, beta) + base
        before, deviance = deviance, _deviance(predictor, events, non_events)
        if not np.isfinite(deviance):
            return None
        if abs(deviance - before) / (abs(deviance) + 0.1) < _GLM_TOLERANCE:
            variance = np.diag(covariance)
            return beta, np.sqrt(np.where(variance > 0, variance, np.nan))
        share = special.expit(predictor)
        slope = share * (1 - share)
        weight = people * slope
        working = weight * (predictor - base) + events - people * share
    return None


def _deviance(predictor: np.ndarray, events: np.ndarray, non_events: np.ndarray) -> float:
    return 2 * float(
        np.sum(events * np.logaddexp(0.0, -predictor))
        + np.sum(non_events * np.logaddexp(0.0, predictor))
    )


def _newton_step(
    design: np.ndarray,
    products: np.ndarray | None,
    upper: tuple[np.ndarray, np.ndarray],
    predictor: np.ndarray,
    events: np.ndarray,
    people: np.ndarray,
) -> np.ndarray:
    share = special.expit(predictor)
    # einsum without BLAS: the same bytes on any number of processors.
    gradient = np.einsum("rg,gk->rk", events - people * share, design)
    weight = people * share * (1 - share)
    size = design.shape[1]
    information = np.empty((predictor.shape[0], size, size))
    if products is None:
        information[0] = np.einsum("gi,gj->ij", design * weight[0][:, np.newaxis], design)
    else:
        flat = np.einsum("rg,gp->rp", weight, products)
        information[:, upper[0], upper[1]] = flat
        information[:, upper[1], upper[0]] = flat
    # A touch on the diagonal keeps a singular matrix solvable and does not move the solution.
    scale = np.einsum("rkk->rk", information)
    diagonal = np.arange(size)
    information[:, diagonal, diagonal] += 1e-12 * scale + 1e-300
    try:
        return np.linalg.solve(information, gradient[..., np.newaxis])[..., 0]
    except np.linalg.LinAlgError:
        return np.full(gradient.shape, np.nan)


def _times(beta: np.ndarray, design: np.ndarray) -> np.ndarray:
    return np.einsum("rk,gk->rg", beta, design)


def _log_likelihood(predictor: np.ndarray, events: np.ndarray, people: np.ndarray) -> np.ndarray:
    return np.sum(events * predictor - people * np.logaddexp(0.0, predictor), axis=1)
