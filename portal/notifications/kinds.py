"""What people are told of, and which of it comes by e-mail unless they say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What a notification is about; people choose by it what comes by e-mail."""

    WAITING = "waiting", _("Something waits for you")
    DECISION = "decision", _("A decision")
    QUESTION = "question", _("A question, or an answer")
    PERMIT_ENDING = "permit-ending", _("A permit is about to end")
    EVALUATION_ENDED = "evaluation-ended", _("An evaluation or a study has ended")
    NEW_MATCH = "new-match", _("Something new matches a saved search")
    DESCRIPTION_OLD = "description-old", _("A description has become old")
    PUBLICATION_DUE = "publication-due", _("Results are due to be published")

    @property
    def in_words(self) -> Any:
        """What belongs to it, for the page on which people choose."""
        return MEANINGS[self]


MEANINGS: Mapping[Kind, Any] = {
    Kind.WAITING: _("An invitation to a study, or an application, that waits for your answer."),
    Kind.DECISION: _("What somebody answered or decided: about a study, an application, a permit."),
    Kind.QUESTION: _("Questions and answers about an application for data."),
    Kind.PERMIT_ENDING: _("A permit of your organisation ends soon, or has ended."),
    Kind.EVALUATION_ENDED: _("What you submitted is finished or has failed."),
    Kind.NEW_MATCH: _("A dataset that is new and matches a search that you saved."),
    Kind.DESCRIPTION_OLD: _("A dataset of your organisation was last described a year ago."),
    Kind.PUBLICATION_DUE: _("The time in which results under a permit are to be published."),
}

WITHOUT_MAIL: frozenset[Kind] = frozenset()
"""What does not come by e-mail unless a person asks for it."""

MAIL_AFTER: Mapping[Kind, timedelta] = {Kind.EVALUATION_ENDED: timedelta(minutes=5)}
"""What can come in numbers waits a little: it goes into one letter, and what was read meanwhile
into none."""
