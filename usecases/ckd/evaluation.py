"""Evaluating predicted risks of a yes/no outcome: tables and protocol in, Result out. No Django."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import Field, field_validator

from portal.result import Curve, Estimate, Note, Pooled, Result, Subgroup
from portal.tables import LoadedTable
from portal.usecase import Progress, Protocol, gettext_noop, no_progress
from usecases.ckd.patients import Patients, check_subgroups
from usecases.estimates import estimate_of, inputs_of, pooled_of
from usecases.groups import Group, Groups
from usecases.statistics import binary, curves
from usecases.statistics.binary import Measured, Rows, Settings
from usecases.statistics.cuts import Told
from usecases.statistics.disclosure import fewest_rows, is_small, told_in_groups, unsafe_groups
from usecases.statistics.risks import RiskTable
from usecases.statistics.utility import GRID

ENGINE = "ckd-binary/2"
"""Raised with every change that moves a number."""

POOLED = {
    "auroc": "logit",
    "observed_expected_ratio": "log",
    "calibration_in_the_large": "identity",
    "calibration_intercept": "identity",
    "calibration_slope": "identity",
}
"""The measures that are pooled over sites, and on which scale."""

READING = gettext_noop("Matching predictions to patients")
EVERYONE = gettext_noop("Evaluating everyone")
SUBGROUPS = gettext_noop("Evaluating sites and subgroups")
POOLING = gettext_noop("Pooling over sites")
DONE = gettext_noop("Done")


class BinaryProtocol(Protocol):
    """The frozen parameters of ckd/binary."""

    thresholds: tuple[float, ...] = Field(
        title=gettext_noop("Thresholds"),
        default=(0.05, 0.1, 0.2),
        min_length=1,
        max_length=20,
        description=gettext_noop(
            "Risks at or above which a patient would be treated, between 0 and 1"
        ),
    )

    @field_validator("thresholds")
    @classmethod
    def _ordered(cls, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        wrong = [threshold for threshold in thresholds if not 0 < threshold < 1]
        if wrong:
            found = ", ".join(f"{threshold:g}" for threshold in wrong)
            raise ValueError(
                f"Each threshold must lie between 0 and 1, ends excluded; found {found}."
            )
        return tuple(sorted(set(thresholds)))


def evaluate_binary(
    tables: Mapping[str, LoadedTable],
    protocol: BinaryProtocol,
    progress: Progress = no_progress,
) -> Result:
    """Evaluate predicted risks of a yes/no outcome.

    Parameters
    ----------
    tables : mapping
        ``cohort`` (patient_id, optional visit, outcome, further columns) and ``predictions``
        (patient_id, optional visit, risk), both validated.
    protocol : BinaryProtocol
    progress : callable
        Called with a stage and the fraction done.

    Returns
    -------
    Result
        The same bytes for the same rows in any order.

    Raises
    ------
    Refused
        If the tables do not fit each other or the protocol; the message says what to do.
    """
    progress(READING, 0.0)
    cohort = tables["cohort"].frame
    check_subgroups(cohort, protocol.subgroups)
    who = Patients.of(cohort, tables["predictions"].frame)
    return _Evaluation(tables, protocol, progress, who).result()


class _Evaluation:
    """One run: what is known while the Result comes together."""

    def __init__(
        self,
        tables: Mapping[str, LoadedTable],
        protocol: BinaryProtocol,
        progress: Progress,
        who: Patients,
    ) -> None:
        self.tables, self.protocol, self.progress, self.who = tables, protocol, progress, who
        self.fewest = fewest_rows(who.number, protocol.smallest_count)
        self.groups = Groups.of(
            who.frame, protocol.subgroups, protocol.smallest_count, who.counts, self.fewest
        )
        self.settings = Settings(
            thresholds=protocol.thresholds,
            minimum_events=protocol.minimum_events,
            smallest_count=protocol.smallest_count,
            rows_of_enough=self.fewest,
            replicates=protocol.bootstrap_replicates,
            seed=protocol.seed,
        )
        self.estimates: list[Estimate] = []
        self.warnings: list[Note] = list(self.groups.warnings)
        self.suppressed: list[Note] = []
        self.pooled: list[Pooled] = []
        self.curves: dict[str, Curve] = {}
        self.population: dict[str, Any] = {}

    def result(self) -> Result:
        table = self.who.table()
        self._population(table)
        self._warn(table)
        self.suppressed += self.groups.suppressed
        share = 0.05 + 0.9 / (1 + len(self.groups) / 2)
        rows = self.who.rows()
        everyone = binary.measure(table, rows, self.settings, self._ticker(EVERYONE, 0.05, share))
        self._add(everyone, None)
        self._curves(table, everyone, rows)
        by_site: list[Measured] = []
        done = 0
        for column, groups in self.groups.columns.items():
            told = self._told(column, groups, everyone)
            few = self._few_risks(table, groups)
            for index, group in enumerate(groups):
                low, high = (
                    share + (0.95 - share) * (done + end) / len(self.groups) for end in (0, 1)
                )
                done += 1
                found = self._of_group(
                    group, told[index], index in few, self._ticker(SUBGROUPS, low, high)
                )
                self._add(found, group.subgroup)
                if column == self.groups.site:
                    by_site.append(found)
        self.progress(POOLING, 0.95)
        if len(by_site) > 1:
            self._pool(by_site)
        result = Result(
            use_case="ckd",
            task="binary",
            engine=ENGINE,
            protocol=self.protocol.model_dump(mode="json"),
            inputs=inputs_of(self.tables),
            population=self.population,
            estimates=self.estimates,
            pooled=self.pooled,
            curves=self.curves,
            warnings=self.warnings,
            suppressed=self.suppressed,
        )
        self.progress(DONE, 1.0)
        return result

    def _ticker(self, stage: str, low: float, high: float) -> Callable[[float], None]:
        return lambda fraction: self.progress(stage, low + (high - low) * fraction)

    def _of_group(
        self, group: Group, told: Told, few_risks: bool, tick: Callable[[float], None]
    ) -> Measured:
        smallest = self.protocol.smallest_count
        if group.hidden:
            return binary.withheld(
                f"It, or another group of '{group.column}' that it would reveal, has fewer than "
                f"{smallest} people with the event, or without it.",
                self.settings,
            )
        if few_risks:
            return binary.withheld(
                f"The model gives few different risks, and here, or in another group of "
                f"'{group.column}' that it would reveal, one of them belongs to fewer than "
                f"{smallest} people with, or without, the event.",
                self.settings,
            )
        return binary.measure(
            self.who.table(group.mask),
            self.who.rows(group.mask),
            self.settings,
            tick,
            told=told,
            with_curves=False,
        )

    def _told(self, column: str, groups: list[Group], everyone: Measured) -> list[Told]:
        """At which thresholds each group of a column is told of."""
        thresholds = self.protocol.thresholds
        if column in self.groups.nested or everyone.cuts is None:
            return [dict.fromkeys(thresholds, (False, False)) for _group in groups]
        # The number of thresholds at or below each risk: who lies between which two.
        place = np.searchsorted(np.asarray(thresholds), self.who.risk, side="right")
        shown = []
        for side, happened in enumerate((self.who.outcome, ~self.who.outcome)):
            between = [
                np.bincount(place[group.mask & happened], minlength=len(thresholds) + 1)
                for group in groups
            ]
            above = np.cumsum(np.asarray(between)[:, ::-1], axis=1)[:, ::-1]
            above = np.column_stack((above, np.zeros(len(groups), dtype=above.dtype)))
            told = [everyone.cuts.thresholds[threshold][side] for threshold in thresholds]
            hidden = [group.hidden for group in groups]
            shown.append(told_in_groups(above, [True, *told, True], hidden, self.fewest))
        return [
            {
                threshold: (bool(shown[0][group, index]), bool(shown[1][group, index]))
                for index, threshold in enumerate(thresholds, start=1)
            }
            for group in range(len(groups))
        ]

    def _few_risks(self, table: RiskTable, groups: list[Group]) -> set[int]:
        """Groups of which nothing is told because the model gives few different risks."""
        if table.risk.size > binary.FEW_RISKS:
            return set()
        place = np.searchsorted(table.risk, self.who.risk) * 2 + self.who.outcome
        cells = [np.bincount(place[group.mask], minlength=2 * table.risk.size) for group in groups]
        return unsafe_groups(np.asarray(cells), self.fewest)

    def _case_mix(self, group: Group) -> dict[str, Any]:
        """How ill the patients of a site look to the model: mean and spread of logit(risk)."""
        mean = spread = None
        count = group.counts
        if not group.hidden:
            table = self.who.table(group.mask)
            people, predictor = table.people, table.linear_predictor
            mean = float(np.sum(people * predictor) / table.total)
            if table.total > 1:
                squares = float(np.sum(people * (predictor - mean) ** 2))
                spread = math.sqrt(squares / (table.total - 1))
        return {
            "site": group.value,
            "patients": count["patients"],
            "events": count["events"],
            "mean_linear_predictor": mean,
            "sd_linear_predictor": spread,
        }

    def _population(self, table: RiskTable) -> None:
        smallest = self.protocol.smallest_count
        events: int | None = table.total_events
        non_events: int | None = table.total_non_events
        if is_small(table.total_events, self.fewest) or is_small(
            table.total_non_events, self.fewest
        ):
            events = non_events = None
            self.suppressed.append(
                Note(
                    code="counts",
                    message=f"The numbers of people with and without the event are hidden, "
                    f"because one of them is below {smallest}.",
                )
            )
        self.population.update(
            rows=table.total,
            patients=self.who.patients,
            events=events,
            non_events=non_events,
            without_prediction=self.who.without_prediction,
        )
        if self.groups.columns:
            self.population["subgroups"] = self.groups.population
        if self.groups.site is not None:
            self.population["sites"] = [
                self._case_mix(group) for group in self.groups.columns[self.groups.site]
            ]

    def _warn(self, table: RiskTable) -> None:
        if self.who.without_prediction:
            self.warnings.append(
                Note(
                    code="without_prediction",
                    message=f"{self.who.without_prediction:,} of "
                    f"{self.who.without_prediction + table.total:,} rows of the cohort have no "
                    "prediction and take no part.",
                    values={"rows": self.who.without_prediction},
                )
            )
        edge, smallest = table.at_the_edge, self.protocol.smallest_count
        if edge:
            # In round numbers: the counts of the curves would tell how many are 0 and how many 1.
            most = edge // smallest * smallest if edge >= self.fewest else None
            self.warnings.append(
                Note(
                    code="risk_of_0_or_1",
                    message=("Some risks" if most is None else f"At least {most:,} risks")
                    + " are exactly 0 or 1, which have no logit. Where a logit is needed "
                    "(calibration intercept, slope, in the large, smoothed curve) 0 stands for "
                    "one in a million or the smallest other risk, whichever is less; 1 likewise.",
                    values={"at_least": most},
                )
            )
        if self.who.number is not None:
            self.warnings.append(
                Note(
                    code="clustered",
                    message=f"{self.who.patients:,} patients have {table.total:,} rows; the "
                    "intervals come from a bootstrap that draws patients.",
                    values={"patients": self.who.patients, "rows": table.total},
                )
            )

    def _add(self, found: Measured, subgroup: Subgroup | None) -> None:
        for name in binary.SINGLE:
            self.estimates.append(estimate_of(name, found.single[name], None, subgroup))
        for (name, threshold), quantity in found.at_threshold.items():
            at = {"threshold": threshold}
            self.estimates.append(estimate_of(name, quantity, at, subgroup))

    def _curves(self, table: RiskTable, found: Measured, rows: Rows | None) -> None:
        smallest = self.protocol.smallest_count
        if found.reason or found.cuts is None:
            self.suppressed.append(
                Note(code="curves", message=f"No curve is given: {found.reason}")
            )
            return
        steps = f"between neighbouring points nobody or at least {smallest} people of each outcome"
        interval = "Wilson" if rows is None else binary.CLUSTERED
        roc, precision = curves.ranking_points(table, found.cuts)
        self._curve("roc", f"Empirical, thinned: {steps}; areas are of all the data", roc)
        self._curve("precision_recall", f"Empirical, thinned: {steps}", precision)
        smooth = curves.smoothed_calibration(table, found, self.fewest)
        if smooth is not None:
            self._curve("calibration", found.single["ici"].method, smooth)
        self._curve(
            "calibration_groups",
            "Tenths of the people by risk, merged until each has nobody or at least "
            f"{smallest} people of each outcome; {interval}",
            curves.calibration_groups(table, found, rows),
        )
        self._curve(
            "risk_distribution",
            f"Counts; bins merged until each is 0 or at least {smallest}",
            curves.risk_distribution(table, self.fewest, found.cuts),
        )
        counts, decision = curves.threshold_rows(table, found, rows)
        given = len(counts["threshold"])
        if given:
            thinned = "" if given == GRID.size else f"; {steps}"
            method = found.at_threshold["net_benefit", self.protocol.thresholds[0]].method
            self._curve("thresholds", f"Risk >= threshold; {interval}{thinned}", counts)
            self._curve("decision", f"{method}{thinned}", decision)
        if given < GRID.size:
            self.suppressed.append(
                Note(
                    code="confusion_counts",
                    message=f"{GRID.size - given} of {GRID.size} thresholds are left out: a "
                    f"count below {smallest} stands there, or between them and their neighbours.",
                    values={"thresholds": GRID.size - given},
                )
            )

    def _curve(self, name: str, method: str, columns: curves.Columns) -> None:
        self.curves[name] = Curve(method=method, columns=columns)

    def _pool(self, by_site: list[Measured]) -> None:
        for name, scale in POOLED.items():
            self.pooled.append(pooled_of(name, scale, [found.single[name] for found in by_site]))
