"""Whether two models of a study differ, site by site.

The averages of two models over the same few sites have wide intervals, because the sites differ;
yet each site's patients are the same for both. So what counts is the difference within each site,
as in a paired comparison: what makes a site hard or easy for both cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scipy import special

FEWEST_SITES = 3
"""With two sites their agreement may be chance, and the interval says next to nothing."""

SCALES: Mapping[str, Callable[[float], float]] = {
    "identity": float,
    "log": math.log,
    "logit": lambda share: math.log(share / (1 - share)),
}
"""Where measures are pooled, differences from site to site are alike."""


@dataclass(frozen=True)
class Differences:
    """What one model has more than another at each site, as it is read.

    Attributes
    ----------
    found : tuple of float
        Differences of the values, a site each.
    lower, upper : float
        Of their mean on the scale of pooling.
    """

    found: tuple[float, ...]
    lower: float
    upper: float

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out that there is none."""
        return self.lower > 0 or self.upper < 0


def differences(
    more: Sequence[float], less: Sequence[float], scale: str, *, looks: int = 1
) -> Differences | None:
    """The differences of two models at the same sites, and the interval of their mean.

    Parameters
    ----------
    more, less : sequence of float, of equal length
        The values of the models, site by site.
    scale : {"identity", "log", "logit"}
        On which the mean and its interval are taken.
    looks : int
        How many measures are looked at: the interval is as much wider (Bonferroni).

    Returns
    -------
    Differences or None
        Student's t interval of the mean, all sites alike, 95% over all looks. None with fewer
        than three sites, or where a value has no place on the scale.
    """
    sites = len(more)
    if sites < FEWEST_SITES or scale not in SCALES:
        return None
    try:
        found = [
            SCALES[scale](one) - SCALES[scale](other) for one, other in zip(more, less, strict=True)
        ]
    except (ValueError, ZeroDivisionError):  # a share of 0 or 1, a ratio of 0
        return None
    mean = sum(found) / sites
    spread = math.sqrt(sum((each - mean) ** 2 for each in found) / (sites - 1))
    reach = float(special.stdtrit(sites - 1, 1 - 0.025 / looks)) * spread / math.sqrt(sites)
    raw = tuple(one - other for one, other in zip(more, less, strict=True))
    return Differences(raw, mean - reach, mean + reach)
