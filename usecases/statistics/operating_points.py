"""Recalling exams by a score: at thresholds, at a held specificity or sensitivity, and beside a
reader of the same exams.

An exam is recalled when its score is at or above the threshold. Intervals respect the women
behind the exams: a bootstrap draws women with all of their exams; where each has one exam, a
proportion at a given threshold has Wilson's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from usecases.statistics import resampling
from usecases.statistics.clustered import clustered_auroc
from usecases.statistics.discrimination import auroc_of_table
from usecases.statistics.froc import ratio
from usecases.statistics.quantity import Quantity, percentile_quantity, wilson_quantity
from usecases.statistics.ranking import RankTable
from usecases.statistics.resampling import Clusters
from usecases.statistics.risks import RiskTable

BOOTSTRAP = "bootstrap of women, percentile"
PAIRED = f"Difference on the same exams; {BOOTSTRAP}"
MEASURES = ("sensitivity", "specificity", "recall_rate", "cancer_detection_rate", "ppv", "npv")
DIFFERENCES = ("sensitivity_difference", "specificity_difference")
READER = tuple(f"reader_{name}" for name in MEASURES)
_PER = {"cancer_detection_rate": 1000.0, "reader_cancer_detection_rate": 1000.0}
"""Exams that a rate is given per; 1 for the others."""

Kind = Literal["threshold", "specificity", "sensitivity"]


@dataclass(frozen=True)
class Exams:
    """The exams that are evaluated, each array of shape (exams,).

    ``woman`` numbers the women from 0 without a gap; ``recalled`` is what the reader did, where
    that is known.
    """

    outcome: np.ndarray
    score: np.ndarray
    woman: np.ndarray
    recalled: np.ndarray | None = None

    @property
    def clustered(self) -> bool:
        """Whether any woman has several exams."""
        return np.unique(self.woman).size < self.woman.size

    def part(self, mask: np.ndarray) -> Exams:
        """The exams in ``mask``."""
        women = np.unique(self.woman[mask], return_inverse=True)[1]
        recalled = None if self.recalled is None else self.recalled[mask]
        return Exams(self.outcome[mask], self.score[mask], women, recalled)


@dataclass(frozen=True)
class Point:
    """Where exams are recalled: at a threshold, or where a specificity or sensitivity is held."""

    kind: Kind
    target: float


@dataclass(frozen=True)
class Counts:
    """Exams by score in rows: the data, or replicates of them.

    Attributes
    ----------
    true, false : ndarray, shape (rows, steps + 1)
        Exams with and without cancer at or above each score, ascending; the last is 0.
    reader_true, reader_false : ndarray, shape (rows,)
        Exams with and without cancer that the reader recalled.
    """

    true: np.ndarray
    false: np.ndarray
    reader_true: np.ndarray
    reader_false: np.ndarray

    @classmethod
    def of(cls, cancers: np.ndarray, healthy: np.ndarray) -> Counts:
        """From exams by reader and score, each of shape (rows, 2 × steps): not recalled first."""
        steps = cancers.shape[1] // 2
        above = []
        for cells in (cancers, healthy):
            both = cells[:, :steps] + cells[:, steps:]
            sums = np.zeros((len(cells), steps + 1), dtype=np.int64)
            np.cumsum(both[:, ::-1], axis=1, out=sums[:, 1:])
            above.append(sums[:, ::-1])
        return cls(
            above[0],
            above[1],
            cancers[:, steps:].sum(axis=1),
            healthy[:, steps:].sum(axis=1),
        )

    def start_at(self, point: Point) -> np.ndarray:
        """The step that exams are recalled from, shape (rows,), for a held share.

        For a specificity the lowest that holds it, for a sensitivity the highest.
        """
        if point.kind == "specificity":
            healthy = self.false[:, :1]
            allowed = healthy - np.ceil(np.round(point.target * healthy, 9))
            return np.argmax(self.false <= allowed, axis=1)
        wanted = np.ceil(np.round(point.target * self.true[:, :1], 9))
        return np.sum(self.true >= wanted, axis=1) - 1

    def parts(self, start: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Count and total of each measure where exams are recalled from step ``start``."""
        rows = np.arange(len(self.true))
        true, false = self.true[rows, start], self.false[rows, start]
        found = self._parts(true, false)
        reader = self._parts(self.reader_true, self.reader_false)
        return {**found, **{f"reader_{name}": value for name, value in reader.items()}}

    def _parts(
        self, true: np.ndarray, false: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        cancers, healthy = self.true[:, 0], self.false[:, 0]
        exams, recalled = cancers + healthy, true + false
        return {
            "sensitivity": (true, cancers),
            "specificity": (healthy - false, healthy),
            "recall_rate": (recalled, exams),
            "cancer_detection_rate": (true, exams),
            "ppv": (true, recalled),
            "npv": (healthy - false, exams - recalled),
        }

    def values(self, start: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure, the reader's, and the differences; NaN where there are no exams for it."""
        found = {
            name: _PER.get(name, 1.0) * ratio(*pair) for name, pair in self.parts(start).items()
        }
        for name in DIFFERENCES:
            of = name.removesuffix("_difference")
            found[name] = found[of] - found[f"reader_{of}"]
        return found


@dataclass
class Measured:
    """What was found: quantities at each point, and the threshold that it stands for."""

    auroc: Quantity
    at: dict[Point, dict[str, Quantity]] = field(default_factory=dict)
    thresholds: dict[Point, float | None] = field(default_factory=dict)
    reader: dict[str, Quantity] = field(default_factory=dict)


@dataclass(frozen=True)
class Ranked:
    """Exams by the rank of their scores, and from which rank on each point recalls.

    Attributes
    ----------
    ranks : RankTable
    step : ndarray of int, shape (exams,)
        The rank of each exam's score, from 0.
    exact : Counts
        One row: the exams as they are.
    starts : dict
        The lowest rank that is recalled, by point.
    """

    ranks: RankTable
    step: np.ndarray
    exact: Counts
    starts: dict[Point, int]

    @classmethod
    def of(cls, exams: Exams, points: Sequence[Point]) -> Ranked:
        ranks = RankTable.of(exams.outcome, exams.score)
        step = np.searchsorted(ranks.score, exams.score)
        exact = Counts.of(*_cells(exams, step, ranks.score.size))
        starts = {
            point: int(np.searchsorted(ranks.score, point.target))
            if point.kind == "threshold"
            else int(exact.start_at(point)[0])
            for point in points
        }
        return cls(ranks, step, exact, starts)

    def replicates(
        self,
        exams: Exams,
        replicates: int,
        seed: int,
        tick: Callable[[float], None],
        *,
        by_woman: bool = False,
    ) -> dict[Point, dict[str, np.ndarray]]:
        """Bootstrap replicates of every measure at every point.

        Scores are resampled in groups of neighbours; each threshold, and the data's own threshold
        of each held share, is the beginning of one.

        Parameters
        ----------
        exams : Exams
        replicates, seed : int
        tick : callable
        by_woman : bool
            Whether women are drawn one by one although each has one exam: then the draws do not
            depend on the scores, and are the same for every model of the same exams.
        """
        points = list(self.starts)
        own = np.asarray(list(self.starts.values()), dtype=np.int64)
        cuts = np.concatenate([own, *_around(self.exact, points)])
        groups = self.ranks.table.group_starts((cuts + 1) / self.ranks.score.size)
        group = np.searchsorted(groups, self.step, side="right") - 1
        cell = group if exams.recalled is None else group + groups.size * exams.recalled
        happened = exams.outcome.astype(bool)
        size = 2 * groups.size
        if by_woman or exams.clustered:
            chunks = resampling.replicates_of_clusters(
                Clusters(exams.woman, cell, happened), size, replicates, seed
            )
        else:
            cancers, healthy = (
                np.bincount(cell[which], minlength=size) for which in (happened, ~happened)
            )
            table = RiskTable(np.arange(size, dtype=np.float64), cancers, healthy)
            chunks = resampling.replicates_of_people(table, replicates, seed)
        drawn: dict[Point, dict[str, list[np.ndarray]]] = {point: {} for point in points}
        total = -(-replicates // resampling.CHUNK)
        for index, (events, non_events) in enumerate(chunks):
            counts = Counts.of(events, non_events)
            for point in points:
                if point.kind == "threshold":
                    start = np.full(len(events), np.searchsorted(groups, self.starts[point]))
                else:
                    start = counts.start_at(point)
                for name, values in counts.values(start).items():
                    drawn[point].setdefault(name, []).append(values)
            tick(0.1 + 0.9 * (index + 1) / total)
        return {
            point: {name: np.concatenate(parts) for name, parts in found.items()}
            for point, found in drawn.items()
        }


def measure(
    exams: Exams,
    points: Sequence[Point],
    *,
    replicates: int,
    seed: int,
    smallest: int,
    tick: Callable[[float], None] = lambda fraction: None,
) -> Measured:
    """Every measure at every point.

    Parameters
    ----------
    exams : Exams
        With both outcomes.
    points : sequence of Point
    replicates, seed : int
        Of the bootstrap.
    smallest : int
        A proportion of fewer exams is not given.
    tick : callable
        Called with the fraction done.
    """
    ranked = Ranked.of(exams, points)
    ranks, exact, starts = ranked.ranks, ranked.exact, ranked.starts
    clustered = exams.clustered
    found = Measured(
        auroc=clustered_auroc(exams.outcome, exams.score, exams.woman)
        if clustered
        else auroc_of_table(ranks.table)
    )
    tick(0.1)
    drawn = ranked.replicates(exams, replicates, seed, tick)
    shown = [*MEASURES, *(DIFFERENCES if exams.recalled is not None else ())]
    for point, start in starts.items():
        parts, values = exact.parts(np.asarray([start])), exact.values(np.asarray([start]))
        wilson = point.kind == "threshold" and not clustered
        found.thresholds[point] = point.target if point.kind == "threshold" else ranks.cut(start)
        found.at[point] = {
            name: _quantity(name, parts, values, drawn[point], wilson, smallest) for name in shown
        }
    if exams.recalled is not None and points:
        parts, values = exact.parts(np.asarray([0])), exact.values(np.asarray([0]))
        found.reader = {
            name: _quantity(name, parts, values, drawn[points[0]], not clustered, smallest)
            for name in READER
        }
    return found


_CUTS = 120


def _around(exact: Counts, points: Sequence[Point]) -> list[np.ndarray]:
    """Steps near which a replicate's own threshold of a held share may lie.

    So that it is found as finely as in the data: six standard errors to both sides.
    """
    steps = []
    for point in points:
        if point.kind == "threshold":
            continue
        above = exact.false[0] if point.kind == "specificity" else exact.true[0]
        total = int(above[0])
        share = 1 - point.target if point.kind == "specificity" else point.target
        half = 6 * np.sqrt(share * (1 - share) / total) + 2 / total
        wanted = total * np.clip(np.linspace(share - half, share + half, _CUTS), 0, 1)
        steps.append(np.searchsorted(-above[:-1], -wanted))
    return steps


def _cells(exams: Exams, step: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Exams with and without cancer by reader and step, each of shape (1, 2 × steps)."""
    cell = step if exams.recalled is None else step + steps * exams.recalled
    happened = exams.outcome.astype(bool)
    cancers, healthy = (
        np.bincount(cell[which], minlength=2 * steps)[np.newaxis] for which in (happened, ~happened)
    )
    return cancers, healthy


def _quantity(
    name: str,
    parts: dict[str, tuple[np.ndarray, np.ndarray]],
    values: dict[str, np.ndarray],
    drawn: dict[str, np.ndarray],
    wilson: bool,
    smallest: int,
) -> Quantity:
    of = name.removesuffix("_difference")
    count, total = int(parts[of][0][0]), int(parts[of][1][0])
    difference = name in DIFFERENCES
    method = PAIRED if difference else f"Proportion; {BOOTSTRAP}"
    if total < smallest:
        few = "no exams" if total == 0 else f"fewer than {smallest} exams"
        return Quantity(method, unavailable=f"It is a proportion of {few}.")
    scale = _PER.get(name, 1.0)
    if wilson and not difference:
        return _scaled(wilson_quantity(count, total), scale)
    low, high = (-1.0, 1.0) if difference else (0.0, scale)
    return percentile_quantity(float(values[name][0]), drawn[name], method, low=low, high=high)


def _scaled(quantity: Quantity, scale: float) -> Quantity:
    if scale == 1.0 or quantity.value is None:
        return quantity
    ends = (quantity.lower, quantity.upper, quantity.standard_error)
    lower, upper, error = (None if end is None else scale * end for end in ends)
    return Quantity(quantity.method, scale * quantity.value, lower, upper, error)


def score_rows(
    exams: Exams, thresholds: Sequence[float], found: Measured
) -> list[tuple[float, int, int, int, int, dict[str, Quantity]]]:
    """Threshold, the four counts and the measures there, for each of ``thresholds``.

    Parameters
    ----------
    exams : Exams
    thresholds : sequence of float
        Each in ``found.at`` as a :class:`Point`.
    found : Measured
    """
    ranks = RankTable.of(exams.outcome, exams.score)
    cuts = np.asarray([ranks.rank_of(threshold) for threshold in thresholds])
    true, false = ranks.table.at_or_above(cuts)
    events, others = ranks.table.total_events, ranks.table.total_non_events
    return [
        (
            threshold,
            int(above),
            int(alarms),
            events - int(above),
            others - int(alarms),
            found.at[Point("threshold", threshold)],
        )
        for threshold, above, alarms in zip(thresholds, true, false, strict=True)
    ]
