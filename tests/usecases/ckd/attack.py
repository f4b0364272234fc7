"""An attacker who holds a Result of ckd/binary as JSON and wants counts of a few people.

Everything is worked out from the JSON: counts that are given, proportions times their totals,
totals from a proportion and its standard error, pairs of proportions solved for both counts, net
benefit with its interval solved for both counts, groups subtracted from everyone, and one curve's
counts subtracted from another's.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Scope = tuple[str, str] | None
"""Column and category; None is everyone."""

EVENTS, OTHERS = 0, 1
WIDTH = 2 * 1.959963984540054
_END = 2.0
"""A threshold that no risk reaches."""


class Attack:
    """What follows from a result.

    Attributes
    ----------
    totals : dict
        (scope, outcome) to the number of rows.
    above : dict
        (scope, outcome) to {cut: rows at or above it}. A cut is a threshold, or a label.
    """

    freedom = 1
    """What the variance of net benefit is divided by is that much less than the rows."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result
        self.totals: dict[tuple[Scope, int], int] = {}
        self.above: dict[tuple[Scope, int], dict[Any, int]] = defaultdict(dict)
        self._given_totals()
        self._totals_of_ratios()
        self._totals_of_proportions()
        for _round in range(3):  # a count that was found may give another away
            self._rest_of_totals()
        self._thresholds()
        self._curves()
        for (scope, outcome), total in self.totals.items():
            self.above[scope, outcome].update({0.0: total, _END: 0})

    # Totals

    def _set(self, scope: Scope, events: int | None, others: int | None) -> None:
        for outcome, count in ((EVENTS, events), (OTHERS, others)):
            if count is not None:
                self.totals.setdefault((scope, outcome), count)

    def _given_totals(self) -> None:
        population = self.result["population"]
        self.rows: dict[Scope, int] = {None: population["rows"]}
        self._set(None, population["events"], population["non_events"])
        for column, groups in population.get("subgroups", {}).items():
            for value, counts in groups.items():
                if counts["patients"] is not None:
                    self.rows[column, value] = counts["patients"]
                self._set((column, value), counts["events"], counts["non_events"])

    def _totals_of_ratios(self) -> None:
        """The standard error of log(O/E) is sqrt((1 - E/n) / E): solved for E."""
        for scope, _at, found in self._estimates("observed_expected_ratio"):
            rows = self.rows.get(scope)
            if rows is None or not found["standard_error"]:
                continue
            square = (found["standard_error"] / found["value"]) ** 2
            events = whole(1 / (square + 1 / rows))
            if events is not None:
                self._set(scope, events, rows - events)

    def _totals_of_proportions(self) -> None:
        """A proportion p with its standard error is of p (1 - p) / se² people."""
        for name, outcome in (("sensitivity", EVENTS), ("specificity", OTHERS)):
            for scope, _at, found in self._estimates(name):
                if found["standard_error"]:
                    share = found["value"]
                    total = whole(share * (1 - share) / found["standard_error"] ** 2)
                    if total is not None:
                        self.totals.setdefault((scope, outcome), total)

    def _rest_of_totals(self) -> None:
        for column, groups in self.result["population"].get("subgroups", {}).items():
            for outcome in (EVENTS, OTHERS):
                everyone = self.totals.get((None, outcome))
                unknown = [
                    value for value in groups if ((column, value), outcome) not in self.totals
                ]
                if everyone is not None and len(unknown) == 1:
                    known = sum(
                        self.totals[(column, value), outcome]
                        for value in groups
                        if value not in unknown
                    )
                    self.totals[(column, unknown[0]), outcome] = everyone - known

    # Counts above a threshold

    def _estimates(self, name: str) -> Iterator[tuple[Scope, float | None, dict[str, Any]]]:
        for found in self.result["estimates"]:
            if found["measure"] == name and found["value"] is not None:
                group = found["subgroup"]
                scope = None if group is None else (group["column"], group["value"])
                yield scope, None if found["at"] is None else found["at"]["threshold"], found

    def _thresholds(self) -> None:
        rows: dict[tuple[Scope, float], dict[str, Any]] = defaultdict(dict)
        for name in ("sensitivity", "specificity", "ppv", "npv", "net_benefit"):
            for scope, at, found in self._estimates(name):
                rows[scope, at][name] = found["value"]
                if name == "net_benefit" and found["standard_error"] is not None:
                    rows[scope, at]["error"] = found["standard_error"]
        for curve in ("thresholds", "decision"):
            for row in self._rows(curve):
                known = rows[None, row["threshold"]]
                known.update({name: value for name, value in row.items() if value is not None})
                if curve == "decision" and None not in (row["lower"], row["upper"]):
                    known["error"] = (row["upper"] - row["lower"]) / WIDTH
        for (scope, at), known in rows.items():
            for outcome, count in enumerate(self._solved(scope, at, known)):
                if count is not None:
                    self.above[scope, outcome][at] = count

    def _solved(
        self, scope: Scope, at: float, known: dict[str, Any]
    ) -> tuple[int | None, int | None]:
        """True and false positives at a threshold, from whatever is known there."""
        events, others = (self.totals.get((scope, outcome)) for outcome in (EVENTS, OTHERS))
        if events is None or others is None:
            return None, None
        people, odds = events + others, at / (1 - at)
        true: float | None = known.get("true_positive")
        false: float | None = known.get("false_positive")
        if true is None and "false_negative" in known:
            true = events - known["false_negative"]
        if false is None and "true_negative" in known:
            false = others - known["true_negative"]
        if true is None and "sensitivity" in known:
            true = known["sensitivity"] * events
        if false is None and "specificity" in known:
            false = (1 - known["specificity"]) * others
        if "net_benefit" in known:
            benefit = known["net_benefit"] * people
            if true is None and false is not None:
                true = benefit + odds * false
            elif false is None and true is not None:
                false = (true - benefit) / odds
            elif true is None and "error" in known:
                # Two moments of a quantity that is 1, -odds or 0.
                square = (
                    known["error"] ** 2 * (people - self.freedom) + known["net_benefit"] ** 2
                ) * people
                false = (square - benefit) / (odds**2 + odds)
                true = benefit + odds * false
        if known.get("ppv") and true is None and false is not None and known["ppv"] < 1:
            true = false * known["ppv"] / (1 - known["ppv"])
        if known.get("ppv") and false is None and true is not None:
            false = true * (1 - known["ppv"]) / known["ppv"]
        if true is None and false is None and {"ppv", "npv"} <= known.keys():
            lost = 1 - known["npv"]
            if abs(known["ppv"] - lost) > 1e-9:
                flagged = (events - lost * people) / (known["ppv"] - lost)
                true, false = known["ppv"] * flagged, (1 - known["ppv"]) * flagged
        return whole(true), whole(false)

    # Curves

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        columns = self.result["curves"].get(name, {"columns": {}})["columns"]
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def _note(self, cut: Any, true: float | None, false: float | None) -> None:
        for outcome, count in ((EVENTS, whole(true)), (OTHERS, whole(false))):
            if count is not None:
                self.above[None, outcome][cut] = count

    def _curves(self) -> None:
        events, others = (self.totals.get((None, outcome)) for outcome in (EVENTS, OTHERS))
        if events is None or others is None:
            return
        for number, row in enumerate(self._rows("roc")):
            self._note(
                f"roc {number}", row["sensitivity"] * events, row["false_positive_rate"] * others
            )
        for number, row in enumerate(self._rows("precision_recall")):
            true = row["recall"] * events
            if row["precision"]:
                false = true * (1 - row["precision"]) / row["precision"]
                self._note(f"precision-recall {number}", true, false)
        true, false = events, others
        for number, row in enumerate(self._rows("calibration_groups")):
            self._note(f"group {number}", true, false)
            found = whole(row["observed"] * row["patients"])
            if found is None:
                break
            true, false = true - found, false - (row["patients"] - found)
        true, false = events, others
        for row in self._rows("risk_distribution"):
            self._note(("bin", row["risk_from"]), true, false)
            true, false = true - row["with_event"], false - row["without_event"]

    # What is found

    def small(self, smallest: int) -> list[str]:
        """Every count below ``smallest`` (and not 0) that was worked out, in words."""
        found = [
            f"{scope or 'everyone'}: {rows} rows"
            for scope, rows in self.rows.items()
            if 0 < rows < smallest
        ]
        for (scope, outcome), cuts in self.above.items():
            counts = sorted(set(cuts.values()))
            where = {count: cut for cut, count in cuts.items()}
            for low, high in itertools.pairwise(counts):
                if 0 < high - low < smallest:
                    found.append(
                        f"{scope or 'everyone'}, outcome {outcome}: {high - low} rows between "
                        f"{where[low]} and {where[high]}"
                    )
        for column, groups in self.result["population"].get("subgroups", {}).items():
            scopes = [(column, value) for value in groups]
            for outcome in (EVENTS, OTHERS):
                found += self._small_rest(scopes, outcome, smallest)
        return found

    def _small_rest(self, scopes: list[Scope], outcome: int, smallest: int) -> Iterator[str]:
        """Everyone between two cuts, less the groups that are known at both."""
        everyone = self.above[None, outcome]
        cuts = [
            cut
            for cut in everyone
            if cut in (0.0, _END) or any(cut in self.above[scope, outcome] for scope in scopes)
        ]
        cuts += [cut for cut in everyone if isinstance(cut, float) and cut not in cuts]
        for low, high in itertools.combinations(sorted(cuts), 2):
            rest = everyone[low] - everyone[high]
            unknown = []
            for scope in scopes:
                known = self.above[scope, outcome]
                if low in known and high in known:
                    rest -= known[low] - known[high]
                else:
                    unknown.append(scope)
            if unknown and 0 < rest < smallest:
                yield f"{unknown}, outcome {outcome}: {rest} rows between {low} and {high}"


def whole(value: float | None) -> int | None:
    """The whole number that ``value`` is, but for rounding; None where it is none."""
    if value is None or not math.isfinite(value):
        return None
    nearest = round(value)
    return nearest if abs(value - nearest) < 1e-5 * max(1.0, abs(value) ** 0.5) else None


def small_counts(result: dict[str, Any], smallest: int = 10) -> list[str]:
    """Every count below ``smallest`` that follows from a result."""
    return Attack(result).small(smallest)
