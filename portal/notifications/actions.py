"""Writes about notifications: tell people something, mark it as read, choose what is mailed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from portal.accounts.actions import record_change
from portal.jobs.tasks import wake
from portal.notifications.addresses import is_of_this_site
from portal.notifications.kinds import MAIL_AFTER, Kind
from portal.notifications.models import MailChoice, Notification

if TYPE_CHECKING:
    from portal.accounts.models import User


@transaction.atomic
def notify(
    *,
    to: Iterable[User],
    kind: Kind,
    sentence: str,
    words: Mapping[str, str],
    url: str,
    once: str = "",
) -> None:
    """Tell people something, in the site and, where they want it, by e-mail.

    Written in the caller's transaction; letters go out once it is committed. Who is deactivated is
    told nothing. Whether the others may see what it leads to, the caller knows.

    Parameters
    ----------
    to : iterable of User
        Whoever stands in it twice is told once.
    kind : Kind
        By which people choose what comes by e-mail.
    sentence : str
        Marked with ``gettext_noop``, with ``%(name)s`` for each of ``words``. It goes into letters
        as well: no reason, number or name in it that is not for a mailbox.
    words : mapping of str to str
        What fills the sentence.
    url : str
        A path without a language, of :func:`portal.notifications.addresses.page` or ``page_of``.
    once : str
        What a person is told once, however often it is said: "permit-12-ends-in-30-days". A year
        after it was read it is forgotten.

    Raises
    ------
    ValueError
        If ``url`` is no path of this site, or ``words`` do not fill the sentence.
    """
    if not is_of_this_site(url):
        raise ValueError(f"A notification leads to a path of this site; found {url!r}.")
    try:
        sentence % words
    except (KeyError, TypeError) as error:
        raise ValueError(f"{sentence!r} is not filled by {sorted(words)}: {error!r}.") from error
    people = list({person.pk: person for person in to if person.is_active}.values())
    by_mail = MailChoice.objects.wanting(kind, people)
    after = MAIL_AFTER.get(kind, timedelta())
    Notification.objects.bulk_create(
        [
            Notification(
                person=person,
                kind=kind,
                sentence=sentence,
                words=dict(words),
                url=url,
                once=once,
                mail_at=Now() + after if person.pk in by_mail else None,
            )
            for person in people
        ],
        ignore_conflicts=bool(once),
    )
    if not after:
        _mail_on_commit(sorted(by_mail))


def _mail_on_commit(people: Collection[int]) -> None:
    from portal.notifications.tasks import mail_person  # which imports this module's models

    def wake_all() -> None:
        for pk in people:
            wake(mail_person, pk)

    if people:
        transaction.on_commit(wake_all)


def mark_read(*, notification: Notification) -> None:
    """Mark one as read; of what has been read no letter is sent."""
    unread = Notification.objects.unread().filter(pk=notification.pk)
    unread.update(read_at=Now(), mail_at=None)


def mark_all_read(*, by: User, kinds: Collection[Kind] = tuple(Kind)) -> int:
    """Mark all of ``by``, or those of ``kinds``, as read; return how many were not."""
    unread = Notification.objects.of(by).unread().filter(kind__in=kinds)
    return unread.update(read_at=Now(), mail_at=None)


def no_longer_waits(*, url: str, among: Iterable[User] | None = None) -> None:
    """Mark as read what told people that something waits at ``url``: it is done, or withdrawn.

    Parameters
    ----------
    url : str
        As it was given to :func:`notify`.
    among : iterable of User, or None
        For whom it waits no more; for everybody by default.
    """
    waiting = Notification.objects.unread().filter(kind=Kind.WAITING, url=url)
    if among is not None:
        waiting = waiting.filter(person__in=among)
    waiting.update(read_at=Now(), mail_at=None)


@transaction.atomic
def prefer(*, language: str, by_mail: Collection[Kind], by: User) -> None:
    """Choose which kinds ``by`` gets by e-mail, and in which language; "" follows the sign-in."""
    by.language = language
    by.save(update_fields=["language"])
    MailChoice.objects.bulk_create(
        [MailChoice(person=by, kind=kind, by_mail=kind in by_mail) for kind in Kind],
        update_conflicts=True,
        unique_fields=["person", "kind"],
        update_fields=["by_mail"],
    )
    record_change(sentence="chose what comes by e-mail", by=by)
