"""Checking the names of a file's columns."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from portal.tables.limits import Limits
from portal.tables.problems import SHOWN, Problem, gettext_noop, shown
from portal.tables.schema import TableSchema


def check_header(names: Sequence[str], schema: TableSchema, limits: Limits) -> list[Problem]:
    """What is wrong with the column names of a file."""
    problems: list[Problem] = []
    if len(names) > limits.columns:
        return [
            Problem(
                "too-many-columns",
                gettext_noop("A table may have at most {most} columns; this file has {number}"),
                {"most": limits.columns, "number": len(names)},
                hint=gettext_noop("Keep the columns that are needed."),
            )
        ]
    if wrong := _unfit_names(names, limits):
        return wrong
    twice = sorted({name for name in names if names.count(name) > 1})
    if "" in names:
        places = [str(place) for place, name in enumerate(names, start=1) if not name]
        problems.append(
            Problem(
                "unnamed-column",
                gettext_noop("Every column must have a name; the header has none at {places}"),
                {"places": tuple(places[:SHOWN])},
            )
        )
    problems += [
        Problem(
            "repeated-column",
            gettext_noop("Column names must differ; '{column}' stands {number} times"),
            {"number": names.count(name)},
            column=name,
        )
        for name in twice
        if name
    ]
    present = tuple(shown(name) for name in names[:20])
    for column in schema.columns:
        if column.required and column.name not in names:
            near = get_close_matches(
                column.name.lower(), [name.lower() for name in names], n=1, cutoff=0.75
            )
            close = next((name for name in names if near and name.lower() == near[0]), None)
            problems.append(
                Problem(
                    "missing-column",
                    gettext_noop("Column '{column}' is missing; the file has {present}"),
                    {"present": present, "close": close or ""},
                    column=column.name,
                    hint=gettext_noop("Is it the column '{close}'? Rename it to '{column}'.")
                    if close
                    else gettext_noop("Add the column, or rename the one that holds it."),
                )
            )
    if not schema.extra_columns:
        expected = tuple(shown(column.name) for column in schema.columns)
        problems += [
            Problem(
                "unexpected-column",
                gettext_noop("Column '{column}' is not part of this table, which has {expected}"),
                {"expected": expected},
                column=name,
                hint=gettext_noop("Remove it."),
            )
            for name in dict.fromkeys(names)
            if name and schema.column(name) is None
        ]
    return problems


def _unfit_names(names: Sequence[str], limits: Limits) -> list[Problem]:
    """Names that no page could show: they come alone, since the other problems quote names."""
    long = tuple(shown(name) for name in names if len(name) > limits.name_characters)
    strange = tuple(shown(name) for name in names if not name.isprintable())
    problems = []
    if long:
        problems.append(
            Problem(
                "long-name",
                gettext_noop("The name of a column may have at most {most} characters; {names}"),
                {"most": limits.name_characters, "names": long[:SHOWN]},
                hint=gettext_noop("Shorten it."),
            )
        )
    if strange:
        problems.append(
            Problem(
                "unprintable-name",
                gettext_noop("The name of a column must be one line of printable text; {names}"),
                {"names": strange[:SHOWN]},
                hint=gettext_noop("Rename the column."),
            )
        )
    return problems
