"""Statistical disclosure control: no count of a few people leaves a site."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np


def is_small(count: int, smallest: int) -> bool:
    """Whether ``count`` is of a few people: neither 0 nor at least ``smallest``."""
    return 0 < count < smallest


def fewest_rows(patient: np.ndarray | None, smallest: int) -> int:
    """How many rows are surely of at least ``smallest`` people.

    Parameters
    ----------
    patient : ndarray of int, shape (rows,), or None
        Number of the patient of each row, from 0; None where each has one row.
    smallest : int

    Returns
    -------
    int
        One more than the rows of the ``smallest - 1`` people who have most.
    """
    if patient is None or not patient.size:
        return smallest
    counts = np.sort(np.bincount(patient))[::-1]
    return 1 + int(counts[: smallest - 1].sum()) + max(0, smallest - 1 - counts.size)


class Steps:
    """Counts of people above a cut that are told together.

    The people above one cut are among those above any lower cut, so the difference of two counts
    is a count of people too. A count is let in only where neither neighbour lies fewer than
    ``fewest`` people away, 0 and everyone included.
    """

    def __init__(self, total: int, fewest: int) -> None:
        self.fewest = fewest
        self._told = [0] if total == 0 else [0, total]

    def fits(self, above: int) -> bool:
        """Whether ``above`` may be told beside those that are."""
        place = bisect_left(self._told, above)
        if self._told[place] == above:
            return True
        return (
            above - self._told[place - 1] >= self.fewest
            and self._told[place] - above >= self.fewest
        )

    def add(self, above: int) -> None:
        """Tell of ``above``."""
        place = bisect_left(self._told, above)
        if self._told[place] != above:
            self._told.insert(place, above)

    def __contains__(self, above: int) -> bool:
        place = bisect_left(self._told, above)
        return place < len(self._told) and self._told[place] == above


class StepsOfRows(Steps):
    """The same where rows are told of, of which a person may have several.

    Parameters
    ----------
    person : ndarray of int, shape (rows,)
        Whose each row is, from the highest down: ``above`` rows are the first of them.
    fewest : int
        People between two cuts, where there are any rows.
    """

    def __init__(self, person: np.ndarray, fewest: int) -> None:
        super().__init__(person.size, fewest)
        self.person = person

    def enough(self, low: int, high: int) -> bool:
        """Whether the rows from one count to another are of nobody or of enough people."""
        if high - low < self.fewest:
            return low == high
        # The first of them mostly settle it.
        for last in (min(high, low + 8 * self.fewest), high):
            if np.unique(self.person[low:last]).size >= self.fewest:
                return True
        return False

    def fits(self, above: int) -> bool:
        """Whether ``above`` may be told beside those that are."""
        place = bisect_left(self._told, above)
        if self._told[place] == above:
            return True
        return self.enough(self._told[place - 1], above) and self.enough(above, self._told[place])

    def fit(self, above: Sequence[int]) -> bool:
        """Let all of some ascending counts in, where all may be told together."""
        if not all(self.fits(count) for count in above):
            return False
        if not all(self.enough(low, high) for low, high in pairwise(above)):
            return False
        for count in above:
            self.add(count)
        return True


def told_in_parts(
    part: np.ndarray,
    place: np.ndarray,
    person: np.ndarray,
    told: Sequence[bool],
    hidden_parts: Sequence[bool],
    fewest: int,
    order: Sequence[int] = (),
) -> np.ndarray:
    """As :func:`told_in_groups`, for rows of which people have several, in one part or in many.

    Parameters
    ----------
    part, place, person : ndarray of int, shape (rows,)
        Of each row: the part it is in, how many of the cuts count it (those from the first on),
        and whose it is.
    told : sequence of bool, length cuts
        Whether it is told of all parts together. The first cut counts every row, the last none.
    hidden_parts : sequence of bool, length parts
        Parts whose totals are hidden, and with them everything.
    fewest : int
        People.
    order : sequence of int
        Cuts that matter most, the first of them most; others follow.

    Returns
    -------
    ndarray of bool, shape (parts, cuts)
    """
    columns = [int(column) for column in np.flatnonzero(told)]

    ranked = [*order, *(column for column in columns[1:-1] if column not in order)]

    def people(which: np.ndarray, low: int, high: int) -> int:
        return np.unique(person[which & (low < place) & (place <= high)]).size

    shown = np.zeros((len(hidden_parts), len(told)), dtype=bool)
    for index in range(len(hidden_parts)):
        if hidden_parts[index]:
            continue
        mine = part == index
        kept = [columns[0], columns[-1]]
        for column in ranked:
            at = bisect_left(kept, column)
            if any(
                is_small(people(mine, low, high), fewest)
                for low, high in ((kept[at - 1], column), (column, kept[at]))
            ):
                continue
            kept.insert(at, column)
        shown[index, kept] = True
    pairs = [(low, high) for low in columns for high in columns if low < high]
    changed = True
    while changed:
        changed = False
        for low, high in pairs:
            seen = shown[:, low] & shown[:, high]
            inner = [column for column in (low, high) if column in ranked]
            if not inner or not seen.any():
                continue
            if not is_small(people(~seen[part], low, high), fewest):
                continue
            sizes = {int(at): people(part == at, low, high) for at in np.flatnonzero(seen)}
            filled = {at: size for at, size in sizes.items() if size}
            if not filled:
                continue
            other = min(filled, key=lambda at: (filled[at], at))
            shown[other, max(inner, key=ranked.index)] = False
            changed = True
    return shown


def hidden_parts(part: np.ndarray, person: np.ndarray, parts: int, fewest: int) -> set[int]:
    """Parts of which not even the rows are told: few people's, and others that they follow from."""
    sizes = [np.unique(person[part == index]).size for index in range(parts)]
    chosen = {index for index, size in enumerate(sizes) if is_small(size, fewest)}
    for index in sorted(range(parts), key=lambda at: (sizes[at], at)):
        together = np.unique(person[np.isin(part, sorted(chosen))]).size
        if not chosen or (len(chosen) > 1 and together >= fewest):
            break
        if sizes[index]:
            chosen.add(index)
    return chosen


def told_in_groups(
    above: np.ndarray, told: Sequence[bool], totals_hidden: Sequence[bool], fewest: int
) -> np.ndarray:
    """At which thresholds the people above may be told of groups that make up everyone.

    What is told of everyone, less what is told of groups, is a count of the others. Let ``H``
    be the groups that are hidden at one threshold or at another; then the people of ``H``
    between the two follow, and must be nobody or at least ``fewest``.

    Parameters
    ----------
    above : ndarray of int, shape (groups, thresholds)
        People of one outcome at or above each threshold, thresholds ascending. The first column
        is of threshold 0 (everyone), the last of one above all risks (nobody).
    told : sequence of bool, length thresholds
        Whether it is told of everyone taken together; the first and the last are.
    totals_hidden : sequence of bool, length groups
        Groups whose totals are hidden, and with them everything.
    fewest : int

    Returns
    -------
    ndarray of bool, shape (groups, thresholds)
    """
    columns = np.flatnonzero(told)
    shown = np.zeros(above.shape, dtype=bool)
    for group, counts in enumerate(above):
        if totals_hidden[group]:
            continue
        steps = Steps(int(counts[0]), fewest)
        for column in columns:
            if steps.fits(int(counts[column])):
                steps.add(int(counts[column]))
                shown[group, column] = True
    pairs = [(low, high) for low in columns for high in columns if low < high]
    changed = True
    while changed:
        changed = False
        for low, high in pairs:
            unseen = ~(shown[:, low] & shown[:, high])
            between = above[:, low] - above[:, high]
            if not is_small(int(between[unseen].sum()), fewest):
                continue
            inner = [column for column in (low, high) if column not in (columns[0], columns[-1])]
            if not inner or unseen.all():
                continue
            # Everyone's own step is large enough, so that enough others have people in it.
            others = np.flatnonzero(~unseen & (between > 0))
            shown[others[np.argmin(between[others])], inner] = False
            changed = True
    return shown


def unsafe_groups(cells: np.ndarray, fewest: int) -> set[int]:
    """Which groups must be hidden so that neither they nor all of them together show few people.

    Parameters
    ----------
    cells : ndarray of int, shape (groups, cells)
        The sum over groups of each cell is known, and is 0 or at least ``fewest``.
    fewest : int
    """
    small = (cells > 0) & (cells < fewest)
    chosen = {int(group) for group in np.flatnonzero(small.any(axis=1))}
    order = np.argsort(cells.sum(axis=1), kind="stable")
    for group in order:
        together = cells[sorted(chosen)].sum(axis=0)
        if not chosen or (len(chosen) > 1 and not np.any((together > 0) & (together < fewest))):
            break
        chosen.add(int(group))
    return chosen


def hidden(counts: Sequence[int], smallest: int) -> set[int]:
    """Which of some counts, whose sum is known, must be hidden.

    A count below ``smallest`` is; when it is the only one, or all that are hidden sum to less
    than ``smallest``, the smallest other counts are as well, for the sum would give it away.
    """
    order = sorted(range(len(counts)), key=lambda index: (counts[index], index))
    chosen = {index for index in order if counts[index] < smallest}
    for index in order:
        if not chosen or (len(chosen) > 1 and sum(counts[index] for index in chosen) >= smallest):
            break
        chosen.add(index)
    return chosen


def hide_small_groups(
    groups: Sequence[Mapping[str, int]], smallest: int, fewest: int | None = None
) -> list[dict[str, int | None]]:
    """``patients``, ``events`` and ``non_events`` of groups that make up a known whole.

    A hidden number of events takes that of non-events with it, for their sum is known. Where
    events are rows and patients have several, ``fewest`` rows are at least ``smallest`` people.
    """
    rows = smallest if fewest is None else fewest
    unseen = {
        key: hidden([group[key] for group in groups], least)
        for key, least in (("patients", smallest), ("events", rows), ("non_events", rows))
    }
    shown: list[dict[str, int | None]] = []
    for index, group in enumerate(groups):
        few = index in unseen["patients"]
        split = few or index in unseen["events"] or index in unseen["non_events"]
        shown.append(
            {
                "patients": None if few else group["patients"],
                "events": None if split else group["events"],
                "non_events": None if split else group["non_events"],
            }
        )
    return shown


def merged_starts(counts: Sequence[np.ndarray], smallest: int) -> list[int]:
    """Where to start bins so that each of several counts is 0 or at least ``smallest`` in each.

    Parameters
    ----------
    counts : sequence of ndarray, each of shape (bins,)
        The counts of neighbouring bins; each sum is 0 or at least ``smallest``.
    smallest : int

    Returns
    -------
    list of int
        The first of the old bins of each new bin, ascending, from 0.
    """
    table = np.stack(counts)
    starts = [0]
    running = np.zeros(len(counts), dtype=np.int64)
    for index in range(table.shape[1]):
        running += table[:, index]
        if np.all((running == 0) | (running >= smallest)):
            starts.append(index + 1)
            running[:] = 0
    if len(starts) > 1:
        starts.pop()  # what is left over joins the last whole bin: its start opens no bin
    while len(starts) > 1 and not _safe(table[:, starts[-1] :], smallest):
        starts.pop()
    return starts


def _safe(counts: np.ndarray, smallest: int) -> bool:
    sums = counts.sum(axis=1)
    return bool(np.all((sums == 0) | (sums >= smallest)))
