"""The public register: who was granted what, for which purpose, and what came of it.

Everybody reads it without signing in. It names organisations and no people, and of datasets
those alone whose description is public; of others it says who holds them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, CharField, F, Q, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from portal.access.models import Outcome, Permit
from portal.access.states import PermitStatus
from portal.access.vocabulary import Purpose
from portal.catalogue.models import Dataset
from portal.downloads import csv_file, json_file
from portal.evaluations.models import Evaluation
from portal.facets import Facet, filtered, of_choices
from portal.organisations.countries import COUNTRIES
from portal.organisations.models import Organisation
from portal.pagination import page_of, words_of
from portal.studies.models import Publication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.db.models import QuerySet

STATES = {
    "in-force": _("In force"),
    "not-yet": _("Not yet in force"),
    "suspended": _("Suspended"),
    "ended": _("Ended"),
    "revoked": _("Revoked"),
}
"""Where a permit stands, as the register says it."""


@dataclass(frozen=True)
class Entry:
    """A permit in the register."""

    permit: Permit
    holders: list[tuple[Organisation, list[Dataset]]]
    """Who holds the data, and which of them are named."""
    outcomes: list[Outcome]
    publications: list[Publication]


def _conditions() -> dict[str, Q]:
    today = timezone.localdate()
    is_over = Q(status=PermitStatus.REVOKED) | Q(valid_until__lt=today)
    return {
        "revoked": Q(status=PermitStatus.REVOKED),
        "ended": ~Q(status=PermitStatus.REVOKED) & Q(valid_until__lt=today),
        "suspended": Q(status=PermitStatus.SUSPENDED) & ~is_over,
        "not-yet": Q(status=PermitStatus.IN_FORCE, valid_from__gt=today),
        "in-force": Q(status=PermitStatus.IN_FORCE, valid_from__lte=today, valid_until__gte=today),
    }


def state_of(permit: Permit) -> str:
    """Where the permit stands today: a key of :data:`STATES`."""
    if permit.state == PermitStatus.REVOKED:
        return "revoked"
    if permit.has_ended:
        return "ended"
    if permit.state == PermitStatus.SUSPENDED:
        return "suspended"
    return "in-force" if permit.is_in_force else "not-yet"


def register_facets() -> list[Facet]:
    """Where a permit stands, its purpose, and the country of the body that issued it."""
    conditions = _conditions()

    def standing_so(values: Sequence[str]) -> Q:
        found = Q(pk__in=[])
        for value in values:
            found |= conditions[value]
        return found

    state = Case(
        *(When(condition, then=Value(key)) for key, condition in conditions.items()),
        default=Value(""),
        output_field=CharField(),
    )
    return [
        Facet("status", _("Status"), state, standing_so, labels=STATES),
        of_choices("purpose", _("Purpose"), "purpose", Purpose.choices),
        Facet(
            "country",
            _("Country of the body"),
            F("review__country"),
            lambda values: Q(review__country__in=list(values)),
            labels=dict(COUNTRIES),
        ),
    ]


def _matching(rows: QuerySet[Permit], words: str) -> QuerySet[Permit]:
    """Permits in whose number, title, summary or holder each of the words stands."""
    for word in words.split():
        rows = rows.filter(
            Q(number__icontains=word)
            | Q(title__icontains=word)
            | Q(summary__icontains=word)
            | Q(organisation__name__icontains=word)
        )
    return rows


def registered() -> QuerySet[Permit]:
    """Every permit that was issued, in its newest version."""
    return Permit.objects.current()


def publications_under(numbers: Iterable[str]) -> dict[str, list[Publication]]:
    """The published studies that used the permits, by their number, the newest first."""
    used = Evaluation.objects.filter(
        permit__number__in=list(numbers), study__publication__isnull=False
    )
    pairs = set(used.order_by().values_list("permit__number", "study__publication"))
    every = Publication.objects.newest().filter(pk__in=[key for _number, key in pairs])
    found: dict[str, list[Publication]] = {}
    for publication in every:
        for number, key in pairs:
            if key == publication.pk:
                found.setdefault(number, []).append(publication)
    return found


def entries(permits: Iterable[Permit]) -> list[Entry]:
    """The permits as the register shows them, in a constant number of queries."""
    rows = list(permits)
    numbers = [permit.number for permit in rows]
    outcomes: dict[str, list[Outcome]] = {}
    for outcome in Outcome.objects.filter(number__in=numbers):
        outcomes.setdefault(outcome.number, []).append(outcome)
    publications = publications_under(numbers)
    keys = {row.dataset_id for permit in rows for row in permit.permitted_datasets.all()}
    public = Dataset.objects.visible_to(AnonymousUser()).filter(pk__in=keys)
    named = set(public.values_list("pk", flat=True))
    return [
        Entry(
            permit,
            _holders(permit, named),
            outcomes.get(permit.number, []),
            publications.get(permit.number, []),
        )
        for permit in rows
    ]


def _holders(permit: Permit, named: set[int]) -> list[tuple[Organisation, list[Dataset]]]:
    held: dict[Organisation, list[Dataset]] = {}
    for row in permit.permitted_datasets.all():
        datasets = held.setdefault(row.dataset.organisation, [])
        if row.dataset_id in named:
            datasets.append(row.dataset)
    return sorted(held.items(), key=lambda pair: pair[0].name)


def _whole(rows: QuerySet[Permit]) -> QuerySet[Permit]:
    """With what an entry shows."""
    return rows.select_related("organisation", "review__holder").prefetch_related(
        "permitted_datasets__dataset__organisation"
    )


@require_GET
def permit_register(request: HttpRequest) -> HttpResponse:
    """The register, newest first."""
    words = words_of(request)
    found = filtered(request, _matching(registered(), words), register_facets())
    page = page_of(request, _whole(found.rows), total=found.total)
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "section": "register",
        "page": page,
        "entries": entries(page.object_list),
        "found": found,
        "words": words,
        "query": f"?{kept.urlencode()}" if kept else "",
    }
    return render(request, "access/register.html", context)


@require_GET
def register_entry(request: HttpRequest, number: str) -> HttpResponse:
    """One permit, as everybody reads of it."""
    permit = get_object_or_404(_whole(registered()), number=number)
    context = {
        "section": "register",
        "entry": entries([permit])[0],
        "is_seen": Permit.objects.visible_to(request.user).filter(pk=permit.pk).exists(),
    }
    return render(request, "access/register_entry.html", context)


HEAD = (
    "number", "version", "permit_holder", "title", "summary", "purpose", "valid_from",
    "valid_until", "status", "issued_by", "data_holders", "public_datasets", "outcomes",
)  # fmt: skip


def _told(request: HttpRequest) -> list[dict[str, Any]]:
    """The register as the address filters it, in values."""
    rows = filtered(request, _matching(registered(), words_of(request)), register_facets()).rows
    return [_as_values(entry, request.build_absolute_uri) for entry in entries(_whole(rows))]


def _as_values(entry: Entry, address: Callable[[str], str]) -> dict[str, Any]:
    permit, review = entry.permit, entry.permit.review
    return {
        "number": permit.number,
        "version": permit.version,
        "permit_holder": permit.organisation.name,
        "title": permit.title,
        "summary": permit.summary,
        "purpose": f"EHDS Article 53(1)({permit.purpose})",
        "valid_from": permit.valid_from.isoformat(),
        "valid_until": permit.valid_until.isoformat(),
        "status": state_of(permit),
        "issued_by": review.holder.name if review.holder else review.country,
        "data_holders": [holder.name for holder, _named in entry.holders],
        "public_datasets": [
            address(dataset.get_absolute_url())
            for _holder, named in entry.holders
            for dataset in named
        ],
        "outcomes": [outcome.url for outcome in entry.outcomes]
        + [address(one.get_absolute_url()) for one in entry.publications],
    }


@require_GET
def register_table(request: HttpRequest) -> HttpResponse:
    """The register as CSV, as the address filters it."""
    rows = (
        [" ".join(cell) if isinstance(cell, list) and name != "data_holders" else
         "; ".join(cell) if isinstance(cell, list) else cell for name, cell in told.items()]
        for told in _told(request)
    )  # fmt: skip
    return csv_file("data-permits", HEAD, rows)


@require_GET
def register_document(request: HttpRequest) -> HttpResponse:
    """The register as JSON, as the address filters it."""
    document = {
        "address": request.build_absolute_uri(reverse("permit-register")),
        "day": timezone.localdate().isoformat(),
        "permits": _told(request),
    }
    return json_file("data-permits", json.dumps(document, ensure_ascii=False, indent=1).encode())
