"""Seeded bootstraps of counted risks, whose cost does not grow with the number of people.

Each chunk of replicates has its own generator, keyed by the seed, the purpose and the number of
the chunk; so the same seed gives the same replicates however many processors share the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.statistics.risks import RiskTable

CHUNK = 100
"""Replicates made together."""

PEOPLE, WITHIN_OUTCOME, CLUSTERS = 1, 2, 3
"""What is drawn with replacement: people, people of each outcome, or clusters of rows."""


@dataclass(frozen=True)
class Clusters:
    """The rows behind a grouped table, for a bootstrap that draws whole clusters.

    Attributes
    ----------
    cluster : ndarray of int64, shape (rows,)
        Number of the row's cluster (patient), from 0.
    group : ndarray of int64, shape (rows,)
        Number of the row's risk group.
    happened : ndarray of bool, shape (rows,)
    """

    cluster: np.ndarray
    group: np.ndarray
    happened: np.ndarray


def generator(seed: int, purpose: int, chunk: int) -> np.random.Generator:
    """The generator of one chunk."""
    sequence = np.random.SeedSequence(seed, spawn_key=(purpose, chunk))
    return np.random.Generator(np.random.Philox(sequence))


def replicates_of_people(
    table: RiskTable, replicates: int, seed: int, *, within_outcome: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Bootstrap counts of events and non-events, in chunks of shape (chunk, risks).

    Drawing people with replacement is drawing the counts of the table from a multinomial.
    """
    cells = np.concatenate((table.events, table.non_events))
    size = table.risk.size
    purpose = WITHIN_OUTCOME if within_outcome else PEOPLE
    for chunk, count in enumerate(_chunks(replicates)):
        random = generator(seed, purpose, chunk)
        if within_outcome:
            yield (
                _multinomial(random, table.events, count),
                _multinomial(random, table.non_events, count),
            )
        else:
            drawn = _multinomial(random, cells, count)
            yield drawn[:, :size], drawn[:, size:]


def replicates_of_clusters(
    clusters: Clusters, groups: int, replicates: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same, drawing clusters with replacement, each with all of its rows."""
    for (counts,) in paired_replicates_of_clusters([clusters], [groups], replicates, seed):
        yield counts


def paired_replicates_of_clusters(
    clusters: Sequence[Clusters], groups: Sequence[int], replicates: int, seed: int
) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """The same for several groupings of the same rows, by the same draws: counts of each.

    Parameters
    ----------
    clusters : sequence of Clusters
        Of the same clusters each; one for each model whose risks are grouped.
    groups : sequence of int
        How many groups each has.
    replicates, seed : int
    """
    first = clusters[0].cluster
    total = int(first.max()) + 1 if first.size else 0
    alone = total == first.size and bool(np.array_equal(first, np.arange(total)))
    cells = [one.group + size * ~one.happened for one, size in zip(clusters, groups, strict=True)]
    for chunk, count in enumerate(_chunks(replicates)):
        random = generator(seed, CLUSTERS, chunk)
        drawn = [np.empty((count, 2 * size), dtype=np.int64) for size in groups]
        for row in range(count):
            times = np.bincount(random.integers(total, size=total), minlength=total)
            weights = times if alone else times[first]
            for cell, into in zip(cells, drawn, strict=True):
                into[row] = np.bincount(cell, weights=weights, minlength=into.shape[1])
        yield [(into[:, :size], into[:, size:]) for into, size in zip(drawn, groups, strict=True)]


def _chunks(replicates: int) -> Iterator[int]:
    for start in range(0, replicates, CHUNK):
        yield min(CHUNK, replicates - start)


def _multinomial(random: np.random.Generator, counts: np.ndarray, size: int) -> np.ndarray:
    """``size`` draws of sum(counts) people with the shares of ``counts``."""
    total = int(counts.sum())
    filled = np.flatnonzero(counts)
    drawn = np.zeros((size, counts.size), dtype=np.int64)
    drawn[:, filled] = random.multinomial(total, counts[filled] / total, size=size)
    return drawn
