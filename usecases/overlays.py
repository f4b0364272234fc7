"""What comparisons of several results draw in more than one use case. No Django."""

from __future__ import annotations

from portal.usecase import Overlay, gettext_noop


def roc(
    question: str,
    *,
    slug: str = "roc",
    curve: str = "roc",
    x_title: str = gettext_noop("false positives (1 − specificity)"),
    y_title: str = gettext_noop("sensitivity"),
) -> Overlay:
    """ROC curves over each other, from a curve with ``false_positive_rate`` and ``sensitivity``."""
    return Overlay(
        slug=slug,
        question=question,
        curve=curve,
        x="false_positive_rate",
        y="sensitivity",
        x_title=x_title,
        y_title=y_title,
        diagonal=True,
    )
