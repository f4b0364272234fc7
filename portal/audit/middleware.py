"""What every request brings to the log: its address, and what it took away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.audit.origin import answering
from portal.organisations.acting import acting_organisation

FILE_NAME = re.compile(r'filename="([^"]*)"')


class AuditMiddleware:
    """Knows the request behind each entry, and records every download of who is signed in.

    A file is recorded whether or not its view thought of it; a view that says what the file is of
    (:func:`is_of`) makes the entry show on that object's page. What anybody may read without
    signing in is nobody's concern and not recorded.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with answering(request):
            response = self.get_response(request)
            if is_download(response) and request.user.is_authenticated:
                _record_download(request, response)
        return response


def is_of(request: HttpRequest, obj: Model, sentence: str = "") -> None:
    """Say what the file is of that answers ``request``, if a file it is; and perhaps how."""
    request.downloaded = (obj, sentence)  # type: ignore[attr-defined]


def is_download(response: HttpResponse) -> bool:
    """Whether the answer is a file to keep."""
    disposition = response.get("Content-Disposition", "")
    return response.status_code == 200 and disposition.startswith("attachment")


def _record_download(request: HttpRequest, response: HttpResponse) -> None:
    person: Any = request.user
    obj, sentence = getattr(request, "downloaded", (person, ""))
    found = FILE_NAME.search(response["Content-Disposition"])
    of = "" if obj == person else f" of the {obj._meta.verbose_name} “{obj}”"
    record(
        by=person,
        organisation=acting_organisation(request),
        verb=Act.DOWNLOADED,
        obj=obj,
        sentence=sentence or f"downloaded {found[1] if found else request.path}{of}",
    )
