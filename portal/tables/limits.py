"""How large a file may be, and may become."""

from __future__ import annotations

from dataclasses import dataclass

MOST_SUBGROUPS = 50
"""A column with more distinct values than this is not offered for subgroups."""


@dataclass(frozen=True)
class Limits:
    """Walls against files that would exhaust memory; the defaults fit an upload of 2 GiB."""

    rows: int = 100_000_000
    columns: int = 2_000
    name_characters: int = 100
    """Longest name of a column."""
    line_bytes: int = 1 << 20
    """Longest line of a CSV file."""
    text_bytes: int = 1_024
    """Longest text in a cell."""
    unpacked_bytes: int = 16 << 30
    """Most that a Parquet file may unfold to."""
    row_group_bytes: int = 1 << 30
    """Most that one row group of a Parquet file may unfold to: it is read as a whole."""
    footer_bytes: int = 16 << 20
    """Longest description (footer) of a Parquet file."""
    expansion: int = 1_000
    """Most that a Parquet file may grow by when unfolded, once that exceeds 256 MiB."""
