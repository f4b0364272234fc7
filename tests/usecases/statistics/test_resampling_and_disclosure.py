"""Bootstraps are reproducible and right; small counts stay inside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usecases.statistics import resampling
from usecases.statistics.disclosure import hidden, merged_starts
from usecases.statistics.risks import RiskTable


def table(people: int = 500, seed: int = 1) -> RiskTable:
    random = np.random.default_rng(seed)
    risk = random.random(people)
    return RiskTable.of(random.random(people) < risk, risk)


def test_the_same_seed_draws_the_same_replicates() -> None:
    drawn = [list(resampling.replicates_of_people(table(), 150, 7)) for _ in range(2)]

    for one, other in zip(*drawn, strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])
    changed = next(resampling.replicates_of_people(table(), 150, 8))
    assert not np.array_equal(changed[0], drawn[0][0][0])


def test_replicates_hold_as_many_people_and_the_right_spread() -> None:
    people = table()
    events = np.concatenate([pair[0] for pair in resampling.replicates_of_people(people, 600, 3)])

    share = people.total_events / 500
    assert events.sum(axis=1).mean() == pytest.approx(500 * share, rel=0.01)
    assert events.sum(axis=1).std() == pytest.approx(np.sqrt(500 * share * (1 - share)), rel=0.1)


def test_drawing_within_outcomes_keeps_their_numbers() -> None:
    people = table()

    for events, others in resampling.replicates_of_people(people, 200, 3, within_outcome=True):
        assert set(events.sum(axis=1)) == {people.total_events}
        assert set(others.sum(axis=1)) == {people.total_non_events}


def test_drawing_clusters_draws_all_rows_of_each() -> None:
    # Patient 0 has three rows, all events in group 1; patient 1 has one row without it.
    clusters = resampling.Clusters(
        np.array([0, 0, 0, 1]), np.array([1, 1, 1, 0]), np.array([True, True, True, False])
    )

    (events, others), *_ = resampling.replicates_of_clusters(clusters, 2, 50, 1)

    assert set(events[:, 1]) == {0, 3, 6}
    assert np.array_equal(events[:, 1] / 3 + others[:, 0], np.full(50, 2))


def test_groups_keep_the_people_the_order_and_the_cuts() -> None:
    people = table(20_000)
    starts = people.group_starts([0.1, 0.2, 0.5])
    grouped = people.grouped(starts)

    assert grouped.risk.size <= 1_100
    assert grouped.total_events == people.total_events
    assert np.all(np.diff(grouped.risk) > 0)
    for cut in (0.1, 0.2, 0.5):
        exact = people.at_or_above(np.array([cut]))
        assert np.array_equal(grouped.at_or_above(np.array([cut])), exact)


def test_a_count_alone_is_hidden_with_the_one_that_would_reveal_it() -> None:
    assert hidden([100, 4, 30], 10) == {1, 2}
    assert hidden([100, 40, 30], 10) == set()
    assert hidden([100, 4, 3, 30], 10) == {1, 2, 3}
    assert hidden([6, 5, 40], 10) == {0, 1}
    assert hidden([3], 10) == {0}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=40))
def test_merged_bins_hold_nobody_or_enough(bins: list[tuple[int, int]]) -> None:
    counts = list(np.array([*bins, (10, 10)]).T)

    starts = merged_starts(counts, 10)

    assert starts[0] == 0
    assert starts == sorted(set(starts))
    for column in counts:
        merged = np.add.reduceat(column, starts)
        assert np.all((merged == 0) | (merged >= 10))
        assert merged.sum() == column.sum()
