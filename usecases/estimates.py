"""Quantities of the engine as the estimates of a Result, pooled over sites or not. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from portal.result import Estimate, Input, Pooled, Result, Subgroup
from portal.tables import LoadedTable
from usecases.statistics import pooling
from usecases.statistics.quantity import Quantity


def inputs_of(tables: Mapping[str, LoadedTable]) -> dict[str, Input]:
    """The tables that were read, by name."""
    return {
        name: Input(sha256=table.sha256, rows=table.frame.height)
        for name, table in sorted(tables.items())
    }


def estimate_of(
    name: str,
    quantity: Quantity,
    at: dict[str, float] | None = None,
    subgroup: Subgroup | None = None,
) -> Estimate:
    """``quantity`` as the estimate of the measure ``name``."""
    return Estimate(
        measure=name,
        at=at,
        value=quantity.value,
        lower=quantity.lower,
        upper=quantity.upper,
        standard_error=quantity.standard_error,
        method=quantity.method,
        subgroup=subgroup,
        unavailable=quantity.unavailable,
    )


def pooled_of(
    name: str, scale: str, quantities: Sequence[Quantity], at: dict[str, float] | None = None
) -> Pooled:
    """Pool one quantity a site; those without a value and a standard error are left out.

    Parameters
    ----------
    name : str
        The measure.
    scale : str
        A key of :data:`usecases.statistics.pooling.SCALES`. A value at an end of the scale (a
        proportion of 0 or 1 on the logit scale) has no place on it, and its site is left out.
    quantities : sequence of Quantity
    at : dict or None
    """
    forward, slope, back = pooling.SCALES[scale]
    points = [
        (quantity.value, quantity.standard_error)
        for quantity in quantities
        if quantity.value is not None
        and quantity.standard_error
        and (scale == "identity" or quantity.value > 0)
        and (scale != "logit" or quantity.value < 1)
    ]
    if len(points) < 2:
        return Pooled(
            measure=name,
            at=at,
            scale=scale,
            sites=len(points),
            method=pooling.METHOD,
            unavailable="Fewer than two sites have an estimate with an interval.",
        )
    values, errors = np.asarray(points, dtype=np.float64).T
    effects = pooling.pool(forward(values), (errors * slope(values)) ** 2)
    return Pooled(
        measure=name,
        at=at,
        scale=scale,
        value=back(effects.value),
        lower=back(effects.lower),
        upper=back(effects.upper),
        prediction_lower=back(effects.prediction_lower),
        prediction_upper=back(effects.prediction_upper),
        prediction_degrees_of_freedom=effects.degrees_of_freedom,
        tau2=effects.tau2,
        tau2_lower=effects.tau2_lower,
        tau2_upper=effects.tau2_upper,
        i2=effects.i2,
        q=effects.q,
        q_p_value=effects.q_p_value,
        sites=len(points),
        method=pooling.METHOD,
    )


def pooled_over(results: Sequence[Result], scales: Mapping[str, str]) -> list[Pooled]:
    """Pool results of one model, one a site, as :func:`pooled_of` pools the sites of one result.

    Parameters
    ----------
    results : sequence of Result
        Of one protocol; their order does not matter.
    scales : mapping
        The measures that pool, and on which scale.

    Returns
    -------
    list of Pooled
        In the order of ``scales``; one for each place that a measure is taken at. A measure is
        not pooled where it is held (the specificity at a held specificity): that says nothing.
    """
    found = [
        {(one.measure, _place(one.at)): one for one in result.estimates if one.subgroup is None}
        for result in results
    ]
    keys = sorted({key for estimates in found for key in estimates})
    pooled = []
    for name, scale in scales.items():
        for key in [key for key in keys if key[0] == name]:
            at = dict(key[1])
            if name not in at:
                sites = [_quantity_of(one[key]) for one in found if key in one]
                pooled.append(pooled_of(name, scale, sites, at or None))
    return pooled


def _place(at: Mapping[str, float] | None) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((at or {}).items()))


def _quantity_of(estimate: Estimate) -> Quantity:
    return Quantity(
        estimate.method,
        estimate.value,
        estimate.lower,
        estimate.upper,
        estimate.standard_error,
        estimate.unavailable,
    )
