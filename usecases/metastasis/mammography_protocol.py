"""The frozen parameters of metastasis/mammography. No Django."""

from __future__ import annotations

import math

from pydantic import Field, field_validator

from portal.usecase import Protocol, gettext_noop


class MammographyProtocol(Protocol):
    """Where exams are recalled, and how much worse than the reader is still no worse."""

    thresholds: tuple[float, ...] = Field(
        title=gettext_noop("Thresholds"),
        default=(),
        max_length=20,
        description=gettext_noop(
            "Scores at or above which an exam is recalled; none: only where a "
            "specificity or a sensitivity is held"
        ),
    )
    specificity: float = Field(
        title=gettext_noop("Specificity"),
        default=0.9,
        gt=0,
        lt=1,
        description=gettext_noop("Specificity to hold, between 0 and 1"),
    )
    sensitivity: float = Field(
        title=gettext_noop("Sensitivity"),
        default=0.9,
        gt=0,
        lt=1,
        description=gettext_noop("Sensitivity to hold, between 0 and 1"),
    )
    margin: float = Field(
        title=gettext_noop("Margin"),
        default=0.05,
        gt=0,
        lt=1,
        description=gettext_noop(
            "Non-inferiority margin: how much lower than the reader's a sensitivity or "
            "specificity may be"
        ),
    )

    @field_validator("thresholds")
    @classmethod
    def _ordered(cls, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        if not all(math.isfinite(threshold) for threshold in thresholds):
            raise ValueError("Each threshold must be a finite number.")
        return tuple(sorted(set(thresholds)))
