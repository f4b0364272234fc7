"""Two models' risks by a horizon on the same people: how their measures differ.

Every measure comes with what each person adds to it (the infinitesimal jackknife), so that the
variance of a difference needs no bootstrap: it is the sum of squares of the differences of what
the same person adds to either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.statistics.concordance import HARRELL, UNO, concordance_influence
from usecases.statistics.paired import influence_difference
from usecases.statistics.quantity import Quantity
from usecases.statistics.survival import EVENT, FollowUp
from usecases.statistics.survival_utility import NET_BENEFIT, splits
from usecases.statistics.time_dependent import AUC, BRIER, Weighted, auc_influence, brier_influence

SINGLE = ("auc", "harrell_c", "uno_c", "brier", "observed_expected_ratio")
"""The measures that are compared and need no threshold."""
DEATHS_CENSORED = ("harrell_c", "uno_c")
"""Those that take death as the end of observation; for the others it competes."""

PAIRED = "paired differences of influences, normal"
METHODS = {
    "auc": AUC.split(";")[0],
    "harrell_c": HARRELL.split(";")[0],
    "uno_c": UNO.split(";")[0],
    "brier": BRIER.split(";")[0],
    "observed_expected_ratio": "Observed risk / mean predicted risk",
}


@dataclass(frozen=True)
class Model:
    """A model's measures with what each person adds to them, in the order of :attr:`above`.

    Attributes
    ----------
    single : dict
        Of :data:`SINGLE`.
    net_benefit : dict
        By threshold.
    above : dict
        By threshold, whose risk is above it: bool, shape (people,).
    estimator : str
        Of the risk observed above a threshold.
    """

    single: dict[str, Weighted | str]
    net_benefit: dict[float, Weighted | str]
    above: dict[float, np.ndarray]
    estimator: str

    @classmethod
    def of(
        cls,
        follow: FollowUp,
        thresholds: Sequence[float],
        tick: Callable[[], None] = lambda: None,
    ) -> Model:
        """Measure a model; people come back in the order that :meth:`FollowUp.of` was given."""
        harrell, uno = concordance_influence(follow)
        tick()
        single: dict[str, Weighted | str] = {
            "auc": auc_influence(follow),
            "harrell_c": harrell,
            "uno_c": uno,
            "brier": brier_influence(follow),
            "observed_expected_ratio": _observed_expected(follow),
        }
        tick()
        return cls(
            single={name: _reordered(follow, one) for name, one in single.items()},
            net_benefit={at: _reordered(follow, _net_benefit(follow, at)) for at in thresholds},
            above={at: in_order(follow, follow.risk > at) for at in thresholds},
            estimator="Aalen-Johansen" if follow.total_deaths else "Kaplan-Meier",
        )


def difference(first: Model, second: Model, name: str) -> Quantity:
    """The difference of a measure of :data:`SINGLE`."""
    low = -np.inf if name == "observed_expected_ratio" else -1.0
    method = f"Difference of paired estimates; {METHODS[name]}; {PAIRED}"
    return _difference(first.single[name], second.single[name], method, low)


def net_benefit_difference(first: Model, second: Model, threshold: float) -> Quantity:
    """The difference of the net benefit at a threshold of the models."""
    words = NET_BENEFIT.split(";")[0].format(estimator=first.estimator)
    method = f"Difference of paired estimates; {words}; {PAIRED}"
    return _difference(first.net_benefit[threshold], second.net_benefit[threshold], method)


def _difference(
    first: Weighted | str, second: Weighted | str, method: str, low: float = -np.inf
) -> Quantity:
    if isinstance(first, str):
        return Quantity(method, unavailable=first)
    if isinstance(second, str):
        return Quantity(method, unavailable=second)
    influence = second.influence - first.influence
    return influence_difference(second.value - first.value, influence, method, low=low)


def in_order(follow: FollowUp, values: np.ndarray) -> np.ndarray:
    """Values of people in the order that they were given in."""
    found = np.empty_like(values)
    found[follow.order] = values
    return found


def _reordered(follow: FollowUp, one: Weighted | str) -> Weighted | str:
    if isinstance(one, str):
        return one
    return Weighted(one.value, in_order(follow, one.influence))


def _observed_expected(follow: FollowUp) -> Weighted | str:
    """O/E with its influence; here the mean predicted risk counts as an estimate too."""
    expected, observed = float(np.mean(follow.risk)), follow.incidence.value
    if expected == 0:
        return "The risks add up to 0."
    if observed == 0:
        return "There is no event."
    of_observed = follow.incidence.influence(follow.point, follow.event)
    of_expected = (follow.risk - expected) / follow.people
    value = observed / expected
    return Weighted(value, of_observed / expected - value * of_expected / expected)


def _net_benefit(follow: FollowUp, threshold: float) -> Weighted | str:
    """Net benefit with its influence: through who is above, and through what they have."""
    split = splits(follow, np.asarray([threshold]))[0]
    quantity = split.net_benefit()
    if quantity.value is None:
        return quantity.unavailable or ""
    above = follow.risk > threshold
    odds = threshold / (1 - threshold)
    each = split.above.risk * (1 + odds) - odds
    influence = (above - split.share) * each / follow.people
    if np.any(follow.event[above] == EVENT):
        part = follow.part(above)
        of_risk = part.incidence.influence(part.point, part.event)
        influence[above] += split.share * (1 + odds) * of_risk
    return Weighted(quantity.value, influence)
