"""What the comparisons of all tasks share: models on the same people. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.jobs.child import Refused
from portal.result import Comparison, Difference, Input, Note
from portal.tables import LoadedTable
from portal.usecase import Protocol
from usecases.estimates import inputs_of
from usecases.statistics.disclosure import is_small
from usecases.statistics.paired import no_difference
from usecases.statistics.quantity import Quantity

Key = tuple[str, tuple[str, float] | None]
"""A measure, and what it is taken at."""


def check_models(predictions: Sequence[LoadedTable]) -> None:
    """Raise Refused unless there are two models or more."""
    if len(predictions) < 2:
        raise Refused(
            "A comparison needs the predictions of two models or more; "
            f"there are those of {len(predictions)}."
        )


def compared_inputs(
    tables: Mapping[str, LoadedTable], predictions: Sequence[LoadedTable]
) -> dict[str, Input]:
    """The reference tables by name, and the predictions as ``predictions 1`` and so on."""
    numbered = {f"predictions {number}": one for number, one in enumerate(predictions, start=1)}
    return {**inputs_of(tables), **{name: _input(one) for name, one in numbered.items()}}


def _input(table: LoadedTable) -> Input:
    return Input(sha256=table.sha256, rows=table.frame.height)


@dataclass
class Differences:
    """The differences of each model to the first, while they are found.

    Attributes
    ----------
    keys : sequence of (measure, place)
        Every difference that is given or has a reason, in the order in which they are shown.
    """

    keys: Sequence[Key]
    found: dict[tuple[Key, int], Quantity] = field(default_factory=dict)

    def settle(self, second: int, quantity: Quantity) -> None:
        """Give model ``second`` the same answer to everything."""
        for key in self.keys:
            self.found[key, second] = quantity

    def settled(
        self, second: int, differ: int, fewest: int, smallest: int, reason: str | None
    ) -> bool:
        """Whether nothing is to be computed of ``second``: there is a reason or no difference.

        Parameters
        ----------
        second : int
            The model that is compared to the first.
        differ : int
            People of whom the two do not say the same.
        fewest, smallest : int
            Rows that are enough people, and how many people those are.
        reason : str or None
            Why nothing can be said of anybody.
        """
        if reason is None and is_small(differ, fewest):
            reason = f"Not given: the models differ on fewer than {smallest} people."
        if reason is not None:
            self.settle(second, Quantity("None", unavailable=reason))
        elif differ == 0:
            self.settle(second, no_difference())
        return reason is not None or differ == 0

    def add(self, second: int, key: Key, quantity: Quantity) -> None:
        """One difference of ``second`` to the first."""
        self.found[key, second] = quantity

    def listed(self, models: int) -> list[Difference]:
        """Measure by measure, place by place, model by model.

        Raises
        ------
        LookupError
            If a difference was forgotten.
        """
        return [
            Difference(
                measure=key[0],
                at=None if key[1] is None else dict([key[1]]),
                first=0,
                second=second,
                value=quantity.value,
                lower=quantity.lower,
                upper=quantity.upper,
                standard_error=quantity.standard_error,
                method=quantity.method,
                unavailable=quantity.unavailable,
            )
            for key in self.keys
            for second in range(1, models)
            for quantity in [self.found[key, second]]
        ]


def withheld(method: str, smallest: int) -> Quantity:
    """A difference that is not given; see :func:`usecases.statistics.paired.gives_away`."""
    return Quantity(
        method,
        unavailable=f"Not given: it would give away how fewer than {smallest} people were "
        "classified by the two models.",
    )


def reason_of(quantities: Sequence[Quantity]) -> str | None:
    """Why a measure of one of the models has no value, so that there is no difference either."""
    return next((one.unavailable for one in quantities if one.unavailable is not None), None)


def comparison_of(
    *,
    use_case: str,
    task: str,
    engine: str,
    protocol: Protocol,
    tables: Mapping[str, LoadedTable],
    predictions: Sequence[LoadedTable],
    population: Mapping[str, Any],
    differences: Differences,
    warnings: Sequence[Note] = (),
) -> Comparison:
    """The comparison, with what was suppressed said in one note."""
    smallest = protocol.smallest_count
    listed = differences.listed(len(predictions))
    hidden = sorted(
        {one.measure for one in listed if (one.unavailable or "").startswith("Not given")}
    )
    suppressed = []
    if hidden:
        words = ", ".join(name.replace("_", " ") for name in hidden)
        suppressed.append(
            Note(
                code="discordant",
                message="Differences that would give away how fewer than "
                f"{smallest} people were classified are not given: {words}.",
                values={"measures": hidden},
            )
        )
    return Comparison(
        use_case=use_case,
        task=task,
        engine=engine,
        protocol=protocol.model_dump(mode="json"),
        inputs=compared_inputs(tables, predictions),
        population=dict(population),
        differences=listed,
        warnings=list(warnings),
        suppressed=suppressed,
    )


def dropped_out(without: int, rows: int, words: str) -> list[Note]:
    """The warning that some have not every model's prediction and take no part.

    Parameters
    ----------
    without, rows : int
        Those who take no part, and those who do.
    words : str
        What they are: "rows of the cohort".
    """
    if not without:
        return []
    return [
        Note(
            code="without_prediction",
            message=f"{without:,} of {without + rows:,} {words} have no prediction of at least "
            "one model and take no part.",
            values={"rows": without},
        )
    ]
