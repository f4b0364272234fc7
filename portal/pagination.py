"""Lists: the words that they are searched for, and their pages, cut by the database."""

import re
from collections.abc import Collection
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet, Window
from django.http import HttpRequest, QueryDict

PER_PAGE = 20
LANGUAGE = "simple"
"""Of the documents that are searched: words are compared as they are, whatever their language."""
MOST_WORDS = 10
"""Each word is a condition of the query."""


def page_of(request: HttpRequest, rows: QuerySet[Any, Any], *, total: int | None = None) -> Page:
    """The page of ``rows`` that the address asks for; a wrong number gives the nearest.

    Parameters
    ----------
    total
        How many rows there are, where they have been counted.
    """
    paginator = Paginator(rows, PER_PAGE)
    if total is not None:
        paginator.count = total
    return paginator.get_page(request.GET.get("page"))


def counted_page(request: HttpRequest, rows: QuerySet[Any, Any], whole: QuerySet[Any, Any]) -> Page:
    """As :func:`page_of`, where finding ``rows`` is dear: one query finds and counts them.

    Beyond the last page, which no link of ours asks for, three do.

    Parameters
    ----------
    rows
        Filtered, and in their order.
    whole
        Fetches what a row shows, in the same order; joins are made for a page of rows alone.
    """
    paginator = Paginator(rows, PER_PAGE)
    asked = request.GET.get("page", "")
    number = int(asked) if re.fullmatch(r"[1-9][0-9]{0,6}", asked) else 1
    found = _cut(rows, number)
    if not found and number > 1:  # beyond the end, where no row says how many there are
        paginator.count = rows.count()
        number = paginator.num_pages
        found = _cut(rows, number)
    paginator.count = found[0][1] if found else 0
    page = paginator.get_page(number)
    page.object_list = list(whole.filter(pk__in=[key for key, _count in found]))
    return page


def _cut(rows: QuerySet[Any, Any], number: int) -> list[tuple[Any, int]]:
    """The keys of a page of ``rows``, each with how many rows there are; beyond the end, none."""
    counted = rows.annotate(of_all=Window(Count("*"))).values_list("pk", "of_all")
    return list(counted[PER_PAGE * (number - 1) : PER_PAGE * number])


def fetched(page: Page, rows: QuerySet[Any, Any]) -> list[Any]:
    """The rows of ``page`` as ``rows`` fetches them, in its order, once their keys are known.

    So joins and subqueries are made for a page of rows, and not for all of them before the cut.
    """
    cut: Any = page.object_list
    found = list(rows.filter(pk__in=list(cut.values_list("pk", flat=True))))
    page.object_list = found
    return found


def sort_of(request: HttpRequest, sorts: Collection[str]) -> str:
    """The order that the address asks for; the first there is for one that is not known."""
    asked = request.GET.get("sort", "")
    return asked if asked in sorts else next(iter(sorts))


def words_of(request: HttpRequest, name: str = "q") -> str:
    """The words that the address asks for: no more than a person types, no NUL (PostgreSQL)."""
    return words_in(request.GET, name)


def words_in(query: QueryDict, name: str = "q") -> str:
    """The words of :func:`words_of`, in what an address asks for."""
    asked = query.get(name, "").replace("\x00", " ")[:200]
    return " ".join(asked.split()[:MOST_WORDS])


def beginning_with(word: str) -> SearchQuery:
    """What finds documents in which a word begins with ``word``, in any language."""
    quoted = word.replace("\\", " ").replace("'", "''")
    return SearchQuery(f"'{quoted}':*", config=LANGUAGE, search_type="raw")
