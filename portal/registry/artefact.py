"""Is this file a model that the portal can run? Read, checked and tried in a limited process.

ONNX only: a pickle, or any format that is one inside, runs code when it is opened. The graph is
read as data first; onnxruntime opens it only when nothing in it can reach outside the file. The
module runs in the child of :mod:`portal.jobs.child`, never in the site's own processes.

Two layouts of inputs are taken, N being the number of patients:

- one tensor a declared input, of the same name, each of shape [N] or [N, 1], in any order;
- a single tensor of shape [N, k], whatever its name, whose columns are the k declared inputs in
  the declared order.

The output is the risk: the one tensor of floats of shape [N], [N, 1] or [N, 2] (a classifier's
two classes; the second is the risk). Integer outputs, such as a label, are ignored.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray

from portal.jobs.child import Refused, is_want_of_memory

MAXIMUM_BYTES = 512 * 1024**2
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""The operators of the ONNX standard; anything else needs a library that is not here."""
RANDOM_OPERATORS = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
_NUMPY_TYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
}
_TRIAL_ROWS = 3  # told apart from the 1 and 2 columns of an output
_ROUNDING = 1e-6  # a 32-bit softmax may give 1.0000001
_STARTS = (
    (b"\x80", "a Python pickle (joblib and scikit-learn save these)"),
    (b"PK\x03\x04", "a zip archive (PyTorch and Keras save these)"),
    (b"\x89HDF", "an HDF5 file (Keras saves these)"),
    (b"\x1f\x8b", "a gzip-compressed file"),
    (b"BZh", "a bzip2-compressed file"),
    (b"\xfd7zXZ", "an xz-compressed file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard-compressed file"),
    (b"x\x9c", "a zlib-compressed file (joblib saves these)"),
    (b"x\xda", "a zlib-compressed file (joblib saves these)"),
    (b"<", "a web page or XML file"),
    (b"{", "a JSON file"),
    (b"%PDF", "a PDF file"),
)
_ADVICE = "Export the model to ONNX and upload that file."


@dataclass(frozen=True)
class Layout:
    """How a checked model takes its inputs."""

    declared: tuple[str, ...]
    matrix: bool
    """One [N, k] tensor rather than a tensor for each declared input."""


@dataclass(frozen=True)
class Artefact:
    """A model that passed the checks, opened and ready to give risks."""

    session: onnxruntime.InferenceSession
    layout: Layout
    output: str
    description: dict[str, Any]

    def risks(self, columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Risks of patients, shape [N], as the model gave them: see :func:`outside`.

        Parameters
        ----------
        columns : sequence of arrays of shape [N]
            The declared inputs, in the declared order.

        Raises
        ------
        Refused
            If the model fails on them, or gives something else than one number a patient.
        """
        try:
            (given,) = self.session.run([self.output], self._feeds(columns))
        except Exception as error:
            if is_want_of_memory(error):
                raise
            raise Refused(f"The model failed when it was run: {_first_line(error)}") from error
        rows = len(columns[0])
        if given.shape in {(rows,), (rows, 1)}:
            found = given.reshape(rows)
        elif given.shape == (rows, 2):
            found = given[:, 1]
        else:
            raise Refused(
                f"Output '{self.output}' should hold one risk a patient, of shape [N], [N, 1] or "
                f"[N, 2]; for {rows} patients it has the shape {list(given.shape)}. Export the "
                "probabilities alone."
            )
        risks = found.astype(np.float64)
        near = (risks >= -_ROUNDING) & (risks <= 1 + _ROUNDING)
        return np.where(near, np.clip(risks, 0.0, 1.0), risks)

    def _feeds(self, columns: Sequence[NDArray[np.float64]]) -> dict[str, NDArray[Any]]:
        tensors = {tensor.name: tensor for tensor in self.session.get_inputs()}
        if self.layout.matrix:
            (tensor,) = tensors.values()
            return {tensor.name: np.column_stack(columns).astype(_NUMPY_TYPES[tensor.type])}
        feeds = {}
        for name, column in zip(self.layout.declared, columns, strict=True):
            tensor = tensors[name]
            values = column.astype(_NUMPY_TYPES[tensor.type])
            feeds[name] = values.reshape(-1, 1) if len(tensor.shape) == 2 else values
        return feeds

    def whole_numbers(self) -> frozenset[str]:
        """The declared inputs that the model takes as integers."""
        integers = {t.name for t in self.session.get_inputs() if t.type == "tensor(int64)"}
        if self.layout.matrix:
            return frozenset(self.layout.declared if integers else ())
        return frozenset(integers)


def outside(risks: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which risks are not numbers in [0, 1]."""
    return ~((risks >= 0) & (risks <= 1))


def main(request: dict[str, Any], progress: Callable[[str, float], None]) -> dict[str, Any]:
    """Entry of the child: ``{path, inputs, maximum_bytes?}`` to :func:`inspect_artefact`."""
    progress("checking the artefact", 0.0)
    found = inspect_artefact(
        Path(request["path"]),
        request["inputs"],
        maximum_bytes=request.get("maximum_bytes", MAXIMUM_BYTES),
    )
    progress("checking the artefact", 1.0)
    return found


def inspect_artefact(
    path: Path, declared_inputs: Sequence[str], *, maximum_bytes: int = MAXIMUM_BYTES
) -> dict[str, Any]:
    """Check a file, try it on three made-up patients, and describe what it holds.

    Returns
    -------
    dict
        ``inputs`` and ``outputs`` (name, type and shape of each), ``layout`` ("columns" or
        "matrix"), ``output`` (the name of the one that holds the risk), ``opset`` (version by
        domain), ``ir_version``, ``producer``, ``nodes`` (their number), ``operators`` (names).

    Raises
    ------
    Refused
        With one sentence on what was expected and found, and what to do.
    """
    artefact = open_artefact(path, declared_inputs, maximum_bytes=maximum_bytes)
    ones = [np.ones(_TRIAL_ROWS) for _ in artefact.layout.declared]
    risks = artefact.risks(ones)
    wrong = outside(risks)
    if wrong.any():
        raise Refused(
            f"Output '{artefact.output}' should be a probability in [0, 1]; with every input "
            f"at 1 it is {risks[wrong][0]:.6g}. Export the probability, not a score or a logit."
        )
    return artefact.description


def open_artefact(
    path: Path, declared_inputs: Sequence[str], *, maximum_bytes: int = MAXIMUM_BYTES
) -> Artefact:
    """Check a file as data, then open it with onnxruntime (CPU, one thread)."""
    data = _read(path, maximum_bytes)
    model = _parse(data)
    operators = _check_contents(model)
    layout = _check_inputs(model.graph, tuple(declared_inputs))
    session = _open(data)
    output = _risk_output(session)
    description = {
        "inputs": [_describe(tensor) for tensor in session.get_inputs()],
        "outputs": [_describe(tensor) for tensor in session.get_outputs()],
        "layout": "matrix" if layout.matrix else "columns",
        "output": output,
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "ir_version": model.ir_version,
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "nodes": sum(operators.values()),
        "operators": sorted(operators),
    }
    return Artefact(session, layout, output, description)


def _read(path: Path, maximum_bytes: int) -> bytes:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise Refused("The artefact cannot be read; upload it again.") from error
    if not stat.S_ISREG(found.st_mode):
        raise Refused("The artefact is not a file; upload one ONNX file.")
    if found.st_size == 0:
        raise Refused(f"The file is empty; an ONNX model was expected. {_ADVICE}")
    if found.st_size > maximum_bytes:
        raise Refused(
            f"The artefact has {found.st_size / 1024**2:.1f} MiB; at most "
            f"{maximum_bytes / 1024**2:.1f} MiB are taken. Export a smaller model."
        )
    return path.read_bytes()


def _parse(data: bytes) -> onnx.ModelProto:
    beginning = data[:64].lstrip()
    for start, what in _STARTS:
        if beginning.startswith(start):
            raise Refused(f"An ONNX model was expected, but the file is {what}. {_ADVICE}")
    if data[4:8] in (b"ORTM", b"TFL3"):
        raise Refused(
            "An ONNX model was expected, but the file is in the format of "
            f"{'onnxruntime' if data[4:8] == b'ORTM' else 'TensorFlow Lite'}. {_ADVICE}"
        )
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise Refused(
            "An ONNX model was expected, but the file cannot be read as one: it is damaged, "
            f"incomplete or of another kind. {_ADVICE}"
        ) from error
    if not model.ir_version or not model.graph.node or not model.opset_import:
        raise Refused(
            "An ONNX model was expected, but the file holds no graph of operators. " + _ADVICE
        )
    return model


def _messages(message: Message) -> Iterator[Message]:
    """``message`` and every message inside it, however deep."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in [value] if isinstance(value, Message) else value:
            yield from _messages(inner)


def _check_contents(model: onnx.ModelProto) -> dict[str, int]:
    """Refuse what reaches outside the file or is not reproducible; count the operators.

    Every message is looked at, wherever it stands: subgraphs, functions, attributes, sparse
    tensors, training information.
    """
    functions = {(function.domain, function.name) for function in model.functions}
    operators: dict[str, int] = {}
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto):
            external = message.data_location == onnx.TensorProto.EXTERNAL
            if external or message.external_data:
                raise Refused(
                    f"Tensor '{message.name}' has its values in another file, which the portal "
                    "does not open. Save the model as one file, with all its weights inside."
                )
        elif isinstance(message, onnx.NodeProto):
            called = (message.domain, message.op_type)
            if message.domain not in DOMAINS and called not in functions:
                raise Refused(
                    f"Operator '{message.op_type}' is of the domain '{message.domain}', which is "
                    "not part of the ONNX standard (ai.onnx and ai.onnx.ml are). Export the "
                    "model with standard operators only, before any optimisation."
                )
            if message.domain in DOMAINS and message.op_type in RANDOM_OPERATORS:
                raise Refused(
                    f"Operator '{message.op_type}' draws random numbers, so the same patient "
                    "would not get the same risk twice. Export the model for inference."
                )
            operators[message.op_type] = operators.get(message.op_type, 0) + 1
    return operators


def _check_inputs(graph: onnx.GraphProto, declared: tuple[str, ...]) -> Layout:
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {tensor.values.name for tensor in graph.sparse_initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    for value in inputs:
        _check_input_type(value)
    shapes = {value.name: _shape(value) for value in inputs}
    if len(shapes) == 1:
        ((name, shape),) = shapes.items()
        if len(shape) == 2 and shape[1] == len(declared) and (name,) != declared:
            return Layout(declared, matrix=True)
    if set(shapes) != set(declared):
        raise Refused(
            f"The declared inputs are {_listed(declared)}; the model takes {_listed(shapes)}. "
            "Declare the model's own inputs, or export it with one input for each declared one "
            f"(or a single input of shape [N, {len(declared)}], in the declared order)."
        )
    for name, shape in shapes.items():
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
            raise Refused(
                f"Input '{name}' should have the shape [N] or [N, 1], one value a patient; it "
                f"has {_shown(shape)}. Export the model with one input a variable."
            )
    return Layout(declared, matrix=False)


def _check_input_type(value: onnx.ValueInfoProto) -> None:
    """Refuse an input that is not a tensor of numbers with a free number of rows."""
    if value.type.WhichOneof("value") != "tensor_type":
        raise Refused(f"Input '{value.name}' should be a tensor; export the model without maps.")
    tensor = value.type.tensor_type
    name = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    if f"tensor({name})" not in _NUMPY_TYPES:
        raise Refused(
            f"Input '{value.name}' should hold floats, doubles or 64-bit integers; it holds "
            f"{name}. Export the model with numeric inputs."
        )
    shape = _shape(value)
    if not shape:
        raise Refused(
            f"Input '{value.name}' has no shape; export the model with inputs of shape [N]."
        )
    if isinstance(shape[0], int):
        raise Refused(
            f"Input '{value.name}' takes exactly {shape[0]} rows; any number was expected. "
            "Export the model with a dynamic first axis."
        )


def _open(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # gives memory back between batches
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if is_want_of_memory(error):
            raise
        raise Refused(
            f"onnxruntime {onnxruntime.__version__} cannot open the model: {_first_line(error)} "
            "Check the file with onnx.checker, or export it for an earlier opset."
        ) from error


def _risk_output(session: onnxruntime.InferenceSession) -> str:
    """The one output that may be a risk; its shape is checked again when it is run."""
    outputs = session.get_outputs()
    floats = ("tensor(float)", "tensor(double)")
    fitting = [
        tensor.name
        for tensor in outputs
        if tensor.type in floats
        and (
            not tensor.shape  # not known before it runs
            or len(tensor.shape) == 1
            or (len(tensor.shape) == 2 and (tensor.shape[1] in (1, 2) or not _fixed(tensor)))
        )
    ]
    if len(fitting) == 1:
        return fitting[0]
    found = "; ".join(f"'{t.name}', {t.type} of shape {_shown(t.shape)}" for t in outputs)
    if not fitting and any("map(" in tensor.type for tensor in outputs):
        raise Refused(
            "The output should be a tensor of probabilities; it is a list of maps (ZipMap): "
            f"{found}. Export the classifier without ZipMap: options={{'zipmap': False}} in "
            "skl2onnx."
        )
    raise Refused(
        "One output of floats of shape [N], [N, 1] or [N, 2] was expected, the probability; the "
        f"outputs are: {found}. Export the model with the probability as its only float output."
    )


def _fixed(tensor: onnxruntime.NodeArg) -> bool:
    return isinstance(tensor.shape[1], int)


def _shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [
        dimension.dim_value if dimension.HasField("dim_value") else dimension.dim_param or "N"
        for dimension in value.type.tensor_type.shape.dim
    ]


def _describe(tensor: onnxruntime.NodeArg) -> dict[str, Any]:
    return {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}


def _shown(shape: Sequence[int | str | None]) -> str:
    return "[" + ", ".join("N" if size is None else str(size) for size in shape) + "]"


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "none"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(". ") + "."
