"""Addresses that are kept: without a language, which is that of whoever follows them."""

from __future__ import annotations

from typing import Any, Protocol

from django.conf import settings
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import override


class HasPage(Protocol):
    """An object with a page of its own."""

    def get_absolute_url(self) -> str: ...


def page(name: str, **places: Any) -> str:
    """The address of the page called ``name``: ``page("study-list", use_case=study.declared)``."""
    with override(settings.LANGUAGE_CODE):
        return reverse(name, kwargs=places)


def page_of(obj: HasPage) -> str:
    """The address of the page of ``obj``."""
    with override(settings.LANGUAGE_CODE):
        return obj.get_absolute_url()


def is_of_this_site(url: str) -> bool:
    """Whether ``url`` is a path: nothing that is kept leads elsewhere."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)


def in_language(url: str, language: str) -> str:
    """The path ``url`` for a reader of ``language``."""
    return url if language == settings.LANGUAGE_CODE else f"/{language}{url}"


def absolute(url: str, language: str) -> str:
    """The whole address of the path ``url``, for letters."""
    return f"{settings.SITE_URL}{in_language(url, language)}"
