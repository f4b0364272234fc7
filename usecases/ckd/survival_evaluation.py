"""Evaluating predicted risks by a horizon, death competing: tables and protocol in, Result out.

No Django.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from portal.result import Curve, Estimate, Note, Pooled, Result, Subgroup
from portal.tables import LoadedTable
from portal.usecase import Progress, Protocol, gettext_noop, no_progress
from usecases.ckd.survival_groups import ToldOfGroups
from usecases.estimates import estimate_of, inputs_of, pooled_of
from usecases.groups import Group, Groups, check_subgroups
from usecases.statistics import curves, survival_curves, survival_cuts, survival_measures
from usecases.statistics.cuts import Cuts
from usecases.statistics.pseudovalues import complementary_log_log
from usecases.statistics.risks import off_the_edge
from usecases.statistics.survival import EVENT, FollowUp
from usecases.statistics.survival_cuts import DEATHS
from usecases.statistics.survival_measures import CENSORED, SINGLE, UPDATED, Measured, Settings
from usecases.statistics.survival_updating import METHOD, UPDATES

ENGINE = "ckd-survival/2"
"""Raised with every change that moves a number."""

POOLED = {
    "observed_expected_ratio": "log",
    "calibration_intercept": "identity",
    "calibration_slope": "identity",
    "auc": "logit",
    f"observed_expected_ratio{CENSORED}": "log",
    f"calibration_intercept{CENSORED}": "identity",
    f"calibration_slope{CENSORED}": "identity",
    f"auc{CENSORED}": "logit",
    "harrell_c": "logit",
    "uno_c": "logit",
}
"""The measures that are pooled over sites, and on which scale."""

READING = gettext_noop("Matching predictions to patients")
EVERYONE = gettext_noop("Evaluating everyone")
SUBGROUPS = gettext_noop("Evaluating sites and subgroups")
POOLING = gettext_noop("Pooling over sites")
DONE = gettext_noop("Done")

_RISK = "\0risk"
"""Name of the matched column, which no column of a file can have."""


class SurvivalProtocol(Protocol):
    """The frozen parameters of ckd/survival."""

    horizon: float = Field(
        title=gettext_noop("Horizon"),
        default=5.0,
        gt=0,
        le=100,
        description=gettext_noop(
            "Years by which the event is predicted; later follow-up is not used"
        ),
    )
    thresholds: tuple[float, ...] = Field(
        title=gettext_noop("Thresholds"),
        default=(0.03, 0.05, 0.15),
        min_length=1,
        max_length=20,
        description=gettext_noop("Risks above which a patient would be treated, between 0 and 1"),
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


def evaluate_survival(
    tables: Mapping[str, LoadedTable],
    protocol: SurvivalProtocol,
    progress: Progress = no_progress,
) -> Result:
    """Evaluate predicted risks by a horizon.

    Parameters
    ----------
    tables : mapping
        ``cohort`` (patient_id, time in years, event, further columns) and ``predictions``
        (patient_id, risk), both validated.
    protocol : SurvivalProtocol
    progress : callable
        Called with a stage and the fraction done.

    Returns
    -------
    Result
        The same bytes for the same rows in any order.

    Raises
    ------
    Refused
        If the tables do not fit the protocol; the message says what to do.
    """
    progress(READING, 0.0)
    cohort = tables["cohort"].frame
    check_subgroups(cohort, protocol.subgroups, ("patient_id", "time", "event"))
    matched, without = _matched(cohort, tables["predictions"].frame)
    follow = FollowUp.of(
        matched["time"].to_numpy(),
        matched["event"].to_numpy(),
        matched[_RISK].to_numpy(),
        protocol.horizon,
    )
    return _Evaluation(tables, protocol, progress, matched, follow, without).result()


def _matched(cohort: pl.DataFrame, predictions: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The cohort's rows that have a prediction, and how many have none."""
    right = predictions.select("patient_id", pl.col("risk").cast(pl.Float64).alias(_RISK))
    if cohort.schema["patient_id"] != right.schema["patient_id"]:
        text = pl.col("patient_id").cast(pl.String)
        cohort, right = cohort.with_columns(text), right.with_columns(text)
    joined = cohort.join(right, on="patient_id", how="left")
    matched = joined.filter(pl.col(_RISK).is_not_null())
    return matched, joined.height - matched.height


class _Evaluation:
    """One run: what is known while the Result comes together."""

    def __init__(
        self,
        tables: Mapping[str, LoadedTable],
        protocol: SurvivalProtocol,
        progress: Progress,
        matched: pl.DataFrame,
        follow: FollowUp,
        without_prediction: int,
    ) -> None:
        self.tables, self.protocol, self.progress = tables, protocol, progress
        self.follow, self.without_prediction = follow, without_prediction
        self.smallest = protocol.smallest_count
        self.settings = Settings(
            thresholds=protocol.thresholds,
            minimum_events=protocol.minimum_events,
            smallest_count=protocol.smallest_count,
            replicates=protocol.bootstrap_replicates,
            seed=protocol.seed,
        )
        self.unseen = survival_cuts.hidden_ends(follow, self.smallest)
        happened = np.zeros(follow.people, dtype=bool)
        happened[follow.order] = follow.event == EVENT
        self.groups = Groups.of(
            matched,
            protocol.subgroups,
            self.smallest,
            lambda mask: _counts(mask, happened),
        )
        self.estimates: list[Estimate] = []
        self.warnings: list[Note] = list(self.groups.warnings)
        self.suppressed: list[Note] = list(self.groups.suppressed)
        self.pooled: list[Pooled] = []
        self.curves: dict[str, Curve] = {}
        self.population: dict[str, Any] = {}

    def result(self) -> Result:
        self._population()
        self._warn()
        share = 0.05 + 0.9 / (1 + len(self.groups) / 3)
        everyone = survival_measures.measure(
            self.follow, self.settings, self._ticker(EVERYONE, 0.05, share), with_curves=True
        )
        self._add(everyone, None, updated=True)
        self._pairs(everyone)
        self._curves(everyone)
        by_site: dict[str, Measured] = {}
        done = 0
        for column, groups in self.groups.columns.items():
            told = ToldOfGroups.of(
                self.follow,
                groups,
                everyone,
                self.settings,
                nested=column in self.groups.nested,
                deaths_hidden=DEATHS in self.unseen,
            )
            for index, group in enumerate(groups):
                low, high = (
                    share + (0.95 - share) * (done + end) / len(self.groups) for end in (0, 1)
                )
                done += 1
                is_site = column == self.groups.site
                part = self.follow.part(group.mask[self.follow.order])
                found = told.measure(
                    index, part, self.settings, self._ticker(SUBGROUPS, low, high), is_site
                )
                self._add(found, group.subgroup, updated=is_site)
                if is_site:
                    by_site[group.value] = found
                    mix = self.population.setdefault("sites", [])
                    mix.append(_case_mix(group, part, withheld=index in told.withheld))
        self.progress(POOLING, 0.95)
        if len(by_site) > 1:
            for name, scale in POOLED.items():
                self.pooled.append(
                    pooled_of(name, scale, [site.single[name] for site in by_site.values()])
                )
        result = Result(
            use_case="ckd",
            task="survival",
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

    def _population(self) -> None:
        follow, smallest = self.follow, self.smallest
        counts: dict[str, int | None] = {**survival_cuts.ends(follow)}
        if self.unseen:
            counts.update(dict.fromkeys(self.unseen))
            self.suppressed.append(
                Note(
                    code="counts",
                    message=f"Counts below {smallest}, and those that would reveal them, are "
                    f"hidden: {', '.join(sorted(self.unseen)).replace('_', ' ')}.",
                )
            )
        events = counts["events"]
        self.population.update(
            rows=follow.people,
            patients=follow.people,
            events=events,
            non_events=None if events is None else follow.people - events,
            deaths=counts["deaths"],
            event_free_at_horizon=counts["event_free_at_horizon"],
            lost_before_horizon=counts["lost_before_horizon"],
            without_prediction=self.without_prediction,
        )
        if self.groups.columns:
            self.population["subgroups"] = self.groups.population

    def _pairs(self, found: Measured) -> None:
        """The pairs behind Harrell's C; their number depends on how many are lost, and when."""
        if found.pairs is not None and not self.unseen:
            self.population["pairs"] = {
                "concordant": found.pairs.concordant,
                "discordant": found.pairs.discordant,
                "tied": found.pairs.tied,
            }

    def _warn(self) -> None:
        follow = self.follow
        if self.without_prediction:
            self.warnings.append(
                Note(
                    code="without_prediction",
                    message=f"{self.without_prediction:,} of "
                    f"{self.without_prediction + follow.people:,} rows of the cohort have no "
                    "prediction and take no part.",
                    values={"rows": self.without_prediction},
                )
            )
        edge = int(np.count_nonzero((follow.risk == 0) | (follow.risk == 1)))
        if edge:
            # In round numbers: the counts of the curves would tell how many are 0 and how many 1.
            most = edge // self.smallest * self.smallest or None
            self.warnings.append(
                Note(
                    code="risk_of_0_or_1",
                    message=("Some risks" if most is None else f"At least {most:,} risks")
                    + " are exactly 0 or 1, which have no complementary "
                    "log-log. Where one is needed (calibration intercept, slope, smoothed curve) "
                    "0 stands for one in a million or the smallest other risk, whichever is less; "
                    "1 likewise. Updates leave them as they are.",
                    values={"at_least": most},
                )
            )
        early = follow.total_lost / max(1, follow.people)
        if early > 0.5:
            share = None if survival_cuts.LOST in self.unseen else early
            self.warnings.append(
                Note(
                    code="mostly_lost",
                    message=("Most" if share is None else f"{share:.0%}")
                    + " of the patients are lost to follow-up before "
                    f"{self.protocol.horizon:g} years; every measure relies on the others being "
                    "like them.",
                    values={"share": share},
                )
            )

    def _add(self, found: Measured, subgroup: Subgroup | None, *, updated: bool) -> None:
        names = [*SINGLE]
        if updated:
            names += [f"{name}_{update}" for update in UPDATES for name in UPDATED]
        for name in names:
            self.estimates.append(estimate_of(name, found.single[name], None, subgroup))
        for (name, threshold), quantity in found.at_threshold.items():
            at = {"threshold": threshold}
            self.estimates.append(estimate_of(name, quantity, at, subgroup))

    def _curves(self, found: Measured) -> None:
        follow, smallest, cuts = self.follow, self.smallest, found.cuts
        if found.reason or cuts is None:
            self.suppressed.append(
                Note(code="curves", message=f"No curve is given: {found.reason}")
            )
            return
        table = survival_cuts.counted(follow)
        steps = f"between neighbouring points nobody or at least {smallest} people of each outcome"
        self._curve(
            "observed",
            found.single["observed_risk"].method,
            survival_curves.observed_over_time(follow, smallest, self.unseen),
        )
        smooth = survival_curves.smoothed_calibration(table, found.smooth, smallest)
        if smooth is not None:
            self._curve("calibration", found.single["ici"].method, smooth)
            self._updated_calibration(found, smooth)
        self._curve(
            "calibration_groups",
            "Tenths of the people by risk, merged until each has nobody or at least "
            f"{smallest} people of each outcome; {found.single['observed_risk'].method}",
            survival_curves.calibration_groups(follow, cuts),
        )
        self._curve(
            "risk_distribution",
            "Counts, those lost to follow-up among those without the event; bins merged until "
            f"each is 0 or at least {smallest}",
            curves.risk_distribution(table, smallest, cuts, side="right"),
        )
        self._curve(
            "roc",
            f"{found.single['auc'].method}; thinned: {steps}",
            survival_curves.roc(follow, table, cuts),
        )
        self._threshold_curves(found, cuts, steps)
        self._updating(found)

    def _threshold_curves(self, found: Measured, cuts: Cuts, steps: str) -> None:
        counts, decision, any_hidden = survival_curves.threshold_rows(
            self.follow, cuts, self.smallest
        )
        first = self.protocol.thresholds[0]
        given, whole = len(counts["threshold"]), cuts.grid.size
        if given:
            thinned = "" if given == whole else f"; {steps}"
            method = found.at_threshold["sensitivity", first].method
            self._curve("thresholds", f"{method}{thinned}; numbers of people are estimates", counts)
            method = found.at_threshold["net_benefit", first].method
            self._curve("decision", f"{method}{thinned}", decision)
        if given < whole or any_hidden:
            self.suppressed.append(
                Note(
                    code="confusion_counts",
                    message=f"{whole - given} of {whole} thresholds are left out: a count below "
                    f"{self.smallest} stands there, or between them and their neighbours. "
                    "Elsewhere an estimated count below it is hidden, with the one that would "
                    "reveal it.",
                    values={"thresholds": whole - given},
                )
            )

    def _updated_calibration(self, found: Measured, smooth: curves.Columns) -> None:
        points = [float(point) for point in smooth["predicted"] if point is not None]
        columns: dict[str, Any] = {
            "predicted": points,
            "as_it_is": smooth["observed"],
            **survival_curves.updated_calibration(points, found.updates),
        }
        self._curve("updated_calibration", f"{METHOD}; weighted smoother as for ICI", columns)

    def _updating(self, found: Measured) -> None:
        """What each update gains, beside the model as it is."""
        columns: dict[str, list[Any]] = {
            name: [] for name in ("measure", "update", "value", "lower", "upper")
        }
        for name in UPDATED:
            for update in ("as_it_is", *UPDATES):
                suffix = "" if update == "as_it_is" else f"_{update}"
                quantity = found.single[name + suffix]
                for column, cell in zip(
                    columns.values(),
                    (name, update, quantity.value, quantity.lower, quantity.upper),
                    strict=True,
                ):
                    column.append(cell)
        self._curve("updating", METHOD, columns)

    def _curve(self, name: str, method: str, columns: Mapping[str, list[Any]]) -> None:
        self.curves[name] = Curve(method=method, columns=dict(columns))


def _counts(mask: np.ndarray, happened: np.ndarray) -> dict[str, int]:
    people, events = int(np.count_nonzero(mask)), int(np.count_nonzero(mask & happened))
    return {"patients": people, "events": events, "non_events": people - events}


def _case_mix(group: Group, part: FollowUp, *, withheld: bool) -> dict[str, Any]:
    """How ill a site's patients look to the model: mean and spread of cloglog(risk)."""
    mean = spread = None
    if not withheld:
        predictor = complementary_log_log(off_the_edge(part.risk[part.by_risk]))
        mean = float(np.mean(predictor))
        if part.people > 1:
            spread = math.sqrt(float(np.sum((predictor - mean) ** 2)) / (part.people - 1))
    return {
        "site": group.value,
        "patients": group.counts["patients"],
        "events": group.counts["events"],
        "mean_linear_predictor": mean,
        "sd_linear_predictor": spread,
    }
