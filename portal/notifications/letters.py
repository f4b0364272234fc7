"""Letters: a sentence and a link for each notification that is due, in the person's language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import ngettext, override

from portal.notifications.addresses import absolute, page
from portal.notifications.models import Notification

if TYPE_CHECKING:
    from portal.accounts.models import User

MOST_SHOWN = 20
"""Sentences of one letter; the page holds the others."""


def letter(person: User, notifications: Sequence[Notification]) -> EmailMessage:
    """The letter that tells ``person`` of them.

    Its subject, which telephones show to whoever looks, names kinds alone.
    """
    language = person.language_of_letters
    choices = absolute(page("notification-preferences"), language)
    with override(language):
        context = {
            "person": person,
            "lines": [
                {"text": one.text, "link": absolute(one.url, language)}
                for one in notifications[:MOST_SHOWN]
            ],
            "more": max(len(notifications) - MOST_SHOWN, 0),
            "page": absolute(page("notification-list"), language),
            "choices": choices,
            "current_site": {"domain": settings.SITE_URL.partition("://")[2]},
        }
        return EmailMessage(
            subject=settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + _subject(notifications),
            body=render_to_string("notifications/email/notification_message.txt", context),
            to=[person.email],
            headers={"List-Unsubscribe": f"<{choices}>", "Auto-Submitted": "auto-generated"},
        )


def _subject(notifications: Sequence[Notification]) -> str:
    kinds = {one.get_kind_display() for one in notifications}
    if len(kinds) == 1:
        found = kinds.pop()
    else:
        count = len(notifications)
        found = ngettext("%(count)d notification", "%(count)d notifications", count) % {
            "count": count
        }
    return " ".join(found.split())
