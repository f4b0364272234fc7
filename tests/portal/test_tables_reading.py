"""Reading a table: what is accepted, and what each refusal says."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import polars as pl
import pytest

from portal.tables import (
    Column,
    Kind,
    Limits,
    LoadedTable,
    Problem,
    TableRefused,
    TableSchema,
    check_references,
    read_table,
    subgroup_columns,
)

PEOPLE = TableSchema(
    name="people",
    title="People",
    columns=(
        Column("id", Kind.IDENTIFIER, "Person"),
        Column("visit", Kind.IDENTIFIER, "Visit", required=False),
        Column("outcome", Kind.INTEGER, "Outcome", allowed=(0, 1), every_allowed=True),
    ),
    key=("id", "visit"),
    extra_columns=True,
)
RISKS = TableSchema(
    name="risks",
    title="Risks",
    columns=(
        Column("id", Kind.IDENTIFIER, "Person"),
        Column("visit", Kind.IDENTIFIER, "Visit", required=False),
        Column("risk", Kind.NUMBER, "Risk", minimum=0, maximum=1),
    ),
    key=("id", "visit"),
    refers_to="people",
)
DAYS = TableSchema(
    name="days",
    title="Days",
    columns=(
        Column("id", Kind.IDENTIFIER, "Person"),
        Column("day", Kind.DATE, "Day", nullable=True),
        Column("years", Kind.NUMBER, "Years", minimum=0, exclusive_minimum=True, nullable=True),
        Column("implanted", Kind.BOOLEAN, "Implanted", required=False),
    ),
    key=(),
)


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, schema: TableSchema = RISKS) -> LoadedTable:
    return read_table(write(folder, content), schema)


def refusal(folder: Path, content: str | bytes, schema: TableSchema = RISKS) -> list[str]:
    """The sentences of a refusal, each of which also survives being stored as JSON."""
    with pytest.raises(TableRefused) as caught:
        read(folder, content, schema)
    for problem in caught.value.problems:
        assert Problem.from_dict(problem.to_dict()) == problem
    return [str(problem) for problem in caught.value.problems]


# What is accepted


@pytest.mark.parametrize(
    "content",
    [
        "id,risk\n12,0.5\nb,1\n",
        "id,risk\n12,0.5\nb,1",
        "id;risk\r\n12;0.5\r\nb;1\r\n",
        "\ufeffid,risk\n12,0.5\nb,1\n",
        'id,risk\n"12","0.5"\n"b",1\n',
        "id , risk\n 12, 0.5\nb , 1.0 \n",
        "id,risk\n\n12,5e-1\n\r\nb,+1\n\n",
        "risk,id\n0.5,12\n1,b\n",
    ],
    ids=["plain", "no-last-line-end", "semicolon", "bom", "quoted", "spaces", "blank", "order"],
)
def test_the_same_table_written_in_many_ways_reads_the_same(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content).frame.equals(
        pl.DataFrame({"id": ["12", "b"], "risk": [0.5, 1.0]})
    )


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    content = "id,risk\n1,0.5\n"
    assert read(tmp_path, content).sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_quoted_text_may_hold_separators_marks_and_line_breaks(tmp_path: Path) -> None:
    table = read(tmp_path, 'id,risk\n"a, ""b""\nc",0.5\nd,0.25\n')
    assert table.frame["id"].to_list() == ['a, "b"\nc', "d"]


def test_identifiers_are_text_whatever_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "people.data"
    pl.DataFrame({"id": [12, 7], "outcome": [0, 1]}).write_parquet(path)
    people = read_table(path, PEOPLE)
    risks = read(tmp_path, 'id,risk\n"12",0.5\n7,0.5\n')
    assert people.frame["id"].to_list() == risks.frame["id"].to_list() == ["12", "7"]
    check_references({"people": people, "risks": risks}, [PEOPLE, RISKS])


def test_the_format_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "risks.csv"
    pl.DataFrame({"id": ["a"], "risk": [0.5]}).write_parquet(path)
    assert read_table(path, RISKS).frame.rows() == [("a", 0.5)]


def test_extra_columns_keep_their_kind_and_few_values_make_a_subgroup(tmp_path: Path) -> None:
    lines = ["id,outcome,age,egfr,sex,code,diabetic,note,empty"]
    lines += [
        f"{row},{row % 2},{row % 7},{row / 4},{'FM'[row % 2]},0{row % 3},"
        f"{'TRUE' if row % 2 else 'false'},text {row},"
        for row in range(60)
    ]
    table = read(tmp_path, "\n".join(lines), PEOPLE)
    assert dict(table.frame.schema) == {
        "id": pl.String,
        "outcome": pl.Int64,
        "age": pl.Int64,
        "egfr": pl.Float64,
        "sex": pl.String,
        "code": pl.String,
        "diabetic": pl.Boolean,
        "note": pl.String,
        "empty": pl.String,
    }
    assert table.frame["code"][1] == "01"
    assert subgroup_columns(table, PEOPLE) == ("age", "sex", "code", "diabetic")


def test_missing_values_are_empty_or_na_where_they_may_be_missing(tmp_path: Path) -> None:
    table = read(tmp_path, "id,outcome,egfr,sex\n1,0,,F\n2,1,NA,NA\n3,1,7.5,\n", PEOPLE)
    assert table.frame["egfr"].to_list() == [None, None, 7.5]
    assert table.frame["sex"].to_list() == ["F", None, None]


def test_whole_numbers_may_be_written_with_a_point_and_flags_as_words(tmp_path: Path) -> None:
    table = read(tmp_path, "id,outcome\na,1.0\nb,0\nc,TRUE\nd,false\n", PEOPLE)
    assert table.frame["outcome"].to_list() == [1, 0, 1, 0]


def test_dates_and_booleans_are_read(tmp_path: Path) -> None:
    table = read(tmp_path, "id,day,years,implanted\na,2024-02-29,0.1,yes\nb,NA,,0\n", DAYS)
    assert table.frame.rows() == [
        ("a", datetime.date(2024, 2, 29), 0.1, True),
        ("b", None, None, False),
    ]


def test_repeated_people_are_told_apart_by_the_optional_key_column(tmp_path: Path) -> None:
    assert len(read(tmp_path, "id,visit,risk\na,1,0.1\na,2,0.2\n").frame) == 2


# What is refused, and what it says


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The file must hold a table; it is empty (0 bytes)."),
        ("\n\n", "The first line must hold the names of the columns; it is empty."),
        ("id,risk\n", "A table must have at least one row; this file has none."),
        ("id\trisk\n1\t0.5\n", "Columns must be separated by commas or semicolons"),
        (b"PK\x03\x04\x14\x00", "it looks like an Excel workbook or a zip archive."),
        (b"\x80\x05\x95\x10\x00", "it looks like a Python pickle. Save the table as CSV"),
        (b"id,risk\n1,0.5\n\x00\x01,2\n", "line 3 holds binary data."),
        ("id,risk\n1,0.5\n".encode("utf-16"), "it is encoded in UTF-16. Save it again"),
        ("id,risk\n1,0.5\né,0.5\n".encode("latin-1"), "byte 1 of line 3 is 0xE9. It may be Latin"),
        ("id,naïve\n".encode("latin-1"), "byte 6 of line 1 is 0xEF."),
        ("id,risk\r1,0.5\r", "this file has carriage returns alone."),
        ('id,risk\n1,0.5\n2,"0.5\n', "the one in line 3 does not. Double a quotation mark"),
        ('id,risk\n1,0.5\n"a"b,0.5\n', "row 2 has a misplaced quotation mark."),
        ('"id"x,risk\n1,0.5\n', "line 1 has a misplaced quotation mark."),
        ("id,risk,\n1,0.5,\n", "Every column must have a name; the header has none at 3."),
        ("id,risk,risk\n1,0.5,0.5\n", "Column names must differ; 'risk' stands 2 times."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    assert sentence in "\n".join(refusal(tmp_path, content))


def test_a_value_out_of_range_is_named_with_its_row(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,risk\na,1.2\nb,0\nc,-0.1\nd,7\n") == [
        "Column 'risk' must lie in [0, 1]; rows 1, 3 and 4 hold 1.2, -0.1 and 7. "
        "If it holds percentages, divide by 100."
    ]


def test_an_exclusive_minimum_excludes_it(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,day,years\na,,0\nb,,1\n", DAYS) == [
        "Column 'years' must be greater than 0; row 1 holds 0."
    ]


def test_text_in_a_number_column_is_quoted(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,risk\na,high\nb,0.5\nc,low\n") == [
        "Column 'risk' must hold numbers; rows 1 and 3 hold 'high' and 'low'. Correct these cells."
    ]


def test_a_decimal_comma_has_its_own_hint(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id;risk\na;0,5\nb;1\n") == [
        "Column 'risk' must hold numbers with a decimal point; row 1 holds '0,5'. "
        "Save the table with a decimal point instead of a decimal comma."
    ]
    assert (
        "If numbers are written with a decimal comma"
        in refusal(tmp_path, "id,risk\na,0,5\nb,0,7\n")[0]
    )


def test_ragged_rows_are_named_with_their_number_of_fields(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,risk\na,0.5\nb\nc,0.5\nd,0.5,x\n") == [
        "Every row must have as many fields as the header (2); rows 2 and 4 hold 1 and 3. "
        "Put text that holds the separator in quotation marks."
    ]


def test_a_missing_value_where_there_must_be_one_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,risk\na,\nb,0.5\n,0.5\nc,NA\n") == [
        "Column 'id' must have a value in every row; in row 3 it does not. "
        "Fill these cells in, or leave the rows out.",
        "Column 'risk' must have a value in every row; in rows 1 and 4 it does not. "
        "Fill these cells in, or leave the rows out.",
    ]


def test_numbers_must_be_finite(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,risk\na,NaN\nb,inf\nc,0.5\n") == [
        "Column 'risk' must hold finite numbers; rows 1 and 2 hold nan and inf. "
        "Leave the cell empty where there is no number, or leave the row out."
    ]


def test_an_infinite_number_in_an_extra_column_is_refused(tmp_path: Path) -> None:
    [sentence] = refusal(tmp_path, "id,outcome,egfr\na,0,60.5\nb,1,inf\n", PEOPLE)
    assert sentence.startswith("Column 'egfr' must hold finite numbers; row 2 holds inf.")


def test_a_value_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,outcome\na,0\nb,2\nc,1\nd,0.5\n", PEOPLE) == [
        "Column 'outcome' must hold whole numbers; row 4 holds '0.5'. Correct these cells.",
        "Column 'outcome' must hold one of 0 and 1; row 2 holds 2.",
    ]


def test_an_outcome_of_one_class_only_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,outcome\na,0\nb,0\n", PEOPLE) == [
        "Column 'outcome' must hold each of 0 and 1; no row holds 1. Include people with and "
        "without the outcome: one group alone cannot be told apart."
    ]


def test_a_missing_column_names_the_one_that_may_be_meant(tmp_path: Path) -> None:
    assert refusal(tmp_path, "ID,outcome\na,0\nb,1\n", PEOPLE) == [
        "Column 'id' is missing; the file has 'ID' and 'outcome'. "
        "Is it the column 'ID'? Rename it to 'id'."
    ]


def test_an_unexpected_column_is_refused_where_there_is_no_place_for_it(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,risk,name\na,0.5,Ada\n") == [
        "Column 'name' is not part of this table, which has 'id', 'visit' and 'risk'. Remove it."
    ]


def test_duplicate_identifiers_are_named_where_they_come_again(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,risk\n1,0.1\n2,0.2\n1,0.3\n 2 ,0.4\n1,0.4\n") == [
        "Column 'id' must hold each value only once; rows 3, 4 and 5 hold '1', '2' and '1'. "
        "Keep one row of each, or tell them apart by a column 'visit'."
    ]
    assert refusal(tmp_path, "id,visit,risk\n1,1,0.1\n1,2,0.2\n1,1,0.3\n") == [
        "Columns 'id' and 'visit' must hold each combination only once; row 3 holds '1' / '1'. "
        "Keep one row of each."
    ]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    sentences = refusal(tmp_path, "id,risk,name\n1,1.2,x\n1,x,y\n,0.5,z\n2,0.5\n")
    assert len(sentences) == 6
    told = "\n".join(sentences)
    for part in ("'name' is not part", "as many fields", "rows", "a value in every row"):
        assert part in told
    assert "Column 'risk' must lie in [0, 1]; row 1 holds 1.2." in told
    assert "row 2 holds 'x'" in told


def test_only_the_first_ten_rows_are_named(tmp_path: Path) -> None:
    rows = "".join(f"p{row},{row}\n" for row in range(2, 1502))
    [sentence] = refusal(tmp_path, "id,risk\n" + rows)
    assert "1,500 rows break this; the first are rows 1, 2, 3, 4, 5, 6, 7, 8, 9 and 10" in sentence


def test_rows_are_counted_across_pieces_and_blank_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.tables.csv_file.PIECE", 16)
    body = "".join(f"p{row},0.5\n" for row in range(1, 100)) + "\n" + "p1,1.5\n" + '"q\nq",0.5\n'
    told = "\n".join(refusal(tmp_path, "id,risk\n" + body))
    assert "row 101 holds 1.5" in told
    assert "row 101 holds 'p1'" in told
    assert len(read(tmp_path, "id,risk\n" + body.replace("p1,1.5", "q,1")).frame) == 101


def test_too_many_columns_or_rows_are_refused(tmp_path: Path) -> None:
    wide = "id,outcome," + ",".join(f"x{number}" for number in range(2_000)) + "\n"
    assert refusal(tmp_path, wide, PEOPLE) == [
        "A table may have at most 2,000 columns; this file has 2,002. "
        "Keep the columns that are needed."
    ]
    with pytest.raises(TableRefused, match="at most 2 rows"):
        read_table(write(tmp_path, "id,risk\na,0\nb,0\nc,0\n"), RISKS, limits=Limits(rows=2))


def test_a_long_text_in_a_cell_is_refused(tmp_path: Path) -> None:
    [sentence] = refusal(tmp_path, f"id,risk\na,0.5\n{'x' * 2_000},0.5\n")
    assert sentence == (
        "Column 'id' must hold at most 1,024 bytes of text in a cell; in row 2 it does not. "
        "Leave free text out of the table."
    )


def test_unknown_identifiers_are_refused(tmp_path: Path) -> None:
    people = read(tmp_path, "id,outcome\n1,0\n2,1\n", PEOPLE)
    risks = read(tmp_path, "id,risk\n2,0.1\n3,0.1\n02,0.5\n")
    with pytest.raises(TableRefused) as caught:
        check_references({"people": people, "risks": risks}, [PEOPLE, RISKS])
    assert str(caught.value) == (
        "Every id must exist in table 'people'; rows 2 and 3 hold '3' and '02'. Check that both "
        "files use the same identifiers (leading zeros, prefixes) and belong together."
    )


def test_tables_must_tell_rows_apart_by_the_same_columns(tmp_path: Path) -> None:
    people = read(tmp_path, "id,visit,outcome\n1,1,0\n1,2,1\n", PEOPLE)
    risks = read(tmp_path, "id,risk\n1,0.1\n")
    with pytest.raises(TableRefused, match="only 'people' has 'visit'"):
        check_references({"people": people, "risks": risks}, [PEOPLE, RISKS])


def test_a_problem_reads_in_another_language() -> None:
    problem = Problem(
        "out-of-range",
        "Column '{column}' must be at least {minimum}",
        {"minimum": 0},
        column="age",
        rows=(2,),
        found=("-1",),
        count=1,
    )
    german = {
        problem.template: "Spalte '{column}' muss mindestens {minimum} sein",
        "row {rows} holds {found}": "Zeile {rows} enthält {found}",
    }
    assert problem.text(lambda message: german.get(message, message)) == (
        "Spalte 'age' muss mindestens 0 sein; Zeile 2 enthält -1."
    )
