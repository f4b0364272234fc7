"""What site administrators do with the texts of the public pages, recorded as it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.organisations.actions import require_administrator
from portal.showcase.models import HomeFigure, Milestone, News, NewsText

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portal.accounts.models import User

Text = News | Milestone | HomeFigure
"""What they write."""


def record_saved(text: Text, *, before: Text | None, by: User | None) -> None:
    """Record that ``text`` was saved: added or changed, and a piece of news published or withdrawn.

    Parameters
    ----------
    before
        How it stood until now; None where it is new.
    """
    was_published = isinstance(before, News) and before.is_published
    is_published = isinstance(text, News) and text.is_published
    if before is None:
        _record(text, Act.ADDED, by)
    elif was_published == is_published:
        _record(text, Act.CHANGED, by)
    if is_published and not was_published:
        _record(text, Act.PUBLISHED, by)
    if was_published and not is_published:
        _record(text, Act.WITHDRAWN, by)


@transaction.atomic
def delete_text(text: Text, *, by: User | None) -> None:
    """Remove ``text`` from the site for good."""
    require_administrator(by)
    _record(text, Act.DELETED, by)
    text.delete()


@transaction.atomic
def publish_news(*, news: News, texts: Iterable[NewsText], by: User | None) -> News:
    """Put a piece of news with its texts on the site at once.

    Raises
    ------
    PermissionError
        If ``by`` is not a site administrator.
    """
    require_administrator(by)
    news.status = News.Status.PUBLISHED
    news.full_clean()
    news.save()
    for text in texts:
        text.news = news
        text.full_clean()
        text.save()
    record_saved(news, before=None, by=by)
    return news


def _record(text: Text, verb: Act, by: User | None) -> None:
    record(by=by, organisation=None, verb=verb, obj=text)
