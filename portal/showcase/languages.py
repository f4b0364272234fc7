"""The same page in each of the site's languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

IN_ONE_ADDRESS = ("openid_connect_login", "openid_connect_callback")
"""Pages whose address is the same in every language."""


@dataclass(frozen=True)
class Version:
    """A page in one language."""

    code: str
    name: str
    url: str
    is_shown: bool


def versions_of(request: HttpRequest) -> list[Version]:
    """The page that is shown in each language; the home page of each where it has no address."""
    match, shown = request.resolver_match, get_language() or settings.LANGUAGE_CODE
    path = request.get_full_path()
    if match is None or match.url_name in IN_ONE_ADDRESS:
        path = "/"
    elif shown != settings.LANGUAGE_CODE:
        path = path.removeprefix(f"/{shown}")
    return [
        Version(
            code,
            name,
            path if code == settings.LANGUAGE_CODE else f"/{code}{path}",
            code == shown,
        )
        for code, name in settings.LANGUAGES
    ]


def canonical(request: HttpRequest) -> str:
    """The page's whole address in the language that is shown, without what only arranges it."""
    shown = next(version for version in versions_of(request) if version.is_shown)
    return request.build_absolute_uri(shown.url.partition("?")[0])


def alternates(request: HttpRequest) -> list[tuple[str, str]]:
    """The languages of a page with its whole address in each, for those who index the site."""
    if request.resolver_match is None:
        return []
    found = [
        (version.code, request.build_absolute_uri(version.url.partition("?")[0]))
        for version in versions_of(request)
    ]
    return [*found, ("x-default", found[0][1])]


@dataclass(frozen=True)
class Words:
    """A text, and the language that it is in."""

    text: str
    language: str


def words_of(row: Any, name: str) -> Words:
    """What ``row`` says in the reader's language: its field ``name_fr`` for a reader of French.

    In English, the field ``name`` itself, where the other has nothing.
    """
    shown = get_language() or settings.LANGUAGE_CODE
    if shown != settings.LANGUAGE_CODE:
        found = getattr(row, f"{name}_{shown}")
        if found:
            return Words(found, shown)
    return Words(getattr(row, name), settings.LANGUAGE_CODE)
