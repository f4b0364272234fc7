"""Evaluating a score of breast cancer: tables and protocol in, Result out. No Django."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from portal.result import Curve, Estimate, Note, Pooled, Result, Subgroup
from portal.tables import LoadedTable
from portal.usecase import Progress, gettext_noop, no_progress
from usecases.estimates import estimate_of, inputs_of, pooled_of
from usecases.groups import Group, Groups, check_subgroups
from usecases.metastasis import mammography_curves as curves
from usecases.metastasis.mammography_protocol import MammographyProtocol
from usecases.metastasis.screening import Screening
from usecases.statistics import operating_points
from usecases.statistics.binary import FEW_RISKS
from usecases.statistics.disclosure import is_small
from usecases.statistics.operating_points import Exams, Measured, Point
from usecases.statistics.quantity import Quantity
from usecases.statistics.recalls import Recalls, few_scores, in_groups, withheld_groups

ENGINE = "metastasis-mammography/2"
"""Raised with every change that moves a number."""

OWN_COLUMNS = ("exam_id", "patient_id", "outcome", "reader_recall")
HELD_SENSITIVITY = ("specificity", "recall_rate", "ppv")
"""What is given where the sensitivity is held."""

RECALLED = ("sensitivity", "specificity", "recall_rate", "cancer_detection_rate", "ppv")
"""What is given at a threshold, and where the specificity is held."""

READER = (
    "reader_sensitivity",
    "reader_specificity",
    "reader_recall_rate",
    "reader_cancer_detection_rate",
    "reader_ppv",
)
POOLED = {
    "auroc": "logit",
    "sensitivity": "logit",
    "specificity": "logit",
    "recall_rate": "logit",
    "sensitivity_difference": "identity",
    "specificity_difference": "identity",
}
"""The measures that are pooled over sites, and on which scale."""

READING = gettext_noop("Matching scores to exams")
EVERYONE = gettext_noop("Evaluating all exams")
SUBGROUPS = gettext_noop("Evaluating sites and subgroups")
POOLING = gettext_noop("Pooling over sites")
DONE = gettext_noop("Done")


def evaluate_mammography(
    tables: Mapping[str, LoadedTable],
    protocol: MammographyProtocol,
    progress: Progress = no_progress,
) -> Result:
    """Evaluate scores of exams against the cancers that were found.

    Parameters
    ----------
    tables : mapping
        ``exams`` (exam_id, patient_id, outcome, optional reader_recall, further columns) and
        ``predictions`` (exam_id, score), both validated.
    protocol : MammographyProtocol
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
    check_subgroups(tables["exams"].frame, protocol.subgroups, OWN_COLUMNS)
    screening = Screening.of(tables["exams"].frame, tables["predictions"].frame)
    return _Evaluation(tables, protocol, progress, screening).result()


def recalls_of(protocol: MammographyProtocol) -> list[Point]:
    """The thresholds, and where the specificity is held: points that are like a reader's."""
    return [
        *(Point("threshold", threshold) for threshold in protocol.thresholds),
        Point("specificity", protocol.specificity),
    ]


def too_few(counts: Mapping[str, int], minimum: int) -> str | None:
    """Why nothing is estimated; None where there are enough exams of both outcomes."""
    for key, words in (("events", "with cancer"), ("non_events", "without cancer")):
        if counts[key] == 0:
            return f"There is no exam {words}; at least {minimum} are needed."
        if counts[key] < minimum:
            return f"There are fewer than {minimum} exams {words}; at least {minimum} are needed."
    return None


class _Evaluation:
    """One run: what is known while the Result comes together."""

    def __init__(
        self,
        tables: Mapping[str, LoadedTable],
        protocol: MammographyProtocol,
        progress: Progress,
        screening: Screening,
    ) -> None:
        self.tables, self.protocol, self.progress = tables, protocol, progress
        self.screening = screening
        self.groups = Groups.of(
            screening.frame, protocol.subgroups, protocol.smallest_count, screening.women
        )
        for group in self.groups:  # hidden where women are few; what is shown are exams
            exams = screening.counts(group.mask)
            group.counts.update(
                {name: exams[name] for name, count in group.counts.items() if count is not None}
            )
        self.recalls = recalls_of(protocol)
        self.points = [*self.recalls, Point("sensitivity", protocol.sensitivity)]
        self.reader = screening.exams.recalled is not None
        self.estimates: list[Estimate] = []
        self.warnings: list[Note] = []
        self.suppressed: list[Note] = []
        self.curves: dict[str, Curve] = {}
        self.population: dict[str, Any] = {}
        self.pooled: list[Pooled] = []

    def result(self) -> Result:
        exams = self.screening.exams
        everyone = self.screening.counts(np.ones(exams.outcome.size, dtype=bool))
        self._population(everyone)
        self._warn(everyone)
        self.warnings += self.groups.warnings
        share = 0.05 + 0.9 / (1 + len(self.groups) / 2)
        tick = self._ticker(EVERYONE, 0.05, share)
        reason = self._too_few(np.ones(exams.outcome.size, dtype=bool)) or self._few_scores(exams)
        if reason is None:
            smallest = self.protocol.smallest_count
            told = Recalls.of(exams, self.points, smallest, with_curves=True)
            thresholds = curves.thresholds_of(exams, told)
            found = self._measure(exams, told, tick, thresholds)
            self._add(found, None)
            self._curves(found, told, thresholds)
            by_site = self._split(share, told)
        else:
            self._add(self._withheld(reason), None)
            self.suppressed.append(Note(code="curves", message=f"No curve is given: {reason}"))
            by_site = self._split(share, None)
        self.progress(POOLING, 0.95)
        if len(by_site) > 1:
            self._pool(by_site)
        result = Result(
            use_case="metastasis",
            task="mammography",
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

    def _too_few(self, mask: np.ndarray) -> str | None:
        smallest = self.protocol.smallest_count
        reason = too_few(self.screening.counts(mask), max(self.protocol.minimum_events, smallest))
        women = self.screening.women(mask)
        if reason is None and any(women[key] < smallest for key in ("events", "non_events")):
            return f"The exams with cancer, or those without, are of fewer than {smallest} women."
        return reason

    def _few_scores(self, exams: Exams) -> str | None:
        if not few_scores(exams, self.protocol.smallest_count):
            return None
        return (
            f"There are no more than {FEW_RISKS} different scores, and one of them belongs to "
            f"exams with, or without, cancer of fewer than {self.protocol.smallest_count} women."
        )

    def _withheld(self, reason: str) -> Measured:
        """Every measure with the reason why it is not given."""
        missing = Quantity("None", unavailable=reason)
        names = [*operating_points.MEASURES, *operating_points.DIFFERENCES]
        return Measured(
            missing,
            {point: dict.fromkeys(names, missing) for point in self.points},
            reader=dict.fromkeys(READER, missing),
        )

    def _measure(
        self,
        exams: Exams,
        told: Recalls,
        tick: Callable[[float], None],
        thresholds: tuple[float, ...] = (),
    ) -> Measured:
        more = [Point("threshold", threshold) for threshold in thresholds]
        found = operating_points.measure(
            exams,
            list(dict.fromkeys([*self.points, *more])),
            replicates=self.protocol.bootstrap_replicates,
            seed=self.protocol.seed,
            smallest=self.protocol.smallest_count,
            tick=tick,
        )
        told.hide(found, self.protocol.smallest_count)
        return found

    def _shown(self, point: Point) -> tuple[str, ...]:
        if point.kind == "sensitivity":
            return HELD_SENSITIVITY
        return (*RECALLED, *(operating_points.DIFFERENCES if self.reader else ()))

    def _add(self, found: Measured, subgroup: Subgroup | None) -> None:
        self.estimates.append(estimate_of("auroc", found.auroc, None, subgroup))
        for point in self.points:
            for name in self._shown(point):
                self.estimates.append(
                    estimate_of(name, found.at[point][name], {point.kind: point.target}, subgroup)
                )
        if self.reader:
            for name in READER:
                self.estimates.append(estimate_of(name, found.reader[name], None, subgroup))

    def _split(self, share: float, everyone: Recalls | None) -> list[Measured]:
        """Evaluate each site and subgroup; the sites' measures, to be pooled."""
        self.suppressed += self.groups.suppressed
        if len(self.groups):
            self.population["subgroups"] = self.groups.population
        by_site: list[Measured] = []
        sites: list[dict[str, Any]] = []
        done = 0
        for column, groups in self.groups.columns.items():
            masks = [group.mask for group in groups]
            reasons = self._reasons(column, groups)
            beside = everyone and in_groups(
                self.screening.exams,
                masks,
                set(reasons),
                everyone,
                self.protocol.smallest_count,
                nested=column in self.groups.nested,
            )
            for index, group in enumerate(groups):
                low, high = (
                    share + (0.95 - share) * (done + end) / len(self.groups) for end in (0, 1)
                )
                done += 1
                reason = self._too_few(group.mask) or reasons.get(index)
                told = None
                if reason is None and beside:
                    exams = self.screening.exams.part(group.mask)
                    told = Recalls.of(
                        exams, self.points, self.protocol.smallest_count, beside=beside[index]
                    )
                    found = self._measure(exams, told, self._ticker(SUBGROUPS, low, high))
                else:
                    found = self._withheld(reason or "Nothing is given of all exams together.")
                self._add(found, group.subgroup)
                if column == self.groups.site:
                    by_site.append(found)
                    sites.append(self._case_mix(group, told))
        if sites:
            self.population["sites"] = sites
        return by_site

    def _reasons(self, column: str, groups: list[Group]) -> dict[int, str]:
        """Why nothing is told of some groups of a column."""
        smallest = self.protocol.smallest_count
        reasons = {
            index: f"It, or another group of '{column}' that it would reveal, has exams with, or "
            f"without, cancer of fewer than {smallest} women."
            for index, group in enumerate(groups)
            if group.hidden
        }
        masks = [group.mask for group in groups]
        for index in withheld_groups(self.screening.exams, masks, smallest):
            reasons.setdefault(
                index,
                "The model gives few different scores, and here, or in another group of "
                f"'{column}' that it would reveal, one of them belongs to exams of fewer than "
                f"{smallest} women.",
            )
        return reasons

    def _case_mix(self, group: Group, told: Recalls | None) -> dict[str, Any]:
        """How common cancer is at a site, and how often its reader recalls."""
        prevalence = recalls = None
        if told is not None:
            exams = self.screening.exams
            prevalence = float(np.mean(exams.outcome[group.mask]))
            if exams.recalled is not None and all(told.reader):
                recalls = float(np.mean(exams.recalled[group.mask]))
        return {
            "site": group.value,
            "patients": group.counts["patients"],
            "events": group.counts["events"],
            "prevalence": prevalence,
            "reader_recall_rate": recalls,
        }

    def _population(self, counts: dict[str, int]) -> None:
        smallest = self.protocol.smallest_count
        shown: dict[str, int | None] = {
            "rows": self.screening.exams.outcome.size,
            "without_prediction": self.screening.without_prediction,
            **counts,
        }
        women = self.screening.women(np.ones(self.screening.exams.outcome.size, dtype=bool))
        if any(is_small(women[key], smallest) for key in ("events", "non_events")):
            shown["events"] = shown["non_events"] = None
            self.suppressed.append(
                Note(
                    code="counts",
                    message="The numbers of exams with and without cancer are hidden, because one "
                    f"of them is below {smallest}.",
                )
            )
        self.population.update(shown)

    def _warn(self, counts: dict[str, int]) -> None:
        rows, without = self.screening.exams.outcome.size, self.screening.without_prediction
        if without:
            self.warnings.append(
                Note(
                    code="without_prediction",
                    message=f"{without:,} of {without + rows:,} exams have no score and take no "
                    "part.",
                    values={"rows": without},
                )
            )
        if self.screening.exams.clustered:
            self.warnings.append(
                Note(
                    code="clustered",
                    message=f"{counts['patients']:,} women have {rows:,} exams; the intervals "
                    "respect that: a bootstrap draws women, and the AUROC has Obuchowski's.",
                    values={"patients": counts["patients"], "rows": rows},
                )
            )
        self.warnings.append(
            Note(
                code="held_on_these_exams",
                message="Where a specificity or a sensitivity is held, the threshold was chosen "
                "on these same exams, anew in each replicate of the bootstrap; elsewhere the same "
                "threshold may hold another.",
            )
        )

    def _curves(self, found: Measured, told: Recalls, thresholds: tuple[float, ...]) -> None:
        exams, smallest = self.screening.exams, self.protocol.smallest_count
        self.curves["roc"] = curves.roc_curve(exams, told, smallest)
        self.curves["operating_points"] = curves.operating_points(exams, self.points, found)
        if thresholds:
            self.curves["thresholds"] = curves.threshold_curve(exams, thresholds, found, smallest)
        lost = [curves.point_words(point) for point, pair in told.points.items() if not all(pair)]
        if lost:
            self.suppressed.append(
                Note(
                    code="points",
                    message=f"Not all is given at {', '.join(lost)}: a number of fewer than "
                    f"{smallest} women stands there, or between there and another point.",
                    values={"points": lost},
                )
            )
        if self.reader:
            if all(told.reader):
                self.curves["reader"] = curves.reader_curve(exams, found)
            else:
                self.suppressed.append(
                    Note(
                        code="reader",
                        message="Not all is given of the reader: fewer than "
                        f"{smallest} women with, or without, cancer are recalled, or are not.",
                    )
                )
            self.curves["reader_comparison"] = curves.comparison_curve(
                self.recalls, found, self.protocol.margin
            )

    def _pool(self, by_site: list[Measured]) -> None:
        for name, scale in POOLED.items():
            if name == "auroc":
                self.pooled.append(pooled_of(name, scale, [site.auroc for site in by_site]))
                continue
            for point in self.points:
                if name in self._shown(point) and name != point.kind:  # a held one says nothing
                    quantities = [site.at[point][name] for site in by_site]
                    at: dict[str, float] = {point.kind: point.target}
                    self.pooled.append(pooled_of(name, scale, quantities, at))
