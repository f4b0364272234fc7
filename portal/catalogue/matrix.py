"""Which datasets hold which variables: chosen variables × the datasets that one may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.core.paginator import Page
from django.db.models import Case, Count, F, IntegerField, Max, Min, Q, QuerySet, When
from django.db.models.functions import Upper

from portal.catalogue.models import Dataset, Variable
from portal.pagination import page_of
from portal.websearch import web_query

if TYPE_CHECKING:
    from django.http import HttpRequest

MOST_VARIABLES = 12
"""Columns of a matrix."""
MOST_OFFERED = 20
MOST_SPELLINGS = 500
"""Pairs of a unit and a label that are looked at to say what a variable usually is."""


@dataclass(frozen=True)
class Wanted:
    """A variable that is looked for, by its name or by its code."""

    text: str
    label: str = ""
    unit: str = ""
    """In which it is needed, or usually given."""

    @property
    def condition(self) -> Q:
        return Q(name__iexact=self.text) | (Q(code__iexact=self.text) & ~Q(code=""))

    def is_met_by(self, variable: Variable) -> bool:
        return self.text.upper() in (variable.name.upper(), variable.code.upper())


@dataclass(frozen=True)
class Cell:
    """What a dataset has of a variable: nothing, or one or more lines of its dictionary."""

    wanted: Wanted
    variables: Sequence[Variable]

    @property
    def other_units(self) -> list[str]:
        """The units that it is given in, where none of them is the wanted one."""
        given = [variable.unit for variable in self.variables]
        if not self.wanted.unit or any(same_unit(unit, self.wanted.unit) for unit in given):
            return []
        return list(dict.fromkeys(given))

    @property
    def names(self) -> list[str]:
        """What it is called there, where it was found by its code."""
        return [one.name for one in self.variables if one.name.upper() != self.wanted.text.upper()]


@dataclass(frozen=True)
class Line:
    """A dataset, and what it has of each variable."""

    dataset: Dataset
    cells: Sequence[Cell]

    @property
    def missing(self) -> list[Wanted]:
        return [cell.wanted for cell in self.cells if not cell.variables]

    @property
    def had(self) -> int:
        return len(self.cells) - len(self.missing)


@dataclass(frozen=True)
class Matrix:
    """A page of the datasets that hold any of the variables; those that hold most come first."""

    wanted: Sequence[Wanted]
    page: Page | None = None
    lines: Sequence[Line] = field(default=())


def same_unit(one: str, other: str) -> bool:
    """Whether two units differ in spelling at most: "mL/min/1.73 m²" and "ml/min/1.73m2"."""
    return _spelled(one) == _spelled(other)


def _spelled(unit: str) -> str:
    unit = unit.partition(" (")[0]  # "mg/g (divide mg/mmol by 0.113)" says how to come to mg/g
    kept = unit.casefold().replace("²", "2").replace("³", "3").replace("µ", "u").replace("μ", "u")
    return "".join(character for character in kept if character not in " ^*·()[]{}")


def wanted_in(request: HttpRequest) -> list[Wanted]:
    """The variables that the address asks for, each once."""
    found: dict[str, Wanted] = {}
    for asked in request.GET.getlist("v")[: 3 * MOST_VARIABLES]:
        text = asked.replace("\x00", "").strip()[:120]
        if text and len(found) < MOST_VARIABLES:
            found.setdefault(text.upper(), Wanted(text))
    return list(found.values())


def _any(wanted: Sequence[Wanted]) -> Q:
    condition = Q()
    for one in wanted:
        condition |= one.condition
    return condition


def described(wanted: Sequence[Wanted], datasets: QuerySet[Dataset]) -> list[Wanted]:
    """``wanted`` with the label and the unit that most of ``datasets`` give, where not known."""
    if not wanted:
        return []
    held = Variable.objects.filter(_any(wanted), dataset__in=datasets.order_by().values("pk"))
    spelled = (
        held.order_by()
        .values("name", "code", "label", "unit")
        .annotate(times=Count("pk"))
        .order_by("-times", "name", "label", "unit")[:MOST_SPELLINGS]
    )
    units: dict[str, dict[str, int]] = {}
    labels: dict[str, str] = {}
    for row in spelled:
        for one in wanted:
            if one.text.upper() in (row["name"].upper(), row["code"].upper()):
                counts = units.setdefault(one.text, {})
                counts[row["unit"]] = counts.get(row["unit"], 0) + row["times"]
                labels.setdefault(one.text, row["label"])
    return [
        Wanted(
            one.text,
            one.label or labels.get(one.text, ""),
            one.unit or _commonest(units.get(one.text, {})),
        )
        for one in wanted
    ]


def _commonest(counts: Mapping[str, int]) -> str:
    return max(counts, key=lambda unit: counts[unit], default="")


def matrix(
    request: HttpRequest,
    wanted: Sequence[Wanted],
    datasets: QuerySet[Dataset],
    *,
    whole: bool = False,
) -> Matrix:
    """The datasets that hold any of the variables, and what each has of them.

    Parameters
    ----------
    datasets
        Those that the person may see.
    whole
        Whether to leave out those that lack any of the variables.
    """
    if not wanted:
        return Matrix(wanted)
    held = Variable.objects.filter(_any(wanted), dataset__in=datasets.order_by().values("pk"))
    has = {
        f"has_{number}": Max(
            Case(When(one.condition, then=1), default=0, output_field=IntegerField())
        )
        for number, one in enumerate(wanted)
    }
    had = sum((F(name) for name in list(has)[1:]), start=F("has_0"))
    counted = held.order_by().values("dataset", "dataset__title").annotate(**has).annotate(had=had)
    if whole:
        counted = counted.filter(had=len(wanted))
    page = page_of(request, counted.order_by("-had", "dataset__title", "dataset"))
    keys = [row["dataset"] for row in page.object_list]
    shown = Dataset.objects.select_related("organisation").in_bulk(keys)
    of_dataset: dict[int, list[Variable]] = {}
    for variable in Variable.objects.filter(_any(wanted), dataset__in=keys):
        of_dataset.setdefault(variable.dataset_id, []).append(variable)
    lines = [
        Line(
            shown[key],
            [
                Cell(one, [found for found in of_dataset.get(key, []) if one.is_met_by(found)])
                for one in wanted
            ],
        )
        for key in keys
        if key in shown
    ]
    return Matrix(wanted, page, lines)


@dataclass(frozen=True)
class Offered:
    """A variable that can be chosen."""

    text: str
    label: str
    code: str
    datasets: int


def offered(words: str, datasets: QuerySet[Dataset]) -> list[Offered]:
    """The variables that the words find, by name; those in most datasets first.

    A code that is asked for is offered as such, too: datasets call the same by other names.
    """
    query = web_query(words)
    if query is None:
        return []
    held = Variable.objects.filter(words=query, dataset__in=datasets.order_by().values("pk"))
    rows = (
        held.order_by()
        .values(key=Upper("name"))
        .annotate(text=Min("name"), label_=Max("label"), code_=Max("code"), times=Count("dataset"))
        .order_by("-times", "key")[:MOST_OFFERED]
    )
    found = [Offered(row["text"], row["label_"], row["code_"], row["times"]) for row in rows]
    by_code = [one for one in found if one.code and words.upper() in one.code.upper()]
    if by_code:
        codes = dict.fromkeys(one.code for one in by_code)
        found[:0] = [
            Offered(code, "", "", sum(one.datasets for one in by_code if one.code == code))
            for code in codes
        ]
    return found
