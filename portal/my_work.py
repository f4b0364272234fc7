"""My work: what runs, what waits for the person, and what has ended of late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.db.models import Case, Exists, OuterRef, Q, Value, When, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.access.home import waiting_for
from portal.accounts.people import signed_in
from portal.catalogue.models import Dataset, Upload
from portal.evaluations.models import Evaluation
from portal.evaluations.presentation import listed
from portal.htmx import wants_fragment
from portal.jobs.models import UNFINISHED, Status
from portal.notifications.models import Notification
from portal.organisations.acting import may_contribute
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.registry.models import ModelVersion
from portal.studies.models import Invitation

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from portal.accounts.models import User

SHOWN = 10
"""Entries of a section; the lists hold the rest."""
TOLD = 5
"""Notifications, of which most lead to what is shown here anyway."""
ANY = Q()


def _evaluations(user: User, section: Q = ANY) -> dict[str, list[Evaluation]]:
    """The newest evaluations that the person's organisations submitted, by section.

    One query finds those of every section, so that what one may see is worked out once; a
    section has one more than is shown, where there are more.
    """
    mine = Organisation.objects.where_member(user)
    of_section = Case(
        When(status__in=UNFINISHED, then=Value("running")),
        When(status=Status.FAILED, then=Value("failed")),
        default=Value("ended"),
    )
    order: Any = Evaluation._meta.ordering
    place = Window(RowNumber(), partition_by="section", order_by=order)
    newest = Evaluation.objects.visible_to(user).filter(section, organisation__in=mine).order_by()
    placed = newest.annotate(section=of_section).annotate(place=place).filter(place__lte=SHOWN + 1)
    section_of = dict(placed.values_list("pk", "section"))
    found: dict[str, list[Evaluation]] = {"running": [], "failed": [], "ended": []}
    for evaluation in Evaluation.objects.for_list().filter(pk__in=section_of):
        found[section_of[evaluation.pk]].append(evaluation)
    return found


def _uploads(user: User) -> QuerySet[Upload]:
    """The person's own uploads to datasets that they may still change."""
    return Upload.objects.filter(
        created_by=user, dataset__in=Dataset.objects.allowing(user, Verb.CHANGE)
    ).select_related("dataset")


def _refused(user: User) -> QuerySet[Upload]:
    """Uploads that were refused, and whose table did not arrive afterwards."""
    later = Upload.objects.filter(
        dataset=OuterRef("dataset"),
        task=OuterRef("task"),
        name=OuterRef("name"),
        created_at__gt=OuterRef("created_at"),
    )
    return _uploads(user).filter(~Exists(later), status=Status.FAILED)


@login_required
@require_GET
def my_work(request: HttpRequest) -> HttpResponse:
    """What runs (refreshed by htmx while something does), what waits, what has ended."""
    user = signed_in(request)
    refreshes = wants_fragment(request)
    evaluations = _evaluations(user, Q(status__in=UNFINISHED) if refreshes else ANY)
    running = evaluations["running"]
    uploads = list(_uploads(user).filter(status__in=UNFINISHED)[:SHOWN])
    context = {
        "section": "my-work",
        "running": running[:SHOWN],
        "more_running": len(running) > SHOWN,
        "uploads": uploads,
        "is_busy": bool(running or uploads),
    }
    if refreshes:
        response = render(request, "my_work/_running.html", context)
        if not context["is_busy"]:  # what has ended belongs under another heading now
            response["HX-Refresh"] = "true"
        return response
    changeable = ModelVersion.objects.visible_to(user).filter(status=ModelVersion.Status.DRAFT)
    context |= {
        "notifications": list(Notification.objects.of(user).unread()[:TOLD]),
        "invitations": list(Invitation.objects.waiting_for(user)[:SHOWN]),
        "refused": list(_refused(user)[:SHOWN]),
        "failed": evaluations["failed"][:SHOWN],
        **waiting_for(user),
        "drafts": list(changeable.select_related("model")[:SHOWN]),
        "rows": [listed(evaluation) for evaluation in evaluations["ended"][:SHOWN]],
        "may_contribute": may_contribute(request),
    }
    return render(request, "my_work/my_work.html", context)
