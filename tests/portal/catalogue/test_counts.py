"""In random worlds, every count of every facet is what counting by hand gives, for everybody."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.test import RequestFactory

from portal.accounts.models import User
from portal.catalogue.facets import dataset_facets
from portal.catalogue.models import Dataset, Variable
from portal.catalogue.vocabulary import AccessRights, HealthCategory
from portal.facets import Filtered, filtered
from portal.organisations import sharing
from portal.organisations.actions import suspend_membership
from portal.organisations.models import Organisation
from portal.organisations.roles import ConsortiumRole, Role, Verb
from portal.pagination import words_in
from tests import factories

pytestmark = pytest.mark.django_db

WORDS = ("kidney", "heart", "albumin", "sodium")
COUNTRIES = ("DK", "FR", "DE")
PUBLIC, CONSORTIUM = "public", "consortium"


class RandomWorld:
    """Datasets of three organisations, and all that decides who sees them and where they count."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.organisations = [factories.an_organisation(f"Partner {one}") for one in range(3)]
        self.managers = [factories.a_person(one, Role.MANAGER) for one in self.organisations]
        self.facts = [self._dataset(number) for number in range(14)]
        self.people = self._people()

    def _dataset(self, number: int) -> dict[str, Any]:
        draw = self.draw
        owner = draw.randrange(3)
        said, held = draw.choice(WORDS), draw.choice(WORDS)
        fact = {
            "owner": owner,
            "words": {said, held},
            "use_case": draw.choice(("ckd", "metastasis")),
            "country": draw.choice(COUNTRIES),
            "access": draw.choice(AccessRights.values),
            "category": draw.choice(HealthCategory.values),
            "shared": draw.choice((None, PUBLIC, CONSORTIUM, 0, 1, 2)),
        }
        dataset = factories.a_dataset(
            self.managers[owner],
            title=f"{said} {number}",
            description="Of people.",
            use_case=fact["use_case"],
            spatial=fact["country"],
            access_rights=fact["access"],
            health_category=fact["category"],
        )
        Variable.objects.create(dataset=dataset, name=f"{held}_1")
        shared = fact["shared"]
        if shared == PUBLIC:
            # As published long ago; what publishing asks for has tests of its own.
            Dataset.objects.filter(pk=dataset.pk).update(is_public=True)
        elif shared == CONSORTIUM:
            sharing.grant(dataset, Verb.VIEW, None)
        elif shared is not None and shared != owner:
            sharing.grant(dataset, Verb.VIEW, self.organisations[shared])
        return fact

    def _people(self) -> dict[str, tuple[User | AnonymousUser, set[int], bool]]:
        """Each kind of person: who, of which organisations, and whether of the consortium."""
        of, manager = self.organisations, self.managers[0]
        twice = factories.a_person(of[0], Role.VIEWER)
        factories.set_membership(organisation=of[1], user=twice, role=Role.VIEWER, by=None)
        suspended = factories.a_person(of[0])
        suspend_membership(membership=suspended.memberships.get(), by=manager)
        inactive = factories.a_person(of[0])
        User.objects.filter(pk=inactive.pk).update(is_active=False)
        inactive.refresh_from_db()
        found: dict[str, tuple[User | AnonymousUser, set[int], bool]] = {
            "visitor": (AnonymousUser(), set(), False),
            "of two organisations": (twice, {0, 1}, True),
            "suspended": (suspended, set(), False),
            "deactivated": (inactive, set(), False),
            "administrator": (factories.a_person(is_staff=True, is_superuser=True), set(), False),
        }
        for role in Role:
            found[role.value] = (factories.a_person(of[0], role), {0}, True)
        for number in (1, 2):
            found[f"of organisation {number}"] = (factories.a_person(of[number]), {number}, True)
        for role in ConsortiumRole:
            country = "DK" if role == ConsortiumRole.ACCESS_BODY else ""
            found[role.value] = (factories.appointed(role, country), set(), False)
        return found

    def seen(self, organisations: set[int], of_consortium: bool) -> list[dict[str, Any]]:
        """What somebody of these organisations sees."""
        return [
            fact
            for fact in self.facts
            if fact["owner"] in organisations
            or fact["shared"] == PUBLIC
            or (fact["shared"] == CONSORTIUM and of_consortium)
            or fact["shared"] in organisations
        ]

    def asked(self) -> dict[str, list[str]]:
        """Filters and perhaps a word, as an address asks."""
        draw = self.draw
        choices: dict[str, list[str]] = {
            "use_case": ["ckd", "metastasis"],
            "country": list(COUNTRIES),
            "holder": [one.name for one in self.organisations],
            "access": list(AccessRights.values),
            "category": list(HealthCategory.values),
        }
        found = {
            key: draw.sample(values, draw.randint(1, min(3, len(values))))
            for key, values in choices.items()
            if draw.random() < 0.35
        }
        if draw.random() < 0.5:
            found["q"] = [draw.choice(WORDS)]
        return found


def by_hand(
    facts: list[dict[str, Any]], asked: dict[str, list[str]], organisations: list[Organisation]
) -> tuple[dict[str, dict[str, int]], int]:
    """The counts of every facet, without those of no row that are not chosen, and the total."""
    rows = [
        fact | {"holder": organisations[fact["owner"]].name}
        for fact in facts
        if not asked.get("q") or asked["q"][0] in fact["words"]
    ]

    def passing(without: str = "") -> list[dict[str, Any]]:
        filters = {key: values for key, values in asked.items() if key not in ("q", without)}
        return [row for row in rows if all(row[key] in values for key, values in filters.items())]

    counts = {}
    for key in ("use_case", "country", "holder", "access", "category"):
        found = Counter(row[key] for row in passing(without=key))
        counts[key] = {one: found[one] for one in {*found, *asked.get(key, [])}}
    return {key: values for key, values in counts.items() if values}, len(passing())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_are_those_of_counting_by_hand_for_everybody(seed: int) -> None:
    world = RandomWorld(seed)
    compared = set()
    for person, organisations, of_consortium in world.people.values():
        seen = world.seen(organisations, of_consortium)
        for _ in range(8):
            asked = world.asked()
            query = QueryDict(mutable=True)
            for key, values in asked.items():
                query.setlist(key, values)
            request = RequestFactory().get(f"/datasets/?{query.urlencode()}")
            rows = Dataset.objects.visible_to(person).matching(words_in(request.GET))
            found: Filtered = filtered(request, rows, dataset_facets(None))
            counts = {
                facet.key: {one.value: one.count for one in (*facet.options, *facet.more)}
                for facet in found.facets
            }
            expected, total = by_hand(seen, asked, world.organisations)
            assert (counts, found.total, found.rows.count()) == (expected, total, total), asked
            compared.add(total)
    assert len(compared) > 3  # the worlds are worth comparing
