"""Files that pages give: CSV that no spreadsheet takes for formulas, JSON byte for byte."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse


def csv_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula, whatever a holder named a category."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return value


def csv_file(name: str, header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> HttpResponse:
    """A table as ``<name>.csv``."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(response)
    for row in (header, *rows):
        writer.writerow([csv_cell(cell) for cell in row])
    return response


def json_file(name: str, content: bytes) -> HttpResponse:
    """A document as ``<name>.json``, exactly as it is stored."""
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response
