"""Answering programs: which format they want, and whether they have it already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date, quote_etag
from rdflib import Graph

from portal.catalogue.dcat.writing import FORMATS, Format, fingerprint

HTML = "text/html"


def wanted_format(request: HttpRequest) -> Format | None:
    """The format that the request prefers; None: the page, which is also for who does not care."""
    known = [HTML, *(each.media_type for each in FORMATS.values())]
    preferred = request.get_preferred_type(known)
    return next((each for each in FORMATS.values() if each.media_type == preferred), None)


def negotiated(response: HttpResponse) -> HttpResponse:
    """``response``, of an address that answers in several formats."""
    patch_vary_headers(response, ["Accept"])
    return response


def graphs_answer(
    request: HttpRequest,
    graphs: Iterable[Graph],
    written: Format,
    modified: datetime,
    links: Iterable[str] = (),
) -> HttpResponse:
    """``graphs`` in a format, or that nothing has changed since they were fetched last.

    Parameters
    ----------
    graphs
        Taken one by one; only what is written of them is kept.
    modified
        When anything of what they say changed last, or later.
    links
        Values of the header ``Link``.
    """
    prints: list[str] = []

    def printed() -> Iterator[Graph]:
        for graph in graphs:
            prints.append(fingerprint([graph]))
            yield graph

    body = b"".join(written.write(printed()))
    seen = hashlib.sha256("".join([written.ending, *prints]).encode()).hexdigest()
    response = HttpResponse(body, content_type=f"{written.media_type}; charset=utf-8")
    response["ETag"] = quote_etag(seen[:32])
    response["Last-Modified"] = http_date(modified.timestamp())
    # Kept by whoever fetched it, and asked about each time: what is no longer public ends at once.
    response["Cache-Control"] = "no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    if found := ", ".join(links):
        response["Link"] = found
    unchanged = get_conditional_response(
        request, etag=response["ETag"], last_modified=int(modified.timestamp()), response=response
    )
    return unchanged if isinstance(unchanged, HttpResponse) else response
