"""Pages of the searches that a person keeps: theirs alone."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.people import signed_in
from portal.catalogue.facets import dataset_facets
from portal.catalogue.models import Dataset
from portal.facets import chosen_values
from portal.pagination import words_in
from portal.searches import actions
from portal.searches.forms import NameForm
from portal.searches.models import LONGEST_QUERY, MOST_OF_A_PERSON, SavedSearch
from portal.usecase import UseCase, use_cases


def in_words(asked: QueryDict, use_case: UseCase | None) -> list[tuple[str, str]]:
    """What is searched for, each as a title and a value."""
    said = []
    if use_case is not None:
        said.append((_("Use case"), _(use_case.short_title)))
    if words := words_in(asked):
        said.append((_("Words"), words))
    facets = {facet.key: facet for facet in dataset_facets(use_case)}
    for key, values in chosen_values(asked, facets.values()).items():
        labels = facets[key].labels
        said += [(str(facets[key].title), str(labels[one]) if labels else one) for one in values]
    return said


def _own(request: HttpRequest, search_id: int) -> SavedSearch:
    """One of the person's own searches; others do not exist for them."""
    return get_object_or_404(SavedSearch.objects.of(signed_in(request)), pk=search_id)


@login_required
@require_GET
def saved_search_list(request: HttpRequest) -> HttpResponse:
    """The searches that one keeps, and what was found new in each."""
    user = signed_in(request)
    searches = list(SavedSearch.objects.of(user)[:MOST_OF_A_PERSON])
    told = {key for search in searches for key in search.latest}
    visible = Dataset.objects.visible_to(user).select_related("organisation").in_bulk(told)
    context = {
        "section": "datasets",
        "rows": [
            (
                search,
                in_words(search.asked, search.declared),
                [visible[key] for key in search.latest if key in visible],
            )
            for search in searches
        ],
    }
    return render(request, "searches/saved_search_list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def saved_search_create(request: HttpRequest) -> HttpResponse:
    """Give the words and filters of the list that one comes from a name, and keep them."""
    user = signed_in(request)
    given = request.POST if request.method == "POST" else request.GET
    use_case = use_cases().get(given.get("use_case_of_list", ""))
    asked = request.GET
    if request.method == "POST":
        asked = QueryDict(request.POST.get("query", "")[:LONGEST_QUERY])
    query = actions.canonical(asked, use_case)
    said = in_words(QueryDict(query), use_case)
    form = NameForm(request.POST or None, initial={"name": _proposed(said)})
    if request.method == "POST" and form.is_valid():
        try:
            actions.save_search(
                name=form.cleaned_data["name"],
                asked=QueryDict(query),
                use_case=use_case,
                by=user,
            )
        except (ValueError, ValidationError) as error:
            form.add_error(None, getattr(error, "messages", [str(error)]))
        else:
            messages.success(request, _("The search is kept. You are told when something is new."))
            return redirect("saved-search-list")
    context = {
        "section": "datasets",
        "use_case_of_list": use_case,
        "form": form,
        "query": query,
        "said": said,
    }
    return render(request, "searches/saved_search_form.html", context)


def _proposed(said: list[tuple[str, str]]) -> str:
    return ", ".join(value for _title, value in said)[:80]


@login_required
@require_POST
def saved_search_rename(request: HttpRequest, search_id: int) -> HttpResponse:
    """Call one otherwise."""
    search = _own(request, search_id)
    try:
        actions.rename_search(search=search, name=request.POST.get("name", "").replace("\x00", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("Saved."))
    return redirect("saved-search-list")


@login_required
@require_POST
def saved_search_delete(request: HttpRequest, search_id: int) -> HttpResponse:
    """Forget one."""
    actions.delete_search(search=_own(request, search_id))
    messages.success(request, _("The search is deleted."))
    return redirect("saved-search-list")
