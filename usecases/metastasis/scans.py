"""The scans that an evaluation is about: cases, lesions and marks, matched. No Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from portal.tables import LoadedTable
from usecases.statistics.detection import Detections, Lesions, Marks, match, used_marks

CENTRE_IN_RADIUS, DISTANCE = "centre-in-radius", "distance"
"""The matching rules: closer than the lesion's radius, or than a tolerance."""


@dataclass(frozen=True)
class Scans:
    """Cases in the order of their identifiers, and what was found in them.

    Attributes
    ----------
    frame : DataFrame
        The table of cases, one row a case.
    found : Detections
    without_marks : int
        Cases in which the detector marked nothing.
    excluded : int
        Findings that are excluded.
    marks : int
        All marks, those over the limit of a case included.
    """

    frame: pl.DataFrame
    found: Detections
    without_marks: int
    excluded: int
    marks: int

    @classmethod
    def of(
        cls, tables: Mapping[str, LoadedTable], *, matching: str, tolerance: float, most: int
    ) -> Scans:
        """Match the marks to the lesions.

        Parameters
        ----------
        tables : mapping
            ``cases``, ``lesions`` and ``predictions``.
        matching : str
            :data:`CENTRE_IN_RADIUS` or :data:`DISTANCE`.
        tolerance : float
            In mm, for :data:`DISTANCE`.
        most : int
            Marks of a case that are used.

        Raises
        ------
        Refused
            If lesions or marks are of cases that are not in ``cases``, or a lesion has no
            diameter and the matching rule needs one.
        """
        text = pl.col("case_id").cast(pl.String)
        frame = tables["cases"].frame.with_columns(text).sort("case_id")
        lesions = _numbered(tables["lesions"].frame, frame, "lesions")
        marks = _numbered(tables["predictions"].frame, frame, "predictions")
        what = _lesions(lesions)
        if matching == CENTRE_IN_RADIUS:
            _check_diameters(what)
            reach = what.reach_in_radius()
        else:
            reach = np.full(what.case.size, tolerance)
        where = _marks(marks)
        used = where.at(used_marks(where.case, where.score, most))
        return cls(
            frame=frame,
            found=match(frame.height, what, used, reach),
            without_marks=frame.height - int(np.unique(where.case).size),
            excluded=int(np.count_nonzero(what.excluded)),
            marks=where.case.size,
        )

    def counts(self, mask: np.ndarray) -> dict[str, int]:
        """Cases, and those with and without a lesion, in ``mask`` (shape (cases,))."""
        cases = int(np.count_nonzero(mask))
        events = int(np.count_nonzero(self.found.lesions_per_case[mask]))
        return {"patients": cases, "events": events, "non_events": cases - events}

    def part(self, mask: np.ndarray) -> Detections:
        """What was found in the cases in ``mask``; the counts of marks are of everyone's."""
        found = self.found
        number = np.cumsum(mask) - 1
        lesions, false = mask[found.lesion_case], mask[found.false_case]
        return replace(
            found,
            cases=int(np.count_nonzero(mask)),
            lesion_case=number[found.lesion_case[lesions]],
            lesion_score=found.lesion_score[lesions],
            lesion_diameter=found.lesion_diameter[lesions],
            false_case=number[found.false_case[false]],
            false_score=found.false_score[false],
            case_score=found.case_score[mask],
        )


def _numbered(table: pl.DataFrame, cases: pl.DataFrame, name: str) -> pl.DataFrame:
    """``table`` with the column ``case``, the number of the row's case."""
    numbers = cases.select("case_id").with_row_index("case")
    text = pl.col("case_id").cast(pl.String)
    joined = table.with_columns(text).join(numbers, on="case_id", how="left", maintain_order="left")
    if joined["case"].null_count():
        raise Refused(
            f"Every case_id of table '{name}' must exist in table 'cases'. Check that both files "
            "use the same identifiers (leading zeros, prefixes) and belong together."
        )
    return joined


def _positions(frame: pl.DataFrame) -> np.ndarray:
    return frame.select(pl.col("x", "y", "z").cast(pl.Float64)).to_numpy()


def _lesions(frame: pl.DataFrame) -> Lesions:
    excluded = np.zeros(frame.height, dtype=bool)
    if "excluded" in frame.columns:
        excluded = frame["excluded"].cast(pl.Boolean).fill_null(False).to_numpy()
    return Lesions(
        case=frame["case"].cast(pl.Int64).to_numpy(),
        position=_positions(frame),
        diameter=frame["diameter_mm"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        excluded=excluded,
    )


def _marks(frame: pl.DataFrame) -> Marks:
    return Marks(
        case=frame["case"].cast(pl.Int64).to_numpy(),
        position=_positions(frame),
        score=frame["score"].cast(pl.Float64).to_numpy() + 0.0,  # -0.0 becomes 0.0
    )


def _check_diameters(lesions: Lesions) -> None:
    if np.all(lesions.excluded | (lesions.diameter > 0)):
        return
    raise Refused(
        f"The matching rule '{CENTRE_IN_RADIUS}' needs a 'diameter_mm' above 0 of each lesion that "
        f"is not excluded; some have none. Add the diameters, or match by '{DISTANCE}'."
    )
