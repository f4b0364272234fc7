"""The section of the model card that a use case adds, and when it is frozen."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, ProgrammingError, transaction

from portal.registry.actions import release_version, save_version
from portal.registry.cards import card_model, card_of
from portal.registry.models import ModelVersion
from portal.usecase import use_cases
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation())


def card_rows(version: ModelVersion):
    model = card_model(version.model.declared)
    assert model is not None
    return model._default_manager.filter(pk=version.pk)


def test_each_use_case_declares_a_section() -> None:
    assert all(card_model(use_case) is not None for use_case in use_cases().values())


def test_a_draft_is_saved_with_its_section(person) -> None:
    version = factories.a_version(person, released=False, card={"approach": "equation"})

    save_version(version=version, artefact=None, facts=None, card={"deaths": "censored"}, by=person)

    card = card_of(ModelVersion.objects.get(pk=version.pk))
    assert card is not None
    shown = {fact.label: fact.text for fact in card.facts() if fact.text}
    assert shown == {
        "Kind of model": "Published equation",
        "Deaths before the event": "Deaths are censored",
    }


def test_version_and_section_are_saved_together_or_not_at_all(person) -> None:
    model = factories.a_model(person)
    with pytest.raises(ValidationError, match="approach"):
        factories.a_version(person, model, card={"approach": "a guess"})
    assert not model.versions.exists()


def test_the_section_of_a_released_version_never_changes(person) -> None:
    version = factories.a_version(person, card={"approach": "equation"})
    other = factories.a_version(person, released=False, card={"approach": "learned"})

    with pytest.raises(ProgrammingError, match="never changes"), transaction.atomic():
        card_rows(version).update(approach="learned")
    with pytest.raises(ProgrammingError, match="never changes"), transaction.atomic():
        card_rows(version).delete()
    # Nor does it get the section of another version.
    with pytest.raises((ProgrammingError, IntegrityError)), transaction.atomic():
        card_rows(other).update(model_version=version)

    assert card_rows(version).get().approach == "equation"
    card_rows(other).update(approach="equation")


def test_a_released_version_gets_no_section_afterwards(person) -> None:
    version = factories.a_version(person, released=False)
    card_rows(version).delete()
    release_version(version=version, by=factories.a_manager_of(version.model.organisation))

    with pytest.raises(ProgrammingError, match="never changes"), transaction.atomic():
        card_model(version.model.declared)(model_version=version).save()  # type: ignore[misc]


def test_a_draft_that_is_thrown_away_takes_its_section_along(person) -> None:
    version = factories.a_version(person, released=False, card={"approach": "equation"})
    version.delete()
    assert not card_rows(version).exists()


def test_the_database_refuses_claims_that_cannot_be(person) -> None:
    model = factories.a_model(person, use_case="heart-failure", task="alerts")
    version = factories.a_version(person, model, released=False, card={"claimed_burden": 1.5})
    for impossible in ({"claimed_burden": -1}, {"claimed_sensitivity": 101}):
        with pytest.raises(IntegrityError), transaction.atomic():
            card_rows(version).update(**impossible)
