"""The measures of metastasis/mammography in words."""

from __future__ import annotations

from portal.usecase import Measure, gettext_noop


def _share(key: str, label: str, explanation: str) -> Measure:
    return Measure(key, label, explanation, low=0, high=1, digits=3, percent=True)


MEASURES = (
    Measure(
        "auroc",
        gettext_noop("Discrimination, AUROC"),
        gettext_noop(
            "How often an exam with cancer was given a higher score than one without: 50% is "
            "chance, 100% is perfect."
        ),
        low=0.5,
        high=1,
        reference=0.5,
    ),
    _share(
        "sensitivity",
        gettext_noop("Sensitivity"),
        gettext_noop("The share of the exams with cancer that are recalled."),
    ),
    _share(
        "specificity",
        gettext_noop("Specificity"),
        gettext_noop("The share of the exams without cancer that are not recalled."),
    ),
    _share(
        "recall_rate",
        gettext_noop("Recall rate"),
        gettext_noop("The share of all exams that are recalled."),
    ),
    Measure(
        "cancer_detection_rate",
        gettext_noop("Cancer detection rate"),
        gettext_noop("The cancers found among 1,000 exams."),
        low=0,
        digits=1,
    ),
    _share(
        "ppv",
        gettext_noop("Predictive value, positive"),
        gettext_noop("The share of the recalled exams that have cancer."),
    ),
    Measure(
        "sensitivity_difference",
        gettext_noop("Sensitivity minus reader's"),
        gettext_noop(
            "How much larger the share of cancers found by the model is than the share found by "
            "the reader of the same exams."
        ),
        reference=0,
        digits=3,
        percent=True,
    ),
    Measure(
        "specificity_difference",
        gettext_noop("Specificity minus reader's"),
        gettext_noop(
            "How much larger the share of exams without cancer that the model leaves alone is "
            "than the share that the reader of the same exams leaves alone."
        ),
        reference=0,
        digits=3,
        percent=True,
    ),
    _share(
        "reader_sensitivity",
        gettext_noop("Reader's sensitivity"),
        gettext_noop("The share of the exams with cancer that the reader recalled."),
    ),
    _share(
        "reader_specificity",
        gettext_noop("Reader's specificity"),
        gettext_noop("The share of the exams without cancer that the reader did not recall."),
    ),
    _share(
        "reader_recall_rate",
        gettext_noop("Reader's recall rate"),
        gettext_noop("The share of all exams that the reader recalled."),
    ),
    Measure(
        "reader_cancer_detection_rate",
        gettext_noop("Reader's detection rate"),
        gettext_noop("The cancers that the reader found among 1,000 exams."),
        low=0,
        digits=1,
    ),
    _share(
        "reader_ppv",
        gettext_noop("Reader's predictive value"),
        gettext_noop("The share of the exams recalled by the reader that have cancer."),
    ),
)
