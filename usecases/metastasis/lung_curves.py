"""The curves of metastasis/lung-ct, as columns to draw and to download. No Django."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from portal.result import Curve
from usecases.statistics import froc
from usecases.statistics.cuts import Above, joint_starts
from usecases.statistics.detection import Detections
from usecases.statistics.disclosure import Steps, StepsOfRows, is_small
from usecases.statistics.lesion_cuts import LesionCuts, by_score
from usecases.statistics.ranking import MOST_POINTS, RankTable, halfway

_POINTS = 640
_MOST_CANDIDATES = 5_000
SIZES = (6.0, 8.0, 15.0)
"""Ends of the bands of diameters in mm, those of Lung-RADS: American College of Radiology,
Lung-RADS v2022, solid nodules at baseline."""


def size_names() -> list[str]:
    """The bands in words, the smallest first."""
    ends = [f"{end:g}" for end in SIZES]
    between = [f"{low} to {high} mm" for low, high in pairwise(ends)]
    return [f"under {ends[0]} mm", *between, f"{ends[-1]} mm and over"]


def size_bands(found: Detections) -> list[np.ndarray]:
    """The lesions of each band, each of shape (lesions,); none holds an unknown diameter."""
    band = np.searchsorted(SIZES, found.lesion_diameter, side="right")
    known = found.lesion_diameter > 0
    return [known & (band == index) for index in range(len(SIZES) + 1)]


def grid_of(found: Detections, points: tuple[float, ...], smallest: int) -> tuple[float, ...]:
    """Where the free-response curve may be drawn, in false positives per case, ascending.

    The operating points, and others from a quarter of the first one on, evenly on a log scale;
    those with at least ``smallest`` false positives from one to the next.
    """
    spacing = smallest / found.cases
    grid = np.geomspace(max(spacing, min(points) / 4), max(max(points), 2 * spacing), _POINTS)
    kept: list[float] = sorted(points)
    for at in grid.tolist():
        if min(abs(at - other) for other in kept) >= spacing:
            kept.append(at)
    return tuple(sorted(kept))


def froc_curve(
    found: Detections, grid: tuple[float, ...], measured: froc.Measured, smallest: int
) -> Curve:
    """Sensitivity against false positives per scan, with its band and the score to act on."""
    scores = found.false_score
    thresholds: list[float | None] = []
    for at in grid:
        count = int(np.floor(round(at * found.cases, 9)))
        inside = 0 < count < scores.size and scores[count - 1] > scores[count]
        low, high = scores[count] if inside else 0.0, scores[count - 1] if inside else 0.0
        thresholds.append(halfway(float(low), float(high)) if inside else None)
    nothing: list[float | None] = [None] * len(grid)
    return Curve(
        method="Free-response curve, straight between ties, flat beyond the last false positive; "
        f"thinned: between neighbouring points lesions of no case or of at least {smallest}; "
        f"pointwise band: {froc.BOOTSTRAP}",
        columns={
            "false_positives_per_scan": list(grid),
            "threshold": list(thresholds),
            "sensitivity": measured.curve.tolist(),
            "lower": list(nothing) if measured.band is None else measured.band[0].tolist(),
            "upper": list(nothing) if measured.band is None else measured.band[1].tolist(),
        },
    )


def case_curves(found: Detections, cuts: LesionCuts, smallest: int) -> dict[str, Curve]:
    """The ROC curve of the highest score of each case, and the AFROC curve.

    What both tell of cases without a lesion, and what the latter and the free-response curve
    tell of lesions, are let in together.
    """
    ranks = RankTable.of(found.lesions_per_case > 0, found.case_score)
    above = Above((ranks.table.events, ranks.table.non_events), smallest)
    starts = joint_starts(ranks.table, above)
    every = max(1, -(-starts.size // MOST_POINTS))
    steps = f"between neighbouring points no cases or at least {smallest} of each kind"
    return {
        "case_roc": Curve(
            method=f"Empirical, thinned: {steps}; a case without a mark ranks below all others",
            columns=ranks.roc(starts[::every]),
        ),
        "afroc": _afroc(found, cuts.steps, above.steps[1], smallest),
    }


def _afroc(found: Detections, steps: StepsOfRows, healthy: Steps, smallest: int) -> Curve:
    """Share of lesions found against share of cases without a lesion that are marked.

    The line from the last point to (1, 1) is the part of the area that unmarked lesions and cases
    share. The weighted share of lesions tells how many of those found share a case, so these are
    told of in steps of their own, and the share is left out where cases with several lesions are
    few.
    """
    highest = np.full(found.cases, -np.inf)
    np.maximum.at(highest, found.false_case, found.false_score)
    marked = np.sort(highest[found.lesions_per_case == 0])[::-1]
    order = by_score(found)
    score, case = found.lesion_score[order], found.lesion_case[order]
    alone = found.lesions_per_case[case] == 1
    shares = np.concatenate(([0.0], np.cumsum(1.0 / found.lesions_per_case[case])))
    kinds = [StepsOfRows(case[which], smallest) for which in (alone, ~alone)]
    weighted = not any(is_small(np.unique(kind.person).size, smallest) for kind in kinds)
    rows: list[tuple[float, float, float | None]] = [(0.0, 0.0, 0.0)]
    last = (0, 0)
    found_alone = np.concatenate(([0], np.cumsum(alone)))
    candidates = np.unique(np.concatenate((marked, score)))[::-1]
    candidates = candidates[np.isfinite(candidates)]
    for cut in candidates[:: max(1, candidates.size // _MOST_CANDIDATES)].tolist():
        reached = int(np.searchsorted(-marked, -cut, side="right"))
        hits = int(np.searchsorted(-score, -cut, side="right"))
        parts = [int(found_alone[hits]), hits - int(found_alone[hits])]
        fits = healthy.fits(reached) and steps.fits(hits)
        if weighted:
            fits = fits and all(kind.fits(part) for kind, part in zip(kinds, parts, strict=True))
        if not fits or reached in (0, marked.size) or (reached, hits) == last:
            continue
        last = (reached, hits)
        healthy.add(reached)
        steps.add(hits)
        for kind, part in zip(kinds, parts, strict=True):
            kind.add(part)
        share = float(shares[hits] / shares[-1]) if weighted else None
        rows.append((reached / marked.size, hits / score.size, share))
    rows.append((1.0, 1.0, 1.0))
    every = max(1, -(-(len(rows) - 2) // MOST_POINTS))
    columns = [list(column) for column in zip(rows[0], *rows[1:-1][::every], rows[-1], strict=True)]
    return Curve(
        method="Alternative free-response curve (AFROC), thinned: between neighbouring points no "
        f"cases without a lesion or at least {smallest}, and lesions of none or of as many cases",
        columns={
            "share_of_cases_marked": columns[0],
            "share_of_lesions_found": columns[1],
            "weighted_share_of_lesions_found": columns[2],
        },
    )
