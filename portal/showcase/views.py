"""Public pages."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from portal.catalogue.models import Dataset
from portal.evaluations.models import Evaluation
from portal.evaluations.presentation import listed
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.registry.models import Model
from portal.usecase import UseCase, use_cases


def _counts(use_case: UseCase) -> dict[str, int]:
    """How much there is, counting only what the whole consortium sees."""
    datasets = Dataset.objects.in_the_consortium().of(use_case)
    return {
        "datasets": datasets.count(),
        "models": Model.objects.in_the_consortium().of(use_case).count(),
        "evaluations": Evaluation.objects.in_the_consortium().of(use_case).succeeded().count(),
    }


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the consortium does, and the three questions it asks."""
    cards = [(use_case, _counts(use_case)) for use_case in use_cases().values()]
    partners = sorted(
        Organisation.objects.all(), key=lambda partner: (partner.country_name, partner.name)
    )
    places: dict[str, list[str]] = {}
    for partner in partners:
        places.setdefault(partner.country, []).append(partner.name)
    context = {"cards": cards, "partners": partners, "places": places}
    return render(request, "showcase/home.html", context)


@require_GET
def use_case_overview(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """The clinical question, what is evaluated, and the newest results one may see."""
    evaluations = Evaluation.objects.visible_to(request.user).of(use_case).succeeded()
    context = {
        "use_case": use_case,
        "section": "overview",
        "datasets": Dataset.objects.visible_to(request.user)
        .of(use_case)
        .select_related("organisation")[:6],
        "models": Model.objects.visible_to(request.user)
        .of(use_case)
        .select_related("organisation")[:6],
        "rows": [listed(evaluation) for evaluation in evaluations.for_list()[:5]],
        "may_contribute": Organisation.objects.where_member(
            request.user, Role.CONTRIBUTOR
        ).exists(),
        "counts": _counts(use_case),
    }
    return render(request, use_case.templates("showcase/use_case_overview.html"), context)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the site and its database answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")
