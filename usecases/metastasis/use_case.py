"""Metastasis: the question, the two tasks and their measures in words."""

from __future__ import annotations

from functools import partial

from portal.usecase import At, Task, UseCase, gettext_noop
from usecases.estimates import pooled_over
from usecases.metastasis import lung_findings, mammography_findings, overlays
from usecases.metastasis.explorers import FALSE_MARKS, RECALL
from usecases.metastasis.lung_cases import SCANS
from usecases.metastasis.lung_comparison import compare_lung
from usecases.metastasis.lung_evaluation import ENGINE as LUNG_ENGINE
from usecases.metastasis.lung_evaluation import POOLED as LUNG_POOLED
from usecases.metastasis.lung_evaluation import evaluate_lung
from usecases.metastasis.lung_figures import FIGURES as LUNG_FIGURES
from usecases.metastasis.lung_measures import MEASURES as LUNG_MEASURES
from usecases.metastasis.lung_protocol import LungProtocol
from usecases.metastasis.mammography_comparison import compare_mammography
from usecases.metastasis.mammography_evaluation import ENGINE as MAMMOGRAPHY_ENGINE
from usecases.metastasis.mammography_evaluation import POOLED as MAMMOGRAPHY_POOLED
from usecases.metastasis.mammography_evaluation import evaluate_mammography
from usecases.metastasis.mammography_figures import FIGURES as MAMMOGRAPHY_FIGURES
from usecases.metastasis.mammography_measures import MEASURES as MAMMOGRAPHY_MEASURES
from usecases.metastasis.mammography_protocol import MammographyProtocol
from usecases.metastasis.tables import CASES, EXAMS, LESIONS, MARKS, SCORES

LUNG_CT = Task(
    slug="lung-ct",
    title=gettext_noop("Finding pulmonary lesions"),
    summary=gettext_noop(
        "Compares the marks that a detector put on CT scans with the lesions that are there: how "
        "many does it find, and at how many false alarms?"
    ),
    tables=(CASES, LESIONS, MARKS),
    protocol=LungProtocol,
    evaluate=evaluate_lung,
    measures=LUNG_MEASURES,
    headline=("cpm", "sensitivity", "case_auroc", "weighted_afroc_area"),
    figures=LUNG_FIGURES,
    curves={
        "froc": gettext_noop("FROC curve"),
        "sensitivity_by_size": gettext_noop("Sensitivity by lesion size"),
        "case_roc": gettext_noop("ROC curve of cases"),
        "afroc": gettext_noop("AFROC curve"),
    },
    find=lung_findings.find,
    engine=LUNG_ENGINE,
    compare=compare_lung,
    pool=partial(pooled_over, scales=LUNG_POOLED),
    cases=SCANS,
    explorer=FALSE_MARKS,
    overlays=overlays.LUNG,
    at=(At(lung_findings.AT, gettext_noop("{value} false positives per scan"), "significant:3"),),
    counted=gettext_noop("Scans"),
    population=gettext_noop("{patients} scans, {lesions} lesions"),
)

MAMMOGRAPHY = Task(
    slug="mammography",
    title=gettext_noop("Breast cancer at the exam"),
    summary=gettext_noop(
        "Compares the scores that a model gave to mammograms with the cancers that were found, "
        "and with the reader of the same exams."
    ),
    tables=(EXAMS, SCORES),
    protocol=MammographyProtocol,
    evaluate=evaluate_mammography,
    measures=MAMMOGRAPHY_MEASURES,
    headline=(
        "auroc",
        "sensitivity",
        "recall_rate",
        "sensitivity_difference",
        "specificity_difference",
    ),
    figures=MAMMOGRAPHY_FIGURES,
    curves={
        "roc": gettext_noop("ROC curve"),
        "operating_points": gettext_noop("Operating points"),
        "thresholds": gettext_noop("Counts at each threshold"),
        "reader": gettext_noop("The reader's point"),
        "reader_comparison": gettext_noop("Differences from the reader"),
    },
    find=mammography_findings.find,
    engine=MAMMOGRAPHY_ENGINE,
    compare=compare_mammography,
    pool=partial(pooled_over, scales=MAMMOGRAPHY_POOLED),
    explorer=RECALL,
    overlays=overlays.MAMMOGRAPHY,
    at=(
        At("threshold", gettext_noop("a score of {value}"), "significant:3"),
        At("specificity", gettext_noop("specificity {value}"), "share:3"),
        At("sensitivity", gettext_noop("sensitivity {value}"), "share:3"),
    ),
    counted=gettext_noop("Exams"),
    population=gettext_noop("{patients} exams, {events} with cancer"),
)

USE_CASE = UseCase(
    slug="metastasis",
    title=gettext_noop("Detection of metastases"),
    short_title=gettext_noop("Metastasis"),
    question=gettext_noop(
        "Does a detector find the lesions that matter, on scanners and in hospitals that it has "
        "not seen, without raising too many false alarms?"
    ),
    lead="Centre Léon Bérard and Health Data Hub",
    colour="plum",
    tasks=(LUNG_CT, MAMMOGRAPHY),
)
