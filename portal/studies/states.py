"""Where a study, and an invitation to it, may stand."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class StudyStatus(models.TextChoices):
    """Where a study stands."""

    DRAFT = "draft", _("Draft")
    INVITING = "inviting", _("Inviting")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    PUBLISHED = "published", _("Published")
    WITHDRAWN = "withdrawn", _("Withdrawn")


MOVES = [
    ("draft", "inviting"),
    ("draft", "withdrawn"),
    ("inviting", "running"),
    ("inviting", "withdrawn"),
    ("running", "finished"),
    ("running", "withdrawn"),
    ("finished", "running"),
    ("finished", "published"),
]
"""The only moves that the database lets a study make; back to running when a cell is retried."""

OPEN = (StudyStatus.DRAFT, StudyStatus.INVITING)
"""Before the start: protocol and members may change."""
STARTED = (StudyStatus.RUNNING, StudyStatus.FINISHED, StudyStatus.PUBLISHED)


class InvitationStatus(models.TextChoices):
    """What the one who was asked has said."""

    WAITING = "waiting", _("Waiting for an answer")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
