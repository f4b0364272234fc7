"""Checking a table batch by batch: every problem is found before any is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from portal.tables.csv_file import Batch
from portal.tables.limits import MOST_SUBGROUPS, Limits
from portal.tables.problems import SHOWN, Problem, TableRefused, gettext_noop, shown
from portal.tables.schema import Column, Kind, TableSchema
from portal.tables.values import parse, without_repeats

_WRONG_TYPE = {
    Kind.IDENTIFIER: gettext_noop("Column '{column}' must hold text or whole numbers"),
    Kind.NUMBER: gettext_noop("Column '{column}' must hold numbers"),
    Kind.INTEGER: gettext_noop("Column '{column}' must hold whole numbers"),
    Kind.BOOLEAN: gettext_noop("Column '{column}' must hold true or false"),
    Kind.DATE: gettext_noop("Column '{column}' must hold dates, written 2025-01-31"),
    Kind.CATEGORY: gettext_noop("Column '{column}' must hold text"),
    Kind.TEXT: gettext_noop("Column '{column}' must hold text"),
}
_GUESSES = (Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER, Kind.DATE)
_DECIMAL_COMMA = r"^\s*[+-]?\d+,\d+\s*$"
_LEADING_ZERO = r"^\s*[+-]?0\d"


@dataclass
class _Broken:
    """A rule, and the rows that broke it so far."""

    template: str
    values: Mapping[str, str | float | int | tuple[str, ...]]
    hint: str = ""
    count: int = 0
    rows: list[int] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


@dataclass
class _Extra:
    """What is known so far of a column that the schema does not name."""

    guesses: list[Kind]
    """Kinds that fit all cells so far, the narrowest first; none left: text."""
    is_guessed: bool
    """Whether the cells are text, so that their kind is a guess."""
    distinct: set[object] = field(default_factory=set)

    @property
    def kind(self) -> Kind:
        kind = self.guesses[0] if self.guesses else Kind.CATEGORY
        if self.is_guessed and not self.distinct:
            kind = Kind.CATEGORY  # nothing but missing values
        if kind is Kind.CATEGORY and len(self.distinct) > MOST_SUBGROUPS:
            return Kind.TEXT
        return kind


class Checker:
    """Checks the batches of one file against a schema.

    Parameters
    ----------
    schema
        What the table must look like.
    kinds
        The columns of the file in their order: None where the kind of an extra column is to be
        guessed from its text, else the kind that the file itself says.
    """

    def __init__(
        self, schema: TableSchema, kinds: Mapping[str, Kind | None], limits: Limits
    ) -> None:
        self.schema = schema
        self.limits = limits
        self.rows = 0
        self._declared = [column for column in schema.columns if column.name in kinds]
        self._extra: dict[str, _Extra] = {}
        for name, kind in kinds.items():
            if schema.column(name) is None:
                guesses = list(_GUESSES) if kind is None else [kind]
                self._extra[name] = _Extra(guesses, is_guessed=kind is None)
        self._broken: dict[tuple[str, str], _Broken] = {}
        self._occurring: dict[str, set[object]] = {
            column.name: set() for column in self._declared if column.every_allowed
        }

    def check(self, batch: Batch) -> pl.DataFrame:
        """Remember what is wrong with a batch; its declared columns, in the schema's order."""
        self.rows += len(batch.frame)
        self._check_text(batch)
        columns = [self._check_column(batch, column) for column in self._declared]
        for name, extra in self._extra.items():
            self._look_at(batch, batch.frame.get_column(name), extra)
        return pl.DataFrame(columns)

    def kinds(self) -> dict[str, Kind]:
        """The columns of the table and their kinds: the schema's first, then the extra ones."""
        kinds = {column.name: column.kind for column in self._declared}
        kinds.update((name, extra.kind) for name, extra in self._extra.items())
        return kinds

    def problems(self) -> list[Problem]:
        """Everything that was wrong with the batches, in the order of the columns."""
        if not self.rows:
            return [
                Problem(
                    "no-rows",
                    gettext_noop("A table must have at least one row; this file has none"),
                    hint=gettext_noop("Check that the export ran with data."),
                )
            ]
        problems = self.row_problems()
        for column in self._declared:
            problems += self._absent_values(column)
        return self._in_order(problems)

    def row_problems(self) -> list[Problem]:
        """What was wrong with single rows."""
        return self._in_order(
            [
                Problem(
                    code,
                    broken.template,
                    broken.values,
                    column=name,
                    rows=tuple(broken.rows),
                    found=tuple(broken.found),
                    count=broken.count,
                    hint=broken.hint,
                )
                for (name, code), broken in self._broken.items()
                if name not in self._extra or self._extra[name].kind is Kind.NUMBER
            ]
        )

    def _in_order(self, problems: list[Problem]) -> list[Problem]:
        places = {column.name: place for place, column in enumerate(self._declared)}
        return sorted(problems, key=lambda found: places.get(found.column or "", len(places)))

    def _absent_values(self, column: Column) -> list[Problem]:
        occurring = self._occurring.get(column.name)
        if occurring is None or not occurring:
            return []
        absent = [shown(value) for value in column.allowed if value not in occurring]
        if not absent:
            return []
        return [
            Problem(
                "one-class",
                gettext_noop(
                    "Column '{column}' must hold each of {allowed}; no row holds {absent}"
                ),
                {
                    "allowed": tuple(shown(value) for value in column.allowed),
                    "absent": tuple(absent),
                },
                column=column.name,
                hint=gettext_noop(
                    "Include people with and without the outcome: one group alone cannot be told "
                    "apart."
                ),
            )
        ]

    def _check_text(self, batch: Batch) -> None:
        """Refuse a long text at once: a Parquet file can repeat one at no cost to itself."""
        for series in batch.frame:
            if isinstance(series.dtype, pl.Categorical | pl.Enum):
                # Not as a whole: as text, each row would have a copy of its category.
                longest = series.unique().cast(pl.String).str.len_bytes().max()
                if isinstance(longest, int) and longest > self.limits.text_bytes:
                    raise TableRefused([self._long_text(series.name, (), 0)])
                if series.unique().cast(pl.String).str.contains("\0", literal=True).any():
                    raise TableRefused([self._nul(series.name, (), 0)])
            if series.dtype != pl.String:
                continue
            different = without_repeats(series)
            longest = different.str.len_bytes().max()
            if isinstance(longest, int) and longest > self.limits.text_bytes:
                at = np.flatnonzero(
                    (series.str.len_bytes() > self.limits.text_bytes).fill_null(False).to_numpy()
                )
                rows = tuple(batch.rows[at[:SHOWN]].tolist())
                raise TableRefused([self._long_text(series.name, rows, len(at))])

            if different.str.contains("\0", literal=True).any():
                nul = series.str.contains("\0", literal=True).fill_null(False)
                at = np.flatnonzero(nul.to_numpy())
                rows = tuple(batch.rows[at[:SHOWN]].tolist())
                raise TableRefused([self._nul(series.name, rows, len(at))])

    def _nul(self, name: str, rows: tuple[int, ...], count: int) -> Problem:
        return Problem(
            "nul",
            gettext_noop("Column '{column}' must hold text without the character NUL"),
            column=name,
            rows=rows,
            count=count,
            hint=gettext_noop("Remove it: it is left over from a binary file."),
        )

    def _long_text(self, name: str, rows: tuple[int, ...], count: int) -> Problem:
        return Problem(
            "text-too-long",
            gettext_noop("Column '{column}' must hold at most {most} bytes of text in a cell"),
            {"most": self.limits.text_bytes},
            column=name,
            rows=rows,
            count=count,
            hint=gettext_noop("Leave free text out of the table."),
        )

    def _check_column(self, batch: Batch, column: Column) -> pl.Series:
        source = batch.frame.get_column(column.name)
        parsed = parse(source, column.kind, flags=set(column.allowed) == {0, 1})
        values = parsed.values
        if parsed.bad is not None:
            self._breaks(batch, column, "type", parsed.bad, source)
        if not column.nullable and values.null_count():
            empty = values.is_null() if parsed.bad is None else values.is_null() & ~parsed.bad
            self._breaks(batch, column, "empty", empty, None)
        if column.kind in (Kind.NUMBER, Kind.INTEGER):
            self._check_range(batch, column, values)
        if column.allowed:
            allowed = pl.Series(list(column.allowed), dtype=values.dtype)
            other = ~values.is_in(allowed.implode()) & values.is_not_null()
            if other.any():
                self._breaks(batch, column, "not-allowed", other, values)
        if column.name in self._occurring:
            self._occurring[column.name].update(values.drop_nulls().unique().to_list())
        return values

    def _check_range(self, batch: Batch, column: Column, values: pl.Series) -> None:
        if column.kind is Kind.NUMBER:
            not_finite = ~values.is_finite() & values.is_not_null()
            if not_finite.any():
                self._breaks(batch, column, "not-finite", not_finite, values)
                values = values.set(not_finite, None)
        outside = pl.repeat(value=False, n=len(values), eager=True)
        if column.minimum is not None:
            low = column.minimum
            outside |= (values <= low if column.exclusive_minimum else values < low).fill_null(
                False
            )
        if column.maximum is not None:
            outside |= (values > column.maximum).fill_null(False)
        if outside.any():
            self._breaks(batch, column, "out-of-range", outside, values)

    def _breaks(
        self, batch: Batch, column: Column, code: str, where: pl.Series, shows: pl.Series | None
    ) -> None:
        at = np.flatnonzero(where.fill_null(False).to_numpy())
        if not len(at):
            return
        if code == "type" and shows is not None and shows.dtype == pl.String:
            commas = shows.filter(where).str.contains(_DECIMAL_COMMA)
            if column.kind is Kind.NUMBER and commas.all():
                code = "decimal-comma"
        broken = self._broken.get((column.name, code))
        if broken is None:
            broken = self._broken[column.name, code] = _rule(column, code)
        broken.count += len(at)
        first = at[: SHOWN - len(broken.rows)]
        broken.rows += batch.rows[first].tolist()
        if shows is not None:
            broken.found += [shown(value) for value in shows.gather(first).to_list()]

    def _look_at(self, batch: Batch, series: pl.Series, extra: _Extra) -> None:
        """Narrow down the kind of an extra column, and whether it has few values."""
        if extra.is_guessed and extra.guesses:
            zeros = bool(series.str.contains(_LEADING_ZERO).any())  # 0042 is a code, not a number
            extra.guesses = [
                kind
                for kind in extra.guesses
                if not (zeros and kind in (Kind.INTEGER, Kind.NUMBER))
                and _guess_holds(series, kind)
            ]
        if len(extra.distinct) <= MOST_SUBGROUPS:
            values = parse(series, Kind.CATEGORY).values.unique().drop_nulls()
            extra.distinct.update(values.head(MOST_SUBGROUPS + 1).to_list())
        if extra.kind is Kind.NUMBER:
            self._check_extra_number(batch, series)

    def _check_extra_number(self, batch: Batch, series: pl.Series) -> None:
        values = parse(series, Kind.NUMBER).values
        infinite = values.is_infinite()
        if infinite.any():
            column = Column(series.name, Kind.NUMBER, series.name)
            self._breaks(batch, column, "not-finite", infinite, values)

    def few_values(self) -> set[str]:
        """The extra columns with few enough distinct values to be subgroups."""
        return {
            name
            for name, extra in self._extra.items()
            if extra.kind in (Kind.CATEGORY, Kind.BOOLEAN, Kind.INTEGER)
            and 0 < len(extra.distinct) <= MOST_SUBGROUPS
        }


def _guess_holds(series: pl.Series, kind: Kind) -> bool:
    if kind is Kind.BOOLEAN:
        words = series.str.strip_chars().str.to_lowercase()
        return bool(words.is_in(["true", "false", "", "na"]).all())
    return parse(series, kind).bad is None


def _rule(column: Column, code: str) -> _Broken:
    if code == "type":
        return _Broken(_WRONG_TYPE[column.kind], {}, gettext_noop("Correct these cells."))
    if code == "decimal-comma":
        return _Broken(
            gettext_noop("Column '{column}' must hold numbers with a decimal point"),
            {},
            gettext_noop("Save the table with a decimal point instead of a decimal comma."),
        )
    if code == "empty":
        return _Broken(
            gettext_noop("Column '{column}' must have a value in every row"),
            {},
            gettext_noop("Fill these cells in, or leave the rows out."),
        )
    if code == "not-finite":
        return _Broken(
            gettext_noop("Column '{column}' must hold finite numbers"),
            {},
            gettext_noop("Leave the cell empty where there is no number, or leave the row out."),
        )
    if code == "not-allowed":
        allowed = tuple(shown(value) for value in column.allowed)
        return _Broken(
            gettext_noop("Column '{column}' must hold one of {allowed}"), {"allowed": allowed}
        )
    return _out_of_range(column)


def _out_of_range(column: Column) -> _Broken:
    if column.minimum is None:
        return _Broken(
            gettext_noop("Column '{column}' must be at most {maximum}"),
            {"maximum": column.maximum or 0},
        )
    values = {"minimum": column.minimum}
    if column.maximum is None:
        if column.exclusive_minimum:
            return _Broken(gettext_noop("Column '{column}' must be greater than {minimum}"), values)
        return _Broken(gettext_noop("Column '{column}' must be at least {minimum}"), values)
    values["maximum"] = column.maximum
    percent = column.maximum == 1 and column.minimum == 0
    hint = gettext_noop("If it holds percentages, divide by 100.") if percent else ""
    if column.exclusive_minimum:
        return _Broken(
            gettext_noop("Column '{column}' must lie in ({minimum}, {maximum}]"), values, hint
        )
    return _Broken(
        gettext_noop("Column '{column}' must lie in [{minimum}, {maximum}]"), values, hint
    )
