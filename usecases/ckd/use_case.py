"""Chronic kidney disease: the question, the task and its measures in words."""

from __future__ import annotations

from functools import partial

from portal.usecase import At, Measure, Task, UseCase, gettext_noop
from usecases.ckd.binary_comparison import compare_binary
from usecases.ckd.evaluation import ENGINE, POOLED, BinaryProtocol, evaluate_binary
from usecases.ckd.explorers import RISK, RISK_BY_HORIZON
from usecases.ckd.figures import FIGURES
from usecases.ckd.findings import find
from usecases.ckd.overlays import OVERLAYS
from usecases.ckd.survival_comparison import compare_survival
from usecases.ckd.survival_evaluation import ENGINE as SURVIVAL_ENGINE
from usecases.ckd.survival_evaluation import POOLED as SURVIVAL_POOLED
from usecases.ckd.survival_evaluation import SurvivalProtocol, evaluate_survival
from usecases.ckd.survival_figures import FIGURES as SURVIVAL_FIGURES
from usecases.ckd.survival_findings import find as find_survival
from usecases.ckd.survival_words import MEASURES as SURVIVAL_MEASURES
from usecases.ckd.tables import (
    COHORT_BINARY,
    COHORT_SURVIVAL,
    PREDICTIONS_BINARY,
    PREDICTIONS_SURVIVAL,
)
from usecases.estimates import pooled_over

MEASURES = (
    Measure(
        "auroc",
        gettext_noop("Discrimination, AUROC"),
        gettext_noop(
            "How often a patient who has the event was given a higher risk than one who has not: "
            "0.5 is chance, 1 is perfect."
        ),
        low=0.5,
        high=1,
        reference=0.5,
    ),
    Measure(
        "average_precision",
        gettext_noop("Average precision"),
        gettext_noop(
            "Going down the list from the highest risk, the share of the patients met so far "
            "who have the event, averaged over the patients with the event."
        ),
        low=0,
        high=1,
    ),
    Measure(
        "brier",
        gettext_noop("Brier score"),
        gettext_noop(
            "The average squared distance between the predicted risk and what happened: "
            "0 is perfect, lower is better."
        ),
        low=0,
        high=0.25,
        reference=0,
        digits=4,
    ),
    Measure(
        "scaled_brier",
        gettext_noop("Scaled Brier score"),
        gettext_noop(
            "How much closer the risks come to what happened than giving everyone the average "
            "risk: 100% is perfect, 0% is no gain, below 0% is a loss."
        ),
        low=0,
        high=1,
        reference=0,
        digits=1,
        percent=True,
    ),
    Measure(
        "observed_expected_ratio",
        gettext_noop("Observed / expected"),
        gettext_noop(
            "The events that happened for each event that the model predicted: "
            "below 1 the risks are too high, above 1 too low."
        ),
        low=0.5,
        high=1.5,
        reference=1,
    ),
    Measure(
        "calibration_in_the_large",
        gettext_noop("Calibration in the large"),
        gettext_noop(
            "How far all risks would have to move, on the scale of log odds, to be right on "
            "average: 0 is right, below 0 the risks are too high."
        ),
        low=-1,
        high=1,
        reference=0,
    ),
    Measure(
        "calibration_intercept",
        gettext_noop("Calibration intercept"),
        gettext_noop(
            "The shift, on the scale of log odds, that would make the risks fit best together "
            "with the calibration slope: 0 needs none."
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
        low=0,
        reference=0,
        digits=2,
        percent=True,
    ),
    Measure(
        "e50",
        gettext_noop("Calibration error, median"),
        gettext_noop(
            "Half of the patients have a predicted risk closer than this to the risk observed "
            "on the smoothed calibration curve (E50)."
        ),
        low=0,
        reference=0,
        digits=2,
        percent=True,
    ),
    Measure(
        "e90",
        gettext_noop("Calibration error, 90%"),
        gettext_noop(
            "Nine in ten patients have a predicted risk closer than this to the risk observed "
            "on the smoothed calibration curve (E90)."
        ),
        low=0,
        reference=0,
        digits=2,
        percent=True,
    ),
    Measure(
        "emax",
        gettext_noop("Calibration error, largest"),
        gettext_noop(
            "The largest distance between a predicted risk and the risk observed on the "
            "smoothed calibration curve (Emax); one patient can decide it."
        ),
        low=0,
        reference=0,
        digits=2,
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
        gettext_noop("The share of the patients with the event whose risk reaches the threshold."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
    Measure(
        "specificity",
        gettext_noop("Specificity"),
        gettext_noop("The share of the patients without the event who are below the threshold."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
    Measure(
        "ppv",
        gettext_noop("Predictive value, positive"),
        gettext_noop("The share of the patients at or above the threshold who have the event."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
    Measure(
        "npv",
        gettext_noop("Predictive value, negative"),
        gettext_noop("The share of the patients below the threshold who do not have the event."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
)

AT = (At("threshold", "{value}", "share:3"),)

BINARY = Task(
    slug="binary",
    title=gettext_noop("Risk of a yes/no outcome"),
    summary=gettext_noop(
        "Compares the risks that a model gave with what happened to the patients: does it rank "
        "them, are its risks right, and does acting on them help?"
    ),
    tables=(COHORT_BINARY, PREDICTIONS_BINARY),
    protocol=BinaryProtocol,
    evaluate=evaluate_binary,
    measures=MEASURES,
    # Of the measures taken at a threshold, a card shows the protocol's first threshold:
    # portal.figures.headline picks it, and the words of `find` are about the same estimate.
    headline=("auroc", "observed_expected_ratio", "calibration_slope", "net_benefit"),
    figures=FIGURES,
    curves={
        "calibration": gettext_noop("Calibration curve"),
        "calibration_groups": gettext_noop("Calibration by tenth of risk"),
        "risk_distribution": gettext_noop("Distribution of risks"),
        "roc": gettext_noop("ROC curve"),
        "precision_recall": gettext_noop("Precision-recall curve"),
        "decision": gettext_noop("Decision curve"),
        "thresholds": gettext_noop("Counts at each threshold"),
    },
    find=find,
    engine=ENGINE,
    compare=compare_binary,
    pool=partial(pooled_over, scales=POOLED),
    explorer=RISK,
    overlays=OVERLAYS,
    at=AT,
)

SURVIVAL = Task(
    slug="survival",
    title=gettext_noop("Risk within some years, where death may come first"),
    summary=gettext_noop(
        "Compares the risks that a model gave with what happened by a horizon to patients of whom "
        "some die first and some are lost: does it rank them, are its risks right, does acting on "
        "them help, and would local recalibration?"
    ),
    tables=(COHORT_SURVIVAL, PREDICTIONS_SURVIVAL),
    protocol=SurvivalProtocol,
    evaluate=evaluate_survival,
    measures=SURVIVAL_MEASURES,
    headline=("auc", "observed_expected_ratio", "calibration_slope", "net_benefit"),
    figures=SURVIVAL_FIGURES,
    curves={
        "calibration": gettext_noop("Calibration curve"),
        "calibration_groups": gettext_noop("Observed and expected by tenth of risk"),
        "risk_distribution": gettext_noop("Distribution of risks"),
        "updated_calibration": gettext_noop("Calibration after updating"),
        "updating": gettext_noop("Measures after updating"),
        "observed": gettext_noop("Observed risk over time"),
        "roc": gettext_noop("ROC curve"),
        "decision": gettext_noop("Decision curve"),
        "thresholds": gettext_noop("Counts at each threshold"),
    },
    find=find_survival,
    engine=SURVIVAL_ENGINE,
    compare=compare_survival,
    pool=partial(pooled_over, scales=SURVIVAL_POOLED),
    explorer=RISK_BY_HORIZON,
    overlays=OVERLAYS,
    at=AT,
)

USE_CASE = UseCase(
    slug="ckd",
    title=gettext_noop("Chronic kidney disease"),
    short_title=gettext_noop("Kidney"),
    question=gettext_noop(
        "Does an existing risk model hold in cohorts of other countries, and if not, "
        "what repairs it?"
    ),
    lead="Aarhus University Hospital",
    colour="kidney",
    tasks=(BINARY, SURVIVAL),
)
