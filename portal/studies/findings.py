"""What a study found, in words that its intervals allow.

The rules speak of the task's leading measure, and say no more than this:

1. no cell gave a result, or none an estimate: that;
2. one site: that it is one site;
3. one model: its average over the sites with its interval, or the range where nothing is pooled;
4. several models, pooled over the same sites: that the best and the worst differ where their
   intervals do not meet, or where the interval of the differences within the sites leaves out that
   there is none;
5. otherwise that they differ so in another measure of the page's first cards, with an interval
   wider by as many looks, and not in the leading one; else that they are not shown to differ;
6. several models over different sites: the range, for a difference could be one of sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.showcase.numbers import interval, measured
from portal.studies.differences import Differences, differences
from portal.studies.report import Choice, FindingEntry, ModelEntry, Report

if TYPE_CHECKING:
    from portal.result import Estimate, Pooled
    from portal.usecase import Measure


LOOKS = 4
"""Measures that are looked at: the leading one and those of the cards beside it."""


@dataclass(frozen=True)
class _Seen:
    """A model's values of a measure."""

    name: str
    version: str
    """Alone where the other model's name is the same, else empty."""
    sites: dict[str, Estimate]
    """By site, those that have a value."""
    pooled: Pooled | None


def find(report: Report) -> FindingEntry:
    """The title of the study's page, and a sentence for each thing to know about it."""
    if not any(cell.status == "succeeded" for cell in report.cells):
        return FindingEntry(title=_("No cell of the study gave a result"))
    choice = report.choices[0]
    measure = report.measure(choice.measure)
    seen = _all_seen(report, choice)
    if not seen:
        title = _("%(measure)s could not be estimated at any site") % {"measure": choice.label}
        return FindingEntry(title=title)
    contrast = _contrast(report, seen)
    sentences = [] if contrast is None else _site_by_site(contrast)
    sentences += [_sentence(found, measure) for found in seen if found.pooled is not None]
    missing = len(report.cells) - sum(len(found.sites) for found in seen)
    if missing:
        sentences.append(
            ngettext(
                "%(missing)d of %(cells)d cells gives no such number.",
                "%(missing)d of %(cells)d cells give no such number.",
                missing,
            )
            % {"missing": missing, "cells": len(report.cells)}
        )
    told = choice if contrast is None else contrast.choice
    title = _title(seen, choice, measure, contrast)
    return FindingEntry(title=title, sentences=sentences, choice=told.slug)


def model_name(report: Report, model: ModelEntry) -> str:
    """The model's name, with its version where two versions of it take part."""
    names = [other.name for other in report.models]
    return model.label if names.count(model.name) > 1 else model.name


def short_name(report: Report, model: ModelEntry) -> str:
    """Its version alone, where all that take part are versions of one model."""
    names = {other.name for other in report.models}
    one_model = len(names) == 1 and len(report.models) > 1
    return (
        _("version %(version)s") % {"version": model.version}
        if one_model
        else model_name(report, model)
    )


def _all_seen(report: Report, choice: Choice) -> list[_Seen]:
    """The models that have a value of the measure at some site."""
    return [found for model in report.models if (found := _seen(report, model, choice)).sites]


def _seen(report: Report, model: ModelEntry, choice: Choice) -> _Seen:
    sites = {}
    for site in report.sites:
        estimate = report.cell(model.key, site.key).overall(choice.measure, choice.at)
        if estimate is not None and estimate.value is not None:
            sites[site.key] = estimate
    pooled = report.pooled_estimate(model.key, choice)
    has_interval = pooled is not None and None not in (pooled.value, pooled.lower, pooled.upper)
    name = model_name(report, model)
    version = model.version if name == model.label else ""
    return _Seen(name, version, sites, pooled if has_interval else None)


@dataclass(frozen=True)
class _Contrast:
    """A measure in which the best and the worst model differ."""

    choice: Choice
    measure: Measure
    best: _Seen
    worst: _Seen
    within: Differences | None
    leads: bool
    """Whether it is the leading measure."""


def _contrast(report: Report, seen: list[_Seen]) -> _Contrast | None:
    """The first measure in which two models over the same sites differ; None: not shown."""
    for place, choice in enumerate(report.choices[:LOOKS]):
        found = seen if place == 0 else _all_seen(report, choice)
        ends = _ends(found) if len(found) > 1 and len(found) == len(seen) else None
        if ends is None:
            continue
        best, worst = ends
        measure = report.measure(choice.measure)
        within = _within(best, worst, measure, looks=1 if place == 0 else LOOKS - 1)
        if (place == 0 and _apart(best, worst)) or (within is not None and within.shown):
            return _Contrast(choice, measure, best, worst, within, leads=place == 0)
    return None


def _within(best: _Seen, worst: _Seen, measure: Measure, *, looks: int) -> Differences | None:
    """The differences within the sites, where they can be seen in the digits that are shown."""
    if best.pooled is None or worst.pooled is None:
        return None
    if measured(best.pooled.value, measure) == measured(worst.pooled.value, measure):
        return None
    more, less = (
        [found.sites[site].value or 0.0 for site in sorted(best.sites)] for found in (best, worst)
    )
    return differences(more, less, best.pooled.scale, looks=looks)


def _site_by_site(contrast: _Contrast) -> list[str]:
    if contrast.within is None:
        return []
    found = contrast.within.found
    return [
        _("%(measure)s, site by site: higher for %(best)s at %(higher)d of %(sites)d sites; the "
          "differences range from %(low)s to %(high)s.")
        % {
            "measure": contrast.choice.label,
            "best": contrast.best.name,
            "higher": sum(each > 0 for each in found),
            "sites": len(found),
            "low": measured(min(found), contrast.measure),
            "high": measured(max(found), contrast.measure),
        }
    ]  # fmt: skip


def _title(seen: list[_Seen], choice: Choice, measure: Measure, contrast: _Contrast | None) -> str:
    sites = {site for found in seen for site in found.sites}
    facts = {"measure": choice.label, "sites": len(sites), "models": len(seen)}
    if len(sites) == 1:
        return _("%(measure)s is known from one site only") % facts
    if len(seen) == 1 and (pooled := seen[0].pooled) is not None:
        return _("%(measure)s averages %(value)s over %(sites)d sites (95%% CI %(interval)s)") % (
            facts
            | {
                "value": measured(pooled.value, measure),
                "interval": interval(pooled, measure),
                "sites": pooled.sites,
            }
        )
    if len(seen) > 1 and contrast is not None:
        return _title_of(contrast, choice)
    if len(seen) > 1 and _ends(seen) is not None:
        if len(seen) == 2:
            return _("The two models are not shown to differ in %(measure)s over %(sites)d "
                     "sites") % (facts | {"measure": _inside(choice.label)})  # fmt: skip
        facts |= {"measure": _inside(choice.label)}
        return _("The %(models)d models are not shown to differ in %(measure)s over %(sites)d "
                 "sites") % facts  # fmt: skip
    values = [found.value for one in seen for found in one.sites.values()]
    known = [value for value in values if value is not None]
    facts |= {"low": measured(min(known), measure), "high": measured(max(known), measure)}
    return _("%(measure)s ranges from %(low)s to %(high)s over %(sites)d sites") % facts


def _title_of(contrast: _Contrast, leading: Choice) -> str:
    """That two models differ; the same name is not said twice."""
    best, worst = contrast.best, contrast.worst
    same_name = best.name.removesuffix(best.version) == worst.name.removesuffix(worst.version)
    facts = {
        "measure": contrast.choice.label,
        "sites": len(best.sites),
        "best": best.name,
        "worst": worst.version if same_name and worst.version else worst.name,
        "leading": _inside(leading.label),
    }
    if contrast.leads:
        return _("%(measure)s: higher for %(best)s than for %(worst)s over %(sites)d "
                 "sites") % facts  # fmt: skip
    return _("%(measure)s: higher for %(best)s than for %(worst)s over %(sites)d sites; no "
             "difference is shown in %(leading)s") % facts  # fmt: skip


def _inside(label: str) -> str:
    """A measure's label inside a sentence: "discrimination, AUC", and "AUROC" as it is."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _ends(seen: list[_Seen]) -> tuple[_Seen, _Seen] | None:
    """The models with the highest and the lowest average, if all are over the same sites."""
    if len({tuple(sorted(found.sites)) for found in seen}) > 1:
        return None
    pooled = [(found.pooled.value or 0.0, found) for found in seen if found.pooled is not None]
    if len(pooled) < len(seen):
        return None
    ordered = sorted(pooled, key=lambda pair: pair[0])
    return ordered[-1][1], ordered[0][1]


def _apart(best: _Seen, worst: _Seen) -> bool:
    lower = best.pooled.lower if best.pooled else None
    upper = worst.pooled.upper if worst.pooled else None
    return lower is not None and upper is not None and lower > upper


def _sentence(found: _Seen, measure: Measure) -> str:
    pooled = found.pooled
    if pooled is None:
        return ""
    facts = {
        "model": found.name,
        "value": measured(pooled.value, measure),
        "interval": interval(pooled, measure),
        "low": measured(pooled.prediction_lower, measure),
        "high": measured(pooled.prediction_upper, measure),
    }
    if pooled.prediction_lower is None or pooled.prediction_upper is None:
        return _("%(model)s: %(value)s on average (95%% CI %(interval)s).") % facts
    return _("%(model)s: %(value)s on average (95%% CI %(interval)s); at a further site like these "
             "expect %(low)s to %(high)s.") % facts  # fmt: skip
