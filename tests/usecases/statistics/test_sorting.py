"""Sorting by value is what NumPy's sort gives."""

from __future__ import annotations

import numpy as np
import pytest

from usecases.statistics.sorting import sorted_values


@pytest.mark.parametrize("size", [0, 1, 100, 50_000])
@pytest.mark.parametrize("negative", [False, True])
def test_values_come_in_the_order_of_numpy(size: int, negative: bool) -> None:
    random = np.random.default_rng(size)
    values = np.round(random.normal(0, 1, size), 3) if negative else random.random(size)
    if size:
        values[0] = np.inf
        values[-1] = -np.inf if negative else 0.0
    before = values.copy()

    found = sorted_values(values)

    assert np.array_equal(found, np.sort(values))
    assert np.array_equal(values, before)


@pytest.mark.parametrize("size", [100, 50_000])
def test_negative_zero_is_zero(size: int) -> None:
    values = np.full(size, 0.5)
    values[::2] = -0.0

    assert not np.signbit(sorted_values(values)).any()


@pytest.mark.parametrize("size", [100, 50_000])
@pytest.mark.parametrize("wrong", [np.nan, -np.nan])
def test_a_value_that_is_not_a_number_is_refused(size: int, wrong: float) -> None:
    values = np.random.default_rng(1).random(size)
    values[size // 2] = wrong

    with pytest.raises(ValueError, match="not a number"):
        sorted_values(values)
