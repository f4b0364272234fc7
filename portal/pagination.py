"""Lists: the words that they are searched for, and their pages, cut by the database."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

PER_PAGE = 25
MOST_WORDS = 10
"""Each word is a condition of the query."""


def page_of(request: HttpRequest, rows: QuerySet[Any, Any]) -> Page:
    """The page of ``rows`` that the address asks for; a wrong number gives the nearest."""
    return Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))


def words_of(request: HttpRequest) -> str:
    """The words that the address asks for: no more than a person types, no NUL (PostgreSQL)."""
    asked = request.GET.get("q", "").replace("\x00", " ")[:200]
    return " ".join(asked.split()[:MOST_WORDS])
