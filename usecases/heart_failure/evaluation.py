"""Evaluating an alert algorithm on time series: tables and protocol in, Result out. No Django."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from portal.result import Curve, Estimate, Note, Pooled, Result
from portal.tables import LoadedTable
from portal.usecase import Progress, gettext_noop, no_progress
from usecases.estimates import estimate_of, inputs_of, pooled_of
from usecases.groups import Group, Groups, check_subgroups
from usecases.heart_failure import alert_curves
from usecases.heart_failure.cohort import Cohort
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.statistics import alert_measures
from usecases.statistics.alert_cuts import few_patients, untold_in_groups
from usecases.statistics.alerts import (
    DAYS_PER_YEAR,
    Totals,
    explained,
)
from usecases.statistics.disclosure import is_small
from usecases.statistics.free_response import FreeResponse
from usecases.statistics.quantity import Quantity
from usecases.statistics.ratios import exact_poisson

ENGINE = "heart-failure-alerts/2"
"""Raised with every change that moves a number."""

POOLED = {
    "event_sensitivity": "logit",
    "unexplained_alert_rate": "log",
    "alert_rate": "log",
    "alert_ppv": "logit",
    "event_rate": "log",
}
"""The measures that are pooled over sites, and on which scale."""

ROBUST = "intervals by linearisation, patients as clusters, logit or log scale"

READING = gettext_noop("Matching scores, events and follow-up")
EVERYONE = gettext_noop("Evaluating everyone")
ALL_THRESHOLDS = gettext_noop("Evaluating all thresholds")
SUBGROUPS = gettext_noop("Evaluating sites and subgroups")
POOLING = gettext_noop("Pooling over sites")
DONE = gettext_noop("Done")

OUTSIDE = {
    "events": "events",
    "deaths": "deaths",
    "alerts": "alerts",
    "predictions": "daily scores",
}


def evaluate_alerts(
    tables: Mapping[str, LoadedTable],
    protocol: AlertsProtocol,
    progress: Progress = no_progress,
) -> Result:
    """Evaluate the alerts of an algorithm against the events that they should come before.

    Parameters
    ----------
    tables : mapping
        ``followup`` (patient_id, start, end, further columns), ``events`` (patient_id, date,
        optional type) and either ``predictions`` (patient_id, date, score) or ``alerts``
        (patient_id, date), all validated.
    protocol : AlertsProtocol
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
    own = ("patient_id", "start", "end")
    check_subgroups(tables["followup"].frame, protocol.subgroups, own)
    cohort = Cohort.of(tables, protocol.window)
    return _Evaluation(tables, protocol, progress, cohort).result()


class _Evaluation:
    """One run: what is known while the Result comes together."""

    def __init__(
        self,
        tables: Mapping[str, LoadedTable],
        protocol: AlertsProtocol,
        progress: Progress,
        cohort: Cohort,
    ) -> None:
        self.tables, self.protocol, self.progress, self.cohort = tables, protocol, progress, cohort
        self.settings = alert_measures.Settings(
            minimum_events=protocol.minimum_events,
            smallest_count=protocol.smallest_count,
            replicates=protocol.bootstrap_replicates,
            seed=protocol.seed,
        )
        self.groups = Groups.of(
            cohort.frame, protocol.subgroups, protocol.smallest_count, cohort.counts
        )
        self.alerts, self.totals = cohort.totals(protocol)
        self.estimates: list[Estimate] = []
        self.warnings: list[Note] = list(self.groups.warnings)
        self.suppressed: list[Note] = []
        self.pooled: list[Pooled] = []
        self.curves: dict[str, Curve] = {}
        self.population: dict[str, Any] = {}

    def result(self) -> Result:
        self._population()
        self._warn()
        found = alert_measures.measure(
            self.totals, self.settings, self._ticker(EVERYONE, 0.2, 0.35)
        )
        self._add(found, None)
        self.progress(ALL_THRESHOLDS, 0.35)
        self._curves()
        by_site = self._groups()
        self.progress(POOLING, 0.97)
        if len(by_site) > 1:
            for name, scale in POOLED.items():
                self.pooled.append(pooled_of(name, scale, [site[name] for site in by_site]))
        result = Result(
            use_case="heart-failure",
            task="alerts",
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

    def _add(self, found: Mapping[str, Quantity], group: Group | None) -> None:
        subgroup = None if group is None else group.subgroup
        for name in alert_measures.NAMES:
            self.estimates.append(estimate_of(name, found[name], None, subgroup))

    def _groups(self) -> list[dict[str, Quantity]]:
        """Evaluate each site and subgroup; the sites' measures, to be pooled."""
        self.suppressed += self.groups.suppressed
        if len(self.groups):
            self.population["subgroups"] = self.groups.population
        by_site: list[dict[str, Quantity]] = []
        sites: list[dict[str, Any]] = []
        done = 0
        for column, groups in self.groups.columns.items():
            untold = untold_in_groups(
                self.totals,
                [group.mask for group in groups],
                self.protocol.smallest_count,
                nested=column in self.groups.nested,
            )
            for group, names in zip(groups, untold, strict=True):
                low, high = (0.6 + 0.37 * (done + end) / len(self.groups) for end in (0, 1))
                done += 1
                part = self.totals.among(group.mask)
                found = self._of_group(group, part, names, self._ticker(SUBGROUPS, low, high))
                self._add(found, group)
                if column == self.groups.site:
                    by_site.append(found)
                    sites.append(_case_mix(group, part, found))
        if sites:
            self.population["sites"] = sites
        return by_site

    def _of_group(
        self, group: Group, part: Totals, untold: set[str], tick: Callable[[float], None]
    ) -> dict[str, Quantity]:
        if group.hidden and part.patients >= self.protocol.smallest_count:
            return alert_measures.withheld(
                f"It, or another group of '{group.column}' that it would reveal, has fewer than "
                f"{self.protocol.smallest_count} patients with an event, or without one."
            )
        return alert_measures.measure(part, self.settings, tick, untold)

    def _population(self) -> None:
        totals, smallest = self.totals, self.protocol.smallest_count
        having = int(np.count_nonzero(totals.events))
        shown: dict[str, Any] = {
            "patients": totals.patients,
            "patients_with_event": having,
            "events": int(totals.events.sum()),
            "detected": int(totals.detected.sum()),
            "alerts": int(totals.alerts.sum()),
            "unexplained": int(totals.unexplained.sum()),
            "deaths": int(np.count_nonzero(self.cohort.died)) if self.cohort.has_deaths else None,
            "without_prediction": self.cohort.without_prediction,
        }
        few, lost = few_patients(totals, smallest), set()
        if is_small(having, smallest) or is_small(totals.patients - having, smallest):
            lost.add("patients_with_event")
        # As the estimates: see alert_cuts.NEEDS.
        for name, kinds in (
            ("events", {"events"}),
            ("detected", {"events", "detected", "missed"}),
            ("alerts", {"alerts", "explained"}),
            ("unexplained", {"unexplained"}),
        ):
            if few & kinds:
                lost.add(name)
        if is_small(int(np.count_nonzero(self.cohort.died)), smallest):
            lost.add("deaths")
        shown.update(dict.fromkeys(sorted(lost)))
        if lost:
            words = ", ".join(name.replace("_", " ") for name in sorted(lost))
            self.suppressed.append(
                Note(
                    code="counts",
                    message=f"Counts that come from fewer than {smallest} patients, or leave "
                    f"fewer than that, are hidden: {words}.",
                    values={"counts": sorted(lost)},
                )
            )
        shown["patient_years"] = float(totals.days.sum() / DAYS_PER_YEAR)
        if totals.monitored is not None:
            shown["monitored_patient_years"] = float(totals.monitored.sum() / DAYS_PER_YEAR)
        self.population.update(shown)

    def _warn(self) -> None:
        cohort, totals = self.cohort, self.totals
        if cohort.without_prediction:
            self._note(
                "without_prediction",
                "{count} patients have no score and take no part.",
                cohort.without_prediction,
            )
        for name, words in OUTSIDE.items():
            if cohort.outside.get(name):
                self._note(
                    f"{name}_outside_followup",
                    f"{{count}} {words} lie outside the patient's follow-up and take no part.",
                    cohort.outside[name],
                    cohort.outside_patients[name],
                )
        if cohort.cut_at_death:
            self._note(
                "followup_after_death",
                "{count} patients have follow-up after their death; it ends with the death here.",
                cohort.cut_at_death,
            )
        self._warn_of_events()
        if not totals.alerts.any():
            self._note("no_alerts", "No alert started in any patient's follow-up.")
        scores = cohort.monitoring
        if scores is not None and scores.score.size and np.ptp(scores.score) == 0:
            self._note(
                "one_score",
                "All scores are the same, so that each patient is in alert always or never.",
            )
        window = self.protocol.window
        ends = cohort.calendar.place(np.arange(cohort.patients), cohort.end)
        unknown = ~explained(self.alerts, cohort.events, window)
        patient = cohort.calendar.patient(self.alerts)
        late = self.alerts + window > ends[patient]
        if np.any(unknown & late):
            self._note(
                "window_beyond_followup",
                f"{{count}} alerts count as unexplained although the {window} days after their "
                "start go beyond the end of follow-up: an event in the remaining days is not "
                "known of.",
                int(np.count_nonzero(unknown & late)),
                _fewest(patient[unknown & late], patient[unknown & ~late]),
            )

    def _warn_of_events(self) -> None:
        cohort, totals, protocol = self.cohort, self.totals, self.protocol
        events, having = int(totals.events.sum()), int(np.count_nonzero(totals.events))
        if not events:
            self._note("no_events", "There is no event within follow-up.")
        years = totals.days.sum() / DAYS_PER_YEAR
        known = None not in (self.population["patients_with_event"], self.population["events"])
        if events > having and known and years:
            lower, upper = exact_poisson(events, float(years))
            self.warnings.append(
                Note(
                    code="clustered_events",
                    message=f"{having:,} patients have {events:,} events. A Poisson interval of "
                    f"the event rate, {lower:.4f} to {upper:.4f} per patient-year, would take "
                    "them for independent and be too narrow; the intervals here draw patients.",
                    values={"poisson_lower": lower, "poisson_upper": upper},
                )
            )
        if events and not cohort.has_deaths:
            self._note(
                "no_deaths",
                "No deaths are given: the mean number of events takes every end of follow-up "
                "for the end of observation, and is too high where patients died.",
            )
        if events and cohort.monitoring is not None:
            place = cohort.monitoring.place
            first = np.searchsorted(place, cohort.events - protocol.window)
            after = np.searchsorted(place, cohort.events - protocol.blanking, side="right")
            if np.any(first == after):
                lost = cohort.event_patient[first == after]
                seen = self.totals.events - self.totals.detected
                seen = seen - np.bincount(lost, minlength=seen.size)
                self._note(
                    "events_without_scores",
                    "{count} events have no score in their window and count as not detected.",
                    lost.size,
                    _fewest(lost, np.flatnonzero(seen > 0)),
                )

    def _note(
        self, code: str, message: str, count: int | None = None, patients: int | None = None
    ) -> None:
        """Warn; a count is not told that is of fewer ``patients`` (default: the count itself)."""
        values: dict[str, Any] = {}
        if count is not None:
            smallest = self.protocol.smallest_count
            told = (count if patients is None else patients) >= smallest
            words = f"{count:,}" if told else "Some"
            if not told and count < smallest:
                words = f"Fewer than {smallest}"
            message = message.format(count=words)
            values = {"count": count if told else None}
        self.warnings.append(Note(code=code, message=message, values=values))

    def _curves(self) -> None:
        cohort, totals, smallest = self.cohort, self.totals, self.protocol.smallest_count
        having = int(np.count_nonzero(totals.events))
        if having < max(smallest, 1) or cohort.patients < smallest:
            self.suppressed.append(
                Note(
                    code="curves",
                    message="No curve is given: there is no event."
                    if not having
                    else f"No curve is given: fewer than {smallest} patients have an event.",
                )
            )
            return
        steps = f"between neighbouring points nobody or at least {smallest} patients"
        cumulative = alert_curves.mean_cumulative_events(cohort, smallest)
        if cumulative is not None:
            columns, method = cumulative
            method = f"{method}; thinned: {steps} have an event, or leave"
            self.curves["mean_cumulative_events"] = Curve(method=method, columns=columns)
        if self.population["detected"]:
            self.curves["lead_time"] = Curve(
                method=f"Counts; bins merged until each is of nobody or at least {smallest} "
                "patients",
                columns=alert_curves.lead_times(totals, self.protocol.window, smallest),
            )
        threshold = self.protocol.threshold
        if cohort.monitoring is None or threshold is None or not totals.at_risk.any():
            return
        free = FreeResponse(
            cohort.monitoring,
            cohort.events,
            self.protocol.window,
            self.protocol.blanking,
            self.protocol.recovery,
        )
        recovery = "recovery at the threshold"
        if self.protocol.recovery is not None:
            recovery = f"recovery at {self.protocol.recovery:g}, or at a lower threshold"
        self.progress(ALL_THRESHOLDS, 0.4)
        few = few_patients(totals, smallest)
        told = (
            not few & {"detected", "missed"},
            "unexplained" not in few,
            not few & {"alerts", "explained", "unexplained"},
        )
        thresholds = alert_curves.thresholds_of(free, cohort, totals, threshold, told, smallest)
        if not thresholds.size:
            self.suppressed.append(
                Note(
                    code="thresholds",
                    message=f"No other threshold is shown: events or alerts of fewer than "
                    f"{smallest} patients would follow from each.",
                )
            )
            return
        self.progress(ALL_THRESHOLDS, 0.5)
        days = int(totals.at_risk.sum())
        self.curves["free_response"] = Curve(
            method=f"Exact; {recovery}; thinned: {steps} have other events detected, or other "
            f"alerts; {ROBUST}",
            columns=alert_curves.free_response_curve(free, cohort, days, thresholds),
        )
        self.progress(ALL_THRESHOLDS, 0.55)
        burden = alert_curves.burden_curve(free, cohort, totals, threshold, thresholds, smallest)
        if burden["threshold"]:
            self.curves["burden"] = Curve(
                method="The lowest threshold of the free-response curve from which on upwards the "
                f"burden is kept; {recovery}; {ROBUST}",
                columns=burden,
            )


def _fewest(*patients: np.ndarray) -> int:
    """The fewest patients of any, where there are any."""
    return min(np.unique(part).size for part in patients if part.size)


def _case_mix(group: Group, part: Totals, found: Mapping[str, Quantity]) -> dict[str, Any]:
    """How long the patients of a site were followed, and how often they had an event."""
    known = group.counts["patients"] is not None
    return {
        "site": group.value,
        "patients": group.counts["patients"],
        "patients_with_event": group.counts["events"],
        "patient_years": float(part.days.sum() / DAYS_PER_YEAR) if known else None,
        "event_rate": found["event_rate"].value,
    }
