"""AUC, Brier score and its scaled form (IPA) at the horizon, with inverse weights of censoring.

As ``Score(..., cens.model = "km")`` of R's riskRegression, with its influence functions: the
standard errors count that the weights were estimated. One thing differs: who is censored exactly
at the horizon was seen free of the event through it, and counts so; riskRegression leaves such
people out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from usecases.statistics.quantity import Quantity, normal_quantity
from usecases.statistics.survival import EVENT, FollowUp

WEIGHTED = "inverse probability of censoring weights (Kaplan-Meier); influence function"
AUC = f"Cases have the event by the horizon, controls do not; {WEIGHTED}"
BRIER = f"Weighted mean squared error; {WEIGHTED}"
ROUNDING = 1e-12
"""A standard error below this is what rounding leaves of none."""
IPA = f"1 - Brier / Brier of the observed risk; {WEIGHTED}"


@dataclass(frozen=True)
class Weighted:
    """A weighted average with what each person adds to it, shape (people,)."""

    value: float
    influence: np.ndarray

    @property
    def standard_error(self) -> float:
        """The standard deviation of the influences over the root of n, as riskRegression."""
        size = self.influence.size
        if size < 2:
            return math.nan
        error = float(np.std(self.influence, ddof=1)) * math.sqrt(size)
        return error if error > ROUNDING else 0.0


def auc_at_horizon(follow: FollowUp) -> Quantity:
    """How often a person with the event by the horizon has a higher risk than one without.

    People who died without the event are controls. With ``follow.deaths_censored`` they are not
    seen at the horizon, and weigh nothing.

    Notes
    -----
    Blanche, Dartigues & Jacqmin-Gadda, Statistics in Medicine 2013;32:5381-5397, definition
    (ii) of controls; ties count half.
    """
    found = auc_influence(follow)
    if isinstance(found, str):
        return Quantity(AUC, unavailable=found)
    return normal_quantity(found.value, found.standard_error, AUC, low=0.0, high=1.0)


def auc_influence(follow: FollowUp) -> Weighted | str:
    """The area with its influence function, or why there is none."""
    weight = follow.censoring.weight
    case = np.where(follow.event == EVENT, weight, 0.0)
    control = weight - case
    if not case.any() or not control.any():
        return "Nobody has the event by the horizon, or everybody has it."
    by_risk = follow.by_risk
    rank = follow.risk_rank
    ends = np.flatnonzero(np.diff(rank[by_risk], append=rank[by_risk][-1] + 1)) + 1
    shares = []
    for one in (control, case):
        through = np.cumsum(one[by_risk])[ends - 1]
        below = np.concatenate(([0.0], through[:-1]))
        shares.append((below + through) / 2)
    cases, controls = float(np.sum(case)), float(np.sum(control))
    beaten = shares[0][rank] / controls  # share of the controls with a lower risk
    beating = 1 - shares[1][rank] / cases  # share of the cases with a higher risk
    value = min(1.0, float(np.sum(case * beaten)) / cases)
    if rank[by_risk[-1]] == 0:
        value = 0.5  # all risks are equal, and so exactly
    direct = case * (beaten - value) / cases + control * (beating - value) / controls
    return Weighted(value, direct + follow.censoring.influence(direct))


def brier_at_horizon(follow: FollowUp, risk: np.ndarray | None = None) -> tuple[Quantity, Quantity]:
    """Brier score at the horizon, and IPA.

    Parameters
    ----------
    follow : FollowUp
    risk : ndarray, shape (people,), optional
        Other risks than ``follow.risk``, in its order.

    Notes
    -----
    Gerds & Schumacher, Biometrical Journal 2006;48:1029-1040. IPA: Kattan & Gerds, Diagnostic
    and Prognostic Research 2018;2:7: 1 - Brier / Brier of giving everybody the observed risk.
    As the weights add up to n, that reference is p (1 - p), p the Aalen-Johansen estimate; the
    interval of IPA adds the influence of both scores (delta method).
    """
    score = brier_influence(follow, risk)
    value, influence = score.value, score.influence
    quantity = normal_quantity(value, score.standard_error, BRIER, low=0.0, high=1.0)
    share = follow.incidence.value
    worst = share * (1 - share)
    if worst <= 0:
        return quantity, Quantity(IPA, unavailable="The observed risk is 0 or 1.")
    of_share = follow.incidence.influence(follow.point, follow.event)
    scaled = Weighted(
        1 - value / worst,
        value / worst**2 * (1 - 2 * share) * of_share - influence / worst,
    )
    return quantity, normal_quantity(scaled.value, scaled.standard_error, IPA, high=1.0)


def brier_influence(follow: FollowUp, risk: np.ndarray | None = None) -> Weighted:
    """The Brier score with its influence function; ``risk`` as in :func:`brier_at_horizon`."""
    predicted = follow.risk if risk is None else risk
    weight = follow.censoring.weight
    lost = weight * ((follow.event == EVENT) - predicted) ** 2
    size = follow.people
    value = float(np.sum(lost)) / size
    return Weighted(value, (lost - value) / size + follow.censoring.influence(lost / size))
