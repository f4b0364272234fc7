"""What was found in each scan, for people of the data's holder. No Django."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from portal.tables import LoadedTable
from portal.usecase import CaseColumn, CaseView, gettext_noop
from usecases.metastasis.lung_protocol import LungProtocol
from usecases.metastasis.scans import Scans


def tabulate_scans(tables: Mapping[str, LoadedTable], protocol: LungProtocol) -> pl.DataFrame:
    """One row a case, by their ids: what the detector found and what it marked wrongly.

    Marks count from the score at which the detector makes the middle one of the protocol's
    numbers of false positives per scan (of an even number of them, the lower middle one).

    Parameters
    ----------
    tables : mapping
        As for :func:`usecases.metastasis.lung_evaluation.evaluate_lung`.
    protocol : LungProtocol

    Returns
    -------
    DataFrame
        The highest score is of all marks; missing for a case without marks.
    """
    scans = Scans.of(
        tables,
        matching=protocol.matching,
        tolerance=protocol.tolerance,
        most=protocol.maximum_marks,
    )
    found = scans.found
    points = protocol.operating_points
    limit = found.limit_at(points[(len(points) - 1) // 2])
    lesions = found.lesions_per_case
    hits = np.bincount(found.lesion_case[found.lesion_score > limit], minlength=found.cases)
    false = np.bincount(found.false_case[found.false_score > limit], minlength=found.cases)
    highest = np.where(found.case_score > -np.inf, found.case_score, np.nan)
    return pl.DataFrame(
        {
            "case_id": scans.frame["case_id"],
            "lesions": lesions,
            "hits": hits,
            "misses": lesions - hits,
            "false_marks": false,
            "highest_score": pl.Series(highest).fill_nan(None),
        }
    )


SCANS = CaseView(
    title=gettext_noop("Scan by scan"),
    explanation=gettext_noop(
        "Each scan: the lesions in it, those that the detector marked, and its false marks, from "
        "the score at which it makes the middle one of the protocol's numbers of false positives "
        "per scan."
    ),
    columns=(
        CaseColumn("case_id", gettext_noop("Scan")),
        CaseColumn("lesions", gettext_noop("Lesions"), "count"),
        CaseColumn("hits", gettext_noop("Found"), "count"),
        CaseColumn("misses", gettext_noop("Missed"), "count"),
        CaseColumn("false_marks", gettext_noop("False marks"), "count"),
        CaseColumn("highest_score", gettext_noop("Highest score"), "number:3"),
    ),
    tabulate=tabulate_scans,
)
"""Rows of scans."""
