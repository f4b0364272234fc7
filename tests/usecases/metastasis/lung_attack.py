"""An attacker who holds a Result of metastasis/lung-ct as JSON and wants counts of a few cases.

Sensitivities and points of every curve times the lesions, the mean of the sensitivities solved for
one that is not given, sizes subtracted from all lesions, sites from all scans, and the marks that
are used less all others.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.usecases.ckd.attack import Scope, whole

AT = "false_positives_per_scan"
MARKS = ("false_positives", "ignored", "duplicates", "shared")


class LungAttack:
    """What follows from a result.

    Attributes
    ----------
    lesions : dict
        By scope, how many there are.
    found : dict
        By scope, the lesions above cuts of the score, by a label of the cut.
    cases : dict
        Cases with a lesion (1) and without one (0) above cuts of the highest score.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.result, self.population = result, result["population"]
        self.lesions: dict[Scope, int] = {}
        self.found: dict[Scope, dict[Any, int]] = defaultdict(dict)
        self.cases: dict[int, dict[Any, int]] = {0: {}, 1: {}}
        self._totals()
        self._sensitivities()
        self._mean()
        self._curves()
        for scope, count in self.lesions.items():
            self.found[scope].update({"all": count, "none": 0})

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        columns = self.result["curves"].get(name, {"columns": {}})["columns"]
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def _totals(self) -> None:
        shown = self.population
        if shown["lesions"] is not None:
            self.lesions[None] = shown["lesions"]
        used = shown["candidates_used"]
        if None not in (used, *(shown[name] for name in MARKS)):
            others = sum(shown[name] for name in MARKS[:3]) - shown["shared"]
            self.found[None]["all marks"] = used - others
        if shown["hits"] is not None:
            self.found[None]["all marks"] = shown["hits"]
        for site in shown.get("sites", []):
            if site["lesions_per_case"] is not None and site["patients"] is not None:
                count = whole(site["lesions_per_case"] * site["patients"])
                if count is not None:
                    self.lesions["site", site["site"]] = count
        for row in self._rows("sensitivity_by_size"):
            if row["lesions"] is not None:
                self.lesions["diameter_mm", row["size"]] = row["lesions"]
        for name, side in (("events", 1), ("non_events", 0)):
            if shown[name] is not None:
                self.cases[side].update({"all": shown[name], "none": 0})

    def _sensitivities(self) -> None:
        for found in self.result["estimates"]:
            if found["measure"] != "sensitivity" or found["value"] is None:
                continue
            group = found["subgroup"]
            scope = None if group is None else (group["column"], group["value"])
            count = whole(found["value"] * self.lesions.get(scope, 0))
            if count is not None and scope in self.lesions:
                self.found[scope][found["at"][AT]] = count
        for row in self._rows("sensitivity_by_size"):
            scope = ("diameter_mm", row["size"])
            if row["sensitivity"] is not None and scope in self.lesions:
                count = whole(row["sensitivity"] * self.lesions[scope])
                if count is not None:
                    self.found[scope][row[AT]] = count

    def _mean(self) -> None:
        """The one sensitivity that is not given, from the mean and the others."""
        values: dict[Scope, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
        for found in self.result["estimates"]:
            group = found["subgroup"]
            scope = None if group is None else (group["column"], group["value"])
            if found["measure"] in ("cpm", "sensitivity"):
                values[scope][found["measure"]].append(found["value"])
        for scope, known in values.items():
            points, mean = known["sensitivity"], (known["cpm"] or [None])[0]
            if mean is None or points.count(None) != 1 or scope not in self.lesions:
                continue
            rest = mean * len(points) - sum(value for value in points if value is not None)
            count = whole(rest * self.lesions[scope])
            if count is not None:
                self.found[scope]["the mean"] = count

    def _curves(self) -> None:
        if None in self.lesions:
            for row in self._rows("froc"):
                count = whole(row["sensitivity"] * self.lesions[None])
                if count is not None:
                    self.found[None][f"curve {row[AT]}"] = count
            for number, row in enumerate(self._rows("afroc")):
                count = whole(row["share_of_lesions_found"] * self.lesions[None])
                if count is not None:
                    self.found[None][f"afroc {number}"] = count
        with_lesion, without = self.population["events"], self.population["non_events"]
        if None in (with_lesion, without):
            return
        for number, row in enumerate(self._rows("case_roc")):
            for side, share, total in (
                (1, row["sensitivity"], with_lesion),
                (0, row["false_positive_rate"], without),
            ):
                count = whole(share * total)
                if count is not None:
                    self.cases[side][f"roc {number}"] = count
        for number, row in enumerate(self._rows("afroc")):
            count = whole(row["share_of_cases_marked"] * without)
            if count is not None:
                self.cases[0][f"afroc {number}"] = count

    def small(self, smallest: int) -> list[str]:
        """Every count below ``smallest`` (and not 0) that was worked out, in words."""
        found = [
            f"{name}: {count}"
            for name, count in self.population.items()
            if isinstance(count, int)
            and 0 < count < smallest
            and name in ("events", "non_events", "lesions", "hits", "misses")
        ]
        for what, groups in (("lesions", self.found), ("cases", self.cases)):
            for scope, cuts in groups.items():
                where = {count: cut for cut, count in cuts.items()}
                for low, high in itertools.pairwise(sorted(where)):
                    if 0 < high - low < smallest:
                        found.append(
                            f"{scope}: {high - low} {what} between {where[low]} and {where[high]}"
                        )
        found += self._rest_of_sizes(smallest)
        found += self._rest_of_sites(smallest)
        return found

    def _rest(self, scopes: list[Scope], low: Any, high: Any, smallest: int) -> Iterator[str]:
        everyone = self.found[None]
        if low not in everyone or high not in everyone:
            return
        rest, unknown = everyone[high] - everyone[low], []
        for scope in scopes:
            known = self.found[scope]
            if low in known and high in known:
                rest -= known[high] - known[low]
            else:
                unknown.append(scope)
        if unknown and 0 < rest < smallest:
            yield f"{unknown}: {rest} lesions between {low} and {high}"

    def _rest_of_sizes(self, smallest: int) -> Iterator[str]:
        sizes = list(dict.fromkeys(row["size"] for row in self._rows("sensitivity_by_size")))
        scopes: list[Scope] = [("diameter_mm", size) for size in sizes]
        if not scopes or None not in self.lesions:
            return
        scopes.append(("diameter_mm", "unknown"))  # nothing is told of them
        cuts = [cut for cut in self.found[None] if isinstance(cut, float)]
        for low, high in itertools.combinations(["none", *sorted(cuts), "all"], 2):
            yield from self._rest(scopes, low, high, smallest)

    def _rest_of_sites(self, smallest: int) -> Iterator[str]:
        """Beyond its last false positive a curve is at all marks, of everyone and of a site."""
        beyond = self.result["protocol"]["operating_points"][-1]
        scopes: list[Scope] = [("site", site["site"]) for site in self.population.get("sites", [])]
        ends = {note["code"] for note in self.result["warnings"]}
        if "curve_ends" in ends and scopes:
            yield from self._rest(scopes, "none", beyond, smallest)
            yield from self._rest(scopes, beyond, "all", smallest)


def small_counts(result: dict[str, Any], smallest: int = 10) -> list[str]:
    """Every count below ``smallest`` that follows from a result."""
    return LungAttack(result).small(smallest)
