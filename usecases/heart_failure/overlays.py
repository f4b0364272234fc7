"""What a comparison of several results of alerts draws. No Django."""

from portal.usecase import Overlay, gettext_noop

OVERLAYS = (
    Overlay(
        slug="free-response",
        question=gettext_noop("Which warns of more events, at how many alerts for nothing?"),
        curve="burden",  # the rising part of the free-response curve
        x="unexplained_alert_rate",
        y="event_sensitivity",
        x_title=gettext_noop("unexplained alerts per patient-year"),
        y_title=gettext_noop("events warned of"),
        x_format="number",
    ),
)
