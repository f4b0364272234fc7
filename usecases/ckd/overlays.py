"""What a comparison of several kidney results draws. No Django."""

from portal.usecase import Overlay, gettext_noop
from usecases.overlays import roc

ROC = roc(gettext_noop("Which ranks patients better?"))
CALIBRATION = Overlay(
    slug="calibration",
    question=gettext_noop("Whose risks are the risks observed?"),
    curve="calibration",
    x="predicted",
    y="observed",
    x_title=gettext_noop("predicted risk"),
    y_title=gettext_noop("observed risk"),
    diagonal=True,
)
DECISION = Overlay(
    slug="decision",
    question=gettext_noop("Acting on which helps most?"),
    curve="decision",
    x="threshold",
    y="net_benefit",
    x_title=gettext_noop("threshold: act above this risk"),
    y_title=gettext_noop("net benefit, per 1,000 patients"),
    y_format="number",
    scale=1000,
    fading=True,
)
OVERLAYS = (ROC, CALIBRATION, DECISION)
