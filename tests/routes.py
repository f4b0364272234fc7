"""Every address of the site but the admin's, as the URL resolver knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern


@dataclass(frozen=True)
class Route:
    """An address with places for what it is about."""

    name: str
    text: str
    places: frozenset[str]

    @property
    def section(self) -> str:
        """The part of the site that it belongs to: "datasets" of ``<use_case>/datasets/…``."""
        parts = [part for part in self.text.split("/") if "use_case" not in part]
        return parts[0] if parts else ""


def routes() -> list[Route]:
    """All of them, so that what walks them walks a new one too."""
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Route]:
    for pattern in patterns:
        text = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from _walk(pattern.url_patterns, text)
        else:
            named = re.findall(r"<(?:\w+:)?(\w+)>", text)
            assert isinstance(pattern.pattern, RoutePattern) or named, text
            yield Route(pattern.name or "", text, frozenset(named))
