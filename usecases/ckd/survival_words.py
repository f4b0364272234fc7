"""The measures of ckd/survival in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from portal.usecase import Measure, gettext_noop
from usecases.statistics.survival_measures import CENSORED, UPDATED
from usecases.statistics.survival_updating import UPDATES

_RISK: dict[str, Any] = {"low": 0, "digits": 2, "percent": True}
_SHARE: dict[str, Any] = {"low": 0, "high": 1, "digits": 1, "percent": True}

BASE = (
    Measure(
        "observed_risk",
        gettext_noop("Observed risk"),
        gettext_noop(
            "The share of the patients who have the event by the horizon, counting that those "
            "who die first never have it."
        ),
        **_RISK,
    ),
    Measure(
        "observed_expected_ratio",
        gettext_noop("Observed / expected"),
        gettext_noop(
            "The observed risk for each unit of risk that the model predicted: below 1 the risks "
            "are too high, above 1 too low."
        ),
        low=0.5,
        high=1.5,
        reference=1,
    ),
    Measure(
        "calibration_intercept",
        gettext_noop("Calibration intercept"),
        gettext_noop(
            "How far all risks would have to move, on the scale of log hazards, to fit best with "
            "their spread as it is: 0 is right, below 0 the risks are too high."
        ),
        low=-1,
        high=1,
        reference=0,
    ),
    Measure(
        "calibration_slope",
        gettext_noop("Calibration slope"),
        gettext_noop(
            "Whether risks are spread as they should be: 1 is right, below 1 they are too "
            "extreme, above 1 too close together."
        ),
        low=0.5,
        high=1.5,
        reference=1,
    ),
    Measure(
        "ici",
        gettext_noop("Calibration error, mean"),
        gettext_noop(
            "The average distance between the predicted risk and the risk observed on the "
            "smoothed calibration curve (ICI)."
        ),
        reference=0,
        **_RISK,
    ),
    Measure(
        "e50",
        gettext_noop("Calibration error, median"),
        gettext_noop(
            "Half of the patients have a predicted risk closer than this to the risk observed on "
            "the smoothed calibration curve (E50)."
        ),
        reference=0,
        **_RISK,
    ),
    Measure(
        "e90",
        gettext_noop("Calibration error, 90%"),
        gettext_noop(
            "Nine in ten patients have a predicted risk closer than this to the risk observed on "
            "the smoothed calibration curve (E90)."
        ),
        reference=0,
        **_RISK,
    ),
    Measure(
        "auc",
        gettext_noop("Discrimination, AUC"),
        gettext_noop(
            "How often a patient who has the event by the horizon was given a higher risk than "
            "one who has not: 0.5 is chance, 1 is perfect."
        ),
        low=0.5,
        high=1,
        reference=0.5,
    ),
    Measure(
        "brier",
        gettext_noop("Brier score"),
        gettext_noop(
            "The average squared distance between the predicted risk and what happened by the "
            "horizon: 0 is perfect, lower is better."
        ),
        low=0,
        high=0.25,
        reference=0,
        digits=4,
    ),
    Measure(
        "ipa",
        gettext_noop("Scaled Brier (IPA)"),
        gettext_noop(
            "How much closer the risks come to what happened than giving everyone the observed "
            "risk: 100% is perfect, 0% is no gain, below 0% is a loss."
        ),
        low=0,
        high=1,
        reference=0,
        digits=1,
        percent=True,
    ),
    Measure(
        "net_benefit",
        gettext_noop("Net benefit"),
        gettext_noop(
            "What acting above the threshold gains against treating nobody, in true positives "
            "per patient, after taking off the harm of false positives."
        ),
        reference=0,
    ),
    Measure(
        "sensitivity",
        gettext_noop("Sensitivity"),
        gettext_noop(
            "The share of the patients with the event by the horizon whose risk is above the "
            "threshold."
        ),
        **_SHARE,
    ),
    Measure(
        "specificity",
        gettext_noop("Specificity"),
        gettext_noop(
            "The share of the patients without the event whose risk is not above the threshold."
        ),
        **_SHARE,
    ),
    Measure(
        "ppv",
        gettext_noop("Predictive value, positive"),
        gettext_noop("The share of the patients above the threshold who have the event."),
        **_SHARE,
    ),
    Measure(
        "npv",
        gettext_noop("Predictive value, negative"),
        gettext_noop(
            "The share of the patients not above the threshold who do not have the event."
        ),
        **_SHARE,
    ),
)
"""The measures that are taken with death as a competing event, and with deaths censored."""

OTHERS = (
    Measure(
        "expected_risk",
        gettext_noop("Expected risk"),
        gettext_noop("The average of the risks that the model predicted."),
        **_RISK,
    ),
    Measure(
        "death_risk",
        gettext_noop("Risk of death"),
        gettext_noop("The share of the patients who die by the horizon without the event."),
        **_RISK,
    ),
    Measure(
        "kaplan_meier_excess",
        gettext_noop("Kaplan-Meier excess"),
        gettext_noop(
            "How much higher the observed risk looks when those who died are taken as if they "
            "could still have the event."
        ),
        reference=0,
        **_RISK,
    ),
    Measure(
        "harrell_c",
        gettext_noop("Harrell's C"),
        gettext_noop(
            "Of two patients, how often the one given the higher risk has the event first: 50% "
            "is chance, 100% is perfect."
        ),
        low=0.5,
        high=1,
        reference=0.5,
    ),
    Measure(
        "uno_c",
        gettext_noop("Uno's C"),
        gettext_noop(
            "As Harrell's C, weighted so that it does not depend on how long patients were "
            "followed."
        ),
        low=0.5,
        high=1,
        reference=0.5,
    ),
)

SHORT = {
    "observed_expected_ratio": "O/E",
    "calibration_intercept": gettext_noop("Intercept"),
    "calibration_slope": gettext_noop("Slope"),
    "ici": gettext_noop("Mean error"),
    "e50": gettext_noop("Median error"),
    "e90": gettext_noop("90% error"),
    "auc": "AUC",
    "brier": "Brier",
    "ipa": "IPA",
    "ppv": "PPV",
    "npv": "NPV",
}
"""Labels that leave room for what else a variant's label says."""

OWN_WORDS = {
    f"observed_risk{CENSORED}": gettext_noop(
        "The share of the patients who would have the event by the horizon if nobody died before "
        "it (Kaplan-Meier)."
    )
}
"""Explanations that a variant does not share with its measure."""

UPDATE_WORDS = {
    "recalibrated_baseline": (
        gettext_noop("new baseline"),
        gettext_noop("after a new baseline, fitted to other patients of this cohort"),
    ),
    "recalibrated_slope": (
        gettext_noop("new slope"),
        gettext_noop("after a new baseline and slope, fitted to other patients of this cohort"),
    ),
}


def _variant(measure: Measure, suffix: str, label: str, words: str) -> Measure:
    explanation = f"{measure.explanation[:-1]}; {words}."
    return replace(
        measure,
        key=measure.key + suffix,
        label=f"{SHORT.get(measure.key, measure.label)}, {label}",
        explanation=OWN_WORDS.get(measure.key + suffix, explanation),
    )


_DEATHS = gettext_noop("deaths censored"), gettext_noop("deaths count as the end of observation")

MEASURES = (
    *BASE,
    *OTHERS,
    *(_variant(measure, CENSORED, *_DEATHS) for measure in BASE),
    *(
        _variant(measure, f"_{update}", *UPDATE_WORDS[update])
        for update in UPDATES
        for measure in BASE
        if measure.key in (*UPDATED, "net_benefit")
    ),
)
"""Every measure of the task."""
