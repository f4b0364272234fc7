"""Parquet files: what they may hold, and bombs that are refused before they unfold."""

from __future__ import annotations

import datetime
import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from portal.tables import Column, Kind, Limits, TableRefused, TableSchema, read_table

PEOPLE = TableSchema(
    name="people",
    title="People",
    columns=(Column("id", Kind.IDENTIFIER, "Person"), Column("score", Kind.NUMBER, "Score")),
    key=("id",),
    extra_columns=True,
)
DEFAULT = Limits()


def refusal(path: Path, limits: Limits = DEFAULT) -> str:
    with pytest.raises(TableRefused) as caught:
        read_table(path, PEOPLE, limits=limits)
    return str(caught.value)


def people(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"id": np.arange(rows), "score": np.linspace(0, 1, rows)})


def test_columns_of_many_types_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    people(4).select(
        pl.col("id").cast(pl.UInt16),
        pl.col("score").cast(pl.Float32).round(2),
        pl.Series("sex", ["F", "M", "F", None], dtype=pl.Categorical),
        pl.Series("smoker", [True, False, None, True]),
        pl.Series("born", [datetime.date(1950, 1, day) for day in range(1, 5)]),
        pl.Series("ratio", [0.5, float("nan"), None, 0.25]),
        pl.Series("dose", [1, 2, None, 3], dtype=pl.Int8),
        pl.lit(None).alias("nothing"),
    ).write_parquet(path)
    frame = read_table(path, PEOPLE).frame
    assert frame.dtypes == [
        pl.String,
        pl.Float64,
        pl.String,
        pl.Boolean,
        pl.Date,
        pl.Float64,
        pl.Int64,
        pl.String,
    ]
    assert frame["sex"].to_list() == ["F", "M", "F", None]
    assert frame["ratio"].to_list() == [0.5, None, None, 0.25]


def test_large_and_whole_floating_identifiers_are_kept_exactly(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pl.DataFrame(
        {"id": pl.Series([2**64 - 1, 2**64 - 2], dtype=pl.UInt64), "score": [0, 1]}
    ).write_parquet(path)
    assert read_table(path, PEOPLE).frame["id"].to_list() == [
        "18446744073709551615",
        "18446744073709551614",
    ]
    pl.DataFrame({"id": [3.0, 4.0], "score": [0, 1]}).write_parquet(path)
    assert read_table(path, PEOPLE).frame["id"].to_list() == ["3", "4"]


def test_the_wrong_type_is_refused_with_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pl.DataFrame({"id": [0.5], "score": [datetime.date(2025, 1, 31)]}).write_parquet(path)
    assert refusal(path) == (
        "Column 'id' must hold text or whole numbers; row 1 holds 0.5. Correct these cells.\n"
        "Column 'score' must hold numbers; row 1 holds 2025-01-31. Correct these cells."
    )


@pytest.mark.parametrize(
    "nested",
    [
        pl.Series([[1, 2]], dtype=pl.List(pl.Int64)),
        pl.Series([{"a": 1}]),
        pl.Series([b"\x00"]),
        pl.Series([datetime.timedelta(days=1)]),
    ],
    ids=["list", "struct", "binary", "duration"],
)
def test_nested_and_binary_columns_are_refused(tmp_path: Path, nested: pl.Series) -> None:
    path = tmp_path / "people.parquet"
    people(1).with_columns(nested.alias("extra")).write_parquet(path)
    sentence = refusal(path)
    assert sentence.startswith(
        "Column 'extra' must hold numbers, text, dates or true and false; it holds values of type "
    )
    assert sentence.endswith("Leave the column out, or write one value in each cell.")


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "lz4", "uncompressed"])
def test_every_compression_is_read(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "people.parquet"
    people(5_000).write_parquet(path, compression=compression, row_group_size=700)  # type: ignore[arg-type]
    assert len(read_table(path, PEOPLE).frame) == 5_000


@pytest.mark.parametrize(
    "cut",
    [
        lambda content: content[:4],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1",
        lambda content: b"PAR1" + b"\x19" * 400 + (300).to_bytes(4, "little") + b"PAR1",
        lambda content: content[:100] + content[200:],
    ],
    ids=["magic", "half", "footer-length", "deep-footer", "gap"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, cut: object) -> None:
    path = tmp_path / "people.parquet"
    people(1_000).write_parquet(path)
    path.write_bytes(cut(path.read_bytes()))  # type: ignore[operator]
    assert refusal(path) == (
        "The file must be readable Parquet; it is damaged or incomplete. "
        "Write it again, and check that it was copied whole."
    )


def test_random_damage_is_refused_or_read_but_never_breaks_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    people(300).write_parquet(path)
    whole = path.read_bytes()
    chance = random.Random(7)
    refused = 0
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(3):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            read_table(path, PEOPLE)
        except TableRefused:
            refused += 1
    assert refused > 100


def test_more_rows_than_a_table_may_have_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    pl.LazyFrame({"id": [1]}).select(
        id=pl.repeat(1, 120_000_000, dtype=pl.Int8), score=pl.lit(0, dtype=pl.Int8)
    ).sink_parquet(path, row_group_size=2_000_000)
    assert path.stat().st_size < 1 << 20
    assert refusal(path) == (
        "A table may have at most 100,000,000 rows; this file has more. "
        "Split it into several tables."
    )


def test_a_small_file_that_unfolds_to_hundreds_of_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    pl.LazyFrame({"id": [1]}).select(
        id=pl.repeat(1, 40_000_000, dtype=pl.Int64), score=pl.lit(0.5)
    ).sink_parquet(path, row_group_size=2_000_000)
    packed = path.stat().st_size >> 10
    assert packed < 200
    assert refusal(path) == (
        f"A file must not unfold to far more than its size; this one has {packed} KiB and unfolds "
        "to 610 MiB. Check that the file is the intended one, or split the table."
    )


def test_a_long_column_that_shrank_to_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    long = ["x" * 1_000_000 + str(row) for row in range(40)]
    pl.DataFrame({"id": long, "score": [0.5] * 40}).write_parquet(path, compression="zstd")
    assert path.stat().st_size < 20_000
    assert refusal(path, Limits(row_group_bytes=32 << 20)) == (
        "A row group of a Parquet file may unfold to at most 32 MiB; one of this file unfolds to "
        "38 MiB. Write it again with fewer rows in each row group."
    )


def test_pages_that_announce_more_than_the_description_does_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pl.DataFrame(
        {"id": ["x" * 900_000 + str(row) for row in range(4)], "score": [0.5] * 4}
    ).write_parquet(path, compression="zstd", statistics=False)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    # In the description alone, the sizes of the long column become those of one byte a value.
    lies = footer
    for size in {int(size) for size in _varints(footer) if size > 3_000_000}:
        lies = lies.replace(_varint(size), _varint(2**21))
    assert lies != footer
    path.write_bytes(content[: -8 - length] + lies + len(lies).to_bytes(4, "little") + b"PAR1")
    sentence = refusal(path, Limits(row_group_bytes=3 << 20))
    assert sentence.startswith("A row group of a Parquet file may unfold to at most 3 MiB; one of")


def test_a_repeated_long_text_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    rows = 3_000_000
    words = pl.Series(["x" * 1_000_000, "y"], dtype=pl.Categorical)
    pl.DataFrame(
        {"score": np.zeros(rows), "id": words.gather(np.zeros(rows, dtype="u4"))}
    ).write_parquet(path)
    assert path.stat().st_size < 100_000  # as text in memory: three terabytes
    assert refusal(path) == (
        "Column 'id' must hold at most 1,024 bytes of text in a cell. "
        "Leave free text out of the table."
    )


def _varint(number: int) -> bytes:
    number *= 2  # zigzag
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def _varints(content: bytes) -> list[int]:
    """Every number that could start at any byte."""
    numbers = []
    for start in range(len(content)):
        number = shift = 0
        for byte in content[start : start + 5]:
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                numbers.append(number // 2)
                break
    return [number for number in numbers if _varint(number) in content]


def test_text_with_nul_is_refused_since_no_database_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    wards = pl.Series("ward", ["a", "b\0", "c"])
    for series in (wards, wards.cast(pl.Categorical)):
        people(3).with_columns(series).write_parquet(path)
        assert "Column 'ward' must hold text without the character NUL" in refusal(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\0b", "printable text; 'a\N{REPLACEMENT CHARACTER}b'"),
        ("a\nb", "one line of printable text"),
        ("a\u202eb", "printable text"),
        ("x" * 101, "at most 100 characters; 'xxxx"),
    ],
)
def test_a_column_name_that_no_page_can_show_is_refused(
    tmp_path: Path, name: str, said: str
) -> None:
    path = tmp_path / "people.parquet"
    people(3).with_columns(pl.lit(1).alias(name)).write_parquet(path)
    assert said in refusal(path)
    with pytest.raises(TableRefused) as caught:
        read_table(path, PEOPLE)
    assert "\\u0000" not in json.dumps([problem.to_dict() for problem in caught.value.problems])
