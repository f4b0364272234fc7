"""The frozen parameters of metastasis/lung-ct. No Django."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, field_validator

from portal.usecase import Protocol, gettext_noop


class LungProtocol(Protocol):
    """How marks are matched to lesions, and where the curve is read."""

    matching: Literal["centre-in-radius", "distance"] = Field(
        title=gettext_noop("Matching"),
        default="centre-in-radius",
        description=gettext_noop(
            "When a mark hits a lesion: closer to its centre than its radius "
            "(centre-in-radius, the rule of LUNA16), or than the tolerance (distance)"
        ),
    )
    tolerance: float = Field(
        title=gettext_noop("Tolerance"),
        default=10.0,
        gt=0,
        le=1000,
        description=gettext_noop("The tolerance in mm, for matching by distance"),
    )
    maximum_marks: int = Field(
        title=gettext_noop("Maximum marks"),
        default=100,
        ge=1,
        le=100_000,
        description=gettext_noop(
            "Marks of a case that are used: those above its first mark too many"
        ),
    )
    operating_points: tuple[float, ...] = Field(
        title=gettext_noop("Operating points"),
        default=(0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        min_length=1,
        max_length=20,
        description=gettext_noop(
            "False positives per scan at which the sensitivity is read; 1/8 is 0.125"
        ),
    )

    @field_validator("operating_points", mode="before")
    @classmethod
    def _fractions(cls, points: Any) -> Any:
        """Read "1/8" as 0.125; what is no fraction is left to the check of numbers."""
        if not isinstance(points, (list, tuple)):
            return points
        return [_number(point) for point in points]

    @field_validator("operating_points")
    @classmethod
    def _ordered(cls, points: tuple[float, ...]) -> tuple[float, ...]:
        wrong = [point for point in points if not 0 < point <= 10_000]
        if wrong:
            found = ", ".join(f"{point:g}" for point in wrong)
            raise ValueError(
                f"Each operating point must lie above 0 and at most at 10,000; found {found}."
            )
        return tuple(sorted(set(points)))


def _number(point: Any) -> Any:
    if isinstance(point, str) and "/" in point:
        try:
            return float(Fraction(point))
        except (ValueError, ZeroDivisionError):
            return point
    return point
