"""What a comparison of several results of detection draws. No Django."""

from portal.usecase import Overlay, gettext_noop
from usecases.overlays import roc

LUNG = (
    Overlay(
        slug="froc",
        question=gettext_noop("Which finds more lesions, at how many false alarms?"),
        curve="froc",
        x="false_positives_per_scan",
        y="sensitivity",
        x_title=gettext_noop("false positives per scan"),
        y_title=gettext_noop("lesions found (sensitivity)"),
        x_format="number",
        log=True,
    ),
    roc(
        gettext_noop("Which tells scans with a lesion from scans without one?"),
        slug="case-roc",
        curve="case_roc",
        x_title=gettext_noop("scans without a lesion, above score"),
        y_title=gettext_noop("scans with a lesion, above it"),
    ),
)
MAMMOGRAPHY = (roc(gettext_noop("Which ranks exams better?")),)
