"""Writes about saved searches: keep, rename and delete one, and look for what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.catalogue.facets import dataset_facets
from portal.catalogue.models import Dataset
from portal.facets import chosen_values, narrowed
from portal.notifications.actions import notify
from portal.notifications.addresses import page, page_of
from portal.notifications.kinds import Kind
from portal.pagination import words_in
from portal.searches.models import LONGEST_QUERY, MOST_OF_A_PERSON, SavedSearch
from portal.usecase import UseCase

if TYPE_CHECKING:
    from portal.accounts.models import User

MOST_TOLD = 5
"""Datasets that the page of searches names as new; the list itself has the rest."""


def canonical(asked: QueryDict, use_case: UseCase | None) -> str:
    """The words and filters of an address, without what a list does not know."""
    kept = QueryDict(mutable=True)
    if words := words_in(asked):
        kept["q"] = words
    for key, values in chosen_values(asked, dataset_facets(use_case)).items():
        kept.setlist(key, values)
    return kept.urlencode()


def found_by(search: SavedSearch) -> QuerySet[Dataset]:
    """The datasets that a search finds, of those that its person may see now."""
    rows = Dataset.objects.visible_to(search.person).matching(words_in(search.asked))
    use_case = search.declared
    if use_case is not None:
        rows = rows.of(use_case)
    elif search.use_case:
        return rows.none()
    return narrowed(search.asked, rows, dataset_facets(use_case))


def _keys(search: SavedSearch) -> list[int]:
    return list(found_by(search).order_by("title", "pk").values_list("pk", flat=True))


@transaction.atomic
def save_search(*, name: str, asked: QueryDict, use_case: UseCase | None, by: User) -> SavedSearch:
    """Keep a search; what it finds now is not new.

    Raises
    ------
    ValueError
        If ``by`` keeps as many as one may, or the search is too long; in words for them.
    ValidationError
        If the name is missing, too long, or that of another search of theirs.
    """
    # Two that are saved at once wait for each other, and are both counted.
    get_user_model().objects.select_for_update(no_key=True).get(pk=by.pk)
    if SavedSearch.objects.of(by).count() >= MOST_OF_A_PERSON:
        raise ValueError(
            _("You keep %(most)d searches, and no more are kept. Delete one first.")
            % {"most": MOST_OF_A_PERSON}
        )
    query = canonical(asked, use_case)
    if len(query) > LONGEST_QUERY:
        raise ValueError(_("The search has too many filters to be kept. Remove some."))
    search = SavedSearch(
        person=by, name=name.strip(), use_case=use_case.slug if use_case else "", query=query
    )
    search.known = _keys(search)
    search.full_clean()
    search.save()
    return search


def rename_search(*, search: SavedSearch, name: str) -> None:
    """Call a search otherwise.

    Raises
    ------
    ValidationError
        If the name is missing, too long, or that of another search of theirs.
    """
    search.name = name.strip()
    search.full_clean()
    search.save(update_fields=["name"])


def delete_search(*, search: SavedSearch) -> None:
    """Forget a search, and tell nothing about it any more."""
    search.delete()


@transaction.atomic
def look(*, pk: int) -> int:
    """Tell the person of a search what is new in it; return how many datasets that was.

    A dataset is new once: when it first matches and the person may see it. That is kept in the
    same transaction as what they are told.
    """
    waiting = SavedSearch.objects.select_for_update(of=("self",), skip_locked=True)
    search = waiting.select_related("person").filter(pk=pk, person__is_active=True).first()
    if search is None:
        return 0
    known = set(search.known)
    new = [key for key in _keys(search) if key not in known]
    changed: dict[str, list[int]] = {}
    if new:
        changed = {"known": [*search.known, *new], "latest": new[:MOST_TOLD]}
        one = Dataset.objects.get(pk=new[0]) if len(new) == 1 else None
        notify(
            to=[search.person],
            kind=Kind.NEW_MATCH,
            sentence=gettext_noop("A new dataset matches your search “%(search)s”.")
            if one
            else gettext_noop("New datasets match your search “%(search)s”."),
            words={"search": search.name},
            url=page_of(one) if one else f"{page('saved-search-list')}#search-{search.pk}",
        )
    SavedSearch.objects.filter(pk=search.pk).update(looked_at=Now(), **changed)
    return len(new)
