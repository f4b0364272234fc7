"""Pages of lists, cut by the database."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

PER_PAGE = 25


def page_of(request: HttpRequest, rows: QuerySet[Any, Any]) -> Page:
    """The page of ``rows`` that the address asks for; a wrong number gives the nearest."""
    return Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
