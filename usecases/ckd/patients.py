"""The patients that an evaluation is about: cohort and predictions, matched. No Django."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from usecases.statistics.binary import Rows
from usecases.statistics.risks import RiskTable

MOST_CATEGORIES = 100


@dataclass(frozen=True)
class Patients:
    """The rows of the cohort that have a prediction.

    Attributes
    ----------
    frame : DataFrame
        The cohort's columns and ``risk``.
    outcome : ndarray of bool, shape (rows,)
    risk : ndarray of float64, shape (rows,)
    number : ndarray of int64, shape (rows,), or None
        Which patient a row is of, where patients have several rows.
    patients : int
    without_prediction : int
        Rows of the cohort that have none.
    """

    frame: pl.DataFrame
    outcome: np.ndarray
    risk: np.ndarray
    number: np.ndarray | None
    patients: int
    without_prediction: int

    @classmethod
    def of(cls, cohort: pl.DataFrame, predictions: pl.DataFrame) -> Patients:
        """Match predictions to the cohort by patient, and by visit where there are visits.

        Raises
        ------
        Refused
            If only one of the tables tells the visits of a patient apart.
        """
        frame, without = _matched(cohort, predictions)
        patients, number = frame.height, None
        if "visit" in frame.columns:
            patients = frame["patient_id"].n_unique()
            if patients < frame.height:
                # Numbered by the sorted ids, so that the order of the rows cannot matter.
                ranks = frame["patient_id"].rank("dense")
                number = ranks.to_numpy().astype(np.int64) - 1
        return cls(
            frame=frame,
            outcome=frame["outcome"].to_numpy().astype(bool),
            risk=np.ascontiguousarray(frame["risk"].to_numpy(), dtype=np.float64),
            number=number,
            patients=patients,
            without_prediction=without,
        )

    def table(self, mask: np.ndarray | None = None) -> RiskTable:
        """Those in ``mask`` (default: everyone), counted by risk."""
        if mask is None:
            return RiskTable.of(self.outcome, self.risk)
        return RiskTable.of(self.outcome[mask], self.risk[mask])

    def rows(self, mask: np.ndarray | None = None) -> Rows | None:
        """The rows of those in ``mask``, where any patient among them has several."""
        if self.number is None:
            return None
        where = slice(None) if mask is None else mask
        numbers, codes = np.unique(self.number[where], return_inverse=True)
        if numbers.size == codes.size:
            return None
        return Rows(codes, self.outcome[where], self.risk[where])

    def counts(self, mask: np.ndarray) -> dict[str, int]:
        """Patients, and rows with and without the event, among those in ``mask``."""
        rows = int(np.count_nonzero(mask))
        events = int(np.count_nonzero(self.outcome[mask]))
        patients = rows if self.number is None else int(np.unique(self.number[mask]).size)
        return {"patients": patients, "events": events, "non_events": rows - events}


def check_subgroups(cohort: pl.DataFrame, subgroups: Sequence[str]) -> None:
    """Raise Refused unless each of ``subgroups`` is a column with few different values."""
    offered = [name for name in cohort.columns if name not in ("patient_id", "visit", "outcome")]
    unknown = [name for name in subgroups if name not in offered]
    if unknown:
        raise Refused(
            f"The cohort has no column for subgroups called {', '.join(unknown)}; "
            f"it has: {', '.join(offered) or 'none'}."
        )
    for name in subgroups:
        categories = cohort[name].n_unique()
        if categories > MOST_CATEGORIES:
            raise Refused(
                f"Column '{name}' has {categories:,} different values; a subgroup column "
                f"may have at most {MOST_CATEGORIES}."
            )


def _matched(cohort: pl.DataFrame, predictions: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The cohort's rows that have a prediction, with ``risk``, and how many have none."""
    by_visit = "visit" in cohort.columns and "visit" in predictions.columns
    key = ["patient_id", "visit"] if by_visit else ["patient_id"]
    if "visit" in predictions.columns and not by_visit:
        raise Refused("The predictions have a column 'visit' and the cohort has none.")
    if "visit" in cohort.columns and not by_visit and cohort["patient_id"].is_duplicated().any():
        raise Refused(
            "The cohort has several visits of a patient; the predictions need the column 'visit'."
        )
    right = predictions.select(*key, pl.col("risk").cast(pl.Float64))
    if cohort.schema["patient_id"] != right.schema["patient_id"] or by_visit:
        texts = [pl.col(name).cast(pl.String) for name in key]
        cohort, right = cohort.with_columns(texts), right.with_columns(texts)
    joined = cohort.join(right, on=key, how="left", nulls_equal=True)
    matched = joined.filter(pl.col("risk").is_not_null())
    return matched, joined.height - matched.height
