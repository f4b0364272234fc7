"""Two models' risks of a yes/no outcome on the same people: how their measures differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.statistics import calibration, confusion, resampling, utility
from usecases.statistics.paired import auroc_difference, bootstrap_difference, share_difference
from usecases.statistics.quantity import Quantity
from usecases.statistics.regression import fit_logistic_rows
from usecases.statistics.resampling import Clusters
from usecases.statistics.risks import RiskTable

SINGLE = ("auroc", "brier", "observed_expected_ratio", "calibration_slope")
"""The measures that are compared and need no threshold."""
AT_THRESHOLD = ("net_benefit", "sensitivity", "specificity")
PROPORTIONS = ("sensitivity", "specificity")

LOW = {"brier": -1.0, "sensitivity": -1.0, "specificity": -1.0}
"""The ends of the scales of differences."""
WORDS = {
    "brier": "Difference of mean squared errors",
    "observed_expected_ratio": "Difference of the ratios observed / expected",
    "calibration_slope": "Difference of the slopes of logistic regressions on logit(risk)",
    "net_benefit": "Difference of net benefits, risk >= threshold",
    "sensitivity": "Difference of paired proportions",
    "specificity": "Difference of paired proportions",
}


@dataclass(frozen=True)
class People:
    """What happened, and whose rows these are: all arrays of shape (rows,).

    ``patient`` numbers the patients from 0 without a gap where some have several rows.
    """

    happened: np.ndarray
    patient: np.ndarray | None = None

    @property
    def unit(self) -> np.ndarray:
        """What is drawn in the bootstrap."""
        return np.arange(self.happened.size) if self.patient is None else self.patient


@dataclass(frozen=True)
class Model:
    """A model's risks with its measures: of everyone, of the groups of risks, and replicates."""

    risk: np.ndarray
    table: RiskTable
    exact: dict[str, Quantity]
    grouped: dict[str, float]
    drawn: dict[str, np.ndarray]
    groups: str
    """How many groups of risks were resampled, in words; "" where each risk was."""


def measure(
    people: People,
    risks: Sequence[np.ndarray],
    thresholds: Sequence[float],
    *,
    replicates: int,
    seed: int,
    tick: Callable[[float], None] = lambda fraction: None,
) -> list[Model]:
    """The measures of each model, with replicates from draws that are the same for all models.

    Measures at a threshold are called ``net_benefit 0.1``. Beyond about 1,000 distinct risks a
    model's are resampled in groups of neighbours that no threshold cuts.

    Parameters
    ----------
    people : People
        With both outcomes; in an order that does not depend on that of any file.
    risks : sequence of ndarray, each of shape (rows,)
    thresholds : sequence of float
    replicates, seed : int
    tick : callable
        Called with the fraction done.
    """
    tables = [RiskTable.of(people.happened, risk) for risk in risks]
    parts = [_Groups.of(table, risk, thresholds) for table, risk in zip(tables, risks, strict=True)]
    chunks = resampling.paired_replicates_of_clusters(
        [Clusters(people.unit, part.group, people.happened) for part in parts],
        [part.table.risk.size for part in parts],
        replicates,
        seed,
    )
    drawn: list[dict[str, list[np.ndarray]]] = [defaultdict(list) for _ in tables]
    total = -(-replicates // resampling.CHUNK)
    for done, counts in enumerate(chunks, start=1):
        for (events, non_events), part, into in zip(counts, parts, drawn, strict=True):
            for name, values in part.measures(events, non_events).items():
                into[name].append(values)
        tick(done / total)
    return [
        Model(
            risk=risk,
            table=table,
            exact=_exact(table, thresholds),
            grouped=part.own_measures(),
            drawn={name: np.concatenate(values) for name, values in into.items()},
            groups=""
            if part.table is table
            else f" of {part.table.risk.size:,} groups of neighbouring risks",
        )
        for risk, table, part, into in zip(risks, tables, parts, drawn, strict=True)
    ]


def difference(people: People, first: Model, second: Model, name: str) -> Quantity:
    """The difference of a measure that needs no threshold, of :data:`SINGLE`."""
    if name == "auroc":
        return auroc_difference(people.happened, first.risk, second.risk, people.patient)
    return _bootstrapped(people, first, second, name, name)


def difference_at(
    people: People, first: Model, second: Model, name: str, threshold: float
) -> Quantity:
    """The difference of a measure of :data:`AT_THRESHOLD`."""
    if name in PROPORTIONS and people.patient is None:
        said = said_right(people, first, second, name, threshold)
        return share_difference(*said)
    return _bootstrapped(people, first, second, name, at(name, threshold))


def said_right(
    people: People, first: Model, second: Model, name: str, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Of the people that a proportion is taken of, whom each model classifies rightly."""
    of = people.happened if name == "sensitivity" else ~people.happened
    above = (model.risk[of] >= threshold for model in (first, second))
    one, other = (part if name == "sensitivity" else ~part for part in above)
    return one, other


def at(name: str, threshold: float) -> str:
    """The name of a measure at a threshold among the replicates."""
    return f"{name} {threshold!r}"


def _bootstrapped(people: People, first: Model, second: Model, name: str, drawn: str) -> Quantity:
    kind = "bootstrap" if people.patient is None else "patient-cluster bootstrap"
    groups = max((first.groups, second.groups), key=len)
    method = f"{WORDS[name]}; paired {kind}{groups}, percentile"
    values = []
    for model in (first, second):
        quantity = model.exact[drawn]
        if quantity.value is None:
            return Quantity(method, unavailable=quantity.unavailable)
        values.append(quantity.value)
    value = values[1] - values[0]
    return bootstrap_difference(
        value,
        first.drawn[drawn],
        second.drawn[drawn],
        method,
        shift=value - (second.grouped[drawn] - first.grouped[drawn]),
        low=LOW.get(name, -np.inf),
    )


def _exact(table: RiskTable, thresholds: Sequence[float]) -> dict[str, Quantity]:
    found = {
        "brier": calibration.brier(table),
        "observed_expected_ratio": calibration.observed_expected_ratio(table),
        "calibration_slope": calibration.calibration_line(table)[1],
    }
    for threshold in thresholds:
        found[at("net_benefit", threshold)] = utility.net_benefit(table, threshold)
        counts = confusion.confusions(table, np.asarray([threshold]))[0]
        for name in PROPORTIONS:
            found[at(name, threshold)] = counts.proportion(name)
    return found


@dataclass(frozen=True)
class _Groups:
    """Groups of neighbouring risks, which are resampled.

    ``group`` is the group of each row; ``starts`` the first group at or above each threshold.
    """

    table: RiskTable
    group: np.ndarray
    starts: dict[float, int]

    @classmethod
    def of(cls, table: RiskTable, risk: np.ndarray, thresholds: Sequence[float]) -> _Groups:
        first = table.group_starts(thresholds)
        # By place and not by mean risk, which rounding may move below a threshold.
        places = np.searchsorted(first, np.searchsorted(table.risk, thresholds)).tolist()
        return cls(
            table.grouped(first),
            np.searchsorted(table.risk[first], risk, side="right") - 1,
            dict(zip(thresholds, places, strict=True)),
        )

    def own_measures(self) -> dict[str, float]:
        """The measures of the people themselves, by the same steps as those of a replicate."""
        rows = self.table.events[np.newaxis], self.table.non_events[np.newaxis]
        return {name: float(values[0]) for name, values in self.measures(*rows).items()}

    def measures(self, events: np.ndarray, non_events: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure of each row of counts, both of shape (rows, groups)."""
        risk = self.table.risk
        design = np.column_stack((np.ones(risk.size), self.table.linear_predictor))
        start = np.asarray([0.0, 1.0])
        found = {
            "brier": calibration.brier_of_counts(risk, events, non_events),
            "observed_expected_ratio": calibration.observed_expected_of_counts(
                risk, events, non_events
            ),
            "calibration_slope": fit_logistic_rows(design, events, non_events, start=start)[:, 1],
        }
        people = events.sum(axis=1), non_events.sum(axis=1)
        for threshold, first in self.starts.items():
            true, false = events[:, first:].sum(axis=1), non_events[:, first:].sum(axis=1)
            odds = threshold / (1 - threshold)
            found[at("net_benefit", threshold)] = (true - odds * false) / (people[0] + people[1])
            shares = confusion.proportions_of_counts(true, false, *people)
            for name in PROPORTIONS:
                found[at(name, threshold)] = shares[name]
        return found
