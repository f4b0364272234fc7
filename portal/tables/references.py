"""Whether every identifier of one table exists in the table that it refers to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from portal.tables.csv_file import Batch
from portal.tables.keys import KeyHashes, hashes, shown_key
from portal.tables.problems import SHOWN, Problem, gettext_noop
from portal.tables.schema import TableSchema
from portal.tables.values import without_repeats


class Reference:
    """The keys of the table that another one refers to."""

    def __init__(
        self,
        schema: TableSchema,
        key: Collection[str],
        known: Collection[str],
    ) -> None:
        self.schema = schema
        shared = schema.refers_by or schema.key
        self.key = [name for name in shared if name in key and name in known]
        self.key_problems = _key_problems(schema, key, known)
        self._keys = KeyHashes()
        self._count = 0
        self._rows: list[int] = []
        self._found: list[str] = []

    @classmethod
    def stored(cls, schema: TableSchema, key: Collection[str], path: Path) -> Reference:
        """The keys of a table that was converted to Parquet before."""
        reference = cls(schema, key, list(pl.read_parquet_schema(path)))
        if reference.key:
            scan = pl.scan_parquet(path, glob=False).select(reference.key)
            for frame in scan.collect_batches(chunk_size=500_000, engine="streaming"):
                reference.add(frame)
        return reference

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows of the table that is referred to."""
        self._keys.add(frame.select(self.key))

    def check(self, batch: Batch) -> None:
        """Remember the rows whose key the other table does not hold."""
        if not self.key or self.key_problems:
            return
        frame = batch.frame.select(self.key)
        if len(self.key) == 1:
            different = without_repeats(frame.to_series()).drop_nulls()
            if self._keys.contain(hashes(different.to_frame())).all():
                return
        complete = ~frame.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()
        at = (complete & ~self._keys.contain(hashes(frame))).nonzero()[0]
        self._count += len(at)
        first = at[: SHOWN - len(self._rows)]
        self._rows += batch.rows[first].tolist()
        self._found += [shown_key(value) for value in frame[first].rows()]

    def problems(self) -> list[Problem]:
        """The rows that were remembered, as one problem."""
        if not self._count:
            return []
        return [
            Problem(
                "unknown-id",
                gettext_noop("Every {key} must exist in table '{table}'"),
                {"key": " / ".join(self.key), "table": self.schema.refers_to or ""},
                column=self.key[0],
                rows=tuple(self._rows),
                found=tuple(self._found),
                count=self._count,
                hint=gettext_noop(
                    "Check that both files use the same identifiers (leading zeros, prefixes) and "
                    "belong together."
                ),
            )
        ]


def _key_problems(
    schema: TableSchema, key: Collection[str], known: Collection[str]
) -> list[Problem]:
    """Where one of two tables tells the rows of a person apart and the other does not."""
    problems = []
    for name in schema.refers_by or schema.key:
        declared = schema.column(name)
        if declared is None or declared.required:
            continue
        if (name in key) != (name in known):
            with_it, without = schema.refers_to or "", schema.name
            if name in key:
                with_it, without = without, with_it
            problems.append(
                Problem(
                    "key-differs",
                    gettext_noop(
                        "Tables '{with_it}' and '{without}' must tell rows apart by the same "
                        "columns; only '{with_it}' has '{column}'"
                    ),
                    {"with_it": with_it, "without": without},
                    column=name,
                    hint=gettext_noop("Add the column to table '{without}'."),
                )
            )
    return problems
