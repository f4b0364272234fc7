"""An attacker who holds a Result of heart-failure/alerts as JSON and wants counts of a few.

Shares times events and alerts, rates times years, the numbers of any two thresholds subtracted,
sites subtracted from everyone, the interval of a share of 0 or 1 solved for the patients behind
it, bins of the lead time, quantiles near its ends, and the mean number of events over time
multiplied by those at risk.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.usecases.ckd.attack import Scope, whole

KINDS = ("events", "detected", "alerts", "unexplained", "explained")
QUANTILES = {"lead_time_median": 0.5, "lead_time_q25": 0.25, "lead_time_q75": 0.75}


class AlertsAttack:
    """What follows from a result.

    Attributes
    ----------
    counts : dict
        (scope, kind) to {threshold or label: how many there are}.
    patients : dict
        Scope to numbers of patients by a label.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.result, self.population = result, result["population"]
        self.counts: dict[tuple[Scope, str], dict[Any, int]] = defaultdict(dict)
        self.patients: dict[Scope, dict[str, int]] = defaultdict(dict)
        self.own = result["protocol"]["threshold"] or 0.0
        self._years()
        self._population()
        self._estimates()
        self._curves()

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        columns = self.result["curves"].get(name, {"columns": {}})["columns"]
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def _years(self) -> None:
        """Of follow-up, and those that alerts are counted in."""
        years = self.population["patient_years"]
        self.years: dict[Scope, float] = {None: years}
        self.watched: dict[Scope, float] = {
            None: self.population.get("monitored_patient_years", years)
        }
        for site in self.population.get("sites", []):
            if site["patient_years"] is not None:
                self.years["site", site["site"]] = site["patient_years"]

    def _population(self) -> None:
        shown = self.population
        for kind in KINDS[:4]:
            if shown[kind] is not None:
                self.counts[None, kind][self.own] = shown[kind]
        self.patients[None]["all"] = shown["patients"]
        for name in ("patients_with_event", "deaths"):
            if shown[name] is not None:
                self.patients[None][name] = shown[name]
        for note in self.result["warnings"]:
            if note["code"] == "clustered_events":
                self.patients[None]["patients_with_event"] = int(
                    note["message"].split()[0].replace(",", "")
                )
        for column, groups in shown.get("subgroups", {}).items():
            for value, counts in groups.items():
                if counts["patients"] is not None:
                    self.patients[column, value]["all"] = counts["patients"]
                if counts["events"] is not None:
                    self.patients[column, value]["patients_with_event"] = counts["events"]

    def _estimates(self) -> None:
        values: dict[Scope, dict[str, dict[str, Any]]] = defaultdict(dict)
        for found in self.result["estimates"]:
            if found["value"] is not None:
                group = found["subgroup"]
                scope = None if group is None else (group["column"], group["value"])
                values[scope][found["measure"]] = found
        for scope, known in values.items():
            if scope in self.years and "event_rate" in known:
                self._note(scope, "events", known["event_rate"]["value"] * self.years[scope])
            rates = {name: found["value"] for name, found in known.items()}
            self._solve(scope, self.own, rates)
            # Clopper and Pearson's end is a function of the patients alone.
            share = known.get("event_sensitivity")
            if share and share["standard_error"] is None and share["value"] in (0, 1):
                end = share["upper"] if share["value"] == 0 else share["lower"]
                base = 1 - end if share["value"] == 0 else end
                count = whole(math.log(0.025) / math.log(base)) if 0 < base < 1 else None
                if count is not None:
                    self.patients[scope]["patients_with_event"] = count

    def _note(self, scope: Scope, kind: str, value: float, at: Any = None) -> None:
        count = whole(value)
        if count is not None:
            self.counts[scope, kind].setdefault(self.own if at is None else at, count)

    def _solve(self, scope: Scope, at: Any, rates: dict[str, float | None]) -> None:
        events = self.counts[scope, "events"].get(self.own)
        if events is not None and rates.get("event_sensitivity") is not None:
            self._note(scope, "detected", rates["event_sensitivity"] * events, at)
        if scope in self.watched:
            for name, kind in (("alert_rate", "alerts"), ("unexplained_alert_rate", "unexplained")):
                if rates.get(name) is not None:
                    self._note(scope, kind, rates[name] * self.watched[scope], at)
        alerts, lost = (self.counts[scope, kind].get(at) for kind in ("alerts", "unexplained"))
        share = rates.get("alert_ppv")
        if alerts is not None and lost is None and share is not None:
            lost = whole((1 - share) * alerts)
        if lost is not None and alerts is None and share is not None and share < 1:
            alerts = whole(lost / (1 - share))
        if alerts is not None and lost is not None:
            self.counts[scope, "alerts"].setdefault(at, alerts)
            self.counts[scope, "unexplained"].setdefault(at, lost)
            self.counts[scope, "explained"][at] = alerts - lost

    def _curves(self) -> None:
        for name in ("free_response", "burden"):
            for row in self._rows(name):
                self._solve(None, row["threshold"], row)
        self.leads = [row["events"] for row in self._rows("lead_time")]
        if self.leads:
            self.counts[None, "detected"].setdefault(self.own, sum(self.leads))
        self.over_time = list(self._rows("mean_cumulative_events"))

    def small(self, smallest: int) -> list[str]:
        """Every count below ``smallest`` (and not 0) that was worked out, in words."""
        found = []
        events = self.counts[None, "events"].get(self.own)
        for (scope, kind), cuts in self.counts.items():
            counts = {0, *cuts.values()}
            total = self.counts[scope, "events"].get(self.own)
            if kind == "detected" and total is not None:
                counts.add(total)
            if kind == "alerts":  # fewer unexplained and more explained: a difference of nobody
                found += [f"{scope}: {count} alerts" for count in counts if 0 < count < smallest]
                continue
            for low, high in itertools.pairwise(sorted(counts)):
                if 0 < high - low < smallest:
                    found.append(f"{scope}: {high - low} {kind}, between {low} and {high}")
        for scope, numbers in self.patients.items():
            for low, high in itertools.pairwise(sorted({0, *numbers.values()})):
                if 0 < high - low < smallest and "deaths" not in numbers:
                    found.append(f"{scope}: {high - low} patients of {numbers}")
            if 0 < numbers.get("deaths", 0) < smallest:
                found.append(f"{scope}: {numbers['deaths']} deaths")
        found += [f"{count} leads in a bin" for count in self.leads if 0 < count < smallest]
        found += self._quantiles(smallest)
        found += self._steps_over_time(smallest, events)
        for column, groups in self.population.get("subgroups", {}).items():
            for kind in KINDS:
                found += self._rest(column, list(groups), kind, smallest)
        return found

    def _quantiles(self, smallest: int) -> Iterator[str]:
        """A quantile says how many leads are as short, or as long."""
        for row in self._rows("burden"):
            detected = self.counts[None, "detected"].get(row["threshold"])
            for name, share in QUANTILES.items():
                if row[name] is not None and detected is not None:
                    sides = share * detected, (1 - share) * detected
                    # With ties more are as short: only what is surely few counts.
                    if min(sides) < 1 <= detected:
                        yield f"{name} of {detected} at {row['threshold']}"

    def _steps_over_time(self, smallest: int, events: int | None) -> Iterator[str]:
        before = {"mean": 0.0, "at_risk": self.population["patients"]}
        for row in self.over_time:
            gone = before["at_risk"] - row["at_risk"]
            if 0 < gone < smallest:
                yield f"{gone} leave by year {row['years']:.3f}"
            # Between those at risk at both ends, and survival at most 1.
            happened = (row["mean"] - before["mean"]) * before["at_risk"]
            if 0 < happened < 0.75 * smallest:
                yield f"about {happened:.1f} events by year {row['years']:.3f}"
            before = row

    def _rest(self, column: str, values: list[str], kind: str, smallest: int) -> Iterator[str]:
        everyone = self.counts[None, kind].get(self.own)
        if everyone is None:
            return
        known = [self.counts[(column, value), kind].get(self.own) for value in values]
        rest = everyone - sum(count for count in known if count is not None)
        if None in known and 0 < rest < smallest:
            left = [value for value, count in zip(values, known, strict=True) if count is None]
            yield f"{column} {left}: {rest} {kind}"


def small_counts(result: dict[str, Any], smallest: int = 10) -> list[str]:
    """Every count below ``smallest`` that follows from a result."""
    return AlertsAttack(result).small(smallest)
