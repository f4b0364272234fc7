"""What everybody reads, what results need, and that nothing more comes along."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.catalogue.models import Dataset
from portal.evaluations.models import Evaluation
from portal.organisations import sharing
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.registry.models import Model, ModelVersion
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Holder"), Role.MANAGER)


@pytest.fixture
def developer(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Developer"), Role.MANAGER)


@pytest.fixture
def version(developer: User, holder: User) -> ModelVersion:
    found = factories.a_version(developer)
    share(found.model, of(holder), Verb.EVALUATE, by=developer)
    return found


@pytest.fixture
def dataset(holder: User, version: ModelVersion) -> Dataset:
    dataset = factories.a_ready_dataset(holder, version, title="Kidney cohort")
    return factories.complete(dataset)


@pytest.fixture
def evaluation(holder: User, dataset: Dataset, version: ModelVersion) -> Evaluation:
    return factories.a_finished_evaluation(holder, dataset, version)


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def share(obj: object, organisation: Organisation | None, *verbs: Verb, by: User) -> None:
    sharing.share(obj=obj, verbs=verbs, organisation=organisation, by=by)


def client_of(person: User | None) -> Client:
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def sees(person: User | None, evaluation: Evaluation) -> bool:
    answer = client_of(person).get(evaluation.get_absolute_url())
    assert answer.status_code in (200, 404)
    return answer.status_code == 200


def test_a_result_is_seen_where_both_owners_open_theirs(
    holder: User, developer: User, evaluation: Evaluation
) -> None:
    reader = factories.a_person(factories.an_organisation("Reader"), Role.VIEWER)
    dataset, model = evaluation.dataset, evaluation.model_version.model
    assert sees(holder, evaluation)
    assert not sees(developer, evaluation)
    assert not sees(reader, evaluation)

    share(dataset, of(developer), Verb.RESULTS, by=holder)
    assert sees(developer, evaluation)  # whose own the model is

    share(dataset, of(reader), Verb.RESULTS, by=holder)
    assert not sees(reader, evaluation)  # the developer has not said so
    share(model, of(reader), Verb.VIEW, Verb.EVALUATE, by=developer)
    assert not sees(reader, evaluation)  # nor does using say so
    share(model, of(reader), Verb.RESULTS, by=developer)
    assert sees(reader, evaluation)

    share(dataset, of(reader), Verb.VIEW, by=holder)
    assert not sees(reader, evaluation)


def test_results_go_to_the_consortium_and_stand_in_its_counts(
    holder: User, developer: User, evaluation: Evaluation
) -> None:
    reader = factories.a_person(factories.an_organisation(), Role.VIEWER)
    assert not Evaluation.objects.in_the_consortium().exists()
    share(evaluation.dataset, None, Verb.RESULTS, by=holder)
    share(evaluation.model_version.model, None, Verb.RESULTS, by=developer)
    assert sees(reader, evaluation)
    assert not sees(None, evaluation)
    assert list(Evaluation.objects.in_the_consortium()) == [evaluation]


def test_what_has_not_been_found_is_not_shown(
    holder: User, developer: User, dataset: Dataset, version: ModelVersion
) -> None:
    share(dataset, of(developer), Verb.RESULTS, by=holder)
    waiting = factories.an_evaluation(holder, dataset, version)
    assert sees(holder, waiting)
    assert not sees(developer, waiting)


def test_who_may_see_results_may_see_the_thing_but_change_nothing(
    holder: User, developer: User, evaluation: Evaluation
) -> None:
    share(evaluation.dataset, of(developer), Verb.RESULTS, by=holder)
    assert sharing.verbs_allowed(developer, evaluation.dataset) == {"view", "results"}
    for name in ("evaluation-cancel", "evaluation-retry"):
        here = {"use_case": "ckd", "reference": evaluation.reference}
        assert client_of(developer).post(reverse(name, kwargs=here)).status_code == 403


def publish(obj: Dataset | Model, by: User, answer: str = "yes") -> None:
    kind = "dataset" if isinstance(obj, Dataset) else "model"
    address = reverse(f"{kind}-share", kwargs={"use_case": "ckd", "slug": obj.slug})
    assert client_of(by).post(address, {"public": answer}).status_code == 302
    obj.refresh_from_db()


def test_everything_is_private_until_a_manager_says_otherwise(
    dataset: Dataset, version: ModelVersion
) -> None:
    for address in (
        dataset.get_absolute_url(),
        version.model.get_absolute_url(),
        version.get_absolute_url(),
    ):
        assert client_of(None).get(address).status_code == 404


def test_a_public_dataset_shows_its_description_and_nothing_of_what_it_holds(
    holder: User, dataset: Dataset, evaluation: Evaluation, developer: User
) -> None:
    named = factories.an_organisation("A named partner")
    share(dataset, named, Verb.VIEW, by=holder)
    publish(dataset, holder)
    outsider = factories.a_person(factories.an_organisation())
    administrator = factories.a_person(is_superuser=True, is_staff=True)
    for person in (None, outsider, developer, administrator):
        page = client_of(person).get(dataset.get_absolute_url())
        assert page.status_code == 200
        text = page.content.decode()
        assert dataset.description in text
        for hidden in (
            "Tables held here", "north", "A named partner", "Shared with", "Who did what",
            evaluation.reference, str(evaluation.model_version), "Upload",
        ):  # fmt: skip
            assert hidden not in text, (person, hidden)
        assert page.context["holdings"] == []
    # Who has been let in sees as much as before.
    assert "Tables held here" in client_of(holder).get(dataset.get_absolute_url()).content.decode()


def test_a_public_dataset_is_found_and_counted_and_no_other(holder: User, dataset: Dataset) -> None:
    private = factories.a_dataset(holder, title="Private cohort")
    publish(dataset, holder)
    for name, given in (
        ("all-dataset-list", {}),
        ("dataset-list", {"use_case": "ckd"}),
        ("use-case-overview", {"use_case": "ckd"}),
        ("organisation-detail", {"slug": dataset.organisation.slug}),
    ):
        text = Client().get(reverse(name, kwargs=given)).content.decode()
        assert dataset.title in text, name
        assert private.title not in text, name
    assert list(Dataset.objects.in_the_consortium()) == [dataset]


def test_public_is_not_for_use(holder: User, dataset: Dataset) -> None:
    publish(dataset, holder)
    outsider = factories.a_person(factories.an_organisation(), Role.MANAGER)
    assert sharing.verbs_allowed(outsider, dataset) == set()
    assert not sharing.organisation_may(of(outsider), Verb.EVALUATE, dataset)
    for name in ("dataset-edit", "dataset-share"):
        here = {"use_case": "ckd", "slug": dataset.slug}
        assert client_of(outsider).get(reverse(name, kwargs=here)).status_code == 403
    submit = reverse("evaluation-submit", kwargs={"use_case": "ckd", "task": "binary"})
    assert dataset.title not in client_of(outsider).get(submit).content.decode()


def test_a_public_model_shows_the_cards_of_released_versions_and_no_result(
    holder: User, developer: User, evaluation: Evaluation, version: ModelVersion
) -> None:
    draft = factories.a_version(developer, version.model, released=False, version="9.9.9")
    publish(version.model, developer)
    page = Client().get(version.model.get_absolute_url()).content.decode()
    assert version.version in page
    for hidden in ("9.9.9", "Holder", "Kidney cohort", "Who did what"):
        assert hidden not in page, hidden
    card = Client().get(version.get_absolute_url()).content.decode()
    assert version.intended_purpose in card
    for hidden in ("Kidney cohort", evaluation.reference, "Who did what"):
        assert hidden not in card, hidden
    assert Client().get(draft.get_absolute_url()).status_code == 404
    assert not sees(None, evaluation)


def test_public_ends_when_a_manager_ends_it(holder: User, dataset: Dataset) -> None:
    publish(dataset, holder)
    publish(dataset, holder, "no")
    assert Client().get(dataset.get_absolute_url()).status_code == 404


def test_only_a_manager_of_the_owner_makes_public(holder: User, dataset: Dataset) -> None:
    contributor = factories.a_person(of(holder))
    other = factories.a_person(factories.an_organisation(), Role.MANAGER)
    for person in (contributor, other, factories.a_person(is_superuser=True)):
        with pytest.raises(PermissionError):
            sharing.set_public(obj=dataset, public=True, by=person)
    dataset.refresh_from_db()
    assert not dataset.is_public


def test_it_is_recorded_once(holder: User, dataset: Dataset) -> None:
    for public in (True, True, False):
        sharing.set_public(obj=dataset, public=public, by=holder)
    found = Entry.objects.filter(verb=Act.SHARED, object_type="catalogue.dataset").order_by("pk")
    assert [entry.sentence for entry in found] == [
        "changed the sharing of the dataset “Kidney cohort” with everybody: its description",
        "changed the sharing of the dataset “Kidney cohort” with everybody: ended",
    ]
