"""The table of cases that a job wrote beside its result: rows of single people, never aggregates.

Only people of the data's holder who may change it see them, and those whom a permit in force
names. Nothing of them is in the Result, in
a list, in the API or in the log, and in addresses a case goes by its running number alone.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from django.utils.translation import gettext

from portal import store
from portal.access.rule import is_named
from portal.figures import figure_json
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.showcase.numbers import NOTHING, formatted

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User
    from portal.evaluations.models import Evaluation
    from portal.usecase import CaseColumn, CaseView

NUMBER = "number"
"""The running number of a case: its place in the stored table, from 1."""


def may_see_cases(user: User | AnonymousUser, evaluation: Evaluation) -> bool:
    """Whether there are cases, and ``user`` may see the people in the data.

    They are the holder's, who may change its data; and, as long as the permit is in force that
    the evaluation ran under, whom it names. That a dataset is shared with somebody, or that they
    run the site, does not show them its patients.
    """
    stored = evaluation.stored_result
    if stored is None or not stored.cases_sha256 or evaluation.declared_task.cases is None:
        return False
    holders = Organisation.objects.where_member(user, Role.CONTRIBUTOR)
    if holders.filter(pk=evaluation.dataset.organisation_id).exists():
        return True
    return (
        evaluation.permit is not None
        and holders.contains(evaluation.organisation)
        and (is_named(user, evaluation.permit.number))
    )


@dataclass(frozen=True)
class Cases:
    """A stored table of cases in an order; a paginator cuts its pages out of the file.

    Parameters
    ----------
    path
        The Parquet file.
    view
        As the task declares it.
    sort
        A column, with "-" before it for the largest first; anything else is the stored order.
    """

    path: Path
    view: CaseView
    sort: str = ""

    @property
    def sorted_by(self) -> str:
        """The column that the rows are in the order of."""
        name = self.sort.removeprefix("-")
        return name if name in {column.name for column in self.view.columns} else NUMBER

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-") and self.sorted_by != NUMBER

    def _numbered(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.path, glob=False).with_row_index(NUMBER, offset=1)

    def __len__(self) -> int:
        return int(pl.scan_parquet(self.path, glob=False).select(pl.len()).collect().item())

    def __getitem__(self, wanted: slice) -> list[CaseRow]:
        rows = self._numbered().sort(
            [self.sorted_by, NUMBER],
            descending=[self.is_descending, False],
            nulls_last=True,
            maintain_order=True,
        )
        page = rows.slice(wanted.start, wanted.stop - wanted.start).collect()
        return [CaseRow(row[NUMBER], cells(self.view.columns, row)) for row in page.to_dicts()]

    def row(self, number: int) -> dict[str, Any] | None:
        """The case with that running number; None where there is none."""
        if number < 1:
            return None
        found = self._numbered().slice(number - 1, 1).collect().to_dicts()
        return found[0] if found else None


@dataclass(frozen=True)
class CaseRow:
    """A line of the table, in words."""

    number: int
    cells: list[str]


def cells(columns: tuple[CaseColumn, ...], row: dict[str, Any]) -> list[str]:
    """The values of a case as they are read."""
    return [_cell(row[column.name], column.format) for column in columns]


def _cell(value: Any, style: str) -> str:
    if value is None:
        return NOTHING
    return formatted(value, style) if style else str(value)


@contextlib.contextmanager
def opened(evaluation: Evaluation, sort: str = "") -> Iterator[Cases]:
    """The cases of an evaluation that has some.

    Raises
    ------
    FileNotFoundError
        If they are no longer stored.
    """
    stored, view = evaluation.stored_result, evaluation.declared_task.cases
    if stored is None or view is None:
        raise FileNotFoundError("The evaluation has no table of cases.")
    with store.content(stored.cases_sha256, suffix="parquet") as path:
        yield Cases(path, view, sort)


def draw_case(evaluation: Evaluation, case: str) -> dict[str, Any] | None:
    """The figure of one case; None where the task draws none, or a table is no longer stored."""
    task = evaluation.declared_task
    if task.cases is None or task.cases.draw is None:
        return None
    protocol = task.protocol.model_validate(evaluation.protocol)
    with contextlib.ExitStack() as stack:
        try:
            files = {
                table.name: stack.enter_context(store.content(table.sha256, suffix="parquet"))
                for table in evaluation.tables.all()
            }
            return figure_json(task.cases.draw(files, protocol, case, gettext))
        except FileNotFoundError:
            return None


def figure_table(figure: dict[str, Any]) -> dict[str, Any]:
    """What a pointer reads in the figure of a case, for who has none or sees no chart."""
    rows = []
    for trace in figure["data"]:
        if trace.get("hoverinfo") == "skip":
            continue
        template = trace["hovertemplate"].removesuffix("<extra></extra>")
        points = zip(trace["x"], trace["y"], strict=True)
        texts = trace.get("customdata") or [""] * len(trace["x"])
        for (x, y), words in zip(points, texts, strict=True):
            if x is not None:
                said = template.replace("%{customdata}", words)
                said = re.sub(r"%{x[^}]*}", str(x), said)
                said = re.sub(r"%{y[^}]*}", f"{y:.4g}", said)
                day, *more = (html.unescape(part) for part in said.split("<br>"))
                rows.append([day, "; ".join(more)])
    return {"head": [gettext("Day"), gettext("Value")], "rows": sorted(rows)}
