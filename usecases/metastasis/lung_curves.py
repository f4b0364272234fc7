"""The curves of metastasis/lung-ct, as columns to draw and to download. No Django."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from portal.result import Curve
from usecases.statistics import froc
from usecases.statistics.detection import Detections
from usecases.statistics.ranking import RankTable, halfway

_POINTS = 160
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
    """Where the free-response curve is drawn, in false positives per case, ascending.

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


def froc_curve(found: Detections, grid: tuple[float, ...], measured: froc.Measured) -> Curve:
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
        f"pointwise band: {froc.BOOTSTRAP}",
        columns={
            "false_positives_per_scan": list(grid),
            "threshold": list(thresholds),
            "sensitivity": measured.curve.tolist(),
            "lower": list(nothing) if measured.band is None else measured.band[0].tolist(),
            "upper": list(nothing) if measured.band is None else measured.band[1].tolist(),
        },
    )


def afroc_curve(found: Detections, smallest: int) -> Curve:
    """Share of lesions found against share of cases without a lesion that are marked.

    At least ``smallest`` cases without a lesion lie between neighbouring points; the line from
    the last one to (1, 1) is the part of the area that unmarked lesions and cases share.
    """
    highest = np.full(found.cases, -np.inf)
    np.maximum.at(highest, found.false_case, found.false_score)
    healthy = np.sort(highest[found.lesions_per_case == 0])[::-1]
    lesions = np.sort(found.lesion_score)
    weights = 1.0 / found.lesions_per_case[found.lesion_case]
    order = np.argsort(found.lesion_score, kind="stable")
    shares = np.concatenate(([0.0], np.cumsum(weights[order][::-1])))
    rows = [(0.0, 0.0, 0.0)]
    reached = 0
    while reached + 2 * smallest <= healthy.size and healthy[reached + smallest - 1] > -np.inf:
        score = healthy[reached + smallest - 1]
        reached = int(np.count_nonzero(healthy >= score))
        if healthy.size - reached < smallest:
            break
        hits = lesions.size - int(np.searchsorted(lesions, score, side="left"))
        rows.append((reached / healthy.size, hits / lesions.size, shares[hits] / shares[-1]))
    rows.append((1.0, 1.0, 1.0))
    columns = [list(map(float, column)) for column in zip(*rows, strict=True)]
    return Curve(
        method="Alternative free-response curve (AFROC), exact; at least "
        f"{smallest} cases without a lesion between points",
        columns={
            "share_of_cases_marked": list(columns[0]),
            "share_of_lesions_found": list(columns[1]),
            "weighted_share_of_lesions_found": list(columns[2]),
        },
    )


def case_roc_curve(found: Detections, smallest: int) -> Curve:
    """The ROC curve of the highest score of each case."""
    ranks = RankTable.of(found.lesions_per_case > 0, found.case_score)
    return Curve(
        method=f"Empirical, exact; at least {smallest} cases between points; a case without a "
        "mark ranks below all others",
        columns=ranks.roc(smallest),
    )
