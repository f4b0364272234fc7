"""Pages of the catalogue."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.people import signed_in
from portal.catalogue import actions
from portal.catalogue.completeness import completeness, for_completeness
from portal.catalogue.dcat.answers import negotiated, wanted_format
from portal.catalogue.dcat.export import address_of, publications_on
from portal.catalogue.dcat.importing import Imported, NotReadable, read_file
from portal.catalogue.dcat.views import alternates, dataset_answer
from portal.catalogue.facets import RELEVANCE, dataset_facets, sorts_for
from portal.catalogue.forms import (
    EXTRA_VARIABLES,
    BaseVariableFormSet,
    DatasetForm,
    DescriptionFileForm,
    UploadForm,
    profile_form,
    variable_forms,
)
from portal.catalogue.models import Dataset, Upload, Variable
from portal.catalogue.presentation import (
    kind_words,
    shown_columns,
    stated_facts,
    stated_links,
    versions_of,
)
from portal.catalogue.profiles import profile_of
from portal.catalogue.requirements import NotComplete
from portal.catalogue.searching import ranked, with_variables_found
from portal.evaluations.models import Evaluation
from portal.evaluations.presentation import listed
from portal.facets import filtered
from portal.htmx import wants_fragment
from portal.organisations.acting import acting_for, may_contribute
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.share_page import share_page
from portal.organisations.sharing import shared_with, verbs_allowed
from portal.pagination import fetched, page_of, sort_of, words_of
from portal.registry.models import ModelVersion
from portal.showcase.structured import dataset_data
from portal.tables import Problem, TableSchema
from portal.usecase import Task, UseCase


@require_GET
def dataset_list(request: HttpRequest, use_case: UseCase | None = None) -> HttpResponse:
    """The datasets that one may see, of a use case or of all."""
    words = words_of(request)
    sorts = sorts_for(words)
    sort = sort_of(request, sorts)
    rows = Dataset.objects.visible_to(request.user).matching(words)
    if use_case is not None:
        rows = rows.of(use_case)
    found = filtered(request, rows, dataset_facets(use_case))
    order = sorts[sort][1]
    ordered, whole = found.rows, for_completeness(with_variables_found(words))
    if sort in RELEVANCE:
        ordered, whole = ranked(ordered, words), ranked(whole, words)
    page = page_of(request, ordered.order_by(*order), total=found.total)
    datasets = fetched(page, whole.order_by(*order))
    context = {
        "use_case": use_case,
        "section": "datasets",
        "page": page,
        "entries": [(dataset, profile_of(dataset), completeness(dataset)) for dataset in datasets],
        "found": found,
        "words": words,
        "sort": sort,
        "sorts": [(key, label) for key, (label, _order) in sorts.items()],
        "may_add": use_case is not None and may_contribute(request),
    }
    templates = "catalogue/dataset_list.html"
    return render(request, use_case.templates(templates) if use_case else templates, context)


def _dataset(request: HttpRequest, use_case: UseCase, slug: str, verb: Verb = Verb.VIEW) -> Dataset:
    """The dataset, if the person may see it (404) and ``verb`` it (403)."""
    visible = Dataset.objects.visible_to(request.user).of(use_case)
    dataset = get_object_or_404(visible.select_related("organisation"), slug=slug)
    if verb != Verb.VIEW and verb not in verbs_allowed(request.user, dataset):
        raise PermissionDenied
    return dataset


@require_GET
def dataset_detail(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """What is in a dataset, who may use it, and where it was used."""
    dataset = _dataset(request, use_case, slug)
    if dataset.is_public and (written := wanted_format(request)):
        return negotiated(dataset_answer(request, dataset, written))
    evaluations = (
        Evaluation.objects.visible_to(request.user).filter(dataset=dataset).for_list()[:10]
    )
    variables = list(dataset.variables.all())
    sought = words_of(request, "variable")
    dictionary = {
        "dataset": dataset,
        "use_case": use_case,
        "sought": sought,
        "lines": [variable for variable in variables if variable.mentions(sought)],
        "total": len(variables),
    }
    if wants_fragment(request):  # as somebody types into the search of the data dictionary
        return render(request, use_case.templates("catalogue/_dictionary.html"), dictionary)
    allowed = verbs_allowed(request.user, dataset)
    # A model that its developer shares with the holder alone is not told to others.
    shown = ModelVersion.objects.all()
    if Verb.CHANGE not in allowed:
        shown = shown.visible_to(request.user)
    # Whose sight of it is that of everybody reads the description, and nothing of what is held.
    sees = Verb.VIEW in allowed
    tasks = use_case.tasks if sees else ()
    holdings = [_holding(dataset, task, variables, shown) for task in tasks]
    context = {
        "use_case": use_case,
        "section": "datasets",
        "dataset": dataset,
        "allowed": allowed,
        "profile": profile_of(dataset),
        "completeness": completeness(dataset),
        "holdings": holdings,
        "ready_tasks": [holding["task"] for holding in holdings if holding["is_complete"]],
        "rows": [listed(evaluation) for evaluation in evaluations],
        "sees": sees,
        "shared_with": shared_with(dataset) if sees else [],
        "structured": dataset_data(dataset, request.build_absolute_uri)
        if dataset.is_public
        else None,
        "alternates": alternates(address_of(dataset).rstrip("/")) if dataset.is_public else [],
        "access_body": Organisation.objects.access_body_of(dataset.organisation.country),
        "facts": stated_facts(dataset),
        "links": stated_links(dataset),
        "versions": versions_of(dataset, request.user),
        "publications": publications_on([dataset]).get(dataset.pk, []),
        "uploads": dataset.uploads.exclude(status="succeeded").select_related("created_by")[:5],
        **dictionary,
    }
    return negotiated(render(request, use_case.templates("catalogue/dataset_detail.html"), context))


def _holding(
    dataset: Dataset, task: Task, variables: list[Variable], shown: QuerySet[ModelVersion]
) -> dict[str, Any]:
    """What the dataset holds for a task: each reference table or its absence, and predictions."""
    current = dataset.current_tables(task)
    dictionary = {variable.name: variable for variable in variables}
    predictions = dataset.tables.filter(task=task.slug, model_version__in=shown)
    return {
        "task": task,
        "tables": [
            (schema, table, shown_columns(table, schema, dictionary) if table else [])
            for schema in task.reference_tables
            for table in [current.get(schema.name)]
        ],
        "predictions": [
            (task.table(table.name), table)
            for table in predictions.select_related("model_version__model")
        ],
        "is_complete": not task.missing_tables([*current, "predictions"]),
    }


@login_required
@require_http_methods(["GET", "POST"])
def dataset_create(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """Add a dataset."""
    user = signed_in(request)
    if not may_contribute(request):
        raise PermissionDenied
    form = DatasetForm(
        request.POST or None, user=user, use_case=use_case, initial=acting_for(request)
    )
    profile = profile_form(use_case, None, request.POST or None)
    # Who comes from a file has a data dictionary to look through.
    sent = request.POST if f"{EXTRA_VARIABLES}-TOTAL_FORMS" in request.POST else None
    variables = variable_forms(None, sent) if sent else None
    if request.method == "POST" and _all_valid(form, profile, variables):
        dataset = actions.create_dataset(
            use_case=use_case,
            profile=profile.cleaned_data if profile else None,
            variables=_kept(variables) if variables else None,
            by=user,
            **form.cleaned_data,
        )
        messages.success(request, _("The dataset is in the catalogue. Now upload its tables."))
        return redirect(dataset)
    return _form_page(request, use_case, None, form, profile, variables)


@login_required
@require_http_methods(["GET", "POST"])
def dataset_edit(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """Change a dataset's metadata and data dictionary."""
    user = signed_in(request)
    dataset = _dataset(request, use_case, slug, Verb.CHANGE)
    form = DatasetForm(request.POST or None, instance=dataset, user=user, use_case=use_case)
    profile = profile_form(use_case, dataset, request.POST or None)
    variables = variable_forms(dataset, request.POST or None)
    if request.method == "POST" and _all_valid(form, profile, variables):
        try:
            actions.update_dataset(
                dataset=dataset,
                profile=profile.cleaned_data if profile else None,
                variables=_kept(variables),
                by=user,
                **form.cleaned_data,
            )
        except NotComplete as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect(dataset)
    return _form_page(request, use_case, dataset, form, profile, variables)


def _all_valid(*forms: Any) -> bool:
    """Whether each of ``forms`` that is there is valid; all are asked, so that all say why."""
    valid = [form.is_valid() for form in forms if form]
    return all(valid)


def _kept(variables: BaseVariableFormSet) -> list[Variable]:
    return [
        line.instance
        for line in variables.forms
        if line.cleaned_data.get("name") and not line.cleaned_data.get("DELETE")
    ]


def _form_page(
    request: HttpRequest,
    use_case: UseCase,
    dataset: Dataset | None,
    form: DatasetForm,
    profile: Any,
    variables: BaseVariableFormSet | None,
    imported: Imported | None = None,
) -> HttpResponse:
    context = {
        "use_case": use_case,
        "section": "datasets",
        "dataset": dataset,
        "form": form,
        "profile": profile,
        "variables": variables,
        "imported": imported,
    }
    return render(request, use_case.templates("catalogue/dataset_form.html"), context)


@login_required
@require_http_methods(["GET", "POST"])
def dataset_import(request: HttpRequest, use_case: UseCase, slug: str = "") -> HttpResponse:
    """Fill in the form of a new dataset, or of one that is there, from a file.

    Nothing is saved: the form is looked through and sent by the person.
    """
    user = signed_in(request)
    dataset = _dataset(request, use_case, slug, Verb.CHANGE) if slug else None
    if not may_contribute(request):
        raise PermissionDenied
    form = DescriptionFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            imported = read_file(form.cleaned_data["file"])
        except NotReadable as error:
            form.add_error("file", str(error))
        else:
            messages.info(request, imported.sentence)
            initial = {} if dataset else acting_for(request)
            filled = DatasetForm(
                instance=dataset,
                user=user,
                use_case=use_case,
                initial={**initial, **imported.fields},
            )
            variables = variable_forms(dataset, brought=imported.variables)
            profile = profile_form(use_case, dataset)
            return _form_page(request, use_case, dataset, filled, profile, variables, imported)
    context = {"use_case": use_case, "section": "datasets", "dataset": dataset, "form": form}
    return render(request, use_case.templates("catalogue/dataset_import.html"), context)


@login_required
@require_http_methods(["GET", "POST"])
def dataset_share(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """Share a dataset with an organisation, the consortium, or everybody."""
    dataset = _dataset(request, use_case, slug, Verb.SHARE)
    try:
        return share_page(request, dataset, use_case=use_case, section="datasets")
    except NotComplete:
        messages.error(
            request, _("It is not public yet: something that must be stated is missing.")
        )
        return redirect(f"{request.path}#public-title")


@login_required
@require_GET
def dataset_changes(request: HttpRequest, use_case: UseCase, slug: str) -> HttpResponse:
    """What was changed in a description, field by field, for who may change it."""
    dataset = _dataset(request, use_case, slug, Verb.CHANGE)
    changes = dataset.changes.select_related("person", "dataset")
    context = {
        "use_case": use_case,
        "section": "datasets",
        "dataset": dataset,
        "page": page_of(request, changes),
    }
    return render(request, use_case.templates("catalogue/dataset_changes.html"), context)


def _schema(use_case: UseCase, task: str, table: str) -> tuple[Task, TableSchema]:
    try:
        found = use_case.task(task)
        return found, found.table(table)
    except LookupError as error:
        raise Http404(str(error)) from error


@login_required
@require_http_methods(["GET", "POST"])
def table_upload(
    request: HttpRequest, use_case: UseCase, slug: str, task: str, table: str
) -> HttpResponse:
    """Upload a file for one of the task's tables."""
    user = signed_in(request)
    dataset = _dataset(request, use_case, slug, Verb.CHANGE)
    found, schema = _schema(use_case, task, table)
    form = UploadForm(
        request.POST or None,
        request.FILES or None,
        schema=schema,
        use_case=use_case,
        task=found,
        user=user,
    )
    needs = schema.refers_to if schema.refers_to not in dataset.current_tables(found) else None
    if request.method == "POST" and needs is None and form.is_valid():
        upload = actions.receive_upload(
            dataset=dataset, task=found, schema=schema, by=user, **form.cleaned_data
        )
        return redirect(upload)
    context = {
        "use_case": use_case,
        "section": "datasets",
        "dataset": dataset,
        "task": found,
        "schema": schema,
        "columns": [(column, kind_words(column.kind)) for column in schema.columns],
        "most_bytes": settings.MAX_UPLOAD_BYTES,
        "needs": found.table(needs) if needs else None,
        "form": form,
    }
    return render(request, use_case.templates("catalogue/table_upload.html"), context)


def _upload(
    request: HttpRequest, use_case: UseCase, slug: str, upload_id: int
) -> tuple[Dataset, Upload]:
    """An upload is its holder's own matter: 404 for everyone who may not change the dataset."""
    changeable = Dataset.objects.allowing(request.user, Verb.CHANGE).of(use_case)
    dataset = get_object_or_404(changeable.select_related("organisation"), slug=slug)
    uploads = dataset.uploads.select_related("table", "model_version__model", "created_by")
    return dataset, get_object_or_404(uploads, pk=upload_id)


@login_required
@require_GET
def upload_detail(
    request: HttpRequest, use_case: UseCase, slug: str, upload_id: int
) -> HttpResponse:
    """How far the reading of a file is, and what came of it; refreshed by htmx until then."""
    dataset, upload = _upload(request, use_case, slug, upload_id)
    context = {
        "use_case": use_case,
        "section": "datasets",
        "dataset": dataset,
        "upload": upload,
        "task": upload.declared_task,
        "schema": upload.declared_task.table(upload.name),
        "problems": [Problem.from_dict(problem).text(_) for problem in upload.problems],
    }
    part = "_upload_state" if wants_fragment(request) else "upload_detail"
    return render(request, use_case.templates(f"catalogue/{part}.html"), context)


@login_required
@require_POST
def upload_cancel(
    request: HttpRequest, use_case: UseCase, slug: str, upload_id: int
) -> HttpResponse:
    """Stop the reading of a file."""
    upload = _upload(request, use_case, slug, upload_id)[1]
    if actions.cancel_upload(upload=upload, by=signed_in(request)):
        messages.info(request, _("The upload was cancelled; nothing of it was kept."))
    return redirect(upload)
