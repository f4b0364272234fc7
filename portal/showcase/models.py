"""What site administrators write for the public pages: news, milestones, figures of the home page.

The rest of those pages are templates.
"""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.showcase.languages import words_of
from portal.showcase.markdown import rendered

if TYPE_CHECKING:
    from datetime import date

SUMMARY_LENGTH = 240


def today() -> date:
    return timezone.localdate()


class NewsQuerySet(models.QuerySet["News"]):
    """News, by who reads them."""

    def published(self) -> Self:
        """What everybody reads: no draft, nothing before its day, and nothing without a text."""
        has_text = models.Exists(NewsText.objects.filter(news=models.OuterRef("pk")))
        return self.filter(has_text, status=News.Status.PUBLISHED, date__lte=today())

    def with_texts(self) -> Self:
        """Each with its texts, in two queries however many there are."""
        return self.prefetch_related("texts")


class News(models.Model):
    """A piece of news, in one or more languages."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")

    slug = models.SlugField(
        _("address"),
        unique=True,
        max_length=80,
        help_text=_("The same in every language, and best left as it is once people link to it."),
    )
    date = models.DateField(
        _("date"), default=today, help_text=_("Nobody reads it before this day.")
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.DRAFT)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = NewsQuerySet.as_manager()

    class Meta:
        verbose_name = _("news item")
        verbose_name_plural = _("news")
        ordering = ("-date", "-id")
        indexes = (models.Index(fields=["status", "-date", "-id"], name="news_newest_first"),)

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return reverse("news-detail", kwargs={"slug": self.slug})

    @property
    def is_published(self) -> bool:
        return self.status == self.Status.PUBLISHED

    @property
    def text(self) -> NewsText | None:
        """Its text in the reader's language; in English where there is none, else in any."""
        texts = {text.language: text for text in self.texts.all()}
        wanted = (get_language(), settings.LANGUAGE_CODE, *texts)
        return next((texts[language] for language in wanted if language in texts), None)


class NewsText(models.Model):
    """A piece of news in one language."""

    news = models.ForeignKey(News, on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES)
    title = models.CharField(_("title"), max_length=150)
    body = models.TextField(
        _("text"),
        max_length=20_000,
        help_text=_(
            "In Markdown: a blank line between paragraphs, **bold**, *italic*, ## Heading, "
            "- list, [words](https://example.org). Pictures and HTML are not shown."
        ),
    )

    class Meta:
        verbose_name = _("text of a news item")
        verbose_name_plural = _("texts of a news item")
        ordering = ("news", "id")
        constraints = (
            models.UniqueConstraint(fields=["news", "language"], name="news_once_a_language"),
            models.CheckConstraint(
                condition=models.Q(language__in=[code for code, _name in settings.LANGUAGES]),
                name="news_language_known",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def html(self) -> SafeString:
        return rendered(self.body)

    @property
    def summary(self) -> str:
        """Its first paragraph, or what fits of it, without its marks."""
        html = rendered(self.body[: 4 * SUMMARY_LENGTH])
        first = html.partition("<p>")[2].partition("</p>")[0] or html
        words = " ".join(unescape(strip_tags(first)).split())
        return Truncator(words).chars(SUMMARY_LENGTH)


class Milestone(models.Model):
    """A step of the project, done or planned."""

    date = models.DateField(_("date"), help_text=_("The page shows its month and year."))
    title = models.CharField(_("title in English"), max_length=150)
    title_fr = models.CharField(_("title in French"), max_length=150, blank=True)
    title_da = models.CharField(_("title in Danish"), max_length=150, blank=True)
    is_done = models.BooleanField(_("done"), default=False)

    class Meta:
        verbose_name = _("milestone")
        verbose_name_plural = _("milestones")
        ordering = ("date", "id")

    def __str__(self) -> str:
        return self.title

    @property
    def words(self) -> str:
        return words_of(self, "title").text


class HomeFigure(models.Model):
    """A number that the project announces: "30 partners"."""

    value = models.PositiveIntegerField(_("number"))
    label = models.CharField(
        _("words after it, in English"), max_length=60, help_text=_("For example: partners")
    )
    label_fr = models.CharField(_("words after it, in French"), max_length=60, blank=True)
    label_da = models.CharField(_("words after it, in Danish"), max_length=60, blank=True)
    position = models.PositiveSmallIntegerField(
        _("place"), default=0, help_text=_("The smallest stands first.")
    )

    class Meta:
        verbose_name = _("figure of the home page")
        verbose_name_plural = _("figures of the home page")
        ordering = ("position", "id")

    def __str__(self) -> str:
        return f"{self.value} {self.label}"

    @property
    def words(self) -> str:
        return words_of(self, "label").text
