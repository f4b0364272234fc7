"""Sites and subgroups of any task, estimates pooled over them, and rules."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from portal.jobs.child import Refused
from usecases.estimates import estimate_of, pooled_of
from usecases.groups import MOST_CATEGORIES, Groups, check_subgroups
from usecases.statistics.pooling import pool
from usecases.statistics.quantity import Quantity


def count(mask: np.ndarray) -> dict[str, int]:
    total = int(mask.sum())
    events = total // 2
    return {"patients": total, "events": events, "non_events": total - events}


def frame(sites: int, rows: int = 600) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "country": [f"s{row % sites}" for row in range(rows)],
            "sex": [["f", "m", None][row % 3] for row in range(rows)],
        }
    )


def test_sites_come_first_and_a_missing_value_is_a_group() -> None:
    groups = Groups.of(frame(2), ("sex",), 10, count)
    found = [(group.column, group.value, int(group.mask.sum())) for group in groups]
    assert groups.site == "country"
    assert found == [
        *(("country", "s0", 300), ("country", "s1", 300)),
        *(("sex", "(missing)", 200), ("sex", "f", 200), ("sex", "m", 200)),
    ]
    assert groups.population["sex"]["f"] == {"patients": 200, "events": 100, "non_events": 100}
    assert groups.suppressed == []


def test_too_many_sites_split_nothing_and_are_said() -> None:
    groups = Groups.of(frame(MOST_CATEGORIES + 1), ("sex",), 10, count)
    assert groups.site is None
    assert [note.code for note in groups.warnings] == ["too_many_sites"]
    assert list(groups.columns) == ["sex"]


def test_few_people_are_hidden_with_those_that_would_give_them_away() -> None:
    groups = Groups.of(
        frame(1).with_columns(country=pl.Series(["a"] * 4 + ["b"] * 596)), (), 10, count
    )
    assert [group.counts["patients"] for group in groups] == [None, None]
    assert groups.suppressed[0].values == {"column": "country", "categories": ["a", "b"]}


def test_a_column_with_too_many_values_is_refused_as_a_subgroup() -> None:
    long = pl.DataFrame({"id": ["x"] * 200, "town": [f"t{row}" for row in range(200)]})
    with pytest.raises(Refused, match="'town' has 200 different values"):
        check_subgroups(long, ("town",), ("id",))
    with pytest.raises(Refused, match="called id; it has: town"):
        check_subgroups(long, ("id",), ("id",))


def test_sites_at_the_end_of_the_scale_or_without_an_interval_are_left_out() -> None:
    sites = [
        Quantity("any", 0.8, 0.7, 0.9, 0.05),
        Quantity("any", 0.7, 0.6, 0.8, 0.04),
        Quantity("any", 1.0, 0.9, 1.0, 0.02),
        Quantity("any", 0.9),
        Quantity("any", unavailable="Too few."),
    ]
    pooled = pooled_of("auroc", "logit", sites, {"threshold": 0.5})

    value, error = np.asarray([0.8, 0.7]), np.asarray([0.05, 0.04])
    slope = 1 / (value * (1 - value))
    expected = pool(np.log(value / (1 - value)), (error * slope) ** 2)
    assert pooled.sites == 2
    assert pooled.value == pytest.approx(1 / (1 + np.exp(-expected.value)))
    assert pooled.at == {"threshold": 0.5}
    assert pooled_of("auroc", "logit", sites[:1]).unavailable


def test_a_quantity_keeps_its_reason_as_an_estimate() -> None:
    estimate = estimate_of("auroc", Quantity("DeLong", unavailable="Too few."))
    assert (estimate.value, estimate.method, estimate.unavailable) == (None, "DeLong", "Too few.")
