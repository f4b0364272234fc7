"""Pages that say which datasets hold which variables."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from portal.catalogue.matrix import (
    MOST_VARIABLES,
    Wanted,
    described,
    matrix,
    offered,
    wanted_in,
)
from portal.catalogue.models import Dataset
from portal.pagination import words_of
from portal.registry.models import Model, ModelVersion
from portal.usecase import UseCase, use_cases


@require_GET
def variable_matrix(request: HttpRequest) -> HttpResponse:
    """Choose variables, and see which datasets have them; the address says it all."""
    datasets = Dataset.objects.visible_to(request.user)
    use_case = use_cases().get(request.GET.get("use_case", ""))
    if use_case is not None:
        datasets = datasets.of(use_case)
    words, whole = words_of(request), "whole" in request.GET
    wanted = described(wanted_in(request), datasets)
    chosen = {one.text.upper() for one in wanted}
    context = {
        "section": "datasets",
        "words": words,
        "whole": whole,
        "chosen_use_case": use_case,
        "use_cases": use_cases().values(),
        "matrix": matrix(request, wanted, datasets, whole=whole),
        "offered": [one for one in offered(words, datasets) if one.text.upper() not in chosen],
        "most": MOST_VARIABLES,
        "is_full": len(wanted) >= MOST_VARIABLES,
    }
    return render(request, "catalogue/variable_matrix.html", context)


@require_GET
def model_version_datasets(
    request: HttpRequest, use_case: UseCase, slug: str, version: str
) -> HttpResponse:
    """The datasets of the use case that could evaluate a model version: that have its inputs."""
    models = Model.objects.visible_to(request.user).of(use_case)
    versions = ModelVersion.objects.visible_to(request.user).select_related("model__organisation")
    found = get_object_or_404(versions, model__in=models, model__slug=slug, version=version)
    needed = [Wanted(one["name"], one["label"], one["unit"]) for one in found.inputs]
    whole = "whole" in request.GET
    datasets = Dataset.objects.visible_to(request.user).of(use_case)
    context = {
        "use_case": use_case,
        "section": "models",
        "model": found.model,
        "model_version": found,
        "whole": whole,
        "matrix": matrix(request, needed, datasets, whole=whole),
    }
    return render(request, use_case.templates("catalogue/model_version_datasets.html"), context)
