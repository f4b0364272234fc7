"""Converting an uploaded file: the same bytes for the same table, in bounded memory."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from portal.tables import (
    Column,
    Kind,
    StoredColumn,
    TableRefused,
    TableSchema,
    convert_table,
    read_table,
)

CHECKOUT = Path(__file__).resolve().parents[2]

PEOPLE = TableSchema(
    name="people",
    title="People",
    columns=(
        Column("id", Kind.IDENTIFIER, "Person"),
        Column("outcome", Kind.INTEGER, "Outcome", allowed=(0, 1)),
    ),
    key=("id",),
    extra_columns=True,
)
RISKS = TableSchema(
    name="risks",
    title="Risks",
    columns=(
        Column("id", Kind.IDENTIFIER, "Person"),
        Column("risk", Kind.NUMBER, "Risk", minimum=0, maximum=1),
    ),
    key=("id",),
    refers_to="people",
)


def people(rows: int = 500) -> pl.DataFrame:
    random = np.random.default_rng(1)
    return pl.DataFrame(
        {
            "age": random.integers(18, 90, rows),
            "id": np.arange(rows),
            "outcome": random.integers(0, 2, rows),
            "egfr": random.normal(60, 20, rows),
            "site": random.choice(["north", "south"], rows),
        }
    )


def test_csv_and_parquet_of_the_same_table_become_the_same_bytes(tmp_path: Path) -> None:
    people().write_csv(tmp_path / "comma.csv")
    people().write_csv(tmp_path / "semicolon.csv", separator=";", include_bom=True)
    people().write_parquet(tmp_path / "table.parquet", row_group_size=77)
    tables = [
        convert_table(tmp_path / name, PEOPLE, tmp_path / f"{name}.stored")
        for name in ("comma.csv", "semicolon.csv", "table.parquet", "comma.csv")
    ]
    assert len({table.sha256 for table in tables}) == 1
    stored = (tmp_path / "table.parquet.stored").read_bytes()
    assert tables[0].sha256 == hashlib.sha256(stored).hexdigest()
    assert tables[0].bytes == len(stored)
    assert tables[0].rows == 500
    assert tables[0].profile == tables[2].profile


def test_what_is_stored_is_what_was_uploaded(tmp_path: Path) -> None:
    people().write_csv(tmp_path / "people.csv")
    table = convert_table(tmp_path / "people.csv", PEOPLE, tmp_path / "stored")
    assert table.columns == (
        StoredColumn("id", Kind.IDENTIFIER, subgroup=False),
        StoredColumn("outcome", Kind.INTEGER, subgroup=False),
        StoredColumn("age", Kind.INTEGER, subgroup=False),
        StoredColumn("egfr", Kind.NUMBER, subgroup=False),
        StoredColumn("site", Kind.CATEGORY, subgroup=True),
    )
    expected = people().select(pl.col("id").cast(pl.String), "outcome", "age", "egfr", "site")
    assert pl.read_parquet(tmp_path / "stored").equals(expected)
    assert read_table(tmp_path / "stored", PEOPLE).frame.equals(expected)


def test_a_table_in_many_pieces_is_stored_like_one_in_a_single_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(5_000).write_csv(tmp_path / "people.csv")
    whole = convert_table(tmp_path / "people.csv", PEOPLE, tmp_path / "whole")
    monkeypatch.setattr("portal.tables.csv_file.PIECE", 1_000)
    pieces = convert_table(tmp_path / "people.csv", PEOPLE, tmp_path / "pieces")
    assert pieces == whole


def test_references_are_checked_against_the_stored_table(tmp_path: Path) -> None:
    people().write_csv(tmp_path / "people.csv")
    convert_table(tmp_path / "people.csv", PEOPLE, tmp_path / "people")
    risks = pl.DataFrame({"id": ["7", "p8", "12", "500"], "risk": [0.1, 0.2, 0.3, 0.4]})
    risks.write_csv(tmp_path / "risks.csv")
    with pytest.raises(TableRefused, match="rows 2 and 4 hold 'p8' and '500'"):
        convert_table(
            tmp_path / "risks.csv",
            RISKS,
            tmp_path / "risks",
            references={"people": tmp_path / "people"},
        )
    assert not (tmp_path / "risks").exists()
    risks.filter(pl.col("id").is_in(["7", "12"])).write_csv(tmp_path / "risks.csv")
    table = convert_table(
        tmp_path / "risks.csv",
        RISKS,
        tmp_path / "risks",
        references={"people": tmp_path / "people"},
    )
    assert table.rows == 2


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01", b"id,outcome\n1,x\n", b"id,outcome\n1,0\n1,0\n", b"PAR1PAR1"]
)
def test_nothing_is_stored_of_a_refused_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(TableRefused):
        convert_table(tmp_path / "upload", PEOPLE, tmp_path / "stored")
    assert [path.name for path in tmp_path.iterdir()] == ["upload"]


def test_nothing_is_stored_when_the_conversion_is_interrupted(tmp_path: Path) -> None:
    people().write_csv(tmp_path / "people.csv")

    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.8:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, pl.exceptions.PolarsError)):
        convert_table(tmp_path / "people.csv", PEOPLE, tmp_path / "stored", progress=stop)
    assert not (tmp_path / "stored").exists()


def test_progress_grows_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.tables.csv_file.PIECE", 4_000)
    people().write_csv(tmp_path / "people.csv")
    told: list[tuple[str, float]] = []
    convert_table(
        tmp_path / "people.csv",
        PEOPLE,
        tmp_path / "stored",
        progress=lambda stage, fraction: told.append((stage, fraction)),
    )
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert len(fractions) > 6
    assert told[-1] == ("Describing the columns", 1.0)


_MEASURE = """
    import json, re, sys, time
    from pathlib import Path
    from portal.tables import Column, Kind, TableRefused, TableSchema, convert_table

    schema = TableSchema(
        name="risks", title="Risks", key=("id",),
        columns=(
            Column("id", Kind.IDENTIFIER, "Person"),
            Column("risk", Kind.NUMBER, "Risk", minimum=0, maximum=1),
        ),
    )
    started = time.monotonic()
    try:
        found = {"rows": convert_table(Path(sys.argv[1]), schema, Path(sys.argv[2])).rows}
    except TableRefused as refusal:
        found = {"refused": str(refusal)}
    found["seconds"] = time.monotonic() - started
    # Not ru_maxrss, which begins with what the parent held when it forked.
    status = Path("/proc/self/status").read_text()
    found["megabytes"] = int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024
    print(json.dumps(found))
"""


def measure(source: Path, destination: Path) -> dict[str, Any]:
    """Convert in a process of its own: what it found, and the most memory that it held."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEASURE), str(source), str(destination)],
        cwd=CHECKOUT,
        env={**os.environ, "POLARS_MAX_THREADS": "2"},
        capture_output=True,
        check=True,
        timeout=120,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_csv_file_of_300_megabytes_is_converted_in_bounded_memory(tmp_path: Path) -> None:
    source = tmp_path / "risks.csv"
    random = np.random.default_rng(3)
    rows = 0
    with source.open("wb") as file:
        file.write(b"id,risk\n")
        while file.tell() < 300 << 20:
            ids = pl.format("person-0000000{}", pl.int_range(rows, rows + 100_000)).alias("id")
            risk = pl.Series("risk", random.random(100_000))
            pl.select(ids, risk).write_csv(file, include_header=False)
            rows += 100_000
    found = measure(source, tmp_path / "stored")
    assert found["rows"] == rows
    assert found["megabytes"] < 700
    assert (tmp_path / "stored").stat().st_size < 150 << 20


@pytest.mark.parametrize("start", [b"", b"id,risk\na,0.5\nb,", b'id,risk\na,0.5\n"b'])
def test_a_line_of_200_megabytes_is_refused_quickly_and_in_little_memory(
    tmp_path: Path, start: bytes
) -> None:
    source = tmp_path / "line.csv"
    with source.open("wb") as file:
        file.write(start)
        for _ in range(200):
            file.write(b"1" * 1_000_000)
    found = measure(source, tmp_path / "stored")
    assert "A line may be at most 1,048,576 bytes long; line" in found["refused"]
    assert found["seconds"] < 5
    assert found["megabytes"] < 300
    assert not (tmp_path / "stored").exists()
