"""From an uploaded file to the Parquet file that is kept, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from portal.tables.limits import Limits
from portal.tables.problems import gettext_noop
from portal.tables.profile import profile_table
from portal.tables.reading import DEFAULT_LIMITS
from portal.tables.schema import Kind, TableSchema
from portal.tables.source import Source, check_source, open_source, typed
from portal.tables.values import STORED_AS

Progress = Callable[[str, float], None]

CHECKING = gettext_noop("Checking the table")
CONVERTING = gettext_noop("Converting the table")
PROFILING = gettext_noop("Describing the columns")

_CELLS_IN_ROW_GROUP = 4_000_000
_MOST_ROWS_IN_ROW_GROUP = 250_000


@dataclass(frozen=True)
class StoredColumn:
    """A column of a table that was converted."""

    name: str
    kind: Kind
    subgroup: bool
    """Whether results may be split by it: an extra column with few distinct values."""


@dataclass(frozen=True)
class ConvertedTable:
    """What is known of a table once its file is written."""

    rows: int
    columns: tuple[StoredColumn, ...]
    sha256: str
    """Of the Parquet file; the same table gives the same bytes with the same Polars."""
    bytes: int
    profile: dict[str, Any]
    """See :func:`portal.tables.profile_table`."""


def convert_table(
    source: Path,
    schema: TableSchema,
    destination: Path,
    *,
    references: Mapping[str, Path] | None = None,
    progress: Progress = lambda stage, fraction: None,
    limits: Limits = DEFAULT_LIMITS,
    smallest_count: int = 10,
) -> ConvertedTable:
    """Check a CSV or Parquet file and write it as Parquet to ``destination``.

    The file is read twice, a few megabytes at a time; eight bytes a row are kept for the key.

    Parameters
    ----------
    references
        Tables converted before, by name: the one that ``schema`` refers to is looked up here.
    progress
        Told the stage and the fraction of the whole work.
    smallest_count
        Counts below it are hidden in the profile.

    Raises
    ------
    TableRefused
        With every problem at once; then nothing is left at ``destination``.
    """
    opened = open_source(source, schema, limits)
    checked = check_source(
        opened, schema, references or {}, lambda done: progress(CHECKING, 0.5 * done)
    )
    try:
        _write(
            opened,
            schema,
            checked.kinds,
            destination,
            lambda done: progress(CONVERTING, 0.5 + 0.35 * done),
        )
        progress(PROFILING, 0.85)
        with destination.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        profile = profile_table(destination, schema, checked.kinds, smallest_count=smallest_count)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    progress(PROFILING, 1.0)
    return ConvertedTable(
        rows=checked.rows,
        columns=tuple(
            StoredColumn(name, kind, subgroup=name in checked.subgroups)
            for name, kind in checked.kinds.items()
        ),
        sha256=digest,
        bytes=destination.stat().st_size,
        profile=profile,
    )


def _write(
    source: Source,
    schema: TableSchema,
    kinds: Mapping[str, Kind],
    destination: Path,
    advance: Callable[[float], None],
) -> None:
    def batches(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        for batch in source.batches(advance):
            yield typed(batch.frame, schema, kinds)

    frame = register_io_source(
        batches, schema=pl.Schema({name: STORED_AS[kind] for name, kind in kinds.items()})
    )
    rows = min(_MOST_ROWS_IN_ROW_GROUP, max(1_000, _CELLS_IN_ROW_GROUP // len(kinds)))
    frame.sink_parquet(
        destination,
        compression="zstd",
        compression_level=3,
        row_group_size=rows,
        maintain_order=True,
        engine="streaming",
    )
