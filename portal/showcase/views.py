"""Public pages."""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from portal.catalogue.models import Dataset
from portal.evaluations.models import Evaluation
from portal.evaluations.presentation import listed
from portal.organisations.acting import may_contribute
from portal.organisations.models import Organisation
from portal.registry.models import Model
from portal.showcase.design import SCHEMES, SPECIMENS, icons, samples, tokens
from portal.showcase.models import HomeFigure, News
from portal.studies import presentation as studies
from portal.studies.models import Publication
from portal.studies.report import Report
from portal.usecase import UseCase, use_cases


def _counts(shown: Iterable[UseCase]) -> dict[str, dict[str, int]]:
    """How much there is in each use case, counting only what the whole consortium sees."""
    slugs = [use_case.slug for use_case in shown]
    kinds: dict[str, QuerySet[Any, Any]] = {
        "datasets": Dataset.objects.in_the_consortium(),
        "models": Model.objects.in_the_consortium(),
        "evaluations": Evaluation.objects.in_the_consortium().succeeded(),
        "publications": Publication.objects.all(),
    }
    counts = {slug: dict.fromkeys(kinds, 0) for slug in slugs}
    first, *rest = (
        rows.filter(use_case__in=slugs)
        .order_by()
        .values("use_case")
        .annotate(kind=Value(kind), number=Count("pk"))
        for kind, rows in kinds.items()
    )
    for row in first.union(*rest, all=True):
        counts[row["use_case"]][row["kind"]] = row["number"]
    return counts


def _places(organisations: Iterable[Organisation]) -> dict[str, list[str]]:
    """The names of organisations by the code of their country."""
    places: dict[str, list[str]] = {}
    for organisation in organisations:
        places.setdefault(organisation.country, []).append(organisation.name)
    return places


def _newest_answer(newest: Publication | None) -> dict[str, Any]:
    """What a published study found, with its leading measure site by site."""
    if newest is None:
        return {}
    content = Publication.objects.values_list("content", flat=True).get(pk=newest.pk)
    report = Report.model_validate_json(bytes(content))
    choice = studies.chosen(report, None)
    if choice is None:
        return {}
    return {
        "report": report,
        "measure": report.measure(choice.measure),
        "choice": choice,
        "forests": studies.forests(report, choice),
    }


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the consortium does, and the three questions it asks."""
    shown = use_cases().values()
    counts = _counts(shown)
    cards = [(use_case, counts[use_case.slug]) for use_case in shown]
    partners = sorted(
        Organisation.objects.all(), key=lambda partner: (partner.country_name, partner.name)
    )
    context = {
        "cards": cards,
        "partners": partners,
        "places": _places(partners),
        "publications": Publication.objects.newest()[:3],
        "figures": HomeFigure.objects.all(),
        "news": News.objects.published().with_texts()[:3],
    }
    return render(request, "showcase/home.html", context)


@require_GET
def use_case_overview(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """The clinical question, what is evaluated, and the newest results one may see."""
    evaluations = Evaluation.objects.visible_to(request.user).of(use_case).succeeded()
    datasets = Dataset.objects.visible_to(request.user).of(use_case)
    holders = Organisation.objects.filter(pk__in=datasets.values("organisation"))
    holders = holders.only("name", "country")
    publications = list(Publication.objects.of(use_case).newest()[:4])
    keys = list(evaluations.values_list("pk", flat=True)[:5])
    rows = Evaluation.objects.for_list().filter(pk__in=keys)  # joins are made for these alone
    # A retracted answer is listed, with its notice, and is not the one to show.
    shown = next((entry for entry in publications if not entry.is_retracted), None)
    context = {
        "use_case": use_case,
        "section": "overview",
        "publications": [entry for entry in publications if entry != shown],
        "newest": shown,
        **_newest_answer(shown),
        "holders": sorted(holders, key=lambda holder: (holder.country_name, holder.name)),
        "places": _places(holders),
        "datasets": datasets.for_line()[:6],
        "models": Model.objects.visible_to(request.user).of(use_case).for_line()[:6],
        "rows": [listed(evaluation) for evaluation in rows],
        "may_contribute": may_contribute(request),
        "counts": _counts([use_case])[use_case.slug],
    }
    return render(request, use_case.templates("showcase/use_case_overview.html"), context)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the site and its database answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """Every token and component, light and dark side by side: for those who build the site."""
    if not (request.user.is_active and request.user.is_staff):
        raise Http404
    context = {
        "tokens": tokens(),
        "icons": icons(),
        "specimens": SPECIMENS,
        "schemes": [samples(scheme) for scheme in SCHEMES],
    }
    return render(request, "showcase/design.html", context)
