"""Statistical disclosure control: no count of a few people leaves a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


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
    groups: Sequence[Mapping[str, int]], smallest: int
) -> list[dict[str, int | None]]:
    """``patients``, ``events`` and ``non_events`` of groups that make up a known whole.

    A hidden number of events takes that of non-events with it, for their sum is known.
    """
    unseen = {
        key: hidden([group[key] for group in groups], smallest)
        for key in ("patients", "events", "non_events")
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
