"""Where exams are recalled so that it may be told how many are, beside a reader or not.

Everything told about a point is a function of the exams with and without cancer at or above its
cut of the scores, and the interval of a difference from the reader of those that only one of the
two recalls. So cuts are let in one after the other, each outcome by itself, and by what the
reader did as well, where between it and every other stand no exams or enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from usecases.statistics.binary import FEW_RISKS
from usecases.statistics.cuts import Above, joint_starts
from usecases.statistics.disclosure import is_small, told_in_parts, unsafe_groups
from usecases.statistics.operating_points import (
    DIFFERENCES,
    READER,
    Exams,
    Measured,
    Point,
    Ranked,
)
from usecases.statistics.quantity import Quantity
from usecases.statistics.ranking import RankTable

SIDES = {
    "sensitivity": (0,),
    "cancer_detection_rate": (0,),
    "specificity": (1,),
    "recall_rate": (0, 1),
    "ppv": (0, 1),
    "npv": (0, 1),
    "sensitivity_difference": (0,),
    "specificity_difference": (1,),
}
"""What each measure tells of: exams with cancer (0), exams without it (1)."""

UNPAIRED = (
    "Difference on the same exams; interval of Newcombe from those of model and reader, as if of "
    "different exams, for a paired one would tell of a few women whom only one of the two recalls"
)

Pair = tuple[bool, bool]
"""Whether it is told of exams with cancer, and of those without it."""


@dataclass(frozen=True)
class Recalls:
    """What is told of some exams.

    Attributes
    ----------
    points : dict
        Exams at or above the cut of each point.
    paired : dict
        The same of those that the reader recalled, and those that the reader did not.
    reader : (bool, bool)
        How many the reader recalled.
    starts : ndarray of int
        Every cut at which both outcomes are told of, as numbers of the lowest score above.
    """

    points: dict[Point, Pair]
    paired: dict[Point, Pair]
    reader: Pair
    starts: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @classmethod
    def of(
        cls,
        exams: Exams,
        points: Sequence[Point],
        fewest: int,
        *,
        beside: Recalls | None = None,
        with_curves: bool = False,
    ) -> Recalls:
        """Let in the protocol's points, and others for curves.

        Parameters
        ----------
        exams : Exams
        points : sequence of Point
            A point at which a share is held is told of both outcomes or not at all: that one
            share is held is known.
        fewest : int
            Women.
        beside : Recalls or None
            What may be told at thresholds, and of the reader (default: what ``exams`` allow).
        with_curves : bool
            Whether the cuts of curves are chosen too.
        """
        ranks = RankTable.of(exams.outcome, exams.score)
        masks = _kinds(exams)
        above = _above(exams, ranks, masks[:2], fewest)
        by_reader = [
            _above(exams, ranks, masks[first : first + 2], fewest)
            for first in range(2, len(masks), 2)
        ]
        reader = _reader(exams, masks, fewest) if beside is None else beside.reader
        told: dict[Point, Pair] = {}
        paired: dict[Point, Pair] = {}
        for point, start in Ranked.of(exams, points).starts.items():
            held = point.kind != "threshold"
            if held:
                both = above.together(start)
                told[point] = (both, both)
            elif beside is None:
                told[point] = _pair(above.each(start))
            else:
                told[point] = beside.points[point]
                _seed(above, start, told[point])
            sides = []
            for side in range(2):
                fits = bool(by_reader) and told[point][side] and reader[side]
                if fits and beside is not None and not held:
                    fits = beside.paired[point][side]
                sides.append(fits and by_reader[side].together(start))
            paired[point] = _pair(sides)
        starts = joint_starts(ranks.table, above) if with_curves else np.empty(0, dtype=np.int64)
        return cls(told, paired, reader, starts)

    def hide(self, found: Measured, smallest: int) -> None:
        """Put the reason in the place of every quantity of ``found`` that is not told.

        A difference from the reader whose paired interval would tell of a few exams that only one
        of the two recalls has the interval that follows from those of both.
        """
        reason = f"Not given: it would give away a number of fewer than {smallest} women."
        for name in READER if found.reader else ():
            if not all(self.reader[side] for side in SIDES[name.removeprefix("reader_")]):
                found.reader[name] = _hidden(found.reader[name], reason)
        for point, pair in self.points.items():
            held = point.kind != "threshold"
            if held and pair != (True, True):
                found.thresholds[point] = None
            for name, quantity in list(found.at[point].items()):
                if not all(pair[side] for side in SIDES[name]):
                    found.at[point][name] = _hidden(quantity, reason)
                elif name in DIFFERENCES and not self.paired[point][SIDES[name][0]]:
                    of = name.removesuffix("_difference")
                    model, reader = found.at[point][of], found.reader[f"reader_{of}"]
                    found.at[point][name] = unpaired_difference(model, reader, reason)


def unpaired_difference(model: Quantity, reader: Quantity, reason: str) -> Quantity:
    """Model minus reader, with an interval that the intervals of both give without the pairs.

    It is as if they had seen different exams; where they tend to recall the same ones it is wider
    than the paired interval.

    Parameters
    ----------
    model, reader : Quantity
    reason : str
        Why there is none, where one of the two is not given.

    Notes
    -----
    Method 10 of Newcombe, Statistics in Medicine 1998;17:873-890; with other intervals than
    Wilson's: Zou & Donner, Statistics in Medicine 2008;27:1693-1702.
    """
    if model.value is None or reader.value is None:
        return Quantity(UNPAIRED, unavailable=reason)
    value = model.value - reader.value
    if model.lower is None or model.upper is None or reader.lower is None or reader.upper is None:
        return Quantity(f"{UNPAIRED}; no interval, as one of the two has none", value)
    down = np.hypot(model.value - model.lower, reader.upper - reader.value)
    up = np.hypot(model.upper - model.value, reader.value - reader.lower)
    error = np.hypot(model.standard_error or 0.0, reader.standard_error or 0.0)
    return Quantity(
        UNPAIRED,
        value,
        max(-1.0, float(value - down)),
        min(1.0, float(value + up)),
        float(error) if error else None,
    )


def few_scores(exams: Exams, fewest: int) -> bool:
    """Whether the measures together could be solved for a few women with one of the scores."""
    score, rank = np.unique(exams.score, return_inverse=True)
    if score.size > FEW_RISKS:
        return False
    cells = 2 * rank + exams.outcome
    return any(
        is_small(np.unique(exams.woman[cells == cell]).size, fewest) for cell in np.unique(cells)
    )


def withheld_groups(exams: Exams, masks: Sequence[np.ndarray], fewest: int) -> set[int]:
    """Groups that make up everyone, of which nothing is told as the model gives few scores."""
    score, rank = np.unique(exams.score, return_inverse=True)
    if score.size > FEW_RISKS or not masks:
        return set()
    cells = 2 * rank + exams.outcome
    counts = [
        [np.unique(exams.woman[mask & (cells == cell)]).size for cell in range(2 * score.size)]
        for mask in masks
    ]
    return unsafe_groups(np.asarray(counts), fewest)


def in_groups(
    exams: Exams,
    masks: Sequence[np.ndarray],
    withheld: set[int],
    everyone: Recalls,
    fewest: int,
    *,
    nested: bool,
) -> list[Recalls]:
    """What is told at thresholds, and of the reader, of groups that make up everyone.

    Parameters
    ----------
    exams : Exams
    masks : sequence of ndarray of bool, each of shape (exams,)
    withheld : set of int
        Groups of which nothing is told.
    everyone : Recalls
    fewest : int
        Women.
    nested : bool
        Whether the groups lie within those of another column: then neither is.
    """
    points = [point for point in everyone.points if point.kind == "threshold"]
    size = len(masks)
    hidden = [index in withheld for index in range(size)]
    kinds = _kinds(exams)
    # The number of thresholds at or below each score: who lies between which two.
    targets = np.asarray([point.target for point in points])
    place = np.searchsorted(targets, exams.score, side="right")

    group = np.zeros(exams.outcome.size, dtype=np.int64)
    for index, mask in enumerate(masks):
        group[mask] = index

    def shown(
        kind: np.ndarray, cut: np.ndarray, told: Sequence[bool], unseen: Sequence[bool]
    ) -> np.ndarray:
        """By group and cut; ``cut`` is how many of the cuts each exam is above."""
        whole = [True, *told, True]
        return told_in_parts(group[kind], 1 + cut[kind], exams.woman[kind], whole, unseen, fewest)

    sides, readers, pairs = [], [], []
    for side in range(2):
        told = [everyone.points[point][side] and not nested for point in points]
        sides.append(shown(kinds[side], place, told, hidden))
        if exams.recalled is None:
            readers.append(np.zeros(size, dtype=bool))
            pairs.append(np.zeros_like(sides[side]))
            continue
        recalled = exams.recalled.astype(np.int64)
        told = [everyone.reader[side] and not nested]
        readers.append(shown(kinds[side], recalled, told, hidden)[:, 1])
        told = [everyone.paired[point][side] and not nested for point in points]
        unseen = [not seen for seen in readers[side]]
        both = kinds[2 + 2 * side : 4 + 2 * side]
        pairs.append(np.logical_and.reduce([shown(kind, place, told, unseen) for kind in both]))
    return [
        Recalls(
            {
                point: _pair([side[group, at] for side in sides])
                for at, point in enumerate(points, start=1)
            },
            {
                point: _pair([pair[group, at] for pair in pairs])
                for at, point in enumerate(points, start=1)
            },
            _pair([seen[group] for seen in readers]),
        )
        for group in range(size)
    ]


def _kinds(exams: Exams) -> list[np.ndarray]:
    """Exams with cancer, without it, and of both those recalled by the reader, and the others."""
    happened = exams.outcome.astype(bool)
    kinds = [happened, ~happened]
    if exams.recalled is not None:
        for outcome in (happened, ~happened):
            kinds += [outcome & exams.recalled, outcome & ~exams.recalled]
    return kinds


def _above(exams: Exams, ranks: RankTable, masks: Sequence[np.ndarray], fewest: int) -> Above:
    step = np.searchsorted(ranks.score, exams.score)
    columns = [np.bincount(step[mask], minlength=ranks.score.size) for mask in masks]
    if not exams.clustered:
        return Above(columns, fewest)
    order = np.lexsort((exams.woman, -step))
    return Above(columns, fewest, [exams.woman[order][mask[order]] for mask in masks])


def _reader(exams: Exams, masks: Sequence[np.ndarray], fewest: int) -> Pair:
    """Whether enough women are, and are not, recalled by the reader."""
    if len(masks) == 2:
        return False, False
    return _pair(
        [
            not any(
                is_small(np.unique(exams.woman[mask]).size, fewest)
                for mask in masks[2 + 2 * side : 4 + 2 * side]
            )
            for side in range(2)
        ]
    )


def _seed(above: Above, start: int, told: Pair) -> None:
    """Put in what is told already."""
    for side, steps in enumerate(above.steps):
        if told[side]:
            steps.add(int(above.counts[side][start]))


def _hidden(quantity: Quantity, reason: str) -> Quantity:
    """The reason, unless there is another one already."""
    if quantity.unavailable is not None:
        return quantity
    return Quantity(quantity.method, unavailable=reason)


def _pair(values: Sequence[bool] | tuple[bool, ...]) -> Pair:
    first, second = (bool(value) for value in values)
    return first, second
