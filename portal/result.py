"""The Result: what an evaluation found, and the only thing that leaves a site."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field

SCHEMA = "shaiped-result/1"
COMPARISON_SCHEMA = "shaiped-comparison/1"
"""Versions of the shapes below; a change that a reader must know about raises them."""

Number = Annotated[float, AllowInfNan(False)]
Scalar = Number | int | str | bool | None


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Subgroup(_Frozen):
    """A category of one column: ``site = region-9``."""

    column: str
    value: str


class Estimate(_Frozen):
    """One measure with its 95% confidence interval, or the reason why there is none."""

    measure: str
    at: dict[str, Number] | None = None
    """What the measure is taken at: ``{"threshold": 0.1}``."""
    value: Number | None = None
    lower: Number | None = None
    upper: Number | None = None
    standard_error: Number | None = None
    method: str
    """How the value and the interval were found: "DeLong"."""
    subgroup: Subgroup | None = None
    unavailable: str | None = None
    """Why there is no value, in a sentence."""


class Pooled(_Frozen):
    """A measure pooled over sites by random effects, back-transformed to its own scale."""

    measure: str
    at: dict[str, Number] | None = None
    scale: str
    """The scale that was pooled on: "logit", "log" or "identity"."""
    value: Number | None = None
    lower: Number | None = None
    upper: Number | None = None
    prediction_lower: Number | None = None
    prediction_upper: Number | None = None
    prediction_degrees_of_freedom: int | None = None
    tau2: Number | None = None
    tau2_lower: Number | None = None
    tau2_upper: Number | None = None
    i2: Number | None = None
    """Percent."""
    q: Number | None = None
    q_p_value: Number | None = None
    sites: int
    method: str
    unavailable: str | None = None


class Curve(_Frozen):
    """Columns of equal length (at most 1,000 rows): what a figure draws and its CSV holds."""

    method: str
    columns: dict[str, list[Scalar]]

    @property
    def rows(self) -> list[dict[str, Scalar]]:
        names = list(self.columns)
        return [
            dict(zip(names, row, strict=True)) for row in zip(*self.columns.values(), strict=True)
        ]


class Input(_Frozen):
    """A table that was read, by the SHA-256 of its file."""

    sha256: str
    rows: int


class Note(_Frozen):
    """Something that a reader must know; ``code`` stays the same when the words change."""

    code: str
    message: str
    values: dict[str, Any] = Field(default_factory=dict)


class Result(_Frozen):
    """What an evaluation found. Aggregates only."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    schema_: str = Field(default=SCHEMA, alias="schema")
    use_case: str
    task: str
    engine: str
    """Version of the engine; a change of any number raises it."""
    protocol: dict[str, Any]
    inputs: dict[str, Input]
    population: dict[str, Any]
    """Counts (rows, patients, events, without prediction) and the case mix of each site."""
    estimates: list[Estimate]
    pooled: list[Pooled] = Field(default_factory=list)
    curves: dict[str, Curve] = Field(default_factory=dict)
    warnings: list[Note] = Field(default_factory=list)
    suppressed: list[Note] = Field(default_factory=list)

    def estimate(
        self,
        measure: str,
        *,
        at: dict[str, float] | None = None,
        subgroup: Subgroup | None = None,
    ) -> Estimate:
        """The one estimate of ``measure`` at ``at`` in ``subgroup`` (default: everyone).

        Raises
        ------
        LookupError
            If the result holds no such estimate.
        """
        for estimate in self.estimates:
            if (estimate.measure, estimate.at, estimate.subgroup) == (measure, at, subgroup):
                return estimate
        raise LookupError(f"The result has no estimate of '{measure}' at {at} in {subgroup}.")

    def to_json(self) -> bytes:
        """The result as it is stored and hashed: the same result, the same bytes."""
        return self.model_dump_json(by_alias=True).encode()


class Difference(_Frozen):
    """A measure of one model less that of another, on the same people, with a paired interval."""

    measure: str
    at: dict[str, Number] | None = None
    first: int
    second: int
    """Which of the compared results, counted from 0: ``value`` is second - first."""
    value: Number | None = None
    lower: Number | None = None
    upper: Number | None = None
    standard_error: Number | None = None
    method: str
    """How the pairing was taken into account: "DeLong covariance"."""
    unavailable: str | None = None


class Comparison(_Frozen):
    """How several models differ on the same people. Aggregates only."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    schema_: str = Field(default=COMPARISON_SCHEMA, alias="schema")
    use_case: str
    task: str
    engine: str
    protocol: dict[str, Any]
    inputs: dict[str, Input]
    """The reference tables, and the predictions as ``predictions 1``, ``predictions 2``, …"""
    population: dict[str, Any]
    """How many people have a prediction of every model, and are compared."""
    differences: list[Difference]
    """Each result less the first, measure by measure."""
    warnings: list[Note] = Field(default_factory=list)
    suppressed: list[Note] = Field(default_factory=list)

    def to_json(self) -> bytes:
        """The comparison as it is stored and hashed."""
        return self.model_dump_json(by_alias=True).encode()
