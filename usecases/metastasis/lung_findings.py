"""What a lung-ct result says in words: rules from estimates and their 95% intervals. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import headline
from portal.usecase import Finding, Translate, gettext_noop
from usecases.rules import Rule, above, below, reason, word

if TYPE_CHECKING:
    from portal.result import Estimate, Result

AT = "false_positives_per_scan"
TITLE_POINT = 1.0
"""The title speaks about the operating point nearest to this, in false positives per scan."""

FINDING = (
    Rule(gettext_noop("Finds nearly all lesions"), lower_from=0.9),
    Rule(gettext_noop("Finds most lesions"), lower_from=0.75),
    Rule(gettext_noop("Finds more than half of the lesions"), lower_from=above(0.5)),
    Rule(gettext_noop("Misses more than half of the lesions"), upper_to=below(0.5)),
    Rule(gettext_noop("Not shown to find more than half of the lesions")),
)
"""The interval of the sensitivity at the title's operating point."""

CHANCE = 0.5
TELLING = (
    Rule(gettext_noop("tells scans with a lesion from those without well"), lower_from=0.8),
    Rule(gettext_noop("tells scans with a lesion from those without fairly well"), lower_from=0.7),
    Rule(
        gettext_noop("tells scans with a lesion from those without better than chance"),
        lower_from=above(CHANCE),
    ),
    Rule(
        gettext_noop("scans without a lesion score higher than those with one"),
        upper_to=below(CHANCE),
    ),
    Rule(gettext_noop("not shown to tell scans with a lesion from those without")),
)
"""The interval of the case AUROC; limits as for other areas under the ROC curve."""


def title_estimate(result: Result) -> Estimate | None:
    """The sensitivity of all lesions at the operating point nearest to one false positive."""
    found = [
        estimate
        for estimate in result.estimates
        if estimate.measure == "sensitivity" and estimate.subgroup is None and estimate.at
    ]
    return min(found, key=lambda estimate: abs((estimate.at or {})[AT] - TITLE_POINT), default=None)


def find(result: Result, _: Translate) -> Finding:
    """The title and the sentence of each card for a metastasis/lung-ct result."""
    return Finding(
        title=_title(result, _),
        sentences={
            "cpm": _cpm(result, _),
            "sensitivity": _sensitivity(result, _),
            "case_auroc": _case_auroc(result, _),
            "weighted_afroc_area": _afroc(result, _),
        },
    )


def per_scan(point: float, _: Translate) -> str:
    """An operating point in words: "1 false positive per scan"."""
    if point == 1:
        return _("1 false positive per scan")
    return _("{number} false positives per scan").format(number=f"{point:g}")


def _title(result: Result, _: Translate) -> str:
    sensitivity = title_estimate(result)
    finds = word(FINDING, sensitivity)
    if sensitivity is None or sensitivity.at is None or finds is None:
        return _without_interval(result, sensitivity, _)
    title = _("{finds} at {point}").format(finds=_(finds), point=per_scan(sensitivity.at[AT], _))
    telling = word(TELLING, headline(result, "case_auroc"))
    if telling is None:
        return title
    return _("{detection}; {scans}").format(detection=title, scans=_(telling))


def _without_interval(result: Result, sensitivity: Estimate | None, _: Translate) -> str:
    if result.population.get("lesions") == 0:
        return _("No scan has a lesion: nothing to say about finding them")
    if result.population.get("candidates_used") == 0:
        return _("The detector marked nothing")
    if sensitivity is None or sensitivity.value is None:
        return _("Too few scans with a lesion to say")
    return _("Too little varies to say how sure the numbers are")


def _cpm(result: Result, _: Translate) -> str:
    estimate = headline(result, "cpm")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    points = result.protocol["operating_points"]
    return _(
        "Of 100 lesions {found} are found, on average over {low} to {high} false positives per "
        "scan."
    ).format(found=f"{100 * estimate.value:.0f}", low=f"{points[0]:g}", high=f"{points[-1]:g}")


def _sensitivity(result: Result, _: Translate) -> str:
    estimate = title_estimate(result)
    if estimate is None or estimate.value is None or estimate.at is None:
        return reason(estimate, _)
    return _("Of 100 lesions {found} are found at {point}.").format(
        found=f"{100 * estimate.value:.0f}", point=per_scan(estimate.at[AT], _)
    )


def _case_auroc(result: Result, _: Translate) -> str:
    estimate = headline(result, "case_auroc")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    return _(
        "The highest mark of a scan with a lesion scores above that of a scan without one in "
        "{pairs} of 100 pairs."
    ).format(pairs=_hundredths(estimate.value, _))


def _afroc(result: Result, _: Translate) -> str:
    estimate = headline(result, "weighted_afroc_area")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    return _(
        "A lesion's mark scores above every false mark of a scan without lesions in {pairs} of "
        "100 pairs."
    ).format(pairs=_hundredths(estimate.value, _))


def _hundredths(value: float, _: Translate) -> str:
    """A share of 100 pairs; 100 only where it is all of them."""
    rounded = f"{100 * value:.0f}"
    return _("more than 99") if rounded == "100" and value < 1 else rounded
