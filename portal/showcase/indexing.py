"""What search engines ask for: which pages there are, and which are not for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap as django_sitemap
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.http import require_safe

from portal.access.models import Permit
from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation
from portal.registry.models import Model
from portal.showcase.models import News
from portal.studies.models import Publication
from portal.usecase import UseCase, use_cases

PAGES = (
    "home",
    "about",
    "access-explained",
    "publication-list",
    "permit-register",
    "all-dataset-list",
    "all-model-list",
    "news-list",
    "organisation-list",
    "organisation-roles",
    "help",
    "help-tables",
    "help-measures",
    "accessibility",
    "privacy",
)
"""Pages that everybody reads and of which there is one each."""

NOT_INDEXED = (
    "account-detail",
    "my-work",
    "application-list",
    "permit-list",
    "access-basket",
    "audit-list",
    "admin:index",
)
"""Where the pages begin that are for those who sign in, by name."""


class _InEveryLanguage(Sitemap):
    i18n = True
    alternates = True
    x_default = True


class _Pages(_InEveryLanguage):
    """Pages that everybody reads, one each, and the use cases."""

    def items(self) -> list[str | UseCase]:
        return [*PAGES, *use_cases().values()]

    def location(self, item: str | UseCase) -> str:
        if isinstance(item, UseCase):
            return reverse("use-case-overview", kwargs={"use_case": item})
        return reverse(item)


class _Publications(_InEveryLanguage):
    def items(self) -> Any:
        return Publication.objects.defer("content").order_by("id")

    def lastmod(self, item: Publication) -> datetime:
        return item.published_at


class _Datasets(_InEveryLanguage):
    """Datasets whose description everybody reads."""

    def items(self) -> Any:
        return Dataset.objects.visible_to(AnonymousUser()).order_by("id")

    def lastmod(self, item: Dataset) -> datetime:
        return item.modified


class _Models(_InEveryLanguage):
    """Models whose card everybody reads."""

    def items(self) -> Any:
        return Model.objects.visible_to(AnonymousUser()).order_by("id")


class _Permits(_InEveryLanguage):
    """Permits, as the public register shows them."""

    def items(self) -> Any:
        return Permit.objects.current().order_by("id")

    def location(self, item: Permit) -> str:
        return reverse("register-entry", kwargs={"number": item.number})

    def lastmod(self, item: Permit) -> datetime:
        return item.status_at


class _News(_InEveryLanguage):
    def items(self) -> Any:
        return News.objects.published().order_by("id")

    def lastmod(self, item: News) -> datetime:
        return item.changed_at


class _Organisations(_InEveryLanguage):
    def items(self) -> Any:
        return Organisation.objects.order_by("id")


SITEMAPS: dict[str, type[Sitemap] | Sitemap] = {
    "pages": _Pages,
    "publications": _Publications,
    "datasets": _Datasets,
    "models": _Models,
    "permits": _Permits,
    "news": _News,
    "organisations": _Organisations,
}


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """Every public page in every language."""
    return django_sitemap(request, SITEMAPS)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Pages of people who sign in, and of programs, are not to be indexed."""
    lines = ["User-agent: *", "Disallow: /api/"]
    for code, _name in settings.LANGUAGES:
        with override(code):
            lines += [f"Disallow: {reverse(name)}" for name in NOT_INDEXED]
    lines += ["", f"Sitemap: {request.build_absolute_uri(reverse('sitemap'))}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
