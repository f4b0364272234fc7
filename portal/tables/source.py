"""A file of either format, opened: its columns, and its rows in batches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from portal.tables.checks import Checker
from portal.tables.csv_file import Batch, CsvHeader, RaggedRows, csv_batches, read_header, refused
from portal.tables.header import check_header
from portal.tables.keys import KeyHashes, first_repeats
from portal.tables.limits import Limits
from portal.tables.parquet_file import MAGIC, parquet_batches, parquet_schema
from portal.tables.problems import Problem, TableRefused, gettext_noop
from portal.tables.references import Reference
from portal.tables.schema import Kind, TableSchema
from portal.tables.values import natural_kind, parse

Advance = Callable[[float], None]
"""Told the fraction of the file that was read."""


def no_advance(fraction: float) -> None:
    """Ignore how far it is."""


@dataclass(frozen=True)
class Source:
    """A file whose header (or Parquet description) was found to be in order."""

    path: Path
    kinds: Mapping[str, Kind | None]
    """Its columns; None where the kind of an extra column must be guessed from text."""
    header: CsvHeader | None
    """None for Parquet."""
    limits: Limits

    def batches(self, advance: Advance = no_advance) -> Iterator[Batch]:
        """The rows, with the columns under their names."""
        if self.header is None:
            yield from parquet_batches(self.path, len(self.kinds), advance)
            return
        for batch in csv_batches(self.path, self.header, self.limits, advance):
            batch.frame.columns = list(self.kinds)
            yield batch


@dataclass(frozen=True)
class Checked:
    """What the first reading of a file without a problem found out."""

    rows: int
    kinds: dict[str, Kind]
    """The columns of the table, the schema's first, and their kinds."""
    subgroups: frozenset[str]
    """Extra columns with few enough distinct values to be subgroups."""


def open_source(path: Path, schema: TableSchema, limits: Limits) -> Source:
    """Look at the beginning of a CSV file, or the description of a Parquet file.

    The content decides which it is, not the name.

    Raises
    ------
    TableRefused
        If the file is neither, or its columns are not those of ``schema``.
    """
    header = None
    with path.open("rb") as file:
        start = file.read(len(MAGIC))
        file.seek(0)
        if not start:
            raise refused(
                "empty-file",
                gettext_noop("The file must hold a table; it is empty (0 bytes)"),
                hint=gettext_noop("Check that the export and the upload finished."),
            )
        if start != MAGIC:
            header = read_header(file, limits)
    kinds: dict[str, Kind | None]
    if header is None:
        dtypes = parquet_schema(path, limits)
        names: tuple[str, ...] = tuple(dtypes)
        kinds = {name: natural_kind(dtype) for name, dtype in dtypes.items()}
        for name, dtype in dtypes.items():
            if isinstance(dtype, pl.Null):
                kinds[name] = Kind.CATEGORY
    else:
        names = header.names
        kinds = dict.fromkeys(names)
    problems = check_header(names, schema, limits)
    if len(kinds) != len(names) or "" in kinds or len(names) > limits.columns:
        raise TableRefused(problems)
    if problems:
        # The columns that are there are checked too, so that everything is said at once.
        source = Source(path, kinds, header, limits)
        raise TableRefused([*problems, *_problems_within(source, schema)])
    return Source(path, kinds, header, limits)


def check_source(
    source: Source,
    schema: TableSchema,
    references: Mapping[str, Path],
    advance: Advance = no_advance,
    kept: list[pl.DataFrame] | None = None,
) -> Checked:
    """Read a file once and check everything about it.

    The columns of the schema, batch by batch as the table keeps them, are appended to ``kept``.

    Raises
    ------
    TableRefused
        With every problem at once.
    """
    checker = Checker(schema, source.kinds, source.limits)
    key = schema.key_among(source.kinds)
    keys = KeyHashes()
    problems: list[Problem] = []
    reference = None
    if schema.refers_to is not None and schema.refers_to in references:
        reference = Reference.stored(schema, key, references[schema.refers_to])
        problems += reference.key_problems
    try:
        for batch in source.batches(advance):
            frame = checker.check(batch)
            if kept is not None:
                kept.append(frame)
            if key:
                keys.add(frame.select(key))
            if reference is not None:
                reference.check(Batch(frame, batch.rows))
    except RaggedRows as refusal:
        problems += refusal.problems
    except TableRefused as refusal:
        # The rest was not read, so that nothing can be said of the table as a whole.
        raise TableRefused([*refusal.problems, *checker.row_problems()]) from None
    problems += checker.problems()
    if key and len(repeated := keys.repeated()):
        rows, found = first_repeats(_keys(source, schema, key), key, repeated)
        if rows:
            problems.append(_duplicates(schema, key, rows, found, len(keys) - keys.distinct()))
    if reference is not None:
        problems += reference.problems()
    if problems:
        raise TableRefused(problems)
    return Checked(checker.rows, checker.kinds(), frozenset(checker.few_values()))


def typed(frame: pl.DataFrame, schema: TableSchema, kinds: Mapping[str, Kind]) -> pl.DataFrame:
    """A batch that passed the checks, as the table keeps it."""
    columns = []
    for name, kind in kinds.items():
        declared = schema.column(name)
        flags = declared is not None and set(declared.allowed) == {0, 1}
        values = parse(frame.get_column(name), kind, flags=flags).values
        if declared is None and kind is Kind.NUMBER:
            values = values.fill_nan(None)
        columns.append(values)
    return pl.DataFrame(columns)


def _problems_within(source: Source, schema: TableSchema) -> tuple[Problem, ...]:
    try:
        check_source(source, schema, {})
    except TableRefused as refusal:
        return refusal.problems
    return ()


def _keys(source: Source, schema: TableSchema, key: tuple[str, ...]) -> Iterator[Batch]:
    kinds = {name: column.kind for name in key if (column := schema.column(name)) is not None}
    with contextlib.suppress(RaggedRows):  # told already
        for batch in source.batches():
            yield Batch(typed(batch.frame.select(key), schema, kinds), batch.rows)


def _duplicates(
    schema: TableSchema, key: tuple[str, ...], rows: list[int], found: list[str], count: int
) -> Problem:
    optional = [name for name in schema.key if name not in key]
    if len(key) > 1:
        template = gettext_noop("Columns {key} must hold each combination only once")
        hint = gettext_noop("Keep one row of each.")
    else:
        template = gettext_noop("Column '{column}' must hold each value only once")
        hint = gettext_noop("Keep one row of each.")
        if optional:
            hint = gettext_noop(
                "Keep one row of each, or tell them apart by a column '{optional}'."
            )
    return Problem(
        "duplicate",
        template,
        {"key": tuple(f"'{name}'" for name in key), "optional": optional[0] if optional else ""},
        column=key[0],
        rows=tuple(rows),
        found=tuple(found),
        count=max(count, len(rows)),
        hint=hint,
    )
