"""Evaluating predicted risks of a yes/no outcome: tables and protocol in, Result out. No Django."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from portal.result import Curve, Estimate, Input, Note, Pooled, Result, Subgroup
from portal.tables import LoadedTable
from portal.usecase import Progress, Protocol, gettext_noop, no_progress
from usecases.ckd.patients import MOST_CATEGORIES, Patients, check_subgroups
from usecases.statistics import binary, curves, pooling
from usecases.statistics.binary import Measured, Rows, Settings
from usecases.statistics.disclosure import hide_small_groups
from usecases.statistics.quantity import Quantity
from usecases.statistics.risks import RiskTable

ENGINE = "ckd-binary/1"
"""Raised with every change that moves a number."""

SITE_COLUMNS = ("site", "country")
MISSING = "(missing)"
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
        default=(0.05, 0.1, 0.2),
        min_length=1,
        max_length=20,
        description="Risks at or above which a patient would be treated, between 0 and 1",
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
        columns = who.frame.columns
        self.site = next((name for name in SITE_COLUMNS if name in columns), None)
        self.settings = Settings(
            thresholds=protocol.thresholds,
            minimum_events=protocol.minimum_events,
            smallest_count=protocol.smallest_count,
            replicates=protocol.bootstrap_replicates,
            seed=protocol.seed,
        )
        self.estimates: list[Estimate] = []
        self.warnings: list[Note] = []
        self.suppressed: list[Note] = []
        self.pooled: list[Pooled] = []
        self.curves: dict[str, Curve] = {}
        self.population: dict[str, Any] = {}

    def result(self) -> Result:
        table = self.who.table()
        self._population(table)
        self._warn(table)
        groups = list(self._groups())
        share = 0.05 + 0.9 / (1 + len(groups) / 2)
        rows = self.who.rows()
        found = binary.measure(table, rows, self.settings, self._ticker(EVERYONE, 0.05, share))
        self._add(found, None)
        self._curves(table, found, rows)
        by_site: dict[str, Measured] = {}
        for index, (column, value, mask) in enumerate(groups):
            low, high = (share + (0.95 - share) * (index + end) / len(groups) for end in (0, 1))
            part = self.who.table(mask)
            found = binary.measure(
                part, self.who.rows(mask), self.settings, self._ticker(SUBGROUPS, low, high)
            )
            self._add(found, Subgroup(column=column, value=value))
            if column == self.site:
                by_site[value] = found
        self.progress(POOLING, 0.95)
        if len(by_site) > 1:
            self._pool(by_site)
        result = Result(
            use_case="ckd",
            task="binary",
            engine=ENGINE,
            protocol=self.protocol.model_dump(mode="json"),
            inputs={
                name: Input(sha256=table.sha256, rows=table.frame.height)
                for name, table in sorted(self.tables.items())
            },
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

    def _columns(self) -> list[str]:
        names = [] if self.site is None else [self.site]
        return [*names, *(name for name in self.protocol.subgroups if name not in names)]

    def _groups(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """Column, value and mask of each subgroup; fills the population's counts of them."""
        smallest = self.protocol.smallest_count
        for column in self._columns():
            values = self.who.frame[column].cast(pl.String).fill_null(MISSING)
            names = sorted(values.unique().to_list())
            if len(names) > MOST_CATEGORIES:  # only a site column can: subgroups were checked
                self.warnings.append(
                    Note(
                        code="too_many_sites",
                        message=f"Column '{column}' has {len(names):,} different values, more "
                        f"than {MOST_CATEGORIES}: the result is not split by it.",
                    )
                )
                continue
            codes = values.replace_strict(names, list(range(len(names))), return_dtype=pl.Int32)
            masks = [codes.to_numpy() == index for index in range(len(names))]
            counts = hide_small_groups([self.who.counts(mask) for mask in masks], smallest)
            lost = [
                name for name, count in zip(names, counts, strict=True) if None in count.values()
            ]
            if lost:
                self.suppressed.append(
                    Note(
                        code="subgroup_counts",
                        message=f"Counts below {smallest}, and those that would reveal them, are "
                        f"hidden for {column}: {', '.join(lost)}.",
                        values={"column": column, "categories": lost},
                    )
                )
            self.population.setdefault("subgroups", {})[column] = dict(
                zip(names, counts, strict=True)
            )
            if column == self.site:
                self.population["sites"] = [
                    self._case_mix(name, count, mask)
                    for name, count, mask in zip(names, counts, masks, strict=True)
                ]
            for name, mask in zip(names, masks, strict=True):
                yield column, name, mask

    def _case_mix(
        self, name: str, count: dict[str, int | None], mask: np.ndarray
    ) -> dict[str, Any]:
        """How ill the patients of a site look to the model: mean and spread of logit(risk)."""
        mean = spread = None
        if count["patients"] is not None:
            table = self.who.table(mask)
            people, predictor = table.people, table.linear_predictor
            mean = float(np.sum(people * predictor) / table.total)
            if table.total > 1:
                squares = float(np.sum(people * (predictor - mean) ** 2))
                spread = math.sqrt(squares / (table.total - 1))
        return {
            "site": name,
            "patients": count["patients"],
            "events": count["events"],
            "mean_linear_predictor": mean,
            "sd_linear_predictor": spread,
        }

    def _population(self, table: RiskTable) -> None:
        smallest = self.protocol.smallest_count
        events: int | None = table.total_events
        non_events: int | None = table.total_non_events
        if any(0 < count < smallest for count in (table.total_events, table.total_non_events)):
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
            count = f"{edge:,}" if edge >= smallest else f"Fewer than {smallest}"
            self.warnings.append(
                Note(
                    code="risk_of_0_or_1",
                    message=f"{count} risks are exactly 0 or 1, which have no logit. Where a "
                    "logit is needed (calibration intercept, slope, in the large, smoothed curve) "
                    "0 stands for one in a million or the smallest other risk, whichever is less; "
                    "1 likewise.",
                    values={"rows": edge if edge >= smallest else None},
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
            self.estimates.append(_estimate(name, found.single[name], None, subgroup))
        for (name, threshold), quantity in found.at_threshold.items():
            at = {"threshold": threshold}
            self.estimates.append(_estimate(name, quantity, at, subgroup))

    def _curves(self, table: RiskTable, found: Measured, rows: Rows | None) -> None:
        smallest = self.protocol.smallest_count
        if found.reason or min(table.total_events, table.total_non_events) < smallest:
            self.suppressed.append(
                Note(
                    code="curves",
                    message="No curve is given: "
                    + (found.reason or f"one outcome has fewer than {smallest} people."),
                )
            )
            return
        spaced = f"exact; at least {smallest} people between points"
        interval = "Wilson" if rows is None else binary.CLUSTERED
        roc, precision = curves.ranking_points(table, smallest)
        self._curve("roc", f"Empirical, {spaced}", roc)
        self._curve("precision_recall", f"Empirical, {spaced}", precision)
        smooth = curves.smoothed_calibration(table, found, smallest)
        if smooth is not None:
            self._curve("calibration", found.single["ici"].method, smooth)
        groups = curves.calibration_groups(table, found, rows, smallest)
        self._curve("calibration_groups", f"Tenths of the people by risk; {interval}", groups)
        self._curve(
            "risk_distribution",
            f"Counts; bins merged until each is 0 or at least {smallest}",
            curves.risk_distribution(table, smallest),
        )
        counts, decision, any_hidden = curves.threshold_rows(table, found, rows, smallest)
        self._curve("thresholds", f"Risk >= threshold; {interval}", counts)
        self._curve(
            "decision",
            found.at_threshold["net_benefit", self.protocol.thresholds[0]].method,
            decision,
        )
        if any_hidden:
            self.suppressed.append(
                Note(
                    code="confusion_counts",
                    message=f"At some thresholds a count below {smallest} is hidden, together "
                    "with the one that would reveal it.",
                )
            )

    def _curve(self, name: str, method: str, columns: curves.Columns) -> None:
        self.curves[name] = Curve(method=method, columns=columns)

    def _pool(self, by_site: Mapping[str, Measured]) -> None:
        for name, scale in POOLED.items():
            self.pooled.append(
                _pooled(name, scale, [found.single[name] for found in by_site.values()])
            )


def _estimate(
    name: str, quantity: Quantity, at: dict[str, float] | None, subgroup: Subgroup | None
) -> Estimate:
    return Estimate(
        measure=name,
        at=at,
        value=quantity.value,
        lower=quantity.lower,
        upper=quantity.upper,
        standard_error=quantity.standard_error,
        method=quantity.method,
        subgroup=subgroup,
        unavailable=quantity.unavailable,
    )


def _pooled(name: str, scale: str, quantities: list[Quantity]) -> Pooled:
    """Pool the sites that have a value and a standard error; the others are left out."""
    points = [
        (quantity.value, quantity.standard_error)
        for quantity in quantities
        if quantity.value is not None and quantity.standard_error
    ]
    if len(points) < 2:
        return Pooled(
            measure=name,
            scale=scale,
            sites=len(points),
            method=pooling.METHOD,
            unavailable="Fewer than two sites have an estimate with an interval.",
        )
    values, errors = np.asarray(points, dtype=np.float64).T
    forward, slope, back = pooling.SCALES[scale]
    effects = pooling.pool(forward(values), (errors * slope(values)) ** 2)
    return Pooled(
        measure=name,
        scale=scale,
        value=back(effects.value),
        lower=back(effects.lower),
        upper=back(effects.upper),
        prediction_lower=back(effects.prediction_lower),
        prediction_upper=back(effects.prediction_upper),
        prediction_degrees_of_freedom=effects.degrees_of_freedom,
        tau2=effects.tau2,
        tau2_lower=effects.tau2_lower,
        tau2_upper=effects.tau2_upper,
        i2=effects.i2,
        q=effects.q,
        q_p_value=effects.q_p_value,
        sites=len(points),
        method=pooling.METHOD,
    )
