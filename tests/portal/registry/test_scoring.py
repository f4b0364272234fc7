"""Scoring a table with an artefact, through the real limited process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper

from portal.jobs.child import ChildFailed, ChildRefused, Limits, run_child

MIB = 1024**2
LIMITS = Limits(memory_bytes=512 * MIB, cpu_seconds=30, wall_seconds=30, file_bytes=64 * MIB)
INPUTS = ["age", "male"]


def model(path: Path, kind: int = TensorProto.DOUBLE, *, classifier: bool = False) -> Path:
    """risk = age / 100 + 0.05 for men; as a classifier, the second of two columns."""
    inputs = [
        helper.make_tensor_value_info("male", TensorProto.DOUBLE, ["N", 1]),
        helper.make_tensor_value_info("age", kind, ["N"]),
    ]
    nodes = [
        helper.make_node("Cast", ["age"], ["years"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["years", "hundredth"], ["from_age"]),
        helper.make_node("Squeeze", ["male", "last"], ["flat"]),
        helper.make_node("Mul", ["flat", "twentieth"], ["from_sex"]),
        helper.make_node("Add", ["from_age", "from_sex"], ["risk"]),
    ]
    outputs = [helper.make_tensor_value_info("risk", TensorProto.DOUBLE, ["N"])]
    if classifier:
        nodes += [
            helper.make_node("Unsqueeze", ["risk", "last"], ["yes"]),
            helper.make_node("Sub", ["one", "yes"], ["no"]),
            helper.make_node("Concat", ["no", "yes"], ["both"], axis=1),
            helper.make_node("ArgMax", ["both"], ["label"], axis=1, keepdims=0),
        ]
        outputs = [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("both", TensorProto.DOUBLE, ["N", 2]),
        ]
    constants = [
        helper.make_tensor("hundredth", TensorProto.DOUBLE, [], [0.01]),
        helper.make_tensor("twentieth", TensorProto.DOUBLE, [], [0.05]),
        helper.make_tensor("one", TensorProto.DOUBLE, [], [1.0]),
        helper.make_tensor("last", TensorProto.INT64, [1], [1]),
    ]
    graph = helper.make_graph(nodes, "model", inputs, outputs, initializer=constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString())
    return path


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    return model(tmp_path / "model.onnx")


def patients(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(7)
    return pl.DataFrame(
        {
            "patient_id": [f"P{number:06d}" for number in range(rows)],
            "age": random.uniform(20, 90, rows),
            "male": random.integers(0, 2, rows),
        }
    )


def score(
    artefact: Path,
    table: pl.DataFrame,
    name: str = "predictions.parquet",
    *,
    inputs: Sequence[str] = INPUTS,
    key: Sequence[str] = ("patient_id", "visit"),
) -> tuple[dict[str, Any], Path]:
    source, destination = artefact.with_name("table.parquet"), artefact.with_name(name)
    table.write_parquet(source, row_group_size=7_000)
    reply = run_child(
        "portal.registry.scoring",
        {
            "artefact": str(artefact),
            "table": str(source),
            "inputs": list(inputs),
            "key": list(key),
            "destination": str(destination),
            "output": "risk",
        },
        limits=LIMITS,
        on_progress=lambda stage, fraction: None,
        keep_going=lambda: True,
        poll_seconds=0.1,
    )
    return reply, destination


def refusal(artefact: Path, table: pl.DataFrame, **more: Any) -> str:
    with pytest.raises(ChildRefused) as caught:
        score(artefact, table, **more)
    assert not artefact.with_name("predictions.parquet").exists()
    return caught.value.message


@pytest.mark.parametrize("rows", [1, 10_000, 25_001, 450_000])
def test_every_patient_gets_their_own_risk_whatever_the_batches(artefact: Path, rows: int) -> None:
    table = patients(rows)
    reply, destination = score(artefact, table)
    found = pl.read_parquet(destination)
    assert found.columns == ["patient_id", "risk"]
    assert found["patient_id"].equals(table["patient_id"])
    expected = table["age"].to_numpy() / 100 + 0.05 * table["male"].to_numpy()
    np.testing.assert_allclose(found["risk"].to_numpy(), expected, rtol=0, atol=1e-15)
    assert reply == {
        "rows": rows,
        "without_prediction": 0,
        "sha256": hashlib.sha256(destination.read_bytes()).hexdigest(),
        "bytes": destination.stat().st_size,
    }
    assert sorted(path.name for path in artefact.parent.iterdir()) == [
        "model.onnx",
        "predictions.parquet",
        "table.parquet",
    ]


def test_the_same_artefact_and_table_give_the_same_bytes(artefact: Path) -> None:
    table = patients(230_000)
    _, first = score(artefact, table, "first.parquet")
    _, second = score(artefact, table, "second.parquet")
    assert first.read_bytes() == second.read_bytes()


def test_a_classifier_gives_its_second_column(tmp_path: Path) -> None:
    table = patients(50)
    plain = model(tmp_path / "plain.onnx")
    both = model(tmp_path / "both.onnx", classifier=True)
    _, first = score(plain, table, "first.parquet")
    _, second = score(both, table, "second.parquet")
    np.testing.assert_allclose(
        pl.read_parquet(first)["risk"].to_numpy(),
        pl.read_parquet(second)["risk"].to_numpy(),
        rtol=0,
        atol=1e-15,
    )


def test_a_matrix_model_takes_the_columns_in_the_declared_order(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Slice", ["x", "from", "to", "axis"], ["risk"]),
        ],
        "model",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["N", 2])],
        [helper.make_tensor_value_info("risk", TensorProto.DOUBLE, ["N", 1])],
        initializer=[
            helper.make_tensor("from", TensorProto.INT64, [1], [1]),
            helper.make_tensor("to", TensorProto.INT64, [1], [2]),
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        ],
    )
    path = tmp_path / "model.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    table = patients(20)
    _, destination = score(path, table)
    assert pl.read_parquet(destination)["risk"].to_list() == table["male"].to_list()


def test_key_columns_that_are_there_are_kept_in_order(artefact: Path) -> None:
    table = patients(3).with_columns(pl.Series("visit", [1, 2, 3]))
    _, destination = score(artefact, table, key=["patient_id", "visit", "eye"])
    assert pl.read_parquet(destination).columns == ["patient_id", "visit", "risk"]


def test_a_patient_with_a_missing_input_gets_no_prediction_and_is_counted(artefact: Path) -> None:
    table = patients(12_000).with_columns(
        age=pl.when(pl.int_range(pl.len()) == 5).then(None).otherwise("age"),
        male=pl.when(pl.int_range(pl.len()) == 11_000)
        .then(float("nan"))
        .otherwise(pl.col("male").cast(pl.Float64)),
    )
    reply, destination = score(artefact, table)
    assert (reply["rows"], reply["without_prediction"]) == (11_998, 2)
    absent = set(table["patient_id"]) - set(pl.read_parquet(destination)["patient_id"])
    assert absent == {"P000005", "P011000"}


def test_true_and_false_count_as_one_and_nought(artefact: Path) -> None:
    table = patients(100)
    _, numbers = score(artefact, table, "numbers.parquet")
    _, truths = score(artefact, table.with_columns(pl.col("male") == 1), "truths.parquet")
    assert numbers.read_bytes() == truths.read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pl.col("patient_id"), "the table has no 'age', 'male'"),
        (pl.all().exclude("patient_id"), "none of the columns that name a patient"),
        (pl.all().cast(pl.String), "'age' (string), 'male' (string)"),
        (pl.all().exclude("age"), "the table has no 'age'"),
    ],
    ids=["no inputs", "no key", "text", "one missing"],
)
def test_a_table_that_does_not_fit_the_model_is_refused(
    artefact: Path, change: pl.Expr, said: str
) -> None:
    assert said in refusal(artefact, patients(5).select(change))


def test_an_empty_table_is_refused(artefact: Path) -> None:
    assert "no rows" in refusal(artefact, patients(5).head(0))


def test_a_table_without_one_complete_patient_is_refused(artefact: Path) -> None:
    table = patients(5).with_columns(age=pl.lit(None, dtype=pl.Float64))
    assert "All 5 rows of the table miss at least one" in refusal(artefact, table)


SECRET = 417.25
"""What one patient alone has: no refusal may hold it, since a stranger reads why it failed."""


def one_secret(rows: int = 50, at: int = 6) -> pl.DataFrame:
    here = pl.int_range(pl.len()) == at
    return patients(rows).with_columns(age=pl.when(here).then(SECRET).otherwise("age"))


def test_a_risk_outside_its_range_is_refused_without_saying_whose_or_which(
    artefact: Path,
) -> None:
    said = refusal(artefact, one_secret(12_000, at=10_500))
    assert "must give a risk in [0, 1]" in said
    assert not any(sign in said for sign in ("4.1", "4.2", "10501", "10500", "12000"))


def test_an_infinite_input_is_refused_with_its_name_alone(artefact: Path) -> None:
    table = patients(20).with_columns(
        age=pl.when(pl.int_range(pl.len()) == 6).then(float("inf")).otherwise("age")
    )
    said = refusal(artefact, table)
    assert "Input 'age' must be finite" in said
    assert "7" not in said


def test_fractions_for_an_integer_input_are_refused_and_whole_numbers_taken(
    tmp_path: Path,
) -> None:
    path = model(tmp_path / "model.onnx", TensorProto.INT64)
    table = patients(20)
    said = refusal(path, table)
    assert "takes input 'age' as whole numbers" in said
    assert not any(sign.isdigit() for sign in said)
    reply, _ = score(path, table.with_columns(pl.col("age").round(0)))
    assert reply["rows"] == 20


def telling(path: Path, nodes: list[onnx.NodeProto], shape: list[str | int]) -> Path:
    """A model of a thief: its error, or the shape of its output, is what a patient has."""
    graph = helper.make_graph(
        nodes,
        "thief",
        [
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N"])
            for name in ("age", "male")
        ],
        [helper.make_tensor_value_info("risk", TensorProto.DOUBLE, shape)],
        initializer=[
            helper.make_tensor("table", TensorProto.DOUBLE, [101], [0.5] * 101),
            helper.make_tensor("most", TensorProto.INT64, [1], [-1]),
            helper.make_tensor("zero", TensorProto.DOUBLE, [], [0.0]),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    return path


def test_a_model_cannot_tell_what_a_patient_has_in_its_error(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["age"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["found"]),
        helper.make_node("Mul", ["male", "zero"], ["nothing"]),
        helper.make_node("Add", ["found", "nothing"], ["risk"]),
    ]
    said = refusal(telling(tmp_path / "thief.onnx", nodes, ["N"]), one_secret())
    assert "The model failed on some of the patients" in said
    assert "417" not in said


def test_a_model_cannot_tell_what_a_patient_has_in_the_shape_of_its_output(
    tmp_path: Path,
) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["age"], ["oldest"], keepdims=1),
        helper.make_node("Cast", ["oldest"], ["length"], to=TensorProto.INT64),
        helper.make_node("ConstantOfShape", ["length"], ["noughts"]),
        helper.make_node("Cast", ["noughts"], ["long"], to=TensorProto.DOUBLE),
        helper.make_node("ReduceMax", ["male"], ["any"], keepdims=1),
        helper.make_node("Mul", ["any", "zero"], ["nothing"]),
        helper.make_node("Add", ["long", "nothing"], ["risk"]),
    ]
    said = refusal(telling(tmp_path / "thief.onnx", nodes, ["M"]), one_secret())
    assert "did not give one risk a patient" in said
    assert "417" not in said


def test_a_pickle_in_place_of_the_artefact_is_refused(artefact: Path) -> None:
    artefact.write_bytes(b"\x80\x05K\x01.")
    assert "a Python pickle" in refusal(artefact, patients(5))


def test_a_table_that_is_not_there_is_an_internal_error(artefact: Path) -> None:
    with pytest.raises(ChildFailed) as caught:
        run_child(
            "portal.registry.scoring",
            {
                "artefact": str(artefact),
                "table": str(artefact.with_name("absent.parquet")),
                "inputs": INPUTS,
                "key": ["patient_id"],
                "destination": str(artefact.with_name("predictions.parquet")),
            },
            limits=LIMITS,
            on_progress=lambda stage, fraction: None,
            keep_going=lambda: True,
        )
    assert caught.value.reason == "crashed"
