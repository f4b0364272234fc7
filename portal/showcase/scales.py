"""What a measure's numbers run from and to, as a small picture drawn from its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.showcase.drawing import Axis, axis_of, digits_of
from portal.showcase.numbers import number, percent

if TYPE_CHECKING:
    from portal.usecase import Measure

WIDTH, LEFT, RIGHT = 320, 24, 296
"""Of the drawing, and where its line begins and ends."""
CLOSE = 56
"""Two labels nearer than this would touch."""


@dataclass(frozen=True)
class Mark:
    """A value that the line names."""

    x: int
    label: str
    is_reference: bool


@dataclass(frozen=True)
class Scale:
    """A line from the least to the largest value; an arrow where it goes on."""

    marks: list[Mark]
    goes_on_left: bool
    goes_on_right: bool
    words: str
    """The same for those who do not see it."""


def scale_of(measure: Measure) -> Scale:
    """The scale on which results of ``measure`` are drawn; its ends, and its reference."""
    axis = axis_of(measure, [])
    ends = [end for end in (measure.low, measure.high) if end is not None]
    reference = measure.reference
    shown = [*ends, reference] if reference is not None else ends
    digits = digits_of(shown, measure)
    write = percent if measure.percent else number
    marks = [Mark(_x(axis, value), write(value, digits), value == reference) for value in ends]
    if reference is not None and reference not in ends:
        middle = Mark(_x(axis, reference), write(reference, digits), True)
        marks = [mark for mark in marks if abs(mark.x - middle.x) >= CLOSE] + [middle]
    marks.sort(key=lambda mark: mark.x)
    return Scale(
        marks=marks,
        goes_on_left=measure.low is None,
        goes_on_right=measure.high is None,
        words=", ".join(mark.label for mark in marks),
    )


def _x(axis: Axis, value: float) -> int:
    return round(LEFT + axis.share(value) / 100 * (RIGHT - LEFT))
