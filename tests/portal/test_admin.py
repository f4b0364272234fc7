"""The administration: whose pages they are, what they record, and what they never show."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.models import User
from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.catalogue.models import Upload
from portal.comparisons.models import ComparedEvaluation, Comparison
from portal.evaluations.models import Evaluation
from portal.organisations import actions, invitations
from portal.organisations.models import Appointment, Invitation, Membership, Organisation
from portal.organisations.roles import ConsortiumRole, Role
from tests import factories, permits

pytestmark = pytest.mark.django_db

JOBS = "/admin/jobs/"
OWN = {
    *("Organisation", "Membership", "Invitation", "Evaluation", "Upload", "Comparison"),
    *("Application", "Review", "Permit"),
}
"""What a manager on the staff finds, of their own organisation."""


@pytest.fixture
def administrator(media: Path) -> User:
    return factories.a_person(is_staff=True, is_superuser=True, full_name="Site administrator")


@pytest.fixture
def manager(media: Path) -> User:
    holder = factories.an_organisation("Holder")
    return factories.a_person(holder, Role.MANAGER, is_staff=True, full_name="Anna Holm")


@pytest.fixture
def other(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Other"), Role.MANAGER)


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def at(model: Any, name: str, *arguments: Any) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=arguments)


def act(client: Client, model: Any, action: str, *rows: Any, confirmed: bool = True) -> Any:
    given = {"action": action, "_selected_action": [row.pk for row in rows]}
    more = {"confirmed": "yes"} if confirmed else {}
    return client.post(at(model, "changelist"), given | more, follow=True)


def jobs(person: User) -> tuple[Evaluation, Upload, Comparison]:
    """One of each kind, queued."""
    version = factories.a_version(person)
    dataset = factories.a_ready_dataset(person, version)
    upload = factories.an_upload(dataset, b"secret-417", person, run=False, file_name="Jensen.csv")
    evaluation = factories.an_evaluation(person, dataset, version)
    comparison = Comparison.objects.create(
        use_case="ckd", task="binary", organisation=of(person), submitted_by=person, protocol={},
        engine="1", fingerprint=f"{evaluation.pk:064}",
    )  # fmt: skip
    ComparedEvaluation.objects.create(comparison=comparison, evaluation=evaluation, position=0)
    return evaluation, upload, comparison


def fail(job: Any, sentence: str, **more: Any) -> None:
    held = type(job).objects.claim(job.pk, worker="test")
    assert held is not None
    type(job).objects.finish(held, "failed", failure=sentence, **more)


@pytest.mark.parametrize("kind", ["contributor", "suspended", "nobody"])
def test_staff_who_manage_nothing_find_nothing(manager: User, kind: str) -> None:
    if kind == "nobody":
        person = factories.a_person(is_staff=True)
    else:
        role = Role.CONTRIBUTOR if kind == "contributor" else Role.MANAGER
        person = factories.a_person(of(manager), role, is_staff=True)
    if kind == "suspended":
        actions.suspend_membership(membership=person.memberships.get(), by=manager)
    client = client_of(person)
    assert client.get(reverse("admin:index")).context["available_apps"] == []
    for model in admin.site._registry:
        assert client.get(at(model, "changelist")).status_code == 403, model


def test_a_manager_on_the_staff_finds_their_own_organisation_alone(
    manager: User, other: User
) -> None:
    mine, theirs = jobs(manager), jobs(other)
    for person in (manager, other):
        invitations.invite(
            organisation=of(person), email=f"to-{of(person).slug}@example.org",
            role=Role.VIEWER, by=person,
        )  # fmt: skip
    own_permit, other_permit = (
        permits.a_permit(person, permits.a_closed_dataset()) for person in (manager, other)
    )
    client = client_of(manager)
    index = client.get(reverse("admin:index"))
    found = {entry["object_name"] for app in index.context["available_apps"]
             for entry in app["models"]}  # fmt: skip
    assert found == OWN
    pairs = [
        (of(manager), of(other)),
        (manager.memberships.get(), other.memberships.get()),
        (of(manager).member_invitations.get(), of(other).member_invitations.get()),
        *zip(mine, theirs, strict=True),
        (own_permit, other_permit),
        (own_permit.review, other_permit.review),
        (own_permit.review.application, other_permit.review.application),
    ]
    for own, foreign in pairs:
        model = type(own)
        for asked in ({}, {"q": "o"}, {"q": "other"}, {"q": of(other).name}):
            page = client.get(at(model, "changelist"), asked)
            rows = page.context["cl"].result_list
            assert foreign not in rows, (model, asked)
            assert page.context["cl"].full_result_count in (None, 1), (model, asked)
        assert own in client.get(at(model, "changelist")).context["cl"].result_list
        assert client.get(at(model, "change", own.pk)).status_code == 200
        # Django sends who asks for what is not there to the index.
        assert client.get(at(model, "change", foreign.pk)).status_code == 302, model
        for name in ("add", "delete"):
            arguments = [own.pk] if name == "delete" else []
            expected = 200 if (model, name) == (Invitation, "add") else 403
            assert client.get(at(model, name, *arguments)).status_code == expected, (model, name)
    for model in set(admin.site._registry) - {type(own) for own, _ in pairs}:
        assert client.get(at(model, "changelist")).status_code == 403, model
    everybody = reverse("admin:autocomplete")
    asked = {"app_label": "organisations", "model_name": "membership", "field_name": "user"}
    assert client.get(everybody, asked | {"term": "a"}).status_code == 403


def form_of(organisation: Organisation, *lines: dict[str, Any], **given: Any) -> dict[str, Any]:
    fields = ("name", "slug", "kind", "country", "website")
    data = {name: getattr(organisation, name) for name in fields} | given
    data |= {
        "memberships-TOTAL_FORMS": len(lines),
        "memberships-INITIAL_FORMS": sum("id" in line for line in lines),
    }
    for number, line in enumerate(lines):
        whole = line | {"organisation": organisation.pk}
        data |= {f"memberships-{number}-{name}": value for name, value in whole.items()}
    return data


def line(membership: Membership, **changes: Any) -> dict[str, Any]:
    return {"id": membership.pk, "user": membership.user.pk, "role": membership.role} | changes


def test_a_manager_on_the_staff_changes_roles_and_nothing_that_is_the_sites(
    manager: User, other: User
) -> None:
    person, stranger = factories.a_person(of(manager), Role.VIEWER), factories.a_person()
    mine, theirs = manager.memberships.get(), person.memberships.get()
    client = client_of(manager)
    address = at(Organisation, "change", of(manager).pk)
    sent = form_of(
        of(manager),
        line(mine),
        line(theirs, role="contributor", user=stranger.pk),
        {"user": stranger.pk, "role": "manager"},
        name="Another name", slug="other", country="FR", website="https://example.org/",
    )  # fmt: skip
    client.post(address, sent)
    found = Organisation.objects.get(pk=of(manager).pk)
    assert (found.name, found.slug, found.country) == ("Holder", of(manager).slug, "DK")
    assert found.website == "https://example.org/"
    assert person.memberships.get().role == Role.CONTRIBUTOR
    assert not stranger.memberships.exists()
    # Neither by naming another organisation's member in a line, nor by another's page.
    foreign = other.memberships.get()
    client.post(address, form_of(of(manager), line(mine), line(foreign, role="viewer")))
    client.post(at(Organisation, "change", of(other).pk), form_of(of(other), line(foreign)))
    act(client, Membership, "end", foreign)
    act(client, Membership, "suspend", foreign)
    act(client, Organisation, "suspend", of(manager))
    foreign.refresh_from_db()
    assert (foreign.role, foreign.suspended_at) == (Role.MANAGER, None)
    assert not Organisation.objects.get(pk=of(manager).pk).is_suspended


def test_people_are_given_with_the_organisation_and_that_is_recorded(
    administrator: User, manager: User
) -> None:
    newcomer = factories.a_person(full_name="Lena Brandt")
    leaving = factories.a_person(of(manager), full_name="Jan de Vries")
    sent = form_of(
        of(manager),
        line(manager.memberships.get()),
        line(leaving.memberships.get(), DELETE="on"),
        {"user": newcomer.pk, "role": "viewer"},
    )
    start = Entry.objects.count()
    client_of(administrator).post(at(Organisation, "change", of(manager).pk), sent)
    assert newcomer.memberships.get().role == Role.VIEWER
    assert not leaving.memberships.exists()
    assert not leaving.groups.exists()
    found = Entry.objects.order_by("pk")[start:]
    assert {(entry.person, entry.organisation, entry.sentence) for entry in found} == {
        (administrator, None, "added Lena Brandt as viewer of Holder"),
        (administrator, None, "ended the membership of Jan de Vries in Holder"),
    }


@pytest.mark.parametrize("changes", [{"role": "viewer"}, {"DELETE": "on"}])
def test_the_form_refuses_to_leave_an_organisation_without_a_manager(
    administrator: User, manager: User, changes: dict[str, Any]
) -> None:
    membership = manager.memberships.get()
    sent = form_of(of(manager), line(membership, **changes))
    answer = client_of(administrator).post(at(Organisation, "change", of(manager).pk), sent)
    assert "would be left without a manager" in answer.content.decode()
    membership.refresh_from_db()
    assert membership.role == Role.MANAGER


def test_nobody_is_exchanged_for_another_in_their_line(administrator: User, manager: User) -> None:
    person, stranger = factories.a_person(of(manager), Role.VIEWER), factories.a_person()
    sent = form_of(
        of(manager),
        line(manager.memberships.get()),
        line(person.memberships.get(), user=stranger.pk, role="contributor"),
    )
    client_of(administrator).post(at(Organisation, "change", of(manager).pk), sent)
    assert person.memberships.get().role == Role.CONTRIBUTOR
    assert not stranger.memberships.exists()


def test_the_people_of_an_organisation_take_a_constant_number_of_queries(
    administrator: User, manager: User
) -> None:
    client, address = client_of(administrator), at(Organisation, "change", of(manager).pk)

    def queries() -> int:
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    few = queries()
    for _ in range(4):
        factories.a_person(of(manager), Role.VIEWER)
    assert queries() == few


def test_managers_may_be_exchanged_in_one_form(administrator: User, manager: User) -> None:
    heir = factories.a_person(of(manager), Role.VIEWER)
    sent = form_of(
        of(manager),
        line(manager.memberships.get(), DELETE="on"),
        line(heir.memberships.get(), role="manager"),
    )
    organisation = of(manager)
    answer = client_of(administrator).post(at(Organisation, "change", organisation.pk), sent)
    assert answer.status_code == 302
    assert [held.user for held in organisation.memberships.all()] == [heir]


def test_people_are_invited_to_the_own_organisation_alone(
    administrator: User, manager: User, other: User, django_capture_on_commit_callbacks: Any
) -> None:
    def invite(by: User, organisation: Organisation, email: str) -> Any:
        given = {"email": email, "organisation": organisation.pk, "role": "manager"}
        with django_capture_on_commit_callbacks(execute=True):
            return client_of(by).post(at(Invitation, "add"), given, follow=True)

    for person, organisation in ((administrator, of(other)), (manager, of(manager))):
        invite(person, organisation, "new@example.org")
        invitation = Invitation.objects.get(organisation=organisation)
        assert (invitation.email, invitation.role) == ("new@example.org", "manager")
        assert invitation.invited_by == person
    assert [letter.to for letter in mail.outbox] == [["new@example.org"]] * 2
    assert Entry.objects.filter(verb=Act.INVITED).count() == 2
    # Not to another's organisation, and not twice; what was typed is kept.
    invite(manager, of(other), "more@example.org")
    assert not Invitation.objects.filter(email="more@example.org").exists()
    answer = invite(manager, of(manager), manager.email)
    text = answer.content.decode()
    assert "belongs to the organisation already" in text
    assert f'value="{manager.email}"' in text
    assert Invitation.objects.count() == 2
    assert len(mail.outbox) == 2


def test_dangerous_actions_ask_first(administrator: User, manager: User) -> None:
    factories.a_person(of(manager), Role.MANAGER)
    client, organisation, membership = (
        client_of(administrator), of(manager), manager.memberships.get(),
    )  # fmt: skip
    evaluation, upload, comparison = jobs(manager)
    invitations.invite(
        organisation=organisation, email="x@example.org", role=Role.VIEWER, by=manager
    )
    invitation = Invitation.objects.get()
    for row, action, field in (
        (upload, "cancel", "status"),
        (evaluation, "cancel", "status"),
        (evaluation, "retry", "status"),
        (comparison, "cancel", "status"),
        (comparison, "retry", "status"),
        (invitation, "withdraw", "withdrawn_at"),
        (membership, "suspend", "suspended_at"),
        (organisation, "suspend", "suspended_at"),
    ):
        row.refresh_from_db()
        before = getattr(row, field)
        page = act(client, type(row), action, row, confirmed=False)
        row.refresh_from_db()
        assert getattr(row, field) == before, action
        assert "Yes, go on" in page.content.decode()
        act(client, type(row), action, row)
        row.refresh_from_db()
        assert getattr(row, field) != before, action
    for row in (membership, organisation):
        act(client, type(row), "reinstate", row)
        row.refresh_from_db()
        assert row.suspended_at is None
    act(client, Membership, "end", membership)
    assert not manager.memberships.exists()


def test_an_action_says_why_it_was_refused(administrator: User, manager: User) -> None:
    page = act(client_of(administrator), Membership, "end", manager.memberships.get())
    assert "would be left without a manager" in page.content.decode()
    assert manager.memberships.exists()


def test_an_administrator_runs_jobs_and_submits_none(administrator: User, manager: User) -> None:
    evaluation = jobs(manager)[0]
    client = client_of(administrator)
    act(client, Evaluation, "cancel", evaluation)
    act(client, Evaluation, "retry", evaluation)
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.submitted_by) == ("queued", manager)
    found = Entry.objects.filter(verb__in=(Act.CANCELLED, Act.RETRIED))
    assert {(entry.person, entry.organisation) for entry in found} == {(administrator, None)}
    # What may not run is not queued by an administrator either.
    act(client, Evaluation, "cancel", evaluation)
    version = evaluation.model_version
    type(version).objects.filter(pk=version.pk).update(status="retired")
    page = act(client, Evaluation, "retry", evaluation)
    assert "no longer released" in page.content.decode()
    # Nor does running jobs open them.
    assert client.get(evaluation.get_absolute_url()).status_code == 404


def test_the_jobs_pages_show_reasons_and_nothing_of_a_patient(
    administrator: User, manager: User
) -> None:
    evaluation, upload, comparison = jobs(manager)
    fail(
        upload, "Two columns are missing.", failure_detail="row 'secret-417'",
        problems=[{"found": "secret-417"}],
    )  # fmt: skip
    client = client_of(administrator)
    pages = [client.get(at(model, "changelist")) for model in (Upload, Evaluation, Comparison)]
    pages += [
        client.get(at(type(row), "change", row.pk)) for row in (upload, evaluation, comparison)
    ]
    pages.append(client.get(JOBS))
    pages.append(act(client, Upload, "cancel", upload, confirmed=False))
    texts = [page.content.decode() for page in pages]
    assert "Two columns are missing." in texts[0]
    for text in texts:
        assert "secret-417" not in text
        assert "Jensen" not in text


def lines(client: Client, **asked: Any) -> list[Any]:
    return [line.job for line in client.get(JOBS, asked).context["page"].object_list]


def test_one_page_shows_every_kind_of_job_and_why_it_failed(
    administrator: User, manager: User, other: User
) -> None:
    evaluation, upload, comparison = jobs(manager)
    theirs = jobs(other)
    fail(upload, "Two columns are missing.")
    Evaluation.objects.claim(evaluation.pk, worker="worker-7")
    client = client_of(administrator)
    page = client.get(JOBS)
    counts = page.context["counts"]
    assert (counts["queued"], counts["running"], counts["failed"]) == (4, 1, 1)
    text = page.content.decode()
    assert "Two columns are missing." in text
    assert "worker-7" in text
    assert JOBS in client.get(reverse("admin:index")).content.decode()
    assert set(lines(client)) == {evaluation, upload, comparison, *theirs}
    assert lines(client, state="failed") == [upload]
    assert lines(client, kind="evaluation", state="running") == [evaluation]
    assert lines(client, q=evaluation.reference) == [comparison, evaluation]
    assert lines(client, state="succeeded") == []
    # What makes no sense filters nothing, and breaks nothing.
    assert len(lines(client, state="\x00", kind="x", q="\x00", page="-1")) == 6
    # A manager on the staff looks after those of their own organisation.
    mine = client_of(manager)
    assert set(lines(mine)) == {evaluation, upload, comparison}
    assert of(other).name not in mine.get(JOBS).content.decode()


def test_jobs_are_cancelled_and_tried_again_from_their_page(
    administrator: User, manager: User
) -> None:
    evaluation, upload, comparison = jobs(manager)
    client = client_of(administrator)
    for job, action, status in (
        (evaluation, "cancel", "cancelled"),
        (evaluation, "retry", "queued"),
        (comparison, "cancel", "cancelled"),
        (comparison, "retry", "queued"),
        (upload, "cancel", "cancelled"),
        (upload, "retry", "cancelled"),  # nothing is kept of it
    ):
        sent = {"action": action, "_selected_action": job.pk, "back": "jobs"}
        asked = client.post(at(type(job), "changelist"), sent)
        if (job, action) != (upload, "retry"):
            assert 'name="back" value="jobs"' in asked.content.decode()
            answer = client.post(at(type(job), "changelist"), sent | {"confirmed": "yes"})
            assert answer["Location"] == JOBS
        job.refresh_from_db()
        assert job.status == status, (job, action)


def test_a_comparison_is_not_tried_again_where_the_right_to_it_ended(
    administrator: User, manager: User, other: User
) -> None:
    comparison = jobs(manager)[2]
    client = client_of(administrator)
    act(client, Comparison, "cancel", comparison)
    Comparison.objects.update(organisation=of(other))
    page = act(client, Comparison, "retry", comparison)
    said = " ".join(str(message) for message in page.context["messages"])
    assert "The model is not shared with Other for evaluations." in said
    comparison.refresh_from_db()
    assert comparison.status == "cancelled"


def test_roles_across_the_consortium_are_given_and_ended_and_recorded(
    administrator: User, manager: User
) -> None:
    client, person = client_of(administrator), factories.a_person(full_name="Eva Lindgren")
    client.post(at(Appointment, "add"), {"user": person.pk, "role": "auditor", "country": ""})
    appointment = Appointment.objects.get(user=person)
    client.post(at(Appointment, "delete", appointment.pk), {"post": "yes"})
    assert not Appointment.objects.exists()
    found = Entry.objects.filter(verb__in=(Act.APPOINTED, Act.APPOINTMENT_ENDED)).order_by("pk")
    assert [entry.sentence for entry in found] == [
        "appointed Eva Lindgren as auditor",
        "ended the appointment of Eva Lindgren as auditor",
    ]
    assert client_of(manager).get(at(Appointment, "changelist")).status_code == 403


def test_a_person_is_deactivated_and_never_deleted(administrator: User) -> None:
    client, person = client_of(administrator), factories.a_person(full_name="Jan de Vries")
    assert client.get(at(User, "delete", person.pk)).status_code == 403
    page = client.get(at(User, "change", person.pk))
    given = {"email": person.email, "full_name": person.full_name}
    for formset in page.context["inline_admin_formsets"]:
        prefix = formset.formset.prefix
        given |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    assert client.post(at(User, "change", person.pk), given).status_code == 302
    person.refresh_from_db()
    assert not person.is_active
    found = Entry.objects.filter(object_type="accounts.user").values_list("sentence", flat=True)
    assert "deactivated Jan de Vries" in found


def test_an_administrator_sets_a_password_and_that_is_recorded(administrator: User) -> None:
    person = factories.a_person(full_name="Jan de Vries")
    given = {"password1": "another long password, 2", "password2": "another long password, 2"}
    address = reverse("admin:auth_user_password_change", args=[person.pk])
    client = client_of(administrator)
    with mock.patch.object(Entry, "save", side_effect=RuntimeError), pytest.raises(RuntimeError):
        client.post(address, given | {"usable_password": "true"})
    person.refresh_from_db()
    assert person.check_password(factories.PASSWORD)
    client.post(address, given | {"usable_password": "true"})
    person.refresh_from_db()
    assert person.check_password("another long password, 2")
    entry = Entry.objects.latest("pk")
    assert (entry.person, entry.verb) == (administrator, Act.PERSON_CHANGED)
    assert entry.sentence.startswith("changed the account of Jan de Vries: ")
    assert "password" in entry.sentence.lower()


def test_a_staff_member_with_every_permission_still_edits_no_person(manager: User) -> None:
    manager.user_permissions.set(Permission.objects.all())
    client = client_of(User.objects.get(pk=manager.pk))
    for name, arguments in (("changelist", []), ("add", []), ("change", [manager.pk])):
        assert client.get(at(User, name, *arguments)).status_code == 403, name
    assert client.get(at(Appointment, "add")).status_code == 403


@pytest.mark.parametrize(
    "model",
    [
        User,
        Appointment,
        Organisation,
        Membership,
        Invitation,
        Evaluation,
        Upload,
        Comparison,
        None,
    ],
)
def test_the_lists_have_a_constant_number_of_queries(administrator: User, model: Any) -> None:
    client = client_of(administrator)

    def fill() -> None:
        person = factories.a_person(factories.an_organisation(), Role.MANAGER)
        jobs(person)
        factories.appointed(ConsortiumRole.AUDITOR)
        invitations.invite(
            organisation=of(person), email="x@example.org", role=Role.VIEWER, by=person
        )

    def queries() -> int:
        address = JOBS if model is None else at(model, "changelist")
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    fill()
    fill()
    few = queries()
    for _ in range(3):
        fill()
    assert queries() == few
