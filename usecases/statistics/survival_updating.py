"""What local recalibration would gain: updated risks, each from people other than its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from usecases.statistics.pseudovalues import (
    Averages,
    complementary_log_log,
    inverse_complementary_log_log,
    pseudo_values,
)
from usecases.statistics.resampling import generator
from usecases.statistics.risks import off_the_edge
from usecases.statistics.survival import FollowUp
from usecases.statistics.survival_calibration import recalibration

FOLDS = 10
UPDATES = {"recalibrated_baseline": False, "recalibrated_slope": True}
"""Each update, and whether it moves the slope as well as the baseline."""

GROUPS = 2_000
"""Most groups of neighbouring risks that an update is fitted to."""

FOLD = 12
"""Purpose of the generator that deals people to folds (see ``resampling``)."""

METHOD = f"{FOLDS}-fold cross-validated update"


@dataclass(frozen=True)
class Updated:
    """Risks of an update, or why there are none."""

    follow: FollowUp | None
    reason: str | None = None


def cross_validated(
    follow: FollowUp, seed: int, tick: Callable[[float], None] = lambda _fraction: None
) -> dict[str, Updated]:
    """The updated risks of everybody, each by an update fitted to the other nine tenths.

    The update moves cloglog(risk) by a constant (a new baseline), or by a constant and a slope,
    fitted by regression of pseudo-values that are computed in those nine tenths alone. Risks of
    0 and 1 stay as they are.

    Notes
    -----
    van Houwelingen, Statistics in Medicine 2000;19:3401-3415, on validation by calibration;
    the updates are the first two of Steyerberg et al., Statistics in Medicine 2004;23:2567-2586.
    """
    people = follow.people
    fold = generator(seed, FOLD, 0).permutation(people) % FOLDS
    ranked = off_the_edge(follow.risk[follow.by_risk])
    predictor = np.empty(people)
    predictor[follow.by_risk] = complementary_log_log(ranked)
    edge = (follow.risk == 0) | (follow.risk == 1)
    risks = {name: follow.risk.copy() for name in UPDATES}
    reasons: dict[str, str] = {}
    for number in range(FOLDS):
        own = fold == number
        if not own.any():
            continue
        rest = follow.part(~own)
        if not rest.total_events:
            return {name: Updated(None, "A part of the people has no event.") for name in UPDATES}
        place = np.cumsum(~own) - 1
        order = place[follow.by_risk[~own[follow.by_risk]]]
        averages = Averages.of(rest.risk, pseudo_values(rest), order)
        averages = averages.grouped(averages.group_starts(GROUPS))
        moved = own & ~edge
        for name, slope in UPDATES.items():
            found = (
                None if slope and averages.risk.size < 2 else recalibration(averages, slope=slope)
            )
            if found is None:
                reasons[name] = "The update could not be fitted in every part of the people."
                continue
            risks[name][moved] = inverse_complementary_log_log(
                found[0] + found[1] * predictor[moved]
            )
        tick((number + 1) / FOLDS)
    return {
        name: Updated(None, reasons[name])
        if name in reasons
        else Updated(follow.with_risk(risks[name]))
        for name in UPDATES
    }
