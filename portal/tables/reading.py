"""Reading a whole table into memory, for the command line and the worker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from portal.tables.csv_file import Batch
from portal.tables.limits import MOST_SUBGROUPS, Limits
from portal.tables.problems import Problem, TableRefused
from portal.tables.references import Reference
from portal.tables.schema import TableSchema
from portal.tables.source import check_source, open_source, typed

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class LoadedTable:
    """A validated table in memory, and the SHA-256 of the file it came from."""

    frame: pl.DataFrame
    sha256: str


def read_table(path: Path, schema: TableSchema, *, limits: Limits = DEFAULT_LIMITS) -> LoadedTable:
    """Read a CSV or Parquet file and check it against ``schema``.

    Identifiers become text, so that 12 in one file and "12" in another are the same; the columns
    of the schema come first. Missing values are empty cells, or ``NA`` in a CSV file.

    Raises
    ------
    TableRefused
        With every problem at once, if the file is not such a table.
    """
    path = Path(path)
    source = open_source(path, schema, limits)
    frames: list[pl.DataFrame] = []
    checked = check_source(source, schema, {}, kept=frames)
    extra = {name: kind for name, kind in checked.kinds.items() if schema.column(name) is None}
    if extra:  # of what kind they are is known at the end of the file
        frames = [
            frame.hstack(typed(batch.frame, schema, extra))
            for frame, batch in zip(frames, source.batches(), strict=True)
        ]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return LoadedTable(pl.concat(frames, rechunk=True), digest)


def check_references(tables: Mapping[str, LoadedTable], schemas: Iterable[TableSchema]) -> None:
    """Check that every identifier exists in the table that it refers to.

    Parameters
    ----------
    tables
        The tables by the names of their schemas; a schema without a table is passed over.

    Raises
    ------
    TableRefused
        If a table holds identifiers that the other one does not, or only one of the two tells
        repeated rows of a person apart.
    """
    problems: list[Problem] = []
    for schema in schemas:
        if schema.refers_to is None or not {schema.name, schema.refers_to} <= tables.keys():
            continue
        frame = tables[schema.name].frame
        other = tables[schema.refers_to].frame
        reference = Reference(schema, schema.key_among(frame.columns), other.columns)
        problems += reference.key_problems
        if reference.key and not reference.key_problems:
            reference.add(other)
            reference.check(Batch(frame, np.arange(1, len(frame) + 1)))
            problems += reference.problems()
    if problems:
        raise TableRefused(problems)


def subgroup_columns(table: LoadedTable, schema: TableSchema) -> tuple[str, ...]:
    """The extra columns by which a result may be split: text, booleans or integers, few values."""
    return tuple(
        series.name
        for series in table.frame
        if schema.column(series.name) is None
        and (series.dtype in (pl.String, pl.Boolean) or series.dtype.is_integer())
        and 0 < series.drop_nulls().n_unique() <= MOST_SUBGROUPS
    )
