"""Which counts may stand together: steps, groups, and rows of few people."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usecases.statistics.cuts import Cuts
from usecases.statistics.disclosure import (
    Steps,
    fewest_rows,
    hide_small_groups,
    told_in_groups,
    unsafe_groups,
)
from usecases.statistics.risks import RiskTable
from usecases.statistics.utility import GRID


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 300), st.lists(st.integers(0, 300), max_size=40))
def test_no_two_counts_that_are_told_differ_by_few(total: int, asked: list[int]) -> None:
    steps = Steps(total, 10)
    told = {0, total}
    for count in asked:
        if count <= total and steps.fits(count):
            steps.add(count)
            told.add(count)
            assert count in steps

    if 0 < total < 10:
        told = {0}
    for low, high in itertools.pairwise(sorted(told)):
        assert high - low >= 10


def test_a_count_that_is_told_may_be_told_again() -> None:
    steps = Steps(50, 10)
    steps.add(20)

    assert steps.fits(20)
    assert steps.fits(0)
    assert steps.fits(50)
    assert [count for count in range(51) if steps.fits(count)] == [0, 10, 20, *range(30, 41), 50]


@settings(max_examples=100, deadline=None)
@given(
    visits=st.lists(st.integers(1, 8), min_size=1, max_size=30),
    smallest=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_that_many_rows_are_of_enough_patients(visits: list[int], smallest: int, seed: int) -> None:
    patient = np.repeat(np.arange(len(visits)), visits)
    fewest = fewest_rows(patient, smallest)
    drawn = np.random.default_rng(seed).permutation(patient)[:fewest]

    if fewest <= patient.size:
        assert np.unique(drawn).size >= smallest
        most = np.argsort(visits)[::-1][: smallest - 1]
        assert np.isin(patient, most).sum() == fewest - 1  # one row less may be of fewer
    else:
        assert len(visits) < smallest


def test_with_one_row_each_rows_are_people() -> None:
    assert fewest_rows(None, 10) == 10
    assert fewest_rows(np.arange(40), 10) == 10


def test_a_count_of_rows_is_judged_by_the_people_behind_it() -> None:
    groups = [
        {"patients": 30, "events": 20, "non_events": 100},
        {"patients": 30, "events": 60, "non_events": 60},
        {"patients": 40, "events": 80, "non_events": 80},
    ]

    shown = hide_small_groups(groups, 10, 37)

    assert [group["events"] for group in shown] == [None, None, 80]
    assert [group["patients"] for group in shown] == [30, 30, 40]
    assert hide_small_groups(groups, 10)[0]["events"] == 20


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_groups_less_everyone_leave_no_few_people(data: st.DataObject) -> None:
    groups, thresholds = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    between = np.asarray(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 25), min_size=thresholds + 1, max_size=thresholds + 1),
                min_size=groups,
                max_size=groups,
            )
        )
    )
    between[0, 0] += 10
    above = np.cumsum(between[:, ::-1], axis=1)[:, ::-1]
    above = np.column_stack((above, np.zeros(groups, dtype=np.int64)))
    everyone = above.sum(axis=0)
    steps = Steps(int(everyone[0]), 10)
    told = []
    for count in everyone:
        told.append(steps.fits(int(count)))
        if told[-1]:
            steps.add(int(count))
    shown_totals = hide_small_groups(
        [{"patients": int(n), "events": int(n), "non_events": int(n)} for n in above[:, 0]],
        10,
    )
    hidden = [counts["events"] is None for counts in shown_totals]

    shown = told_in_groups(above, told, hidden, 10)

    assert not shown[:, ~np.asarray(told)].any()
    for group in range(groups):
        counts = above[group, shown[group]]
        steps_of_group = -np.diff(counts)
        assert np.all((steps_of_group == 0) | (steps_of_group >= 10))
        assert hidden[group] is not bool(shown[group].any())
    columns = np.flatnonzero(told)
    for low, high in itertools.combinations(columns, 2):
        unseen = ~(shown[:, low] & shown[:, high])
        rest = int((above[unseen, low] - above[unseen, high]).sum())
        assert rest == 0 or rest >= 10


def test_a_group_that_would_reveal_another_is_hidden_at_that_threshold_only() -> None:
    #                 all  .1  .2  none
    above = np.array([[60, 57, 30, 0], [80, 60, 40, 0], [300, 200, 100, 0]])

    shown = told_in_groups(above, [True] * 4, [False] * 3, 10)

    assert shown.tolist() == [
        [True, False, True, True],
        [True, False, True, True],
        [True, True, True, True],
    ]


def test_unsafe_groups_take_another_along() -> None:
    cells = np.array([[4, 50], [40, 30], [60, 70]])

    assert unsafe_groups(cells, 10) == {0, 1}
    assert unsafe_groups(cells[1:], 10) == set()
    assert unsafe_groups(np.array([[4, 50], [5, 20], [30, 90]]), 10) == {0, 1, 2}


@settings(max_examples=80, deadline=None)
@given(
    people=st.integers(1, 600),
    seed=st.integers(0, 10**6),
    digits=st.integers(1, 4),
    fewest=st.sampled_from([1, 10, 37]),
)
def test_all_cuts_of_a_table_stand_apart(people: int, seed: int, digits: int, fewest: int) -> None:
    random = np.random.default_rng(seed)
    risk = np.round(random.beta(1, 4, people), digits)
    table = RiskTable.of(random.random(people) < risk, risk)

    cuts = Cuts.of(table, (0.05, 0.1), fewest)

    both = [*table.risk[cuts.tenths[1:]], *GRID[cuts.grid]]
    both += [*table.risk[cuts.ranking], 0.0, 2.0]
    for side, total in enumerate((table.total_events, table.total_non_events)):
        at = np.unique([*both, *(t for t, told in cuts.thresholds.items() if told[side])])
        counts = table.at_or_above(at)[side]
        steps = -np.diff(counts)
        assert np.all((steps == 0) | (steps >= min(fewest, max(total, 1))))


@pytest.mark.parametrize(("rate", "points"), [(0.5, 60), (0.05, 25)])
def test_large_tables_keep_nearly_all_of_the_grid(rate: float, points: int) -> None:
    random = np.random.default_rng(1)
    risk = random.beta(2, 2 / rate - 2, 50_000)
    table = RiskTable.of(random.random(50_000) < risk, risk)

    cuts = Cuts.of(table, (0.1,), 10)

    assert cuts.tenths.size == 10
    assert cuts.thresholds == {0.1: (True, True)}
    assert cuts.grid.sum() >= points
    assert 100 < cuts.ranking.size <= 1_000
