"""Pages of the model registry."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.people import signed_in
from portal.evaluations.models import Evaluation, EvaluationQuerySet
from portal.evaluations.presentation import listed
from portal.facets import filtered
from portal.organisations.acting import acting_for, may_contribute
from portal.organisations.roles import Verb
from portal.organisations.share_page import share_page
from portal.organisations.sharing import shared_with, verbs_allowed
from portal.pagination import fetched, page_of, sort_of, words_of
from portal.registry import actions
from portal.registry.cards import card_of
from portal.registry.facets import SORTS, model_facets
from portal.registry.forms import (
    InputFormSet,
    ModelForm,
    ModelVersionForm,
    card_form,
    declared_inputs,
)
from portal.registry.models import Model, ModelVersion
from portal.registry.performance import MOST_EVALUATIONS, glance
from portal.registry.presentation import listed_model, results_of, told_versions
from portal.usecase import UseCase


@require_GET
def model_list(request: HttpRequest, use_case: UseCase | None = None) -> HttpResponse:
    """The models that one may see, of a use case or of all."""
    words, sort = words_of(request), sort_of(request, SORTS)
    rows = Model.objects.visible_to(request.user).matching(words)
    if use_case is not None:
        rows = rows.of(use_case)
    found = filtered(request, rows, model_facets(use_case))
    order = SORTS[sort][1]
    page = page_of(request, found.rows.order_by(*order), total=found.total)
    whole = Model.objects.select_related("organisation").prefetch_related(told_versions())
    models = fetched(page, whole.order_by(*order))
    results = results_of(models, request.user)
    context = {
        "use_case": use_case,
        "section": "models",
        "page": page,
        "entries": [listed_model(model, results) for model in models],
        "found": found,
        "words": words,
        "sort": sort,
        "sorts": [(key, label) for key, (label, _order) in SORTS.items()],
        "may_add": use_case is not None and may_contribute(request),
    }
    templates = "registry/model_list.html"
    return render(request, use_case.templates(templates) if use_case else templates, context)


def _model(request: HttpRequest, use_case: UseCase, slug: str, verb: Verb = Verb.VIEW) -> Model:
    """The model, if the person may see it (404) and ``verb`` it (403)."""
    visible = Model.objects.visible_to(request.user).of(use_case)
    model = get_object_or_404(visible.select_related("organisation"), slug=slug)
    if verb != Verb.VIEW and verb not in verbs_allowed(request.user, model):
        raise PermissionDenied
    return model


def _version(
    request: HttpRequest, use_case: UseCase, slug: str, version: str, verb: Verb = Verb.VIEW
) -> ModelVersion:
    model = _model(request, use_case, slug, verb)
    visible = ModelVersion.objects.visible_to(request.user).select_related("model__organisation")
    return get_object_or_404(visible, model=model, version=version)


def _evaluations(request: HttpRequest, model: Model) -> EvaluationQuerySet:
    """The evaluations of all versions that the person may see, newest first."""
    visible: EvaluationQuerySet = Evaluation.objects.visible_to(request.user)
    return visible.filter(model_version__model=model).for_list()


@require_GET
def model_detail(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """A model with its versions."""
    model = _model(request, use_case, slug)
    evaluations = _evaluations(request, model)
    allowed = verbs_allowed(request.user, model)
    context = {
        "use_case": use_case,
        "section": "models",
        "model": model,
        "task": model.declared_task,
        "allowed": allowed,
        "versions": ModelVersion.objects.visible_to(request.user).filter(model=model),
        "glance": glance(model.declared_task, evaluations.succeeded()[:MOST_EVALUATIONS]),
        "shared_with": shared_with(model) if Verb.VIEW in allowed else [],
    }
    return render(request, use_case.templates("registry/model_detail.html"), context)


@login_required
@require_http_methods(["GET", "POST"])
def model_create(request: HttpRequest, use_case: UseCase, task: str) -> HttpResponse:
    """Register a model for one of the use case's tasks."""
    user = signed_in(request)
    try:
        found = use_case.task(task)
    except LookupError as error:
        raise Http404(str(error)) from error
    if not may_contribute(request):
        raise PermissionDenied
    form = ModelForm(request.POST or None, user=user, initial=acting_for(request))
    if request.method == "POST" and form.is_valid():
        model = actions.create_model(use_case=use_case, task=found, by=user, **form.cleaned_data)
        messages.success(request, _("The model is registered. Now describe its first version."))
        return redirect("model-version-create", use_case=use_case, slug=model.slug)
    context = {"use_case": use_case, "section": "models", "form": form, "task": found}
    return render(request, use_case.templates("registry/model_form.html"), context)


@login_required
@require_http_methods(["GET", "POST"])
def model_share(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """Share a model with an organisation, the consortium, or everybody."""
    model = _model(request, use_case, slug, Verb.SHARE)
    return share_page(request, model, use_case=use_case, section="models")


@require_GET
def model_version_detail(
    request: HttpRequest, use_case: UseCase, slug: str, version: str
) -> HttpResponse:
    """The model card: what it is for, what it needs, how it did."""
    found = _version(request, use_case, slug, version)
    evaluations = _evaluations(request, found.model)
    whole = glance(found.model.declared_task, evaluations.succeeded()[:MOST_EVALUATIONS])
    context = {
        "use_case": use_case,
        "section": "models",
        "model_version": found,
        "model": found.model,
        "task": found.model.declared_task,
        "allowed": verbs_allowed(request.user, found.model),
        "card": card_of(found),
        "glance": whole.of(found) if whole else None,
        "rows": [listed(evaluation) for evaluation in evaluations.filter(model_version=found)[:10]],
    }
    return render(request, use_case.templates("registry/model_version_detail.html"), context)


@login_required
@require_http_methods(["GET", "POST"])
def model_version_create(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """Describe a new version, as a draft."""
    model = _model(request, use_case, slug, Verb.CHANGE)
    return _edit(request, use_case, ModelVersion(model=model), inputs=[])


@login_required
@require_http_methods(["GET", "POST"])
def model_version_edit(
    request: HttpRequest, use_case: UseCase, slug: str, version: str
) -> HttpResponse:
    """Change a draft; a released version never changes."""
    found = _version(request, use_case, slug, version, Verb.CHANGE)
    if not found.is_draft:
        messages.error(request, _("A released version never changes. Make a new one."))
        return redirect(found)
    return _edit(request, use_case, found, inputs=found.inputs)


def _edit(
    request: HttpRequest, use_case: UseCase, version: ModelVersion, inputs: list[dict[str, str]]
) -> HttpResponse:
    form = ModelVersionForm(request.POST or None, request.FILES or None, instance=version)
    lines = InputFormSet(request.POST or None, prefix="inputs", initial=inputs)
    card = card_form(version, request.POST or None)
    valid = [form.is_valid(), lines.is_valid(), not card or card.is_valid()]
    if request.method == "POST" and all(valid):
        declared = declared_inputs(lines)
        if form.check_against(declared):
            file = form.cleaned_data.get("artefact")
            version.inputs = declared
            try:
                actions.save_version(
                    version=version,
                    artefact=form.artefact_path(file) if file else None,
                    facts=form.facts,
                    card=card.cleaned_data if card else None,
                    by=signed_in(request),
                )
            except (PermissionError, ValidationError) as error:  # released or sent twice meanwhile
                messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
                return redirect(version.model)
            messages.success(request, _("The draft is saved."))
            return redirect(version)
    context = {
        "use_case": use_case,
        "section": "models",
        "model": version.model,
        "model_version": version if version.pk else None,
        "form": form,
        "card": card,
        "inputs": lines,
    }
    return render(request, use_case.templates("registry/model_version_form.html"), context)


@login_required
@require_POST
def model_version_release(
    request: HttpRequest, use_case: UseCase, slug: str, version: str
) -> HttpResponse:
    """Release a draft."""
    found = _version(request, use_case, slug, version, Verb.RELEASE)
    try:
        actions.release_version(version=found, by=signed_in(request))
        messages.success(request, _("Released: from now on it never changes."))
    except ValueError as error:
        messages.error(request, str(error))
    return redirect(found)


@login_required
@require_POST
def model_version_retire(
    request: HttpRequest, use_case: UseCase, slug: str, version: str
) -> HttpResponse:
    """Retire a released version."""
    found = _version(request, use_case, slug, version, Verb.RELEASE)
    try:
        actions.retire_version(version=found, by=signed_in(request))
        messages.success(request, _("Retired: its results stay, new evaluations are not taken."))
    except ValueError as error:
        messages.error(request, str(error))
    return redirect(found)
