"""The exams that an evaluation is about: exams and scores, matched. No Django."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from usecases.statistics.operating_points import Exams


@dataclass(frozen=True)
class Screening:
    """The exams that have a score.

    Attributes
    ----------
    frame : DataFrame
        The columns of the table of exams, in the order of the exams' identifiers.
    exams : Exams
    without_prediction : int
        Exams that have no score.
    """

    frame: pl.DataFrame
    exams: Exams
    without_prediction: int

    @classmethod
    def of(cls, exams: pl.DataFrame, scores: pl.DataFrame) -> Screening:
        """Match scores to exams.

        Raises
        ------
        Refused
            If a score is of an exam that is not among ``exams``, or the reader's recall is
            missing in some exams.
        """
        text = pl.col("exam_id").cast(pl.String)
        left = exams.with_columns(text).sort("exam_id")
        right = scores.select(text, pl.col("score").cast(pl.Float64))
        if right.join(left.select("exam_id"), on="exam_id", how="anti").height:
            raise Refused(
                "Every exam_id of table 'predictions' must exist in table 'exams'. Check that "
                "both files use the same identifiers (leading zeros, prefixes) and belong together."
            )
        joined = left.join(right, on="exam_id", how="left", maintain_order="left")
        frame = joined.filter(pl.col("score").is_not_null())
        women = frame["patient_id"].cast(pl.String).rank("dense").to_numpy()
        recalled = None
        if "reader_recall" in frame.columns:
            if frame["reader_recall"].null_count():
                raise Refused(
                    "Column 'reader_recall' must be given for each exam; some have none. Fill it "
                    "in, or leave the column out."
                )
            recalled = frame["reader_recall"].to_numpy().astype(bool)
        return cls(
            frame=frame.drop("score"),
            exams=Exams(
                outcome=frame["outcome"].to_numpy().astype(bool),
                score=frame["score"].to_numpy() + 0.0,  # -0.0 becomes 0.0
                woman=women.astype(np.int64) - 1,
                recalled=recalled,
            ),
            without_prediction=joined.height - frame.height,
        )

    def counts(self, mask: np.ndarray) -> dict[str, int]:
        """Women, and exams with and without cancer, in ``mask`` (shape (exams,))."""
        exams, events = int(np.count_nonzero(mask)), int(np.count_nonzero(self.exams.outcome[mask]))
        return {
            "patients": int(np.unique(self.exams.woman[mask]).size),
            "events": events,
            "non_events": exams - events,
        }

    def women(self, mask: np.ndarray) -> dict[str, int]:
        """Women, and those with exams with and without cancer, in ``mask`` (shape (exams,))."""
        happened = self.exams.outcome.astype(bool)
        return {
            name: int(np.unique(self.exams.woman[which]).size)
            for name, which in (
                ("patients", mask),
                ("events", mask & happened),
                ("non_events", mask & ~happened),
            )
        }
