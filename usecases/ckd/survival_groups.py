"""What is told of the sites and subgroups of a ckd/survival result. No Django."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.groups import Group
from usecases.statistics import survival_cuts, survival_measures
from usecases.statistics.binary import FEW_RISKS
from usecases.statistics.disclosure import told_in_groups, unsafe_groups
from usecases.statistics.survival import FollowUp
from usecases.statistics.survival_cuts import Told
from usecases.statistics.survival_measures import Measured, Settings


@dataclass(frozen=True)
class ToldOfGroups:
    """What is told of the groups of one column beside everyone.

    Attributes
    ----------
    withheld : dict
        By the number of a group, why nothing is.
    without_deaths : set of int
        Groups of which it is not told how many died.
    thresholds : list of dict
        For each group.
    """

    withheld: dict[int, str]
    without_deaths: set[int]
    thresholds: list[Told]

    @classmethod
    def of(
        cls,
        follow: FollowUp,
        groups: Sequence[Group],
        everyone: Measured,
        settings: Settings,
        *,
        nested: bool,
        deaths_hidden: bool,
    ) -> ToldOfGroups:
        """What may be told of ``groups``, which make up everyone.

        Parameters
        ----------
        follow : FollowUp
            Everyone.
        groups : sequence of Group
            Those of one column.
        everyone : Measured
        settings : Settings
        nested : bool
            Whether they lie within the groups of another column, or those within them: then
            nothing is told at thresholds.
        deaths_hidden : bool
            Whether the number of everyone's deaths is.
        """
        column, smallest = groups[0].column, settings.smallest_count
        masks = [group.mask[follow.order] for group in groups]
        kinds = survival_cuts.kinds(follow)
        died = survival_cuts.died(follow)
        cells = [[np.count_nonzero(mask & kind) for kind in kinds] for mask in masks]
        few = unsafe_groups(np.asarray(cells), smallest)
        few |= {index for index, group in enumerate(groups) if group.hidden}
        withheld = dict.fromkeys(
            sorted(few),
            f"It, or another group of '{column}' that it would reveal, has fewer than {smallest} "
            "people with the event, or without it.",
        )
        size = int(follow.risk_rank.max(initial=0)) + 1
        if size <= FEW_RISKS:
            at_risks = [
                np.concatenate(
                    [np.bincount(follow.risk_rank[mask & kind], None, size) for kind in kinds]
                )
                for mask in masks
            ]
            for index in unsafe_groups(np.asarray(at_risks), smallest):
                withheld.setdefault(
                    index,
                    f"The model gives few different risks, and here, or in another group of "
                    f"'{column}' that it would reveal, one of them belongs to fewer than "
                    f"{smallest} people with, or without, the event.",
                )
        deaths = np.asarray([[np.count_nonzero(mask & died)] for mask in masks])
        without = unsafe_groups(deaths, smallest) | set(withheld)
        if deaths_hidden:
            without = set(range(len(groups)))
        thresholds = settings.thresholds
        told = [dict.fromkeys(thresholds, (False, False)) for _group in groups]
        if everyone.told and not nested:
            shown = np.logical_and.reduce(
                [
                    _shown(follow, masks, kind, thresholds, everyone, set(withheld), smallest, 0)
                    for kind in kinds
                ]
            )
            of_deaths = shown & _shown(
                follow, masks, died, thresholds, everyone, without, smallest, 1
            )
            told = [
                {
                    threshold: (bool(shown[group, at]), bool(of_deaths[group, at]))
                    for at, threshold in enumerate(thresholds, start=1)
                }
                for group in range(len(groups))
            ]
        return cls(withheld, without, told)

    def measure(
        self,
        index: int,
        part: FollowUp,
        settings: Settings,
        tick: Callable[[float], None],
        updating: bool,
    ) -> Measured:
        """Every measure of the group with this number, as far as it is told."""
        if index in self.withheld:
            return survival_measures.withheld(self.withheld[index], settings, updating=updating)
        return survival_measures.measure(
            part,
            settings,
            tick,
            updating=updating,
            told=self.thresholds[index],
            deaths_told=index not in self.without_deaths,
        )


def _shown(
    follow: FollowUp,
    masks: Sequence[np.ndarray],
    kind: np.ndarray,
    thresholds: tuple[float, ...],
    everyone: Measured,
    unseen: set[int],
    smallest: int,
    side: int,
) -> np.ndarray:
    """At which thresholds people of a kind are told of, bool of shape (groups, thresholds + 2)."""
    place = np.searchsorted(np.asarray(thresholds), follow.risk)  # thresholds below each risk
    between = [np.bincount(place[mask & kind], minlength=len(thresholds) + 1) for mask in masks]
    above = np.cumsum(np.asarray(between)[:, ::-1], axis=1)[:, ::-1]
    above = np.column_stack((above, np.zeros(len(masks), dtype=above.dtype)))
    told = [everyone.told[threshold][side] for threshold in thresholds]
    hidden = [index in unseen for index in range(len(masks))]
    return told_in_groups(above, [True, *told, True], hidden, smallest)
