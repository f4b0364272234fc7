"""Where an application, its reviews and a permit may stand, and the moves between.

The database lets nothing else happen, and the documentation draws these lists.
"""

from collections.abc import Sequence

from django.db import models
from django.utils.translation import gettext_lazy as _


class ApplicationStatus(models.TextChoices):
    """Where an application stands, with its applicant."""

    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Submitted")
    DECIDED = "decided", _("Decided")
    WITHDRAWN = "withdrawn", _("Withdrawn")


APPLICATION_MOVES = [
    ("draft", "submitted"),
    ("draft", "withdrawn"),
    ("submitted", "decided"),
    ("submitted", "withdrawn"),
]


class ReviewStatus(models.TextChoices):
    """Where an application stands with one body that decides on a part of it."""

    RECEIVED = "received", _("Received")
    RETURNED = "returned", _("Returned for completion")
    ASSESSED = "assessed", _("Complete, being assessed")
    GRANTED = "granted", _("Granted")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


REVIEW_MOVES = [
    ("received", "returned"),
    ("received", "assessed"),
    ("received", "withdrawn"),
    ("returned", "received"),
    ("returned", "withdrawn"),
    ("assessed", "granted"),
    ("assessed", "refused"),
    ("assessed", "withdrawn"),
]

UNDECIDED = (ReviewStatus.RECEIVED, ReviewStatus.RETURNED, ReviewStatus.ASSESSED)
"""The states of a review that still waits for a decision."""


class PermitStatus(models.TextChoices):
    """Where a permit stands. That its last day has passed is no state: its dates say so."""

    IN_FORCE = "in-force", _("In force")
    SUSPENDED = "suspended", _("Suspended")
    REVOKED = "revoked", _("Revoked")
    REPLACED = "replaced", _("Replaced by a new version")


PERMIT_MOVES = [
    ("in-force", "suspended"),
    ("in-force", "revoked"),
    ("in-force", "replaced"),
    ("suspended", "in-force"),
    ("suspended", "revoked"),
]


def drawing(statuses: type[models.TextChoices], moves: Sequence[tuple[str, str]]) -> str:
    """The states and moves as a Mermaid state diagram, which Markdown viewers draw.

    States that nothing leads to are entered from the start, those that lead nowhere are left.
    """
    names = {status.value: status.value.replace("-", "_") for status in statuses}
    entered, left = {after for _before, after in moves}, {before for before, _after in moves}
    lines = ["stateDiagram-v2"]
    lines += [f"    {names[status.value]}: {status.label}" for status in statuses]
    lines += [
        f"    [*] --> {names[status.value]}"
        for position, status in enumerate(statuses)
        if position == 0 or status.value not in entered
    ]
    lines += [f"    {names[before]} --> {names[after]}" for before, after in moves]
    lines += [f"    {names[one.value]} --> [*]" for one in statuses if one.value not in left]
    return "\n".join(lines)
