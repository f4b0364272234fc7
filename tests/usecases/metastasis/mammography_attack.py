"""An attacker who holds a Result of metastasis/mammography as JSON and wants counts of a few women.

Shares times their totals, pairs of shares solved for both counts, the reader's recalls, sites
subtracted from everyone, curves from each other, and the standard error of a paired difference
solved for the exams that only one of model and reader recalls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.usecases.ckd.attack import EVENTS, OTHERS, Attack, Scope, whole

READER = "the reader's recalls"


class MammographyAttack(Attack):
    """What follows from a result; of exams with cancer (0) and without (1).

    Attributes
    ----------
    alone : dict
        (scope, point, outcome) to about how many exams the model alone, and the reader alone,
        recalls.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.alone: dict[tuple[Scope, Any, int], tuple[float, float]] = {}
        super().__init__(result)
        self._pairs()

    def _given_totals(self) -> None:
        population = self.result["population"]
        self.rows = {None: population["rows"]}
        self._set(None, population["events"], population["non_events"])
        for column, groups in population.get("subgroups", {}).items():
            for value, counts in groups.items():
                self._set((column, value), counts["events"], counts["non_events"])
                if None not in (counts["events"], counts["non_events"]):
                    self.rows[column, value] = counts["events"] + counts["non_events"]

    def _totals_of_ratios(self) -> None:
        """The prevalence of a site, with its error or not, is no ratio of what is not given."""

    def _estimates(self, name: str) -> Iterator[tuple[Scope, Any, dict[str, Any]]]:
        for found in self.result["estimates"]:
            if found["measure"] == name and found["value"] is not None:
                group = found["subgroup"]
                scope = None if group is None else (group["column"], group["value"])
                at = found["at"]
                if at is not None:
                    ((kind, target),) = at.items()
                    yield scope, target if kind == "threshold" else (kind, target, scope), found
                else:
                    yield scope, None, found

    def _thresholds(self) -> None:
        known: dict[tuple[Scope, Any], dict[str, float]] = defaultdict(dict)
        names = ("sensitivity", "specificity", "recall_rate", "cancer_detection_rate", "ppv")
        for name in names:
            for scope, at, found in self._estimates(name):
                known[scope, at][name] = found["value"]
            for scope, _at, found in self._estimates(f"reader_{name}"):
                known[scope, READER][name] = found["value"]
        for site in self.result["population"].get("sites", []):
            if site["reader_recall_rate"] is not None:
                known[("site", site["site"]), READER]["recall_rate"] = site["reader_recall_rate"]
        for row in self._rows("reader"):
            known[None, READER]["sensitivity"] = row["sensitivity"]
            known[None, READER]["specificity"] = 1 - row["false_positive_rate"]
        for (scope, at), shares in known.items():
            for outcome, count in enumerate(self._counted(scope, shares)):
                if count is None:
                    continue
                if at == READER:
                    self.above[f"{READER} {scope}", outcome].update(
                        {0.0: self.totals[scope, outcome], "recalled": count, 2.0: 0}
                    )
                    self.above[scope, outcome + 2]["recalled"] = count
                else:
                    self.above[scope, outcome][at] = count

    def _counted(self, scope: Scope, shares: dict[str, float]) -> tuple[int | None, int | None]:
        """Recalled exams with and without cancer."""
        events, others = (self.totals.get((scope, outcome)) for outcome in (EVENTS, OTHERS))
        if events is None or others is None:
            return None, None
        exams = events + others
        true: float | None = None
        if "sensitivity" in shares:
            true = shares["sensitivity"] * events
        elif "cancer_detection_rate" in shares:
            true = shares["cancer_detection_rate"] * exams / 1000
        false = (1 - shares["specificity"]) * others if "specificity" in shares else None
        recalled = shares["recall_rate"] * exams if "recall_rate" in shares else None
        if recalled is not None and "ppv" in shares and true is None:
            true = shares["ppv"] * recalled
        if recalled is None and shares.get("ppv") and true is not None:
            recalled = true / shares["ppv"]
        if recalled is not None and true is None and false is not None:
            true = recalled - false
        if recalled is not None and false is None and true is not None:
            false = recalled - true
        return whole(true), whole(false)

    def _curves(self) -> None:
        events, others = (self.totals.get((None, outcome)) for outcome in (EVENTS, OTHERS))
        if events is None or others is None:
            return
        for number, row in enumerate(self._rows("roc")):
            self._note(
                f"roc {number}", row["sensitivity"] * events, row["false_positive_rate"] * others
            )
        for row in self._rows("thresholds"):
            self._note(row["threshold"], row["true_positive"], row["false_positive"])
        for row in self._rows("operating_points"):
            names = ("sensitivity", "specificity", "recall_rate", "cancer_detection_rate", "ppv")
            shares = {name: row[name] for name in names if row[name] is not None}
            counts = self._counted(None, shares)
            for outcome, count in enumerate(counts):
                if count is not None:
                    self.above[None, outcome][row["point"]] = count

    def _pairs(self) -> None:
        for name, outcome in (("sensitivity", EVENTS), ("specificity", OTHERS)):
            for scope, at, found in self._estimates(f"{name}_difference"):
                total = self.totals.get((scope, outcome))
                if total is None or not found["standard_error"] or "women" not in found["method"]:
                    continue
                if "Newcombe" in found["method"] or not isinstance(at, float):
                    continue  # a held threshold is found anew in each replicate
                net = found["value"] * total
                both = (found["standard_error"] * total) ** 2 + net**2 / total
                self.alone[scope, at, outcome] = ((both + net) / 2, (both - net) / 2)

    def small(self, smallest: int) -> list[str]:
        """Every count below ``smallest`` (and not 0) that was worked out, in words."""
        found = super().small(smallest)
        for (scope, at, outcome), counts in self.alone.items():
            # The error of a bootstrap is a rough one: only few in all are known from it.
            if 0.6 < sum(counts) < 0.8 * smallest:
                found.append(
                    f"{scope}, outcome {outcome}: about {counts[0]:.1f} and {counts[1]:.1f} that "
                    f"model and reader alone recall at {at}"
                )
        for column, groups in self.result["population"].get("subgroups", {}).items():
            for outcome in (EVENTS, OTHERS):
                found += self._rest_of_reader(column, list(groups), outcome, smallest)
        return found

    def _rest_of_reader(
        self, column: str, values: list[str], outcome: int, smallest: int
    ) -> Iterator[str]:
        """What the reader recalled of everyone, less what it did in the groups that are known."""
        recalled = self.above.get((None, outcome + 2), {}).get("recalled")
        if recalled is None:
            return
        counts = {
            value: self.above.get(((column, value), outcome + 2), {}).get("recalled")
            for value in values
        }
        left = [value for value, count in counts.items() if count is None]
        rest = recalled - sum(count for count in counts.values() if count is not None)
        totals = [self.totals.get(((column, value), outcome)) for value in left]
        if left and 0 < rest < smallest:
            yield f"{column} {left}, outcome {outcome}: {rest} recalled by the reader"
        if left and None not in totals and 0 < sum(totals) - rest < smallest:
            yield f"{column} {left}, outcome {outcome}: {sum(totals) - rest} not recalled"


def small_counts(result: dict[str, Any], smallest: int = 10) -> list[str]:
    """Every count below ``smallest`` that follows from a result."""
    return MammographyAttack(result).small(smallest)
