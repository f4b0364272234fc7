"""A study's report as tables: the rows of its CSV files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.studies.report import Report

ESTIMATE_HEAD = (
    "model", "version", "developer", "dataset", "holder", "country", "status", "measure", "at",
    "subgroup_column", "subgroup", "value", "lower", "upper", "standard_error", "method",
    "unavailable",
)  # fmt: skip


def estimate_rows(report: Report) -> Iterable[list[Any]]:
    """Every estimate of every cell, and a line for each cell that has none."""
    models = {model.key: model for model in report.models}
    sites = {site.key: site for site in report.sites}
    for cell in report.cells:
        model, site = models[cell.model], sites[cell.site]
        start = [
            model.name, model.version, model.developer, site.title, site.holder, site.country,
            cell.status,
        ]  # fmt: skip
        if not cell.estimates:
            yield [*start, *[""] * 9, " ".join(cell.reasons)]
        for estimate in cell.estimates:
            yield [
                *start,
                estimate.measure,
                _at(estimate.at),
                estimate.subgroup.column if estimate.subgroup else "",
                estimate.subgroup.value if estimate.subgroup else "",
                estimate.value,
                estimate.lower,
                estimate.upper,
                estimate.standard_error,
                estimate.method,
                estimate.unavailable,
            ]


POOLED_HEAD = (
    "model", "version", "developer", "measure", "at", "scale", "sites", "value", "lower", "upper",
    "prediction_lower", "prediction_upper", "prediction_degrees_of_freedom", "tau2", "tau2_lower",
    "tau2_upper", "i2", "q", "q_p_value", "method", "unavailable",
)  # fmt: skip


def pooled_rows(report: Report) -> Iterable[list[Any]]:
    """Every pooled estimate, and a line for each model that has none."""
    models = {model.key: model for model in report.models}
    for entry in report.pooled:
        model = models[entry.model]
        start = [model.name, model.version, model.developer]
        if not entry.estimates:
            yield [*start, *[""] * (len(POOLED_HEAD) - 4), entry.unavailable]
        for pooled in entry.estimates:
            values = pooled.model_dump() | {"at": _at(pooled.at)}
            yield [*start, *(values[name] for name in POOLED_HEAD[3:])]


def _at(at: Mapping[str, float] | None) -> str:
    return " ".join(f"{name}={value:g}" for name, value in (at or {}).items())
