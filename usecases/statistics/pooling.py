"""Random-effects meta-analysis of one estimate a site.

Agrees with ``metafor::rma(yi, vi, method = "REML", test = "knha")`` of R, and its prediction
interval with t on k - 1 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

METHOD = (
    "Random effects: REML, Hartung-Knapp interval, Q-profile interval of tau², "
    "prediction interval with t on sites - 1 degrees of freedom"
)


@dataclass(frozen=True)
class RandomEffects:
    """A pooled estimate, on the scale that it was pooled on. ``i2`` is in percent."""

    value: float
    standard_error: float
    """Hartung-Knapp."""
    plain_standard_error: float
    """Inverse variance, with tau² taken as known."""
    lower: float
    upper: float
    prediction_lower: float
    prediction_upper: float
    degrees_of_freedom: int
    tau2: float
    tau2_lower: float
    tau2_upper: float
    i2: float
    q: float
    q_p_value: float


def pool(estimates: np.ndarray, variances: np.ndarray) -> RandomEffects:
    """Pool one estimate a site.

    Parameters
    ----------
    estimates, variances : ndarray, shape (sites,)
        At least one site; finite, variances above 0. One site comes back as it is, with its
        own normal interval; what one site cannot tell (the spread between sites) is NaN.

    Raises
    ------
    ValueError
        If there is no site, or a variance is not positive.

    Notes
    -----
    REML: Viechtbauer, J Educ Behav Stat 2005;30:261-293. Hartung & Knapp, Stat Med
    2001;20:3875-3889, not truncated. Q-profile: Viechtbauer, Stat Med 2007;26:37-52.
    I² from tau² and the typical variance of Higgins & Thompson, Stat Med 2002;21:1539-1558.
    """
    values, spread = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if values.ndim != 1 or values.size < 1 or spread.shape != values.shape:
        raise ValueError(f"Pooling needs at least one site; there are {values.size}.")
    if not (np.all(np.isfinite(values)) and np.all(np.isfinite(spread)) and np.all(spread > 0)):
        raise ValueError("Pooling needs finite estimates with variances above 0.")
    if values.size == 1:
        return _one_site(float(values[0]), math.sqrt(float(spread[0])))
    # A fixed order, so that the order of the sites does not move the last digit.
    order = np.lexsort((spread, values))
    values, spread = values[order], spread[order]
    freedom = values.size - 1
    tau2 = _reml(values, spread)
    weights = 1 / (spread + tau2)
    mean = float(np.sum(weights * values) / np.sum(weights))
    plain = math.sqrt(1 / float(np.sum(weights)))
    knapp = plain * math.sqrt(float(np.sum(weights * (values - mean) ** 2)) / freedom)
    quantile = float(special.stdtrit(freedom, 0.975))
    predicted = quantile * math.sqrt(tau2 + knapp**2)
    q = _generalised_q(0.0, values, spread)
    fixed = 1 / spread
    typical = freedom * np.sum(fixed) / (np.sum(fixed) ** 2 - np.sum(fixed**2))
    low, high = _q_profile(values, spread)
    return RandomEffects(
        value=mean,
        standard_error=knapp,
        plain_standard_error=plain,
        lower=mean - quantile * knapp,
        upper=mean + quantile * knapp,
        prediction_lower=mean - predicted,
        prediction_upper=mean + predicted,
        degrees_of_freedom=freedom,
        tau2=tau2,
        tau2_lower=low,
        tau2_upper=high,
        i2=float(100 * tau2 / (tau2 + typical)),
        q=q,
        q_p_value=float(special.chdtrc(freedom, q)),
    )


def _one_site(value: float, error: float) -> RandomEffects:
    reach = float(special.ndtri(0.975)) * error
    return RandomEffects(
        value=value,
        standard_error=error,
        plain_standard_error=error,
        lower=value - reach,
        upper=value + reach,
        prediction_lower=math.nan,
        prediction_upper=math.nan,
        degrees_of_freedom=0,
        tau2=math.nan,
        tau2_lower=math.nan,
        tau2_upper=math.nan,
        i2=math.nan,
        q=0.0,
        q_p_value=1.0,
    )


def _reml(values: np.ndarray, spread: np.ndarray) -> float:
    """The tau² >= 0 with the highest restricted likelihood."""

    def score(tau2: float) -> float:
        """Derivative of the restricted log-likelihood, times two."""
        weights = 1 / (spread + tau2)
        total = np.sum(weights)
        mean = np.sum(weights * values) / total
        squares = np.sum(weights**2 * (values - mean) ** 2)
        return float(squares - total + np.sum(weights**2) / total)

    def likelihood(tau2: float) -> float:
        weights = 1 / (spread + tau2)
        total = np.sum(weights)
        mean = np.sum(weights * values) / total
        return float(
            0.5 * np.sum(np.log(weights))
            - 0.5 * np.log(total)
            - 0.5 * np.sum(weights * (values - mean) ** 2)
        )

    # Brackets for every root: the likelihood may have more than one top.
    top = 100 * (float(np.ptp(values)) ** 2 + float(spread.max()))
    grid = np.concatenate(([0.0], np.geomspace(1e-6 * float(spread.min()), top, 200)))
    scores = [score(tau2) for tau2 in grid]
    candidates = [0.0]
    for left, right, at_left, at_right in zip(
        grid[:-1], grid[1:], scores[:-1], scores[1:], strict=True
    ):
        if at_left > 0 >= at_right:
            candidates.append(optimize.brentq(score, left, right, xtol=1e-15, rtol=1e-14))
    return max(candidates, key=likelihood)


def _generalised_q(tau2: float, values: np.ndarray, spread: np.ndarray) -> float:
    weights = 1 / (spread + tau2)
    mean = np.sum(weights * values) / np.sum(weights)
    return float(np.sum(weights * (values - mean) ** 2))


def _q_profile(values: np.ndarray, spread: np.ndarray) -> tuple[float, float]:
    """The tau² at which the generalised Q meets the ends of its chi-squared distribution."""
    freedom = values.size - 1
    ends = []
    for limit in (special.chdtri(freedom, 0.025), special.chdtri(freedom, 0.975)):
        if _generalised_q(0.0, values, spread) <= limit:
            ends.append(0.0)
            continue
        high = float(spread.max()) + float(np.ptp(values)) ** 2
        while _generalised_q(high, values, spread) > limit:
            high *= 4
        ends.append(
            float(
                optimize.brentq(
                    lambda tau2, limit=limit: _generalised_q(tau2, values, spread) - limit, 0, high
                )
            )
        )
    return ends[0], ends[1]


def _capped_exp(value: float) -> float:
    """``exp``, with the largest number instead of infinity: two sites have a very wide t."""
    return math.exp(min(value, 700.0))


SCALES: dict[
    str,
    tuple[
        Callable[[np.ndarray], np.ndarray],
        Callable[[np.ndarray], np.ndarray],
        Callable[[float], float],
    ],
] = {
    "identity": (lambda value: value, np.ones_like, float),
    "log": (np.log, lambda value: 1 / value, _capped_exp),
    "logit": (
        special.logit,
        lambda value: 1 / (value * (1 - value)),
        lambda value: float(special.expit(value)),
    ),
}
"""By scale: onto it, its slope there (for the delta method), and back."""
