"""The contract that a use case fills in, and the list of those in use.

Everything here is data and plain functions: importing it (or a use case's declaration) never
imports Django, so that the command line evaluates where the data is with the engine alone.
Words that a person reads are marked with :func:`gettext_noop` and translated where they are shown.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from portal.tables import LoadedTable, TableSchema

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import polars as pl

    from portal.result import Comparison, Pooled, Result

Progress = Callable[[str, float], None]
"""Called with the name of the stage and the fraction (0 to 1) of the whole work done."""

Translate = Callable[[str], str]
"""gettext, or ``str`` where nothing is translated."""


def gettext_noop(message: str) -> str:
    """Mark ``message`` for the translators; it is translated where it is shown."""
    return message


def no_progress(stage: str, fraction: float) -> None:
    """Ignore progress: for callers that do not show it."""


class Protocol(BaseModel):
    """The frozen parameters of an evaluation; each task adds its own.

    The field descriptions are shown in forms and in ``--help``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subgroups: tuple[str, ...] = Field(
        title=gettext_noop("Subgroups"),
        default=(),
        description=gettext_noop(
            "Columns of the first table, such as sex: each category is evaluated by itself"
        ),
    )
    minimum_events: int = Field(
        title=gettext_noop("Minimum events"),
        default=10,
        ge=1,
        description=gettext_noop(
            "With fewer people with the event, or without it, no estimate is given"
        ),
    )
    smallest_count: int = Field(
        title=gettext_noop("Smallest count"),
        default=10,
        ge=1,
        description=gettext_noop("Smaller counts of people are not shown to anyone"),
    )
    bootstrap_replicates: int = Field(
        title=gettext_noop("Bootstrap replicates"),
        default=1000,
        ge=100,
        le=10_000,
        description=gettext_noop(
            "How often people are drawn anew where an interval needs it; more takes longer"
        ),
    )
    seed: int = Field(
        title=gettext_noop("Seed"),
        default=20_250_301,
        ge=0,
        le=2**63 - 1,
        description=gettext_noop(
            "Where the random draws start; the same seed gives the same numbers"
        ),
    )


@dataclass(frozen=True)
class Measure:
    """One quantity that a task estimates, in words."""

    key: str
    """As in ``Estimate.measure``."""
    label: str
    """At most three words, for cards, table heads and axes."""
    explanation: str
    """One plain sentence that a citizen understands."""
    low: float | None = None
    high: float | None = None
    """The ends of the scale that a dot and its interval are drawn on; None: from the data."""
    reference: float | None = None
    """The value of no information or of perfection (0.5 for AUROC, 1 for O/E)."""
    digits: int = 3
    percent: bool = False


@dataclass(frozen=True)
class Figure:
    """One chart, answering one question, drawn from the stored Result alone."""

    slug: str
    question: str
    """The title: the question that the figure answers."""
    curves: tuple[str, ...]
    """The keys of ``Result.curves`` that it draws; its table and CSV hold the same rows."""
    draw: Callable[[Result, Translate], go.Figure]
    note: str = ""


@dataclass(frozen=True)
class Overlay:
    """One chart of several results: the same curve of each, laid over the others."""

    slug: str
    question: str
    curve: str
    """Key of ``Result.curves``."""
    x: str
    y: str
    """Columns of it."""
    x_title: str
    y_title: str
    x_format: str = "percent"
    y_format: str = "percent"
    """``percent`` for a share, ``number`` for anything else."""
    diagonal: bool = False
    """Whether a line from (0, 0) to (1, 1) is drawn to compare with."""
    log: bool = False
    """Whether x doubles at equal steps."""
    scale: float = 1
    """Multiplies y."""
    fading: bool = False
    """Whether the curves end at nought, so that the axis leaves out where all are near it."""


@dataclass(frozen=True)
class Followed:
    """A number that follows an explorer's slider."""

    column: str
    """Of the explorer's curve; null where it is hidden."""
    label: str
    format: str
    """As :func:`portal.showcase.numbers.formatted` takes it: ``percent:1``, ``number:2``."""
    interval: tuple[str, str] | None = None
    """The columns of its ends; None: ``<column>_lower`` and ``<column>_upper``, if there."""

    @property
    def ends(self) -> tuple[str, str]:
        return self.interval or (f"{self.column}_lower", f"{self.column}_upper")


@dataclass(frozen=True)
class Explorer:
    """A slider that walks along one stored curve and says in words what a choice leads to.

    The page, the script and the address know nothing else of it. A figure's marks follow it that
    were drawn with :func:`portal.marks.chosen`.
    """

    curve: str
    """Key of ``Result.curves``; its rows are the positions of the slider."""
    parameter: str
    """The column that is chosen, and its name in the page's address."""
    label: str
    """What is chosen: the name of the slider."""
    title: str
    """With ``{at}`` for the chosen value: "If we act above a risk of {at}"."""
    format: str
    """Of the chosen value; as :attr:`Followed.format`."""
    start: Callable[[Result], float | None]
    """The value that the page first shows, as the protocol has it; None: the middle row."""
    followed: tuple[Followed, ...]
    sentence: str
    """What the choice leads to. Columns stand in braces, ``{sensitivity}`` as it is shown below
    the slider, or ``{sensitivity:of:10}`` in a format of its own; and ``{found} {alarms} {missed}
    {flagged}``, of 1,000 people, where the curve holds the four counts of a confusion table."""
    hidden: str
    """Said instead where a value of the sentence is hidden."""
    event: str = ""
    no_event: str = ""
    flagged: str = ""
    not_flagged: str = ""
    """Heads of the confusion table, which is shown where the curve holds its four counts."""


@dataclass(frozen=True)
class At:
    """What a measure may be taken at, in words."""

    key: str
    """As in ``Estimate.at``."""
    words: str
    """With ``{value}``: "score {value}"."""
    format: str
    """Of the value; as :attr:`Followed.format`."""


@dataclass(frozen=True)
class CaseColumn:
    """A column of the table of cases."""

    name: str
    label: str
    format: str = ""
    """As :attr:`Followed.format`; "" for text."""


@dataclass(frozen=True)
class CaseView:
    """What happened to each case or patient: rows that only people of the data's holder see.

    They are no part of the Result and leave no site: the job writes them beside it.
    """

    title: str
    explanation: str
    columns: tuple[CaseColumn, ...]
    """The first holds the id under which the case is found in the tables."""
    tabulate: Callable[[Mapping[str, LoadedTable], Any], pl.DataFrame]
    """Validated tables and the protocol in; one row a case, columns as above, out."""
    draw: Callable[[Mapping[str, Path], Any, str, Translate], go.Figure] | None = None
    """Parquet files by table name, the protocol and a case's id in, the case as a figure out; it
    reads that case's rows only. LookupError for an id that is not there."""
    question: str = ""
    """The title of that figure."""


@dataclass(frozen=True)
class Finding:
    """What a result says, in words that its intervals allow."""

    title: str
    sentences: Mapping[str, str] = field(default_factory=dict)
    """Measure key -> the plain sentence under its card."""


@dataclass(frozen=True)
class Task:
    """One thing that a use case evaluates."""

    slug: str
    title: str
    summary: str
    tables: tuple[TableSchema, ...]
    """The first is the one whose extra columns are subgroups; one of them is `predictions`.
    A table that is an alternative to another (alerts to predictions) is given instead of it."""
    protocol: type[Protocol]
    evaluate: Callable[[Mapping[str, LoadedTable], Any, Progress], Result]
    """Validated tables and a protocol in, aggregates out; pure, seeded, no Django."""
    measures: tuple[Measure, ...]
    headline: tuple[str, ...]
    """Keys of the measures shown as cards, the most telling first."""
    figures: tuple[Figure, ...]
    find: Callable[[Result, Translate], Finding]
    engine: str
    """Version of the engine: part of the fingerprint, raised when any number changes."""
    compare: (
        Callable[[Mapping[str, LoadedTable], Sequence[LoadedTable], Any, Progress], Comparison]
        | None
    ) = None
    """Reference tables, the predictions of two models or more on them, and a protocol in; paired
    differences to the first out. Pure and seeded, as ``evaluate``."""
    pool: Callable[[Sequence[Result]], list[Pooled]] | None = None
    """Results of one model, one a site, in; the measures that pool, over these sites, out."""
    explorer: Explorer | None = None
    overlays: tuple[Overlay, ...] = ()
    """What the comparison of several results draws."""
    cases: CaseView | None = None
    curves: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Keys of ``Result.curves`` and what each is called over its table."""
    at: tuple[At, ...] = ()
    """What measures are taken at, in words; what is missing here is shown as it is."""
    counted: str = gettext_noop("Patients")
    """What ``patients`` counts, as the head of a column of counts."""
    population: str = gettext_noop("{patients} patients, {events} events")
    """Whom the result is about, with keys of ``Result.population`` in braces."""

    def table(self, name: str) -> TableSchema:
        """The schema of the table called ``name``; LookupError if the task has none."""
        for schema in self.tables:
            if schema.name == name:
                return schema
        known = ", ".join(schema.name for schema in self.tables)
        raise LookupError(f"Task '{self.slug}' has no table '{name}'; it has: {known}.")

    def missing_tables(self, given: Collection[str]) -> tuple[TableSchema, ...]:
        """The tables that are needed beside ``given``; an alternative makes up for its table."""
        replaced = {schema.alternative_to for schema in self.tables if schema.name in given}
        return tuple(
            schema
            for schema in self.tables
            if schema.alternative_to is None
            and schema.name not in given
            and schema.name not in replaced
        )

    def superfluous_tables(self, given: Collection[str]) -> tuple[TableSchema, ...]:
        """The alternatives that are given beside the very table that they stand for."""
        return tuple(
            schema
            for schema in self.tables
            if schema.name in given and schema.alternative_to in given
        )

    @property
    def output_tables(self) -> tuple[TableSchema, ...]:
        """The forms in which a model's output is given: `predictions`, and alternatives to it."""
        return tuple(
            schema
            for schema in self.tables
            if "predictions" in (schema.name, schema.alternative_to)
        )

    @property
    def runs_artefacts(self) -> bool:
        """Whether an artefact can be run: predictions are one number for a row of the first table.

        Where a model says anything else (marks in a scan, a score a day), its predictions are
        made elsewhere.
        """
        return set(self.table("predictions").key) == set(self.tables[0].key)

    @property
    def predicted_column(self) -> str:
        """The column of `predictions` that an artefact's output fills."""
        schema = self.table("predictions")
        return next(column.name for column in schema.columns if column.name not in schema.key)

    @property
    def reference_tables(self) -> tuple[TableSchema, ...]:
        """The tables that a data holder provides: all but the predictions, in any form."""
        return tuple(schema for schema in self.tables if schema not in self.output_tables)

    def measure(self, key: str) -> Measure:
        """The measure called ``key``; LookupError if the task has none."""
        for measure in self.measures:
            if measure.key == key:
                return measure
        raise LookupError(f"Task '{self.slug}' has no measure '{key}'.")


@dataclass(frozen=True)
class UseCase:
    """One of the consortium's clinical questions."""

    slug: str
    title: str
    short_title: str
    question: str
    lead: str
    colour: str
    """Class name of its colour in the style sheet: kidney, plum or brick."""
    tasks: tuple[Task, ...]

    def task(self, slug: str) -> Task:
        """The task called ``slug``; LookupError if the use case has none."""
        for task in self.tasks:
            if task.slug == slug:
                return task
        known = ", ".join(task.slug for task in self.tasks)
        raise LookupError(f"Use case '{self.slug}' has no task '{slug}'; it has: {known}.")

    def templates(self, name: str) -> list[str]:
        """The template names to try: the use case's own page first, then the shared one."""
        return [f"{self.slug}/{name}", name]


def load_use_case(package: str) -> UseCase:
    """The declaration in ``<package>.use_case.USE_CASE``."""
    declaration = importlib.import_module(f"{package}.use_case").USE_CASE
    if not isinstance(declaration, UseCase):
        raise TypeError(
            f"settings.USE_CASES names '{package}', whose use_case.USE_CASE is a "
            f"{type(declaration).__name__}; a portal.usecase.UseCase was expected."
        )
    return declaration


@functools.cache
def use_cases() -> Mapping[str, UseCase]:
    """The use cases named by ``settings.USE_CASES``, by slug, in that order."""
    from django.conf import settings  # here, so that the declarations stay free of Django

    loaded = [load_use_case(package) for package in settings.USE_CASES]
    by_slug = {use_case.slug: use_case for use_case in loaded}
    if len(by_slug) != len(loaded):
        raise ValueError("settings.USE_CASES names two use cases with the same slug.")
    return by_slug


def package_of(use_case: UseCase) -> str:
    """The package in ``settings.USE_CASES`` that declares ``use_case``."""
    from django.conf import settings

    return next(
        package for package in settings.USE_CASES if load_use_case(package).slug == use_case.slug
    )
