"""Whatever memberships, suspensions and shares: what is seen is what a rule of ten lines says."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.evaluations.models import Evaluation
from portal.organisations import sharing
from portal.organisations.actions import set_membership, synchronise_groups
from portal.organisations.models import Membership, Organisation
from portal.organisations.roles import SHARED_WITH, VERBS, Role, Verb
from portal.registry.models import Model
from tests import factories

pytestmark = pytest.mark.django_db

ORGANISATIONS, PEOPLE = range(3), range(3)
ROLES = list(Role)
TARGETS = [*ORGANISATIONS, None]
"""With whom something is shared; None is the consortium."""
OBJECTS = ("dataset", "model")


@dataclass(frozen=True)
class Facts:
    """What was drawn: everything that decides who sees what."""

    members: dict[tuple[int, int], tuple[Role, bool]]
    """The role of a person in an organisation, and whether the membership is suspended."""
    suspended: frozenset[int]
    inactive: frozenset[int]
    owners: dict[str, int]
    shares: frozenset[tuple[str, int | None, Verb]]
    public: frozenset[str]


pairs = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ORGANISATIONS))
facts = st.builds(
    Facts,
    members=st.dictionaries(pairs, st.tuples(st.sampled_from(ROLES), st.booleans()), max_size=6),
    suspended=st.frozensets(st.sampled_from(ORGANISATIONS), max_size=1),
    inactive=st.frozensets(st.sampled_from(PEOPLE), max_size=1),
    owners=st.fixed_dictionaries({name: st.sampled_from(ORGANISATIONS) for name in OBJECTS}),
    shares=st.frozensets(
        st.tuples(
            st.sampled_from(OBJECTS), st.sampled_from(TARGETS), st.sampled_from(list(SHARED_WITH))
        ),
        max_size=6,
    ),
    public=st.frozensets(st.sampled_from(OBJECTS)),
)


def rule(facts: Facts, person: int, verb: Verb, name: str) -> bool:
    """Whether ``person`` may ``verb`` the object: the reference."""
    for (who, organisation), (role, is_suspended) in facts.members.items():
        if who != person or who in facts.inactive:
            continue
        if is_suspended or organisation in facts.suspended:
            continue
        if organisation == facts.owners[name] and verb in VERBS[role]:
            return True
        for shared, target, given_verb in facts.shares:
            verbs = {given_verb, Verb.VIEW}  # nobody uses what they cannot see
            reached = shared == name and target in (None, organisation) and verb in verbs
            if reached and ROLES.index(role) >= ROLES.index(SHARED_WITH[verb]):
                return True
    return False


def is_of(facts: Facts, person: int, organisations: set[int]) -> bool:
    """Whether ``person`` acts for any of the organisations."""
    return person not in facts.inactive and any(
        who == person and not is_suspended and where in organisations - facts.suspended
        for (who, where), (_role, is_suspended) in facts.members.items()
    )


@dataclass(frozen=True)
class Cast:
    """Who is there whatever is drawn, by their keys: made once, and as good as new each time."""

    organisations: list[int]
    people: list[int]
    hands: list[int]
    """A manager of each organisation."""


@pytest.fixture
def cast(media: Path) -> Cast:
    organisations = [factories.an_organisation() for _ in ORGANISATIONS]
    people = [factories.a_person() for _ in PEOPLE]
    hands = [factories.a_person(organisation, Role.MANAGER) for organisation in organisations]
    return Cast(*([one.pk for one in made] for made in (organisations, people, hands)))


def build(facts: Facts, cast: Cast) -> tuple[list[User], dict[str, Any], Evaluation]:
    """The same, in the database."""
    organisations = list(Organisation.objects.filter(pk__in=cast.organisations).order_by("pk"))
    people = list(User.objects.filter(pk__in=cast.people).order_by("pk"))
    hands = list(User.objects.filter(pk__in=cast.hands).order_by("pk"))
    version = factories.a_version(hands[facts.owners["model"]])
    dataset = factories.a_ready_dataset(hands[facts.owners["dataset"]], version, rows=40)
    objects: dict[str, Any] = {"dataset": dataset, "model": version.model}
    shares: dict[tuple[str, int | None], set[Verb]] = {}
    for name, target, verb in facts.shares:
        shares.setdefault((name, target), set()).add(verb)
    for (name, target), verbs in shares.items():
        by = hands[facts.owners[name]]
        organisation = None if target is None else organisations[target]
        if target != facts.owners[name]:  # an owner shares with others
            sharing.share(obj=objects[name], verbs=verbs, organisation=organisation, by=by)
    for name in facts.public:
        by = hands[facts.owners[name]]
        if name == "dataset":
            factories.complete(dataset)
        sharing.set_public(obj=objects[name], public=True, by=by)
    asker = facts.owners["dataset"]
    asked_by = hands[asker]
    if asker != facts.owners["model"]:  # who may then use it
        sharing.share(
            obj=version.model,
            verbs={*shares.get(("model", asker), set()), Verb.EVALUATE},
            organisation=organisations[asker],
            by=hands[facts.owners["model"]],
        )
    evaluation = factories.a_finished_evaluation(asked_by, dataset, version)
    for (person, organisation), (role, is_suspended) in facts.members.items():
        membership = set_membership(
            organisation=organisations[organisation], user=people[person], role=role, by=None
        )
        if is_suspended:
            Membership.objects.filter(pk=membership.pk).update(suspended_at=Now())
    chosen = [organisations[number].pk for number in facts.suspended]
    Organisation.objects.filter(pk__in=chosen).update(suspended_at=Now())
    User.objects.filter(pk__in=[people[number].pk for number in facts.inactive]).update(
        is_active=False
    )
    people = list(User.objects.filter(pk__in=[person.pk for person in people]).order_by("pk"))
    for person in people:
        synchronise_groups(person)
    return people, objects, evaluation


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=facts)
def test_what_is_seen_and_allowed_is_what_the_rule_says(cast: Cast, drawn: Facts) -> None:
    # The asker may use the model: that is one more share.
    asker = drawn.owners["dataset"]
    extra = {("model", asker, Verb.EVALUATE)} if asker != drawn.owners["model"] else set()
    facts = Facts(**(vars(drawn) | {"shares": drawn.shares | extra}))
    with transaction.atomic():
        people, objects, evaluation = build(drawn, cast)
        for number, name in itertools.product(PEOPLE, OBJECTS):
            kind = Dataset if name == "dataset" else Model
            rows = kind.objects.filter(pk=objects[name].pk)
            for verb in Verb:
                if verb == Verb.RELEASE and name == "dataset":
                    continue
                expected = rule(facts, number, verb, name)
                assert rows.allowing(people[number], verb).exists() == expected, (verb, name)
            seen = rule(facts, number, Verb.VIEW, name) or name in facts.public
            assert rows.visible_to(people[number]).exists() == seen, name
        for number in PEOPLE:
            both = all(rule(facts, number, Verb.RESULTS, name) for name in OBJECTS)
            seen = both or is_of(facts, number, {asker})
            found = Evaluation.objects.visible_to(people[number])
            assert found.filter(pk=evaluation.pk).exists() == seen
        for name, kind in (("dataset", Dataset), ("model", Model)):
            rows = kind.objects.filter(pk=objects[name].pk)
            assert rows.visible_to(AnonymousUser()).exists() == (name in facts.public)
        assert not Evaluation.objects.visible_to(AnonymousUser()).exists()
        transaction.set_rollback(True)
