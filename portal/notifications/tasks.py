"""Sending what is due by e-mail, and the sweep that forgets none of it."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.core.mail import get_connection
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.celery import app
from portal.jobs.tasks import wake
from portal.notifications.letters import letter
from portal.notifications.models import MailChoice, Notification

logger = logging.getLogger(__name__)

FIRST_RETRY = timedelta(minutes=5)
"""After a claim; longer than any mail server is waited for."""
LONGEST_RETRY = timedelta(hours=6)
MOST_ATTEMPTS = 16
"""Three days; what is told lies in the site all the while."""
SERVER_AWAY = timedelta(minutes=1)
"""For how long no letter is tried once the mail server did not answer."""
MOST_IN_A_LETTER = 500
MOST_WOKEN = 200
MOST_PURGED = 1000


@app.task(name="portal.notifications.mail_person")
def mail_person(pk: int) -> None:
    """Send a person what is due; delivering the message twice sends one letter.

    What is sent is claimed first, for a while: whoever crashes in between leaves it to be tried
    again. A letter rather comes twice, in that moment, than never.
    """
    person = User.objects.filter(pk=pk).first()
    held = _claim(person) if person is not None else []
    if person is None or not held:
        return
    sent = Notification.objects.filter(pk__in=[one.pk for one in held])
    connection = get_connection()
    try:
        connection.open()
    except (OSError, SMTPException) as error:
        logger.warning("The mail server is away, letters wait: %s", error)
        sent.filter(mailed_at=None).update(
            mail_at=Now() + SERVER_AWAY, mail_attempts=F("mail_attempts") - 1
        )
        Notification.objects.to_mail().update(mail_at=Now() + SERVER_AWAY)
        return
    try:
        message = letter(person, held)
        message.connection = connection
        message.send()
    except (OSError, SMTPException):
        logger.exception("A letter to person %s could not be sent", pk)
        return
    finally:
        connection.close()
    sent.update(mail_at=None, mailed_at=Now())


@transaction.atomic
def _claim(person: User) -> list[Notification]:
    """What is due for a person, kept from others until the next attempt.

    What they no longer want by e-mail, or what was tried too often, is due no more.
    """
    due = Notification.objects.of(person).to_mail().order_by("created_at", "id")
    held = list(due.select_for_update(skip_locked=True)[:MOST_IN_A_LETTER])
    wanted = MailChoice.objects.kinds_of(person) if person.is_active else set()
    dropped = [
        one.pk for one in held if one.kind not in wanted or one.mail_attempts >= MOST_ATTEMPTS
    ]
    Notification.objects.filter(pk__in=dropped).update(mail_at=None)
    kept = [one for one in held if one.pk not in set(dropped)]
    for attempts in {one.mail_attempts for one in kept}:
        wait = min(FIRST_RETRY * 2**attempts, LONGEST_RETRY)
        those = [one.pk for one in kept if one.mail_attempts == attempts]
        Notification.objects.filter(pk__in=those).update(
            mail_at=Now() + wait, mail_attempts=attempts + 1
        )
    return kept


@app.task(name="portal.notifications.sweep_notifications")
def sweep_notifications() -> None:
    """Wake the letters whose message was lost or failed, and forget what was read long ago."""
    due = Notification.objects.to_mail().order_by().values_list("person", flat=True)
    for pk in due.distinct()[:MOST_WOKEN]:
        wake(mail_person, pk)
    old = Notification.objects.long_read().order_by("read_at").values("pk")[:MOST_PURGED]
    Notification.objects.filter(pk__in=old).delete()
