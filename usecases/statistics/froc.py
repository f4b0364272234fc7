"""Free-response measures of a detector, with intervals from a bootstrap that draws cases.

Every measure is a function of how often each case counts (a column of weights: all 1, or how
often a bootstrap drew the case). The marks of a case between two neighbouring scores of hits are
counted once, so a replicate costs a sparse product with a few numbers a case, not a pass over
the marks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from usecases.statistics.detection import Detections
from usecases.statistics.discrimination import auroc
from usecases.statistics.quantity import Quantity, percentile_quantity
from usecases.statistics.resampling import CHUNK, generator

CASES = 11
"""The purpose of the bootstrap that draws cases; see :mod:`usecases.statistics.resampling`."""

BOOTSTRAP = "bootstrap of cases, percentile"


@dataclass(frozen=True)
class FreeResponse:
    """Hits and false positives of each case, by score.

    Attributes
    ----------
    score : ndarray of float64, shape (steps,)
        The different scores of hits, descending.
    hits, tied, passed : sparse arrays, shape (steps, cases)
        Hits with that score; false positives with that score; false positives with that score
        or one between it and the step before.
    lesions : ndarray of int64, shape (cases,)
    false_positives : int
    """

    score: np.ndarray
    hits: sparse.csr_array
    tied: sparse.csr_array
    passed: sparse.csr_array
    lesions: np.ndarray
    false_positives: int

    @classmethod
    def of(cls, found: Detections) -> FreeResponse:
        """Count the marks of ``found``."""
        hit = found.lesion_score > -np.inf
        score = np.unique(found.lesion_score[hit])[::-1]
        step = np.searchsorted(-score, -found.false_score, side="left")
        kept = step < score.size
        case, false_score, step = found.false_case[kept], found.false_score[kept], step[kept]
        equal = false_score == score[step]
        size = (score.size, found.cases)
        return cls(
            score=score,
            hits=steps_of_hits(found, score, hit),
            tied=_counted(step[equal], case[equal], size),
            passed=_counted(step, case, size),
            lesions=found.lesions_per_case,
            false_positives=found.false_positives,
        )

    def curve(self, weights: np.ndarray) -> Curve:
        """The free-response curve where each case counts as often as ``weights`` says.

        Parameters
        ----------
        weights : ndarray of float64, shape (cases, replicates)
        """
        passed = np.cumsum(self.passed @ weights, axis=0)
        return Curve(
            hits=self.hits @ weights,
            above=passed - self.tied @ weights,
            passed=passed,
            lesions=self.lesions @ weights,
            cases=weights.sum(axis=0),
        )


def steps_of_hits(found: Detections, score: np.ndarray, which: np.ndarray) -> sparse.csr_array:
    """The hits among the lesions ``which`` by step (:class:`FreeResponse`) and case."""
    which = which & (found.lesion_score > -np.inf)
    step = np.searchsorted(-score, -found.lesion_score[which])
    return _counted(step, found.lesion_case[which], (score.size, found.cases))


def _counted(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    counts = sparse.coo_array((np.ones(row.size), (row, column)), shape=shape)
    return sparse.csr_array(counts)  # equal entries are added up


@dataclass(frozen=True)
class Curve:
    """Free-response curves, one a column; hits and false positives by step, highest first.

    Attributes
    ----------
    hits : ndarray, shape (steps, replicates)
    above, passed : ndarray, shape (steps, replicates)
        False positives that score above the step's hits; the same and those that tie with them.
    lesions, cases : ndarray, shape (replicates,)
    """

    hits: np.ndarray
    above: np.ndarray
    passed: np.ndarray
    lesions: np.ndarray
    cases: np.ndarray

    def read(
        self, points: Sequence[float], groups: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Hits at false positives per case.

        Between two neighbours in the list of scores the curve is a straight line (where hits
        and false positives tie), and beyond its end it is flat: ``numpy.interp`` of LUNA16's
        script, with the false positives of a point counted exactly.

        Parameters
        ----------
        points : sequence of float
            False positives per case.
        groups : sequence of ndarray, each of shape (steps, replicates)
            Hits that are read at the same points, such as those on lesions of one size.

        Returns
        -------
        hits : ndarray, shape (replicates, points)
        of_groups : list of ndarray
            The same of each of ``groups``.
        """
        columns = [self.hits, *groups]
        steps, replicates = self.hits.shape
        found = [np.zeros((replicates, len(points))) for _ in columns]
        if not steps:
            return found[0], found[1:]
        sums = [_running(column) for column in columns]
        # Rounded, so that 0.29 per case of 100 cases is 29.
        limits = np.round(np.multiply.outer(self.cases, np.asarray(points, dtype=float)), 9)
        above, passed = np.ascontiguousarray(self.above.T), np.ascontiguousarray(self.passed.T)
        for replicate in range(replicates):
            limit = limits[replicate]
            step = np.searchsorted(passed[replicate], limit, side="right")
            last = np.minimum(step, steps - 1)
            over = limit - above[replicate, last]
            tied = passed[replicate, last] - above[replicate, last]
            share = np.divide(over, tied, out=np.zeros(len(points)), where=tied > 0)
            share = np.where(step < steps, np.clip(share, 0.0, 1.0), 0.0)
            for hits, total in zip(found, sums, strict=True):
                low, high = total[replicate, step], total[replicate, last + 1]
                hits[replicate] = low + share * (high - low)
        return found[0], found[1:]

    def average_precision(self) -> np.ndarray:
        """Lesion average precision, shape (replicates,).

        The step sum of ``sklearn.metrics.average_precision_score``, with every lesion, missed
        ones included, in the denominator of recall.
        """
        reached = np.cumsum(self.hits, axis=0)
        marked = reached + self.passed
        precision = np.divide(reached, marked, out=np.zeros(reached.shape), where=marked > 0)
        return ratio(np.sum(self.hits * precision, axis=0), self.lesions)


def _running(hits: np.ndarray) -> np.ndarray:
    """Sums over the steps before each, shape (replicates, steps + 1)."""
    sums = np.zeros((hits.shape[1], hits.shape[0] + 1))
    np.cumsum(hits.T, axis=1, out=sums[:, 1:])
    return sums


def ratio(count: np.ndarray, total: np.ndarray) -> np.ndarray:
    """``count / total``; NaN where there is nothing to take the share of."""
    total = np.broadcast_to(total, count.shape)
    return np.divide(count, total, out=np.full(count.shape, np.nan), where=total > 0)


@dataclass(frozen=True)
class AlternativeFreeResponse:
    """Lesions against the highest false positive of each case without a lesion (AFROC).

    The area is the share of pairs of a lesion and a case without lesions in which the lesion's
    best mark scores above the case's highest false positive, a tie counting half; a lesion or a
    case without a mark scores below every mark. In the weighted area the lesions of a case
    share the weight of one.

    Notes
    -----
    Chakraborty & Berbaum, Medical Physics 2004;31:2313-2330; Chakraborty & Zhai, Medical
    Physics 2016;43:2548. ``UtilFigureOfMerit(FOM = "AFROC")`` and ``"wAFROC"`` of RJafroc.
    """

    lesion_case: np.ndarray
    below: np.ndarray
    """Cases without a lesion whose highest false positive scores less, shape (lesions,)."""
    through: np.ndarray
    """The same, and those that tie."""
    cases: np.ndarray
    """The cases without a lesion, by their highest false positive, ascending."""
    share: np.ndarray
    """One over the number of the case's lesions, shape (lesions,)."""

    @classmethod
    def of(cls, found: Detections) -> AlternativeFreeResponse:
        highest = np.full(found.cases, -np.inf)
        np.maximum.at(highest, found.false_case, found.false_score)
        per_case = found.lesions_per_case
        without = np.flatnonzero(per_case == 0)
        without = without[np.argsort(highest[without], kind="stable")]
        order = highest[without]
        return cls(
            lesion_case=found.lesion_case,
            below=np.searchsorted(order, found.lesion_score, side="left"),
            through=np.searchsorted(order, found.lesion_score, side="right"),
            cases=without,
            share=1.0 / per_case[found.lesion_case],
        )

    def areas(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The area and the weighted area, each of shape (replicates,).

        Parameters
        ----------
        weights : ndarray of float64, shape (cases, replicates)
        """
        running = np.zeros((self.cases.size + 1, weights.shape[1]))
        np.cumsum(weights[self.cases], axis=0, out=running[1:])
        lesions = weights[self.lesion_case]
        won = lesions * (running[self.below] + running[self.through])
        pairs = 2 * running[-1]
        shared = self.share[:, np.newaxis]
        return (
            ratio(np.sum(won, axis=0), pairs * np.sum(lesions, axis=0)),
            ratio(np.sum(won * shared, axis=0), pairs * np.sum(lesions * shared, axis=0)),
        )


@dataclass(frozen=True)
class Settings:
    """What the measures and their intervals depend on."""

    points: tuple[float, ...]
    """Operating points, in false positives per case."""
    replicates: int
    seed: int
    grid: tuple[float, ...] = ()
    """Where the curve is read, in false positives per case."""


@dataclass(frozen=True)
class Measured:
    """The measures of a detector; ``at`` each operating point where there are several.

    ``band`` holds the lower and upper ends of the curve at the grid, shape (2, grid), or None
    where lesions are missing from too many replicates.
    """

    sensitivity: list[Quantity]
    cpm: Quantity
    average_precision: Quantity
    afroc_area: Quantity
    weighted_afroc_area: Quantity
    of_groups: list[list[Quantity]]
    curve: np.ndarray
    band: np.ndarray | None


def case_auroc(found: Detections) -> Quantity:
    """How well the highest score of a case tells cases with a lesion from those without.

    Cases without a mark rank below all others, and tie with each other; so only ranks are
    handed on. DeLong's interval.
    """
    _, rank = np.unique(found.case_score, return_inverse=True)
    return auroc(found.lesions_per_case > 0, rank.astype(np.float64))


def measure(
    found: Detections,
    settings: Settings,
    groups: Sequence[np.ndarray] = (),
    tick: Callable[[float], None] = lambda fraction: None,
) -> Measured:
    """Every free-response measure with its interval.

    Parameters
    ----------
    found : Detections
        With at least one lesion.
    settings : Settings
    groups : sequence of ndarray of bool, each of shape (lesions,)
        Groups of lesions, such as sizes, whose sensitivity is read at the same false positives.
    tick : callable
        Called with the fraction done.
    """
    response = FreeResponse.of(found)
    alternative = AlternativeFreeResponse.of(found)
    parts = [
        (
            steps_of_hits(found, response.score, group),
            np.bincount(found.lesion_case[group], minlength=found.cases),
        )
        for group in groups
    ]
    points = [*settings.points, *settings.grid]

    def measured(weights: np.ndarray) -> dict[str, np.ndarray]:
        curve = response.curve(weights)
        hits, of_groups = curve.read(points, [steps @ weights for steps, _ in parts])
        sensitivity = ratio(hits, curve.lesions[:, np.newaxis])
        at_points = sensitivity[:, : len(settings.points)]
        area, weighted = alternative.areas(weights)
        values = {
            "sensitivity": at_points,
            "curve": sensitivity[:, len(settings.points) :],
            "cpm": np.sum(at_points, axis=1) / len(settings.points),
            "average_precision": curve.average_precision(),
            "afroc_area": area,
            "weighted_afroc_area": weighted,
        }
        for index, (found_hits, (_, lesions)) in enumerate(zip(of_groups, parts, strict=True)):
            total = (lesions @ weights)[:, np.newaxis]
            values[f"group {index}"] = ratio(found_hits[:, : len(settings.points)], total)
        return values

    value = measured(np.ones((found.cases, 1)))
    drawn: dict[str, list[np.ndarray]] = defaultdict(list)
    for chunk, start in enumerate(range(0, settings.replicates, CHUNK)):
        size = min(CHUNK, settings.replicates - start)
        weights = drawn_cases(found.cases, size, settings.seed, chunk)
        for name, replicates in measured(weights).items():
            drawn[name].append(replicates)
        tick((start + size) / settings.replicates)
    draws = {name: np.concatenate(chunks) for name, chunks in drawn.items()}

    def quantity(name: str, method: str, column: int | None = None) -> Quantity:
        where = 0 if column is None else (0, column)
        one = float(value[name][where])
        if np.isnan(one):
            return Quantity(f"{method}; {BOOTSTRAP}", unavailable="Nothing to take the share of.")
        replicates = draws[name] if column is None else draws[name][:, column]
        return percentile_quantity(one, replicates, f"{method}; {BOOTSTRAP}", low=0.0, high=1.0)

    count = range(len(settings.points))
    read = "read off the free-response curve"
    kept = draws["curve"][np.all(np.isfinite(draws["curve"]), axis=1)]
    whole = len(kept) >= 0.95 * settings.replicates
    return Measured(
        sensitivity=[quantity("sensitivity", f"Share of lesions, {read}", at) for at in count],
        cpm=quantity("cpm", "Mean of the sensitivities at the operating points"),
        average_precision=quantity("average_precision", "Step sum, missed lesions counted"),
        afroc_area=quantity("afroc_area", "Pairs of a lesion and a case without lesions"),
        weighted_afroc_area=quantity(
            "weighted_afroc_area",
            "Pairs of a lesion and a case without lesions, the lesions of a case sharing one "
            "weight",
        ),
        of_groups=[
            [quantity(f"group {index}", f"Share of lesions, {read} of all", at) for at in count]
            for index in range(len(parts))
        ],
        curve=value["curve"][0],
        band=np.quantile(kept, (0.025, 0.975), axis=0) if whole and settings.grid else None,
    )


def drawn_cases(cases: int, replicates: int, seed: int, chunk: int) -> np.ndarray:
    """How often each case is drawn, shape (cases, replicates)."""
    random = generator(seed, CASES, chunk)
    drawn = random.integers(cases, size=(replicates, cases))
    drawn += cases * np.arange(replicates)[:, np.newaxis]
    counts = np.bincount(drawn.ravel(), minlength=cases * replicates)
    return np.ascontiguousarray(counts.reshape(replicates, cases).T, dtype=np.float64)
