"""Files that pages give: CSV that no spreadsheet takes for formulas, JSON byte for byte, BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse

from portal.spreadsheet import csv_lines


def csv_file(name: str, header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> HttpResponse:
    """A table as ``<name>.csv``."""
    response = HttpResponse(
        "".join(csv_lines(header, rows)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def json_file(name: str, content: bytes) -> HttpResponse:
    """A document as ``<name>.json``, exactly as it is stored."""
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


def bibtex_file(name: str, text: str) -> HttpResponse:
    """Entries for a bibliography as ``<name>.bib``."""
    response = HttpResponse(text, content_type="application/x-bibtex; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.bib"'
    return response
