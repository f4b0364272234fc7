"""The profile of a table: useful, and telling on nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.tables import Column, Kind, TableSchema, convert_table
from portal.tables.profile import hide_small

PEOPLE = TableSchema(
    name="people",
    title="People",
    columns=(
        Column("id", Kind.IDENTIFIER, "Person"),
        Column("outcome", Kind.INTEGER, "Outcome", allowed=(0, 1)),
    ),
    key=(),
    extra_columns=True,
)


def profile(folder: Path, table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    table.write_parquet(folder / "upload")
    found = convert_table(folder / "upload", PEOPLE, folder / "stored").profile
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return {column["name"]: column for column in found["columns"]}


def people(rows: int, **columns: object) -> pl.DataFrame:
    half = np.arange(rows) % 2
    return pl.DataFrame({"id": np.arange(rows), "outcome": half, **columns})


def test_numbers_have_quantiles_and_a_histogram_with_open_ends(tmp_path: Path) -> None:
    values = np.linspace(0, 100, 2_001)
    column = profile(tmp_path, people(2_001, egfr=values))["egfr"]
    assert column["quantiles"] == [
        {"at": 0.05, "value": 5.0},
        {"at": 0.25, "value": 25.0},
        {"at": 0.5, "value": 50.0},
        {"at": 0.75, "value": 75.0},
        {"at": 0.95, "value": 95.0},
    ]
    assert column["edges"] == [5.0 * step for step in range(1, 20)]
    inner = [np.sum((values >= low) & (values < low + 5)) for low in range(5, 95, 5)]
    assert column["counts"] == [np.sum(values < 5), *inner, np.sum(values >= 95)]
    assert column["missing"] == 0
    assert not column["sampled"]


def test_the_extremes_of_a_column_are_not_told(tmp_path: Path) -> None:
    values = np.append(np.linspace(20, 90, 999), 117.25)
    text = json.dumps(profile(tmp_path, people(1_000, age=values))["age"])
    assert "117" not in text


def test_a_quantile_needs_ten_values_on_either_side(tmp_path: Path) -> None:
    columns = profile(
        tmp_path,
        people(
            39,
            few=np.linspace(0, 1, 39),
        ),
    )
    assert [quantile["at"] for quantile in columns["few"]["quantiles"]] == [0.5]
    assert columns["few"]["counts"] == []
    assert profile(tmp_path, people(19, few=np.linspace(0, 1, 19)))["few"]["quantiles"] == []


def test_a_small_count_is_hidden_and_does_not_follow_from_the_others(tmp_path: Path) -> None:
    outcome = np.zeros(1_000, dtype=int)
    outcome[:5] = 1
    column = profile(tmp_path, pl.DataFrame({"id": np.arange(1_000), "outcome": outcome}))[
        "outcome"
    ]
    assert column["values"] == [{"value": 0, "count": None}, {"value": 1, "count": None}]


def test_categories_are_counted_and_rare_ones_are_not_named(tmp_path: Path) -> None:
    site = ["north"] * 60 + ["south"] * 30 + ["Dr Ada's own clinic"] * 4 + [None] * 6
    column = profile(tmp_path, people(100, site=site))["site"]
    assert column["values"] == [{"value": "north", "count": 60}, {"value": "south", "count": 30}]
    assert column["missing"] is None
    assert column["rare"]


def test_few_integers_are_counted_and_many_have_quantiles(tmp_path: Path) -> None:
    columns = profile(
        tmp_path, people(1_000, diabetes=np.arange(1_000) % 2, age=np.arange(1_000) % 70 + 20)
    )
    assert columns["diabetes"]["values"] == [
        {"value": 0, "count": 500},
        {"value": 1, "count": 500},
    ]
    assert columns["age"]["quantiles"][2] == {"at": 0.5, "value": 54.0}


def test_of_identifiers_and_free_text_only_the_number_of_different_ones_is_told(
    tmp_path: Path,
) -> None:
    table = people(400, note=[f"seen by {row}" for row in range(400)]).with_columns(
        id=pl.col("id") // 2
    )
    columns = profile(tmp_path, table)
    assert columns["id"] == {
        "name": "id",
        "kind": "identifier",
        "rows": 400,
        "missing": 0,
        "distinct": 200,
    }
    assert columns["note"]["kind"] == "text"
    assert "values" not in columns["note"]


def test_a_few_repeated_people_do_not_follow_from_the_number_of_different_ones(
    tmp_path: Path,
) -> None:
    ids = [*range(97), 0, 1, 2]
    column = profile(tmp_path, people(100).with_columns(id=pl.Series(ids)))["id"]
    assert column["distinct"] is None


def test_a_table_of_nine_people_tells_no_count(tmp_path: Path) -> None:
    for column in profile(tmp_path, people(9, egfr=np.linspace(30, 90, 9))).values():
        assert column["rows"] is None
        assert column["missing"] == 0
        assert column.get("distinct") is None
        assert all(value["count"] is None for value in column.get("values", []))


def test_quantiles_of_a_long_table_come_from_evenly_spread_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.tables.profile.SAMPLE", 500)
    column = profile(tmp_path, people(10_000, egfr=np.linspace(0, 100, 10_000)))["egfr"]
    assert column["sampled"]
    assert column["quantiles"][2]["value"] == pytest.approx(50, abs=0.5)
    assert sum(column["counts"]) == 10_000


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_hidden_counts_cannot_be_worked_out_from_the_total(counts: list[int]) -> None:
    told = hide_small(counts, 10)
    hidden = [count for count, shown in zip(counts, told, strict=True) if shown is None]
    for count, shown in zip(counts, told, strict=True):
        assert shown is None or shown == count
        assert not (0 < count < 10) or shown is None
    if hidden and sum(counts) >= 10 and sum(count > 0 for count in counts) > 1:
        assert len(hidden) > 1
        assert sum(hidden) >= 10
    if not any(0 < count < 10 for count in counts):
        assert told == counts
