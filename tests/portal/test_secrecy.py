"""What one organisation must not learn, keep or use of another's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from django.contrib.auth.models import Group
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.catalogue.actions import describe_columns
from portal.catalogue.models import Dataset, Upload
from portal.evaluations.actions import SubmissionRefused, retry_evaluation, submit_evaluation
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import run_evaluation
from portal.organisations import sharing
from portal.organisations.actions import delete_organisation, set_membership
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.registry.models import ModelVersion
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_this_process")]


@pytest.fixture
def holder(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Holder"), Role.MANAGER)


@pytest.fixture
def partner(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Partner"), Role.MANAGER)


@pytest.fixture
def administrator(media: Path) -> Client:
    client = Client()
    client.force_login(factories.a_person(is_staff=True, is_superuser=True))
    return client


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def shared_with(
    partner: User | None, holder: User, *objects: Any, verbs: tuple[Verb, ...] = tuple(Verb)
) -> None:
    organisation = None if partner is None else of(partner)
    for obj in objects:
        sharing.share(obj=obj, verbs=verbs, organisation=organisation, by=holder)


@pytest.fixture
def version(holder: User) -> ModelVersion:
    return factories.a_version(holder)


@pytest.fixture
def dataset(holder: User, version: ModelVersion) -> Dataset:
    return factories.a_ready_dataset(holder, version)


def test_ids_that_do_not_fit_are_not_told_to_who_submitted(
    holder: User, partner: User, dataset: Dataset, version: ModelVersion
) -> None:
    shared_with(partner, holder, dataset, version.model)
    cohort = factories.cohort_frame()[0]
    renamed = cohort.with_columns(pl.concat_str(pl.lit("other-"), "patient_id").alias("patient_id"))
    factories.a_table(dataset, renamed, holder)
    evaluation = factories.an_evaluation(partner, dataset, version)
    run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.failure == (
        "Every patient_id must exist in table 'cohort'. Check that both files use the same "
        "identifiers (leading zeros, prefixes) and belong together."
    )
    page = client_of(partner).get(evaluation.get_absolute_url()).content.decode()
    assert not re.search(r"\bp\d+\b", page)
    assert "other-" not in page


def test_a_model_shared_with_the_holder_alone_is_not_told_to_others(
    holder: User, partner: User
) -> None:
    developer = factories.a_person(factories.an_organisation(), Role.MANAGER)
    version = factories.a_version(developer, factories.a_model(developer, name="Secret model"))
    shared_with(holder, developer, version.model)
    dataset = factories.a_ready_dataset(holder, version)
    shared_with(None, holder, dataset)
    address = dataset.get_absolute_url()
    assert "Secret model" in client_of(holder).get(address).content.decode()
    assert "Secret model" not in client_of(partner).get(address).content.decode()


def test_addresses_do_not_tell_what_others_call_theirs(holder: User, partner: User) -> None:
    theirs = factories.a_dataset(holder, title="Trial of X")
    ours = factories.a_dataset(partner, title="Trial of X")
    lengths = {len(dataset.slug) for dataset in (theirs, ours)}
    assert lengths == {len("trial-of-x-abcd")}
    assert theirs.slug != ours.slug


def test_a_draft_is_not_found_by_guessing_its_number(
    holder: User, partner: User, version: ModelVersion
) -> None:
    draft = factories.a_version(holder, version.model, released=False, version="9.9.9")
    shared_with(partner, holder, version.model)
    client = client_of(partner)
    for address in (version.model.get_absolute_url(), reverse("all-model-list")):
        assert "9.9.9" not in client.get(address).content.decode()
    assert client.get(draft.get_absolute_url()).status_code == 404


def test_ids_of_what_is_not_shared_are_refused_like_ids_of_nothing(
    holder: User, partner: User, dataset: Dataset, version: ModelVersion
) -> None:
    client = client_of(partner)
    own = factories.a_version(partner)
    mine = factories.a_ready_dataset(partner, own)
    submit = reverse("evaluation-submit", kwargs={"use_case": "ckd", "task": "binary"})
    check = reverse("evaluation-check", kwargs={"use_case": "ckd", "task": "binary"})
    here = {"use_case": "ckd", "slug": mine.slug, "task": "binary", "table": "predictions"}
    good = {"organisation": of(partner).pk, "dataset": mine.pk, "model_version": own.pk}
    for name, theirs in (
        ("dataset", dataset.pk),
        ("model_version", version.pk),
        ("organisation", of(holder).pk),
    ):
        errors = []
        for key in (theirs, theirs + 100_000):
            page = client.post(submit, good | {name: key})
            errors.append(str(page.context["form"].errors))
            shown = client.get(check, good | {name: key}).content.decode()
            assert dataset.title not in shown
            assert version.model.name not in shown
        assert errors[0] == errors[1]
        assert "Select a valid choice" in errors[0]
    upload = reverse("table-upload", kwargs=here)
    assert "Select a valid choice" in str(
        client.post(upload, {"model_version": version.pk}).context["form"].errors["model_version"]
    )
    assert Evaluation.objects.count() == 0
    assert Upload.objects.count() == 0


def test_what_is_shared_with_one_organisation_is_not_used_for_another(
    holder: User, partner: User, dataset: Dataset, version: ModelVersion
) -> None:
    shared_with(partner, holder, dataset, version.model)
    other = factories.an_organisation("Other")
    set_membership(organisation=other, user=partner, role=Role.CONTRIBUTOR, by=None)
    task = factories.a_use_case().task("binary")
    with pytest.raises(SubmissionRefused) as caught:
        submit_evaluation(
            organisation=other,
            dataset=dataset,
            model_version=version,
            task=task,
            protocol=task.protocol(),
            by=partner,
        )
    assert caught.value.reasons == [
        "The dataset is not shared with Other for evaluations.",
        "The model is not shared with Other for evaluations.",
    ]
    address = reverse("evaluation-check", kwargs={"use_case": "ckd", "task": "binary"})
    asked = {"organisation": other.pk, "dataset": dataset.pk, "model_version": version.pk}
    assert "not shared with Other" in client_of(partner).get(address, asked).content.decode()


def test_what_is_shared_with_the_consortium_is_used_for_any_organisation(
    holder: User, partner: User, dataset: Dataset, version: ModelVersion
) -> None:
    shared_with(None, holder, dataset, version.model)
    assert factories.an_evaluation(partner, dataset, version).status == "queued"


def test_data_whose_sharing_ended_are_not_read_by_what_waits(
    holder: User, partner: User, dataset: Dataset, version: ModelVersion
) -> None:
    # The numbers are there already: they must not be handed out either.
    factories.a_finished_evaluation(holder, dataset, version)
    shared_with(partner, holder, dataset, version.model)
    evaluation = factories.an_evaluation(partner, dataset, version)
    shared_with(partner, holder, dataset, verbs=())
    run_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.stored_result) == ("failed", None)
    assert evaluation.failure == "The dataset is not shared with Partner for evaluations."
    with pytest.raises(PermissionError):
        retry_evaluation(evaluation=evaluation, by=partner)


def admin_form(organisation: Organisation, *lines: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": organisation.name,
        "slug": organisation.slug,
        "kind": organisation.kind,
        "country": organisation.country,
        "website": "",
        "memberships-TOTAL_FORMS": len(lines),
        "memberships-INITIAL_FORMS": sum("id" in line for line in lines),
    }
    for number, line in enumerate(lines):
        line["organisation"] = organisation.pk
        given |= {f"memberships-{number}-{name}": value for name, value in line.items()}
    return given


def test_a_membership_is_not_handed_to_another_person_by_a_form(
    administrator: Client, dataset: Dataset, holder: User
) -> None:
    organisation, heir = of(holder), factories.a_person()
    line = {"id": holder.memberships.get().pk, "user": heir.pk, "role": "manager"}
    address = reverse("admin:organisations_organisation_change", args=[organisation.pk])
    answer = administrator.post(address, admin_form(organisation, line))
    assert answer.status_code == 302, answer.context["errors"]
    assert holder.memberships.get().organisation == organisation
    assert "share" in sharing.verbs_allowed(holder, dataset)
    assert sharing.verbs_allowed(heir, dataset) == set()


@pytest.mark.parametrize("how", ["alone", "with others"])
def test_an_organisation_that_is_deleted_leaves_no_access(
    administrator: Client, holder: User, partner: User, dataset: Dataset, how: str
) -> None:
    shared_with(partner, holder, dataset)
    consortium = factories.a_dataset(holder)
    shared_with(None, holder, consortium)
    gone = of(partner)
    if how == "alone":
        address = reverse("admin:organisations_organisation_delete", args=[gone.pk])
        administrator.post(address, {"post": "yes"})
    else:
        administrator.post(
            reverse("admin:organisations_organisation_changelist"),
            {"action": "delete_selected", "_selected_action": [gone.pk], "post": "yes"},
        )
    assert not Organisation.objects.filter(pk=gone.pk).exists()
    assert not Dataset.objects.visible_to(User.objects.get(pk=partner.pk)).exists()
    assert not Group.objects.filter(name__startswith=f"organisation {gone.pk}:").exists()
    assert client_of(holder).get(dataset.get_absolute_url()).status_code == 200


def test_an_organisation_that_owns_something_is_not_deleted(
    administrator: Client, dataset: Dataset, holder: User
) -> None:
    owner = of(holder)
    with pytest.raises(ProtectedError):
        delete_organisation(organisation=owner, by=None)
    address = reverse("admin:organisations_organisation_delete", args=[owner.pk])
    assert "would require deleting" in administrator.get(address).content.decode()
    administrator.post(address, {"post": "yes"})
    assert Organisation.objects.filter(pk=owner.pk).exists()
    assert "share" in sharing.verbs_allowed(holder, dataset)


def test_the_admin_shows_no_value_of_a_patient(
    administrator: Client, holder: User, dataset: Dataset, version: ModelVersion
) -> None:
    evaluation = factories.an_evaluation(holder, dataset, version)
    Evaluation.objects.filter(pk=evaluation.pk).update(failure_detail="conversion of 'secret-417'")
    factories.an_upload(dataset, b"patient_id,outcome\nsecret-417,7\n", holder)
    index = administrator.get(reverse("admin:index"))
    listed = [entry for app in index.context["available_apps"] for entry in app["models"]]
    assert {entry["object_name"] for entry in listed} == {
        "User",
        "Organisation",
        "Appointment",
        "Membership",
        "Invitation",
        "Evaluation",
        "Upload",
        "Comparison",
        # Where each stands, and nothing of what they say
        "Application",
        "Review",
        "Permit",
        "Notification",
        "News",
        "Milestone",
        "HomeFigure",
        # What the use cases add to descriptions: metadata
        "KidneyCohort",
        "KidneyModelCard",
        "ImageSet",
        "ImagingModelCard",
        "MonitoredCohort",
        "AlertModelCard",
    }
    pages = [entry["admin_url"] for entry in listed]
    pages.append(reverse("admin:evaluations_evaluation_change", args=[evaluation.pk]))
    for page in pages:
        answer = administrator.get(page)
        assert answer.status_code == 200
        assert "secret-417" not in answer.content.decode()


def test_a_table_that_is_uploaded_once_more_is_the_one_in_force(
    holder: User, version: ModelVersion
) -> None:
    dataset = factories.a_dataset(holder)
    task = factories.a_use_case().task("binary")
    lines = [f"p{number},{number % 2}\n" for number in range(40)]
    first, second = (
        "".join(["patient_id,outcome\n", *rows]).encode() for rows in (lines, lines[:30])
    )
    found = []
    for content in (first, second, first):
        factories.an_upload(dataset, content, holder)
        found.append(dataset.current_tables(task)["cohort"].rows)
    assert found == [40, 30, 40]
    assert dataset.tables.count() == 2


def test_columns_that_were_named_meanwhile_do_not_fail_an_upload(holder: User) -> None:
    dataset = factories.a_dataset(holder)
    table = factories.a_table(dataset, factories.cohort_frame()[0], holder)
    describe_columns(dataset=dataset, table=table)
    # As if another upload had described them since this one looked.
    with patch.object(type(dataset.variables), "values_list", return_value=[]):
        describe_columns(dataset=dataset, table=table)
    assert dataset.variables.count() == 3
