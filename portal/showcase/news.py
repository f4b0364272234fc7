"""Pages of the news, and its feed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.timezone import make_aware
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.pagination import page_of
from portal.showcase.models import News

IN_FEED = 20
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML cannot hold; they come along when something is pasted."""


class NewsFeed(Atom1Feed):
    """A feed that changes when its news do, and not while there are none."""

    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else datetime(1970, 1, 1, tzinfo=UTC)


@require_safe
def news_list(request: HttpRequest) -> HttpResponse:
    """What is new, the newest first."""
    page = page_of(request, News.objects.published().with_texts())
    return render(request, "showcase/news_list.html", {"section": "news", "page": page})


@require_safe
def news_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One piece of news, in the reader's language or in English."""
    item = get_object_or_404(News.objects.published().with_texts(), slug=slug)
    context = {"section": "news", "item": item, "text": item.text}
    return render(request, "showcase/news_detail.html", context)


@require_safe
def news_feed(request: HttpRequest) -> HttpResponse:
    """The newest as an Atom feed, in the language of its address."""
    language = get_language()
    feed = NewsFeed(
        title=_("SHAIPED: news"),
        link=request.build_absolute_uri(reverse("news-list")),
        description="",
        subtitle=_("Health data, AI models and their independent evaluation across Europe."),
        language=language,
        author_name="SHAIPED",
        feed_url=request.build_absolute_uri(),
        feed_guid=request.build_absolute_uri(reverse("news-feed")),
    )
    for item in News.objects.published().with_texts()[:IN_FEED]:
        if item.text is None:
            continue
        address = request.build_absolute_uri(item.get_absolute_url())
        feed.add_item(
            title=NOT_IN_XML.sub("", item.text.title),
            link=address,
            description=NOT_IN_XML.sub("", item.text.html),
            unique_id=address,
            pubdate=make_aware(datetime.combine(item.date, time.min)),
            updateddate=item.changed_at,
        )
    return HttpResponse(feed.writeString("utf-8"), content_type=feed.content_type)
