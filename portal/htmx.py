"""Requests that htmx sends for a part of a page."""

from django.http import HttpRequest


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, and only the changing part of the page is wanted."""
    return bool(getattr(request, "htmx", False))
