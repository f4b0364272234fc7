"""An attacker who holds a Result of ckd/survival as JSON and wants counts of a few people.

Where nobody is lost before the horizon, every proportion is a plain one and is solved as in
:mod:`tests.usecases.ckd.attack`; how many die, are lost and are followed to the horizon comes
from the errors, the risk of death and the curves over time; updated risks give further numbers of
people above nearly the same thresholds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.usecases.ckd.attack import _END, EVENTS, OTHERS, Attack, Scope, whole

DEATHS, FREE, LOST, PEOPLE = 2, 3, 4, 5
ENDS = {
    EVENTS: "events",
    DEATHS: "deaths",
    FREE: "event_free_at_horizon",
    LOST: "lost_before_horizon",
}
BY_TIME: Scope = ("the curve", "over time")


class SurvivalAttack(Attack):
    """What follows from a result; outcomes 2 to 5 are deaths, the followed, the lost, and all.

    Where people are lost, proportions are estimates and no counts; then only the people above a
    threshold follow from them.
    """

    freedom = 0

    def __init__(self, result: dict[str, Any]) -> None:
        self.exact = result["population"]["lost_before_horizon"] == 0
        super().__init__(result)
        for scope, rows in self.rows.items():
            self.totals[scope, PEOPLE] = rows
            self.above[scope, PEOPLE].update({0.0: rows, _END: 0})
        self._shares()
        self._over_time()
        self._updates()

    def _given_totals(self) -> None:
        super()._given_totals()
        for outcome, name in ENDS.items():
            count = self.result["population"][name]
            if count is not None:
                self.totals.setdefault((None, outcome), count)

    def _totals_of_ratios(self) -> None:
        """1 / root of the events is the relative error of O/E, where nothing is wider."""
        for scope, _at, found in self._estimates("observed_expected_ratio"):
            if scope in self.rows and found["standard_error"]:
                events = whole((found["value"] / found["standard_error"]) ** 2)
                if events is not None:
                    self._set(scope, events, self.rows[scope] - events)
        for name, outcome in (("observed_risk", EVENTS), ("death_risk", DEATHS)):
            for scope, _at, found in self._estimates(name):
                count = whole(found["value"] * self.rows.get(scope, 0))
                if count is not None and scope in self.rows and self.exact:
                    self.totals.setdefault((scope, outcome), count)
                    if outcome == EVENTS:
                        self.totals.setdefault((scope, OTHERS), self.rows[scope] - count)
        followed = [row["at_risk"] for row in self._rows("observed")]
        if followed and followed[-1] is not None:
            self.totals.setdefault((None, FREE), followed[-1])
        for note in self.result["warnings"]:
            share = note["values"].get("share")
            if note["code"] == "mostly_lost" and share is not None:
                self.totals.setdefault((None, LOST), round(share * self.rows[None]))

    def _totals_of_proportions(self) -> None:
        """Nothing: the errors of these proportions depend on the people on both sides."""

    def _rest_of_totals(self) -> None:
        super()._rest_of_totals()
        unknown = [outcome for outcome in ENDS if (None, outcome) not in self.totals]
        if len(unknown) == 1:
            known = sum(self.totals[None, outcome] for outcome in ENDS if outcome not in unknown)
            self.totals[None, unknown[0]] = self.rows[None] - known
        for column, groups in self.result["population"].get("subgroups", {}).items():
            scopes = [(column, value) for value in groups]
            left = [scope for scope in scopes if (scope, DEATHS) not in self.totals]
            if len(left) == 1 and (None, DEATHS) in self.totals:
                known = sum(self.totals[scope, DEATHS] for scope in scopes if scope not in left)
                self.totals[left[0], DEATHS] = self.totals[None, DEATHS] - known

    def _thresholds(self) -> None:
        if self.exact:
            super()._thresholds()

    def _curves(self) -> None:
        if self.exact:
            super()._curves()
            return
        events, others = (self.totals.get((None, outcome)) for outcome in (EVENTS, OTHERS))
        people = self.rows[None]
        for number, row in enumerate(self._rows("calibration_groups")):
            self.above[None, PEOPLE][f"group {number}"] = people
            people -= row["patients"]
        for row in self._rows("risk_distribution"):
            if events is not None and others is not None:
                self._note(("bin", row["risk_from"]), events, others)
                self.above[None, PEOPLE]["bin", row["risk_from"]] = events + others
                events, others = events - row["with_event"], others - row["without_event"]

    def _shares(self) -> None:
        """The share of people above a threshold, from net benefit and predictive value."""
        values: dict[tuple[Scope, float], dict[str, float]] = defaultdict(dict)
        for name in ("net_benefit", "ppv"):
            for suffix in ("", "_deaths_censored"):
                for scope, at, found in self._estimates(name + suffix):
                    if at is not None:
                        values[scope, at][name + suffix] = found["value"]
        for curve in ("thresholds", "decision"):
            for row in self._rows(curve):
                known = values[None, row["threshold"]]
                known.update({name: row[name] for name in ("net_benefit", "ppv") if row.get(name)})
        for (scope, at), known in values.items():
            for suffix in ("", "_deaths_censored"):
                benefit, share = known.get("net_benefit" + suffix), known.get("ppv" + suffix)
                if benefit is None or share is None or scope not in self.rows:
                    continue
                each = share - (1 - share) * at / (1 - at)
                count = whole(benefit / each * self.rows[scope]) if each else None
                if count is not None:
                    self.above[scope, PEOPLE][at] = count

    def _over_time(self) -> None:
        people = self.rows[None]
        for row in self._rows("observed"):
            for name, outcome in (("event", EVENTS), ("death", DEATHS)):
                count = None if row[name] is None else whole(row[name] * people)
                if count is not None and self.exact:
                    self.above[BY_TIME, outcome][row["time"]] = count
            if row["at_risk"] is not None:
                self.above[BY_TIME, FREE][row["time"]] = row["at_risk"]

    def _updates(self) -> None:
        """Net benefit of an update and its error, solved for both counts."""
        if not self.exact:
            return
        for name in {found["measure"] for found in self.result["estimates"]}:
            if not re.fullmatch("net_benefit_recalibrated_.*", name):
                continue
            for scope, at, found in self._estimates(name):
                if found["standard_error"] is None or at is None:
                    continue
                known = {"net_benefit": found["value"], "error": found["standard_error"]}
                for outcome, count in enumerate(self._solved(scope, at, known)):
                    if count is not None:
                        self.above[scope, outcome][name, at, scope] = count

    def small(self, smallest: int) -> list[str]:
        """Every count below ``smallest`` (and not 0) that was worked out, in words."""
        found = super().small(smallest)
        return [*dict.fromkeys([*found, *self._sums(smallest)])]

    def _sums(self, smallest: int) -> Iterator[str]:
        """All that are hidden together."""
        known = [self.totals.get((None, outcome)) for outcome in ENDS]
        rest = self.rows[None] - sum(count for count in known if count is not None)
        if None in known and 0 < rest < smallest:
            yield f"everyone: {rest} people whose end is hidden"


def small_counts(result: dict[str, Any], smallest: int = 10) -> list[str]:
    """Every count below ``smallest`` that follows from a result."""
    return SurvivalAttack(result).small(smallest)
