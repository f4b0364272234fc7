"""Evaluating a detector of pulmonary lesions: tables and protocol in, Result out. No Django."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from portal.result import Curve, Estimate, Note, Pooled, Result, Subgroup
from portal.tables import LoadedTable
from portal.usecase import Progress, gettext_noop, no_progress
from usecases.estimates import estimate_of, inputs_of, pooled_of
from usecases.groups import Group, Groups, check_subgroups
from usecases.metastasis import lung_curves
from usecases.metastasis.lung_protocol import LungProtocol
from usecases.metastasis.scans import Scans
from usecases.statistics import froc
from usecases.statistics.detection import Detections
from usecases.statistics.disclosure import is_small
from usecases.statistics.lesion_cuts import (
    FEW_SCORES,
    LesionCuts,
    all_marks_in_groups,
    few_scores,
    points_in_bands,
)
from usecases.statistics.quantity import Quantity

ENGINE = "metastasis-lung-ct/2"
"""Raised with every change that moves a number."""

AT = "false_positives_per_scan"
SINGLE = (
    "cpm",
    "lesion_average_precision",
    "case_auroc",
    "afroc_area",
    "weighted_afroc_area",
)
"""The measures that are not taken at an operating point."""

POOLED = dict.fromkeys(("cpm", "sensitivity", *SINGLE[1:]), "logit")
"""The measures that are pooled over sites, and on which scale."""

BOTH = ("case_auroc", "afroc_area", "weighted_afroc_area")
"""Those that compare cases with a lesion to cases without one."""

SIZE_COLUMN = "diameter_mm"
MARKS = ("false_positives", "ignored", "duplicates", "shared")
"""Counts of marks that add up with the hits to those that are used."""

READING = gettext_noop("Matching marks to lesions")
EVERYONE = gettext_noop("Evaluating all scans")
SUBGROUPS = gettext_noop("Evaluating sites and subgroups")
POOLING = gettext_noop("Pooling over sites")
DONE = gettext_noop("Done")


@dataclass
class _Measured:
    """What was found in all scans or in a group of them."""

    sensitivity: dict[float, Quantity]
    single: dict[str, Quantity]
    of_sizes: list[list[Quantity]] = field(default_factory=list)
    free_response: froc.Measured | None = None


def evaluate_lung(
    tables: Mapping[str, LoadedTable],
    protocol: LungProtocol,
    progress: Progress = no_progress,
) -> Result:
    """Evaluate a detector's marks on scans.

    Parameters
    ----------
    tables : mapping
        ``cases`` (case_id, further columns), ``lesions`` (case_id, lesion_id, x, y, z,
        diameter_mm, optional excluded) and ``predictions`` (case_id, x, y, z, score), validated.
    protocol : LungProtocol
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
    check_subgroups(tables["cases"].frame, protocol.subgroups, ("case_id",))
    scans = Scans.of(
        tables,
        matching=protocol.matching,
        tolerance=protocol.tolerance,
        most=protocol.maximum_marks,
    )
    return _Evaluation(tables, protocol, progress, scans).result()


class _Evaluation:
    """One run: what is known while the Result comes together."""

    def __init__(
        self,
        tables: Mapping[str, LoadedTable],
        protocol: LungProtocol,
        progress: Progress,
        scans: Scans,
    ) -> None:
        self.tables, self.protocol, self.progress, self.scans = tables, protocol, progress, scans
        self.groups = Groups.of(
            scans.frame, protocol.subgroups, protocol.smallest_count, scans.counts
        )
        points, smallest = protocol.operating_points, protocol.smallest_count
        self.cuts = LesionCuts.of(
            scans.found,
            points,
            smallest,
            grid=lung_curves.grid_of(scans.found, points, smallest),
        )
        self.estimates: list[Estimate] = []
        self.warnings: list[Note] = []
        self.suppressed: list[Note] = []
        self.curves: dict[str, Curve] = {}
        self.population: dict[str, Any] = {}
        self.pooled: list[Pooled] = []

    def result(self) -> Result:
        found = self.scans.found
        self._population()
        self._warn()
        self.warnings += self.groups.warnings
        share = 0.1 + 0.85 / (1 + len(self.groups) / 2)
        sizes = lung_curves.size_bands(found)
        everyone = self._measure(found, self.cuts, self._ticker(EVERYONE, 0.1, share), sizes)
        self._add(everyone, None)
        self._add_sizes(everyone, sizes)
        self._curves(everyone)
        by_site = self._groups(share)
        self.progress(POOLING, 0.95)
        if len(by_site) > 1:
            self._pool(by_site)
        result = Result(
            use_case="metastasis",
            task="lung-ct",
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

    def _groups(self, share: float) -> list[_Measured]:
        """Evaluate each site and subgroup; the sites' measures, to be pooled."""
        self.suppressed += self.groups.suppressed
        if len(self.groups):
            self.population["subgroups"] = {
                column: dict(names) for column, names in self.groups.population.items()
            }
        by_site: list[_Measured] = []
        sites: list[dict[str, Any]] = []
        done = 0
        for column, groups in self.groups.columns.items():
            told = self._all_marks(column, groups)
            parts = [self.scans.part(group.mask) for group in groups]
            few = any(few_scores(part, self.protocol.smallest_count) for part in parts)
            for group, part, all_marks in zip(groups, parts, told, strict=True):
                low, high = (
                    share + (0.95 - share) * (done + end) / len(self.groups) for end in (0, 1)
                )
                done += 1
                measured = self._of_group(
                    group, part, all_marks, few, self._ticker(SUBGROUPS, low, high)
                )
                self._add(measured, group.subgroup)
                if column == self.groups.site:
                    by_site.append(measured)
                    sites.append(_case_mix(group, part, self.protocol.smallest_count))
        if sites:
            self.population["sites"] = sites
        return by_site

    def _all_marks(self, column: str, groups: list[Group]) -> list[bool]:
        """Of which groups it is told how many lesions all marks find."""
        number = np.zeros(self.scans.found.cases, dtype=np.int64)
        for index, group in enumerate(groups):
            number[group.mask] = index
        return all_marks_in_groups(
            self.scans.found,
            number,
            len(groups),
            {index for index, group in enumerate(groups) if group.hidden},
            self.cuts.all_marks and column not in self.groups.nested,
            self.protocol.smallest_count,
        )

    def _of_group(
        self,
        group: Group,
        part: Detections,
        all_marks: bool,
        few: bool,
        tick: Callable[[float], None],
    ) -> _Measured:
        points, smallest = self.protocol.operating_points, self.protocol.smallest_count
        reason = self._reason(part)
        if reason is None and group.hidden:
            reason = (
                f"It, or another group of '{group.column}' that it would reveal, has fewer than "
                f"{smallest} cases with a lesion, or without one."
            )
        if reason:
            return self._withheld(reason)
        cuts = LesionCuts.of(part, points, smallest, all_marks=all_marks)
        return self._measure(part, cuts, tick, few=few)

    def _withheld(self, reason: str) -> _Measured:
        missing = Quantity("None", unavailable=reason)
        return _Measured(
            dict.fromkeys(self.protocol.operating_points, missing), dict.fromkeys(SINGLE, missing)
        )

    def _reason(self, found: Detections) -> str | None:
        least = max(self.protocol.minimum_events, self.protocol.smallest_count)
        return too_few(int(np.count_nonzero(found.lesions_per_case)), least, "with a lesion")

    def _measure(
        self,
        found: Detections,
        cuts: LesionCuts,
        tick: Callable[[float], None],
        sizes: list[np.ndarray] | None = None,
        *,
        few: bool = False,
    ) -> _Measured:
        points, smallest = self.protocol.operating_points, self.protocol.smallest_count
        reason = self._reason(found)
        if reason:
            return self._withheld(reason)
        settings = froc.Settings(
            points, self.protocol.bootstrap_replicates, self.protocol.seed, cuts.grid
        )
        free = froc.measure(found, settings, sizes or [], tick)
        single = {
            "cpm": free.cpm,
            "lesion_average_precision": free.average_precision,
            "case_auroc": froc.case_auroc(found),
            "afroc_area": free.afroc_area,
            "weighted_afroc_area": free.weighted_afroc_area,
        }
        without = found.cases - int(np.count_nonzero(found.lesions_per_case))
        least = max(self.protocol.minimum_events, smallest)
        reason = too_few(without, least, "without a lesion")
        if reason:
            single.update(dict.fromkeys(BOTH, Quantity("None", unavailable=reason)))
        if few or few_scores(found, smallest):
            reason = (
                f"The detector gives no more than {FEW_SCORES} different scores, and one of them "
                f"belongs to fewer than {smallest} cases with, or without, a lesion."
            )
            for name in SINGLE[1:]:
                single[name] = Quantity(single[name].method, unavailable=reason)
        sensitivity = dict(zip(points, free.sensitivity, strict=True))
        hidden_reason = _few(smallest)
        for at, told in cuts.points.items():
            if not told:
                sensitivity[at] = Quantity(sensitivity[at].method, unavailable=hidden_reason)
        if not cuts.mean:
            single["cpm"] = Quantity(single["cpm"].method, unavailable=hidden_reason)
        return _Measured(sensitivity, single, free.of_groups, free)

    def _add(self, measured: _Measured, subgroup: Subgroup | None) -> None:
        self.estimates.append(estimate_of("cpm", measured.single["cpm"], None, subgroup))
        for point, quantity in measured.sensitivity.items():
            self.estimates.append(estimate_of("sensitivity", quantity, {AT: point}, subgroup))
        for name in SINGLE[1:]:
            self.estimates.append(estimate_of(name, measured.single[name], None, subgroup))

    def _add_sizes(self, measured: _Measured, sizes: list[np.ndarray]) -> None:
        """The sensitivity of each band of diameters, at the false positives of all lesions."""
        if not measured.of_sizes:
            return
        found, protocol = self.scans.found, self.protocol
        columns: dict[str, list[Any]] = {
            name: [] for name in ("size", "lesions", AT, "sensitivity", "lower", "upper")
        }
        lesions = [int(np.count_nonzero(band)) for band in sizes]
        unseen, told = points_in_bands(found, sizes, self.cuts, protocol.smallest_count)
        least = max(protocol.minimum_events, protocol.smallest_count)
        for index, name in enumerate(lung_curves.size_names()):
            cases = np.unique(found.lesion_case[sizes[index]]).size
            reason = too_few(cases, least, f"with one {name}")
            for point, quantity in zip(
                protocol.operating_points, measured.of_sizes[index], strict=True
            ):
                why = reason or (None if told[index][point] else _few(protocol.smallest_count))
                if why:
                    quantity = Quantity(quantity.method, unavailable=why)
                self.estimates.append(
                    estimate_of(
                        "sensitivity",
                        quantity,
                        {AT: point},
                        Subgroup(column=SIZE_COLUMN, value=name),
                    )
                )
                row = (
                    name,
                    None if index in unseen else lesions[index],
                    point,
                    quantity.value,
                    quantity.lower,
                    quantity.upper,
                )
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
        self.curves["sensitivity_by_size"] = Curve(
            method=f"Sensitivity at the false positives of all lesions; {froc.BOOTSTRAP}",
            columns=columns,
        )

    def _curves(self, measured: _Measured) -> None:
        found, smallest, cuts = self.scans.found, self.protocol.smallest_count, self.cuts
        if measured.free_response is None:
            self.suppressed.append(
                Note(
                    code="curves",
                    message=f"No curve is given: {measured.single['cpm'].unavailable}",
                )
            )
            return
        lost = [f"{at:g}" for at, told in cuts.points.items() if not told]
        if lost:
            self.suppressed.append(
                Note(
                    code="points",
                    message=f"The sensitivity at {', '.join(lost)} false positives per scan is "
                    f"not given: lesions of fewer than {smallest} cases are missed or found there, "
                    "or between there and another point.",
                    values={"points": [float(at) for at in lost]},
                )
            )
        if cuts.grid:
            self.curves["froc"] = lung_curves.froc_curve(
                found, cuts.grid, measured.free_response, smallest
            )
        if measured.single["case_auroc"].unavailable is None:
            self.curves |= lung_curves.case_curves(found, cuts, smallest)

    def _population(self) -> None:
        found, smallest = self.scans.found, self.protocol.smallest_count
        everyone = self.scans.counts(np.ones(found.cases, dtype=bool))
        shown: dict[str, int | None] = {
            "rows": found.cases,
            "patients": found.cases,
            "events": everyone["events"],
            "non_events": everyone["non_events"],
            "without_prediction": self.scans.without_marks,
            "lesions": found.lesions,
            "excluded_findings": self.scans.excluded,
            "hits": found.hits,
            "misses": found.misses,
            "false_positives": found.false_positives,
            "ignored": found.ignored,
            "duplicates": found.duplicates,
            "shared": found.shared,
            "candidates": self.scans.marks,
            "candidates_used": found.candidates_used,
        }
        lost: list[str] = []
        if any(is_small(everyone[name], smallest) for name in ("events", "non_events")):
            lost += ["events", "non_events"]
            if found.lesions:
                lost += ["lesions", "excluded_findings"]
        marks = {name: count for name in MARKS if (count := shown[name])}
        if "lesions" in lost or not self.cuts.all_marks:
            # The marks that are used are hits and these: together they would give the hits.
            lost += ["hits", "misses", *marks]
        if lost:
            shown.update(dict.fromkeys(lost))
            self.suppressed.append(
                Note(
                    code="counts",
                    message=f"Counts of fewer than {smallest} cases, and those that would reveal "
                    f"them, are hidden: {', '.join(lost).replace('_', ' ')}.",
                    values={"counts": lost},
                )
            )
        self.population.update(shown)

    def _warn(self) -> None:
        found = self.scans.found
        if self.scans.without_marks:
            self._note(
                "without_marks",
                f"The detector marked nothing in {self.scans.without_marks:,} of {found.cases:,} "
                "cases. They count: their lesions are missed, and such a case ranks below every "
                "case with a mark.",
                cases=self.scans.without_marks,
            )
        over = self.scans.marks - found.candidates_used
        if over:
            self._note(
                "marks_left_out",
                f"{over:,} marks were left out: of a case with more than "
                f"{self.protocol.maximum_marks} marks, those that score strictly above the next "
                "one are used.",
                marks=over,
            )
        if found.shared:
            shared = self.population["shared"]
            self._note(
                "overlapping_lesions",
                "Some marks lie within reach of several lesions and hit each of them"
                + (
                    "."
                    if shared is None
                    else f": {shared:,} hits come from marks that also hit another lesion."
                ),
                hits=shared,
            )
        scores = np.concatenate((found.false_score, found.lesion_score))
        scores = scores[scores > -np.inf]
        if scores.size > 1 and np.ptp(scores) == 0:
            self._note(
                "one_score",
                "All marks have the same score, so the curve is a straight line from nothing to "
                "all marks; sensitivities before its end are shares of that line.",
            )
        most = found.false_positives / found.cases
        beyond = [point for point in self.protocol.operating_points if point > most]
        if beyond:
            self._note(
                "curve_ends",
                "The detector makes fewer false positives per scan in all; the sensitivity "
                f"at {', '.join(f'{point:g}' for point in beyond)} is that of all its marks.",
            )

    def _note(self, code: str, message: str, **values: float | None) -> None:
        self.warnings.append(Note(code=code, message=message, values=values))

    def _pool(self, by_site: list[_Measured]) -> None:
        for name, scale in POOLED.items():
            if name == "sensitivity":
                for point in self.protocol.operating_points:
                    at_point = [site.sensitivity[point] for site in by_site]
                    self.pooled.append(pooled_of(name, scale, at_point, {AT: point}))
                continue
            self.pooled.append(pooled_of(name, scale, [site.single[name] for site in by_site]))


def too_few(cases: int, minimum: int, words: str) -> str | None:
    """Why nothing is estimated; None where there are enough cases."""
    if cases == 0:
        return f"There is no case {words}; at least {minimum} are needed."
    if cases < minimum:
        return f"There are fewer than {minimum} cases {words}; at least {minimum} are needed."
    return None


def _few(smallest: int) -> str:
    return f"Not given: it would give away lesions of fewer than {smallest} cases."


def _case_mix(group: Group, part: Detections, smallest: int) -> dict[str, Any]:
    """How many lesions the scans of a site hold, and how large they are."""
    lesions_per_case = mean = spread = None
    known = part.lesion_diameter > 0
    diameter = part.lesion_diameter[known]
    if not group.hidden:
        lesions_per_case = part.lesions / part.cases
        if np.unique(part.lesion_case[known]).size >= max(2, smallest):
            mean, spread = float(np.mean(diameter)), float(np.std(diameter, ddof=1))
    return {
        "site": group.value,
        "patients": group.counts["patients"],
        "events": group.counts["events"],
        "lesions_per_case": lesions_per_case,
        "mean_diameter_mm": mean,
        "sd_diameter_mm": spread,
    }
