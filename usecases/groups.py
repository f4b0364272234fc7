"""Sites and subgroups of a task's first table, and what is hidden about them. No Django."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from portal.result import Note, Subgroup
from usecases.statistics.disclosure import hide_small_groups, is_small

SITE_COLUMNS = ("site", "country")
"""The columns that split a result by site, the first that is there."""

MOST_CATEGORIES = 100
MISSING = "(missing)"


@dataclass(frozen=True)
class Group:
    """The rows of one category of one column."""

    column: str
    value: str
    mask: np.ndarray
    """Shape (rows,), of bool."""
    counts: dict[str, int | None]
    """``patients``, ``events`` and ``non_events``; None where a count is hidden."""

    @property
    def subgroup(self) -> Subgroup:
        return Subgroup(column=self.column, value=self.value)

    @property
    def hidden(self) -> bool:
        """Whether any of its counts is."""
        return None in self.counts.values()


@dataclass
class Groups:
    """Every group that a result is split into, the sites first.

    Attributes
    ----------
    site : str or None
        The column that holds the sites, where the table has one and it is not too long.
    columns : dict
        The groups of each column.
    nested : set of str
        Columns whose categories and those of an earlier column lie within each other: what is
        told of both at a threshold would have to be compared as well.
    warnings, suppressed : list of Note
        What a reader must know of them.
    """

    site: str | None
    columns: dict[str, list[Group]] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    warnings: list[Note] = field(default_factory=list)
    suppressed: list[Note] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        subgroups: Sequence[str],
        smallest: int,
        count: Callable[[np.ndarray], dict[str, int]],
        fewest: int | None = None,
    ) -> Groups:
        """Split ``frame`` by its site column and by ``subgroups``.

        Parameters
        ----------
        frame : DataFrame
        subgroups : sequence of str
            Columns of ``frame``; see :func:`check_subgroups`.
        smallest : int
            Counts of people below this are hidden, and those that would reveal them.
        count : callable
            ``patients``, ``events`` and ``non_events`` among the rows of a mask.
        fewest : int or None
            Rows that are at least ``smallest`` people, where events are counted in rows and
            patients have several.
        """
        site = next((name for name in SITE_COLUMNS if name in frame.columns), None)
        groups = cls(site)
        names = [] if site is None else [site]
        for column in [*names, *(name for name in subgroups if name not in names)]:
            groups._split(frame[column], smallest, count, fewest or smallest)
        return groups

    def _split(
        self,
        series: pl.Series,
        smallest: int,
        count: Callable[[np.ndarray], dict[str, int]],
        fewest: int,
    ) -> None:
        column = series.name
        values = series.cast(pl.String).fill_null(MISSING)
        names = sorted(values.unique().to_list())
        if len(names) > MOST_CATEGORIES:  # only a site column can: subgroups were checked
            self.site = None
            self.warnings.append(
                Note(
                    code="too_many_sites",
                    message=f"Column '{column}' has {len(names):,} different values, more "
                    f"than {MOST_CATEGORIES}: the result is not split by it.",
                )
            )
            return
        codes = values.replace_strict(names, list(range(len(names))), return_dtype=pl.Int32)
        masks = [codes.to_numpy() == index for index in range(len(names))]
        counts = hide_small_groups([count(mask) for mask in masks], smallest, fewest)
        split = [
            Group(column, name, mask, shown)
            for name, mask, shown in zip(names, masks, counts, strict=True)
        ]
        for other, before in self.columns.items():
            if not nests(before, split):
                continue
            if reveals(before, split, smallest, fewest, count):
                self.suppressed.append(
                    Note(
                        code="nested_subgroups",
                        message=f"The result is not split by {column}, because its categories "
                        f"and those of {other} lie within each other, and their differences "
                        f"would give away counts below {smallest}.",
                        values={"column": column, "within": other},
                    )
                )
                if column == self.site:
                    self.site = None
                return
            self.nested.add(column)
        self.columns[column] = split
        lost = [group.value for group in self.columns[column] if group.hidden]
        if lost:
            self.suppressed.append(
                Note(
                    code="subgroup_counts",
                    message=f"Counts below {smallest}, and those that would reveal them, are "
                    f"hidden for {column}: {', '.join(lost)}.",
                    values={"column": column, "categories": lost},
                )
            )

    def __iter__(self) -> Iterator[Group]:
        for groups in self.columns.values():
            yield from groups

    def __len__(self) -> int:
        return sum(len(groups) for groups in self.columns.values())

    @property
    def population(self) -> dict[str, dict[str, dict[str, int | None]]]:
        """The counts of each category of each column, for ``population["subgroups"]``."""
        return {
            column: {group.value: group.counts for group in groups}
            for column, groups in self.columns.items()
        }


def nests(one: Sequence[Group], other: Sequence[Group]) -> bool:
    """Whether a shown category of one column is made up of whole categories of the other.

    Also when only some of those are whole and shown: the difference is then known.
    """
    return any(
        any(not part.hidden for part in inner) or rest == 0
        for whole, inner, rest, _mask in _remainders(one, other)
        if not whole.hidden
    )


def reveals(
    one: Sequence[Group],
    other: Sequence[Group],
    smallest: int,
    fewest: int,
    count: Callable[[np.ndarray], dict[str, int]],
) -> bool:
    """Whether the differences of categories that nest give away a few people, or a hidden count."""
    if any(group.hidden for group in (*one, *other)):
        return True
    for _whole, _inner, _rest, mask in _remainders(one, other):
        counts = count(mask)
        if is_small(counts["patients"], smallest) or any(
            is_small(counts[key], fewest) for key in ("events", "non_events")
        ):
            return True
    return False


def _remainders(
    one: Sequence[Group], other: Sequence[Group]
) -> Iterator[tuple[Group, list[Group], int, np.ndarray]]:
    """Each category, those of the other column within it, and the rows of it that are in none.

    A category of everyone is left out: what is hidden of a column is hidden beside the total.
    """
    codes = [_codes(groups) for groups in (one, other)]
    cells = np.bincount(codes[0] * len(other) + codes[1], minlength=len(one) * len(other)).reshape(
        len(one), len(other)
    )
    for wholes, parts, table, own in (
        (one, other, cells, codes[1]),
        (other, one, cells.T, codes[0]),
    ):
        within = (table > 0) & (table == table.sum(axis=0))
        for whole, row, inside in zip(wholes, table, within, strict=True):
            if not inside.any() or row.sum() == cells.sum():
                continue
            inner = [parts[int(index)] for index in np.flatnonzero(inside)]
            yield whole, inner, int(row[~inside].sum()), whole.mask & ~inside[own]


def _codes(groups: Sequence[Group]) -> np.ndarray:
    """Which of the groups each row is in."""
    codes = np.zeros(groups[0].mask.size, dtype=np.int64)
    for index, group in enumerate(groups):
        codes[group.mask] = index
    return codes


def check_subgroups(frame: pl.DataFrame, subgroups: Sequence[str], own: Sequence[str]) -> None:
    """Check that each of ``subgroups`` is a column with few different values.

    Parameters
    ----------
    frame : DataFrame
        The task's first table.
    subgroups : sequence of str
    own : sequence of str
        Columns of the schema, which are not offered.

    Raises
    ------
    Refused
        If one is not.
    """
    offered = [name for name in frame.columns if name not in own]
    unknown = [name for name in subgroups if name not in offered]
    if unknown:
        raise Refused(
            f"The first table has no column for subgroups called {', '.join(unknown)}; "
            f"it has: {', '.join(offered) or 'none'}."
        )
    for name in subgroups:
        categories = frame[name].n_unique()
        if categories > MOST_CATEGORIES:
            raise Refused(
                f"Column '{name}' has {categories:,} different values; a subgroup column "
                f"may have at most {MOST_CATEGORIES}."
            )
