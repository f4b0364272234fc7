"""My work: what runs, what waits for the person, and what has ended of late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.accounts.people import signed_in
from portal.catalogue.models import Dataset, Upload
from portal.evaluations.models import Evaluation
from portal.evaluations.presentation import listed
from portal.htmx import wants_fragment
from portal.jobs.models import UNFINISHED, Status
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.registry.models import ModelVersion
from portal.studies.models import Invitation

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from portal.accounts.models import User
    from portal.evaluations.models import EvaluationQuerySet

SHOWN = 10
"""Entries of a section; the lists hold the rest."""


def _evaluations(user: User) -> EvaluationQuerySet:
    """The evaluations that the person's organisations submitted."""
    mine = Organisation.objects.where_member(user)
    return Evaluation.objects.visible_to(user).filter(organisation__in=mine)


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
    evaluations = _evaluations(user).for_list()
    running = list(evaluations.filter(status__in=UNFINISHED)[: SHOWN + 1])
    uploads = list(_uploads(user).filter(status__in=UNFINISHED)[:SHOWN])
    context = {
        "section": "my-work",
        "running": running[:SHOWN],
        "more_running": len(running) > SHOWN,
        "uploads": uploads,
        "is_busy": bool(running or uploads),
    }
    if wants_fragment(request):
        response = render(request, "my_work/_running.html", context)
        if not context["is_busy"]:  # what has ended belongs under another heading now
            response["HX-Refresh"] = "true"
        return response
    changeable = ModelVersion.objects.visible_to(user).filter(status=ModelVersion.Status.DRAFT)
    ended = evaluations.exclude(status__in=(*UNFINISHED, Status.FAILED))[:SHOWN]
    context |= {
        "invitations": list(Invitation.objects.waiting_for(user)[:SHOWN]),
        "refused": list(_refused(user)[:SHOWN]),
        "failed": list(evaluations.filter(status=Status.FAILED)[:SHOWN]),
        "drafts": list(changeable.select_related("model")[:SHOWN]),
        "rows": [listed(evaluation) for evaluation in ended],
        "may_contribute": Organisation.objects.where_member(user, Role.CONTRIBUTOR).exists(),
    }
    return render(request, "my_work/my_work.html", context)
