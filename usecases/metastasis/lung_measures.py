"""The measures of metastasis/lung-ct in words."""

from __future__ import annotations

from portal.usecase import Measure, gettext_noop

MEASURES = (
    Measure(
        "cpm",
        gettext_noop("Competition metric, CPM"),
        gettext_noop(
            "The share of lesions found, averaged over the operating points, from few to many "
            "false alarms per scan."
        ),
        low=0,
        high=1,
    ),
    Measure(
        "sensitivity",
        gettext_noop("Sensitivity"),
        gettext_noop("The share of lesions found at so many false positives per scan."),
        low=0,
        high=1,
        digits=1,
        percent=True,
    ),
    Measure(
        "lesion_average_precision",
        gettext_noop("Average precision, lesions"),
        gettext_noop(
            "Going down the list of marks from the highest score, the share of the marks so far "
            "that hit a lesion, averaged over all lesions, where a missed one counts as 0."
        ),
        low=0,
        high=1,
    ),
    Measure(
        "case_auroc",
        gettext_noop("AUROC, scans"),
        gettext_noop(
            "How often the highest mark of a scan with a lesion scores above that of a scan "
            "without one, where a scan without a mark ranks below all others: 50% is chance."
        ),
        low=0.5,
        high=1,
        reference=0.5,
    ),
    Measure(
        "afroc_area",
        gettext_noop("AFROC area"),
        gettext_noop(
            "How often a lesion's best mark scores above every false mark of a scan without "
            "lesions."
        ),
        low=0,
        high=1,
    ),
    Measure(
        "weighted_afroc_area",
        gettext_noop("AFROC area, weighted"),
        gettext_noop(
            "How often a lesion's best mark scores above every false mark of a scan without "
            "lesions, where the lesions of a scan share the weight of one."
        ),
        low=0,
        high=1,
    ),
)
