"""A number with its uncertainty, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

Z95 = float(special.ndtri(0.975))
"""Half-width of a 95% normal interval, in standard errors."""


@dataclass(frozen=True)
class Quantity:
    """An estimate with its 95% confidence interval.

    ``standard_error`` is on the scale of ``value``, whatever scale the interval was made on.
    """

    method: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    standard_error: float | None = None
    unavailable: str | None = None


def normal_quantity(
    value: float,
    standard_error: float,
    method: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> Quantity:
    """A value with the interval ``value ± 1.96 standard errors``, cut at ``low`` and ``high``.

    Without a finite, positive standard error there is no interval, and the method says so.
    """
    if not math.isfinite(standard_error) or standard_error <= 0:
        return Quantity(f"{method}; no interval, as the sample shows no variation", value)
    return Quantity(
        method,
        value,
        max(low, value - Z95 * standard_error),
        min(high, value + Z95 * standard_error),
        standard_error,
    )


def wilson_quantity(count: int, total: int, method: str = "Wilson") -> Quantity:
    """A proportion with Wilson's score interval.

    Source: Wilson, JASA 1927;22:209-212; agrees with ``proportion_confint(method="wilson")`` of
    statsmodels.
    """
    if total == 0:
        return Quantity(method, unavailable="Nobody to take the proportion of.")
    share = count / total
    z2 = Z95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return Quantity(
        method,
        share,
        0.0 if count == 0 else max(0.0, centre - half),
        1.0 if count == total else min(1.0, centre + half),
        math.sqrt(share * (1 - share) / total),
    )


def percentile_quantity(
    value: float,
    replicates: np.ndarray,
    method: str,
    *,
    shift: float = 0.0,
    low: float = -math.inf,
    high: float = math.inf,
) -> Quantity:
    """A value with the percentile interval of its bootstrap replicates.

    Parameters
    ----------
    value : float
    replicates : ndarray, shape (replicates,)
        Not finite where a replicate had no value (one class only); up to 5% may be.
    method : str
    shift : float
        Added to each replicate: the difference between ``value`` and the same measure of the
        groups that were resampled.
    low, high : float
        The ends of the measure's scale.
    """
    finite = replicates[np.isfinite(replicates)]
    if finite.size < 0.95 * replicates.size:
        return Quantity(f"{method}; no interval, as too many replicates had no value", value)
    if finite.size == 0 or np.ptp(finite) == 0:
        return Quantity(f"{method}; no interval, as the sample shows no variation", value)
    ends = np.clip(np.quantile(finite, (0.025, 0.975)) + shift, low, high)
    return Quantity(method, value, float(ends[0]), float(ends[1]), float(np.std(finite, ddof=1)))
