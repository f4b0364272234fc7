"""What is taken as a model and what is refused, through the real limited process."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from portal.jobs.child import ChildFailed, ChildRefused, Limits, run_child

MIB = 1024**2
LIMITS = Limits(memory_bytes=300 * MIB, cpu_seconds=3, wall_seconds=15, file_bytes=MIB)
INPUTS = ["age", "egfr"]
STANDARD = [helper.make_opsetid("", 17)]


def inspect(path: Path, inputs: Sequence[str] = INPUTS, **more: Any) -> dict[str, Any]:
    return run_child(
        "portal.registry.artefact",
        {"path": str(path), "inputs": list(inputs), **more},
        limits=LIMITS,
        on_progress=lambda stage, fraction: None,
        keep_going=lambda: True,
        poll_seconds=0.1,
    )


def refusal(path: Path, inputs: Sequence[str] = INPUTS, **more: Any) -> str:
    with pytest.raises(ChildRefused) as caught:
        inspect(path, inputs, **more)
    return caught.value.message


def value(
    name: str, shape: Sequence[int | str | None] = ("N",), kind: int = TensorProto.FLOAT
) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def scalar(name: str, number: float) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [], [number])


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    *,
    inputs: Sequence[onnx.ValueInfoProto] | None = None,
    outputs: Sequence[onnx.ValueInfoProto] | None = None,
    constants: Sequence[onnx.TensorProto] = (),
    opsets: Sequence[onnx.OperatorSetIdProto] = STANDARD,
    functions: Sequence[onnx.FunctionProto] = (),
    change: Callable[[onnx.ModelProto], None] | None = None,
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "model",
        list(inputs if inputs is not None else [value("age"), value("egfr")]),
        list(outputs if outputs is not None else [value("risk")]),
        initializer=list(constants),
    )
    model = helper.make_model(
        graph, opset_imports=list(opsets), functions=list(functions), ir_version=8
    )
    if change is not None:
        change(model)
    path.write_bytes(model.SerializeToString())
    return path


def logistic() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Add", ["age", "egfr"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["risk"]),
    ]


def with_loop(path: Path, trips: int, body: onnx.GraphProto, first: onnx.TensorProto) -> Path:
    """A model that carries ``first`` through ``trips`` runs of ``body`` before it answers."""
    return write(
        path,
        [
            helper.make_node("Loop", ["trips", "go", "first"], ["last"], body=body),
            helper.make_node("ReduceMax", ["last"], ["largest"], keepdims=0),
            helper.make_node("Mul", ["largest", "zero"], ["nothing"]),
            helper.make_node("Add", ["age", "nothing"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["risk"]),
        ],
        constants=[
            helper.make_tensor("trips", TensorProto.INT64, [], [trips]),
            helper.make_tensor("go", TensorProto.BOOL, [], [True]),
            scalar("zero", 0.0),
            first,
        ],
        inputs=[value("age"), value("egfr")],
    )


def loop_body(nodes: Sequence[onnx.NodeProto]) -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["still"]), *nodes],
        "body",
        [
            value("turn", (), TensorProto.INT64),
            value("go_on", (), TensorProto.BOOL),
            value("carried", (None,)),
        ],
        [value("still", (), TensorProto.BOOL), value("next", (None,))],
    )


def test_a_model_with_one_input_a_variable_is_described(tmp_path: Path) -> None:
    found = inspect(write(tmp_path / "good.onnx", logistic()))
    assert [tensor["name"] for tensor in found["inputs"]] == INPUTS
    assert found["outputs"] == [{"name": "risk", "type": "tensor(float)", "shape": ["N"]}]
    assert found["layout"] == "columns"
    assert found["output"] == "risk"
    assert found["opset"] == {"ai.onnx": 17}
    assert found["ir_version"] == 8
    assert found["nodes"] == 2
    assert found["operators"] == ["Add", "Sigmoid"]


def test_a_model_with_one_matrix_of_inputs_is_described(tmp_path: Path) -> None:
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [2, 1], [0.1, -0.1])
    path = write(
        tmp_path / "matrix.onnx",
        [
            helper.make_node("MatMul", ["x", "weights"], ["score"]),
            helper.make_node("Sigmoid", ["score"], ["risk"]),
        ],
        inputs=[value("x", ("N", 2))],
        outputs=[value("risk", ("N", 1))],
        constants=[weights],
    )
    assert inspect(path)["layout"] == "matrix"
    assert "'age', 'egfr', 'uacr'" in refusal(path, [*INPUTS, "uacr"])


def test_a_function_inside_the_model_is_taken_when_its_operators_are_standard(
    tmp_path: Path,
) -> None:
    def function(domain: str) -> onnx.FunctionProto:
        return helper.make_function(
            "local",
            "Squash",
            ["x"],
            ["y"],
            [helper.make_node("Sigmoid", ["x"], ["y"], domain=domain)],
            [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)],
        )

    nodes = [
        helper.make_node("Add", ["age", "egfr"], ["sum"]),
        helper.make_node("Squash", ["sum"], ["risk"], domain="local"),
    ]
    opsets = [*STANDARD, helper.make_opsetid("local", 1)]
    good = write(tmp_path / "good.onnx", nodes, opsets=opsets, functions=[function("")])
    bad = write(tmp_path / "bad.onnx", nodes, opsets=opsets, functions=[function("com.example")])
    assert "Squash" in inspect(good)["operators"]
    assert "Operator 'Sigmoid' is of the domain 'com.example'" in refusal(bad)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", b"weights")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty"),
        (pickle.dumps({"coef_": [1.0, 2.0]}), "a Python pickle"),
        (zipped(), "a zip archive"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b'\n {"model": 1}', "a JSON file"),
        (b"x\x9c" + b"\x00" * 40, "a zlib-compressed file"),
        (b"\x10\x00\x00\x00ORTM" + b"\x00" * 40, "in the format of onnxruntime"),
        (b"patient_id,risk\n1,0.5\n", "damaged, incomplete or of another kind"),
        (b"\x08\x08", "no graph of operators"),
    ],
    ids=["empty", "pickle", "zip", "html", "json", "zlib", "ort", "csv", "no graph"],
)
def test_what_is_not_onnx_is_refused_by_what_it_is(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    message = refusal(path)
    assert said in message
    assert "Export the model to ONNX" in message


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(trace),))

    path = tmp_path / "model.onnx"
    path.write_bytes(pickle.dumps(Harmful()))
    assert "a Python pickle" in refusal(path)
    assert not trace.exists()


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", logistic())
    path.write_bytes(path.read_bytes()[:-20])
    assert "damaged, incomplete" in refusal(path)


def test_a_model_over_the_size_limit_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", logistic())
    assert "at most 0.0 MiB are taken" in refusal(path, maximum_bytes=100)


@pytest.mark.parametrize("kind", ["folder", "pipe", "nothing", "null byte"])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.onnx"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "null byte":
        path = tmp_path / "model\x00.onnx"
    assert "upload" in refusal(path)


def external(tensor: onnx.TensorProto, location: str) -> onnx.TensorProto:
    tensor.ClearField("float_data")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


@pytest.mark.parametrize(
    "location", ["weights.bin", "../../../etc/passwd", "/etc/passwd", "*/_ORT_MEM_ADDR_/*"]
)
def test_values_in_another_file_are_refused_wherever_that_is(tmp_path: Path, location: str) -> None:
    path = write(
        tmp_path / "model.onnx",
        [
            helper.make_node("Add", ["age", "weight"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["risk"]),
        ],
        constants=[external(scalar("weight", 1.0), location)],
    )
    assert "Tensor 'weight' has its values in another file" in refusal(path)


@pytest.mark.parametrize("place", ["subgraph", "attribute", "sparse"])
def test_values_in_another_file_are_found_in_hidden_places(tmp_path: Path, place: str) -> None:
    hidden = external(scalar("hidden", 1.0), "weights.bin")
    nodes = logistic()
    if place == "subgraph":
        branch = helper.make_graph(
            [helper.make_node("Identity", ["hidden"], ["out"])],
            "branch",
            [],
            [value("out", ())],
            initializer=[hidden],
        )
        nodes.append(
            helper.make_node("If", ["yes"], ["unused"], then_branch=branch, else_branch=branch)
        )
    elif place == "attribute":
        nodes.append(helper.make_node("Constant", [], ["unused"], value=hidden))

    def change(model: onnx.ModelProto) -> None:
        if place == "sparse":
            model.graph.sparse_initializer.add().values.CopyFrom(hidden)

    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    path = write(tmp_path / "model.onnx", nodes, constants=[yes], change=change)
    assert "Tensor 'hidden' has its values in another file" in refusal(path)


@pytest.mark.parametrize("inside", [False, True])
def test_a_custom_operator_is_refused_even_in_a_branch(tmp_path: Path, *, inside: bool) -> None:
    custom = helper.make_node("Gelu", ["age"], ["out"], domain="com.microsoft")
    nodes = logistic()
    if inside:
        branch = helper.make_graph([custom], "branch", [], [value("out")])
        nodes.append(
            helper.make_node("If", ["yes"], ["unused"], then_branch=branch, else_branch=branch)
        )
    else:
        nodes.append(custom)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    opsets = [*STANDARD, helper.make_opsetid("com.microsoft", 1)]
    message = refusal(write(tmp_path / "model.onnx", nodes, constants=[yes], opsets=opsets))
    assert "Operator 'Gelu' is of the domain 'com.microsoft'" in message


def test_a_model_that_draws_random_numbers_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("RandomUniformLike", ["age"], ["risk"])]
    assert "draws random numbers" in refusal(write(tmp_path / "model.onnx", nodes))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([value("age")], "the model takes 'age'"),
        ([value("age"), value("gfr")], "the model takes 'age', 'gfr'"),
        ([value("age"), value("egfr", ("N", 3))], "'egfr' should have the shape [N] or [N, 1]"),
        ([value("age"), value("egfr", (5,))], "'egfr' takes exactly 5 rows"),
        ([value("age"), value("egfr", ("N",), TensorProto.STRING)], "it holds string"),
        ([value("age"), value("egfr", ())], "'egfr' has no shape"),
    ],
)
def test_inputs_that_are_not_the_declared_ones_are_refused(
    tmp_path: Path, inputs: list[onnx.ValueInfoProto], said: str
) -> None:
    path = write(
        tmp_path / "model.onnx", [helper.make_node("Sigmoid", ["age"], ["risk"])], inputs=inputs
    )
    assert said in refusal(path)


def test_a_score_that_is_no_probability_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", [helper.make_node("Add", ["age", "egfr"], ["risk"])])
    message = refusal(path)
    assert "should be a probability in [0, 1]; with every input at 1 it is 2" in message


def test_an_output_of_many_columns_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "model.onnx",
        [helper.make_node("Identity", ["x"], ["risk"])],
        inputs=[value("x", ("N", 3))],
        outputs=[value("risk", ("N", 3))],
    )
    assert "'risk', tensor(float) of shape [N, 3]" in refusal(path, ["a", "b", "c"])


def test_an_output_of_maps_is_refused_with_advice(tmp_path: Path) -> None:
    maps = onnx.ValueInfoProto(name="maps")
    entry = maps.type.sequence_type.elem_type.map_type
    entry.key_type = TensorProto.INT64
    entry.value_type.tensor_type.elem_type = TensorProto.FLOAT
    node = helper.make_node("ZipMap", ["x"], ["maps"], domain="ai.onnx.ml")
    node.attribute.append(helper.make_attribute("classlabels_int64s", [0, 1]))
    path = write(
        tmp_path / "model.onnx",
        [node],
        inputs=[value("x", ("N", 2))],
        outputs=[maps],
        opsets=[*STANDARD, helper.make_opsetid("ai.onnx.ml", 3)],
    )
    assert "without ZipMap" in refusal(path)


def test_a_model_that_onnxruntime_cannot_open_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", [helper.make_node("NoSuchThing", ["age"], ["risk"])])
    message = refusal(path)
    assert "cannot open the model" in message
    assert "NoSuchThing" in message


def test_a_loop_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    body = loop_body([helper.make_node("Sin", ["carried"], ["next"])])
    first = helper.make_tensor("first", TensorProto.FLOAT, [1], [1.0])
    with pytest.raises(ChildFailed) as caught:
        inspect(with_loop(tmp_path / "model.onnx", 2**62, body, first))
    assert caught.value.reason == "cpu"


def test_a_loop_that_doubles_its_memory_is_stopped(tmp_path: Path) -> None:
    body = loop_body([helper.make_node("Concat", ["carried", "carried"], ["next"], axis=0)])
    first = helper.make_tensor("first", TensorProto.FLOAT, [1], [1.0])
    with pytest.raises(ChildFailed) as caught:
        inspect(with_loop(tmp_path / "model.onnx", 50, body, first))
    assert caught.value.reason == "memory"


def test_a_huge_tensor_is_stopped(tmp_path: Path) -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [2**32])
    path = write(
        tmp_path / "model.onnx",
        [
            helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["total"], keepdims=0),
            helper.make_node("Add", ["age", "total"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["risk"]),
        ],
        constants=[shape],
    )
    with pytest.raises(ChildFailed) as caught:
        inspect(path)
    assert caught.value.reason == "memory"
    assert "300 MiB of memory" in caught.value.message
