"""Pages of the log."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from portal.accounts.people import signed_in
from portal.audit import histories
from portal.audit.forms import LogForm
from portal.audit.middleware import is_of
from portal.audit.models import EntryQuerySet
from portal.organisations.models import Appointment
from portal.organisations.roles import Duty
from portal.pagination import page_of, words_of
from portal.spreadsheet import csv_lines


def _auditor(request: HttpRequest) -> Appointment:
    """The appointment that lets the person read the log."""
    appointment = Appointment.objects.giving(signed_in(request), Duty.READ_LOG).first()
    if appointment is None:
        raise PermissionDenied
    return appointment


def _asked(request: HttpRequest) -> tuple[LogForm, EntryQuerySet]:
    form = LogForm(request.GET)
    return form, form.chosen().matching(words_of(request))


@login_required
@require_GET
def audit_list(request: HttpRequest) -> HttpResponse:
    """Who did what, the newest first: searched and filtered."""
    _auditor(request)
    form, entries = _asked(request)
    context = {
        "section": "audit",
        "form": form,
        "words": words_of(request),
        "page": page_of(request, entries),
    }
    return render(request, "audit/audit_list.html", context)


HEADER = (
    "time", "person", "email", "organisation", "address", "act", "object_type", "object_id",
    "object", "sentence",
)  # fmt: skip


def _rows(entries: EntryQuerySet) -> Iterator[list[object]]:
    for entry in entries.iterator(chunk_size=2_000):
        yield [
            entry.at.isoformat(timespec="seconds"),
            entry.person_name,
            entry.person_email,
            entry.organisation_name,
            entry.address,
            entry.verb,
            entry.object_type,
            entry.object_id,
            entry.object_label,
            entry.sentence,
        ]


@login_required
@require_GET
def audit_export(request: HttpRequest) -> StreamingHttpResponse:
    """What the list shows, whole, as CSV; that it was taken is an entry itself."""
    appointment = _auditor(request)
    _form, entries = _asked(request)
    is_of(request, appointment, sentence=f"downloaded {entries.count()} entries of the log")
    response = StreamingHttpResponse(
        csv_lines(HEADER, _rows(entries)), content_type="text/csv; charset=utf-8"
    )
    name = f"log-{timezone.localdate():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_required
@require_GET
def audit_history(request: HttpRequest, kind: str, pk: str) -> HttpResponse:
    """Everything that was done to one object."""
    obj = histories.find(kind, pk)
    if obj is None or not histories.may_read_history(request, obj):
        raise Http404
    context = {
        "about": obj,
        "kind_words": obj._meta.verbose_name,
        "page": page_of(request, histories.history(obj)),
    }
    return render(request, "audit/audit_history.html", context)
