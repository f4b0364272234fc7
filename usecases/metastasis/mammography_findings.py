"""What a mammography result says in words: rules from estimates and their intervals. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import headline
from portal.usecase import Finding, Translate, gettext_noop
from usecases.rules import Rule, above, below, reason, word

if TYPE_CHECKING:
    from portal.result import Estimate, Result

CHANCE = 0.5
RANKING = (
    Rule(gettext_noop("Ranks exams with cancer well"), lower_from=0.8),
    Rule(gettext_noop("Ranks exams with cancer fairly well"), lower_from=0.7),
    Rule(
        gettext_noop("Ranks exams with cancer poorly, though better than chance"),
        lower_from=above(CHANCE),
        upper_to=below(0.7),
    ),
    Rule(
        gettext_noop("Ranks exams with cancer better than chance, how well is uncertain"),
        lower_from=above(CHANCE),
    ),
    Rule(gettext_noop("Ranks exams the wrong way round"), upper_to=below(CHANCE)),
    Rule(gettext_noop("Not shown to rank exams better than chance")),
)
"""The interval of the AUROC; the limits are those of the other tasks."""

BETTER, NO_WORSE, WORSE, OPEN = "better", "no worse", "worse", "open"

VERDICTS = {
    (NO_WORSE, NO_WORSE): gettext_noop("no worse than the reader in sensitivity and specificity"),
    (NO_WORSE, WORSE): gettext_noop(
        "no worse than the reader in sensitivity, worse in specificity"
    ),
    (WORSE, NO_WORSE): gettext_noop(
        "no worse than the reader in specificity, worse in sensitivity"
    ),
    (NO_WORSE, OPEN): gettext_noop(
        "no worse than the reader in sensitivity; not shown for specificity"
    ),
    (OPEN, NO_WORSE): gettext_noop(
        "no worse than the reader in specificity; not shown for sensitivity"
    ),
    (WORSE, WORSE): gettext_noop("worse than the reader in sensitivity and specificity"),
    (WORSE, OPEN): gettext_noop("worse than the reader in sensitivity"),
    (OPEN, WORSE): gettext_noop("worse than the reader in specificity"),
    (OPEN, OPEN): gettext_noop("not shown to be no worse than the reader"),
}
"""Second half of the title, by sensitivity and specificity."""


def verdicts(margin: float) -> tuple[Rule, ...]:
    """The interval of a difference, model minus reader: non-inferiority with ``margin``.

    No worse: the whole interval lies above minus the margin. Worse: it lies below 0, and does
    not keep to the margin.
    """
    return (
        Rule(NO_WORSE, lower_from=above(-margin)),
        Rule(WORSE, upper_to=below(0)),
        Rule(OPEN),
    )


def find(result: Result, _: Translate) -> Finding:
    """The title and the sentence of each card for a metastasis/mammography result."""
    return Finding(
        title=_title(result, _),
        sentences={
            "auroc": _auroc(result, _),
            "sensitivity": _sensitivity(result, _),
            "recall_rate": _recalls(result, _),
            "sensitivity_difference": _difference(result, "sensitivity_difference", _),
            "specificity_difference": _difference(result, "specificity_difference", _),
        },
    )


def _title(result: Result, _: Translate) -> str:
    ranking = word(RANKING, headline(result, "auroc"))
    if ranking is None:
        return _too_few(result, _)
    rules = verdicts(float(result.protocol["margin"]))
    pair = tuple(
        word(rules, headline(result, name))
        for name in ("sensitivity_difference", "specificity_difference")
    )
    if None in pair:
        return _(ranking)
    return _("{ranking}; {verdict}").format(
        ranking=_(ranking),
        verdict=_(VERDICTS[pair]),  # type: ignore[index]
    )


def _too_few(result: Result, _: Translate) -> str:
    events, without = result.population.get("events"), result.population.get("non_events")
    if events == 0:
        return _("No exam has cancer: nothing to say about ranking")
    if without == 0:
        return _("Every exam has cancer: nothing to say about ranking")
    auroc = headline(result, "auroc")
    if auroc is not None and auroc.value is not None:
        return _("Too little varies to say how well it ranks exams")
    return _("Too few exams with cancer, or without it, to say")


def point_phrase(estimate: Estimate, _: Translate) -> str:
    """What an estimate is taken at: "Holding a specificity of 90%"."""
    at = estimate.at or {}
    if "threshold" in at:
        return _("At a score of {threshold} or more").format(threshold=f"{at['threshold']:g}")
    if "specificity" in at:
        return _("Holding a specificity of {percent}").format(
            percent=f"{100 * at['specificity']:g}%"
        )
    return _("Holding a sensitivity of {percent}").format(percent=f"{100 * at['sensitivity']:g}%")


def _auroc(result: Result, _: Translate) -> str:
    estimate = headline(result, "auroc")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    rounded = f"{100 * estimate.value:.0f}"
    return _("An exam with cancer scores above one without in {pairs} of 100 pairs.").format(
        pairs=_("more than 99") if rounded == "100" and estimate.value < 1 else rounded
    )


def _sensitivity(result: Result, _: Translate) -> str:
    estimate = headline(result, "sensitivity")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    return _("{point}, {found} of 100 exams with cancer are recalled.").format(
        found=f"{100 * estimate.value:.0f}", point=point_phrase(estimate, _)
    )


def _recalls(result: Result, _: Translate) -> str:
    estimate = headline(result, "recall_rate")
    if estimate is None or estimate.value is None:
        return reason(estimate, _)
    return _("{point}, {recalled} of 1,000 exams are recalled.").format(
        recalled=f"{1000 * estimate.value:.0f}", point=point_phrase(estimate, _)
    )


def _difference(result: Result, name: str, _: Translate) -> str:
    estimate = headline(result, name)
    verdict = word(verdicts(float(result.protocol["margin"])), estimate)
    if estimate is None:
        return _("The table of exams holds no recalls of a reader.")
    if verdict is None:
        return reason(estimate, _)
    margin = f"{100 * float(result.protocol['margin']):g}"
    return {
        NO_WORSE: _("No worse than the reader: the interval lies above −{margin} points."),
        WORSE: _(
            "Worse than the reader: the interval lies below 0, and reaches the margin of "
            "−{margin} points."
        ),
        OPEN: _("Not shown to be no worse than the reader: the interval reaches −{margin} points."),
    }[verdict].format(margin=margin)
