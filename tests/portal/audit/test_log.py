"""The log: written with the act, never changed, read by whom it concerns."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from portal.accounts.models import User
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.audit.origin import address_of
from portal.catalogue.actions import update_dataset
from portal.evaluations.actions import cancel_evaluation, retry_evaluation
from portal.organisations import actions, sharing
from portal.organisations.acting import SESSION_KEY
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.registry.actions import retire_version
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(media: Path) -> User:
    holder = factories.an_organisation("Holder")
    return factories.a_person(holder, Role.MANAGER, full_name="Anna Holm")


@pytest.fixture
def auditor() -> Client:
    return client_of(factories.appointed("auditor"))


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def sentences(*verbs: Act) -> list[str]:
    found = Entry.objects.order_by("pk")
    return list((found.filter(verb__in=verbs) if verbs else found).values_list("sentence", flat=1))


def test_an_entry_says_who_for_whom_what_and_keeps_the_names(manager: User) -> None:
    dataset = factories.a_dataset(manager, title="Kidney cohort")
    entry = Entry.objects.get(verb=Act.ADDED)
    assert (entry.person, entry.person_name) == (manager, "Anna Holm")
    assert (entry.organisation, entry.organisation_name) == (of(manager), "Holder")
    assert (entry.object_type, entry.object_id) == ("catalogue.dataset", str(dataset.pk))
    assert entry.sentence == "added the dataset “Kidney cohort”"
    assert entry.address is None
    assert abs((timezone.now() - entry.at).total_seconds()) < 60

    organisation = of(manager)
    User.objects.filter(pk=manager.pk).update(full_name="Another name")
    Organisation.objects.filter(pk=organisation.pk).update(name="Another organisation")
    entry.refresh_from_db()
    assert (entry.person_name, entry.organisation_name) == ("Anna Holm", "Holder")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET person_name = 'nobody'",
        "UPDATE audit_entry SET address = NULL",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_entry WHERE false",
        "TRUNCATE audit_entry",
        "TRUNCATE audit_entry CASCADE",
        "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE"
        " SET sentence = 'nothing'",
    ],
)
@pytest.mark.parametrize("ignored", [False, True])
def test_the_database_refuses_to_change_the_log(
    manager: User, statement: str, ignored: bool
) -> None:
    factories.a_dataset(manager)
    before = list(Entry.objects.values())
    if ignored:  # what pgtrigger's own triggers would listen to
        statement = f"SET LOCAL pgtrigger.ignore = '{{audit_entry_is_append_only}}'; {statement}"
    with connection.cursor() as cursor, transaction.atomic():
        with pytest.raises(ProgrammingError, match="the log is never changed"):
            cursor.execute(statement)
        transaction.set_rollback(True)
    assert list(Entry.objects.values()) == before


def test_neither_does_the_application_change_it(manager: User) -> None:
    factories.a_dataset(manager)
    entry = Entry.objects.latest("pk")
    with pytest.raises(TypeError, match="written once"):
        entry.save()
    for change in (entry.delete, Entry.objects.all().delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    with pytest.raises(DatabaseError), transaction.atomic():
        Entry.objects.update(sentence="")


def test_what_is_rolled_back_was_not_done(manager: User) -> None:
    dataset = factories.a_dataset(manager)
    before = Entry.objects.count()
    with transaction.atomic():
        update_dataset(dataset=dataset, by=manager, title="Other")
        assert Entry.objects.count() == before + 1
        transaction.set_rollback(True)
    assert Entry.objects.count() == before


def test_an_act_that_is_not_on_the_list_is_not_recorded(manager: User) -> None:
    with pytest.raises(ValueError, match="looked-at"):
        record(by=manager, organisation=None, verb="looked-at", obj=manager)  # type: ignore[arg-type]
    with pytest.raises(DatabaseError, match="entry_verb_known"), transaction.atomic():
        Entry.objects.create(verb="looked-at", object_type="x", object_id="1")


def test_every_act_on_members_is_recorded(manager: User) -> None:
    organisation, person = of(manager), factories.a_person(full_name="Lena Brandt")
    administrator = factories.a_person(is_superuser=True, full_name="Site administrator")

    def give(role: Role, by: User) -> Any:
        return actions.set_membership(organisation=organisation, user=person, role=role, by=by)

    start = len(sentences())
    membership = give(Role.VIEWER, manager)
    give(Role.VIEWER, manager)  # nothing new
    give(Role.MANAGER, manager)
    actions.suspend_membership(membership=membership, by=manager)
    actions.suspend_membership(membership=membership, by=manager)  # nothing new
    actions.reinstate_membership(membership=membership, by=administrator)
    actions.end_membership(membership=membership, by=manager)
    actions.end_membership(membership=give(Role.VIEWER, manager), by=person)
    actions.suspend_organisation(organisation=organisation, by=administrator)
    actions.reinstate_organisation(organisation=organisation, by=administrator)
    assert sentences()[start:] == [
        "added Lena Brandt as viewer of Holder",
        "made Lena Brandt manager of Holder",
        "suspended Lena Brandt in Holder",
        "reinstated Lena Brandt in Holder",
        "ended the membership of Lena Brandt in Holder",
        "added Lena Brandt as viewer of Holder",
        "left Holder",
        "suspended the organisation “Holder”",
        "reinstated the organisation “Holder”",
    ]
    for entry in Entry.objects.filter(person=manager):
        assert entry.organisation == organisation
    # Who administers the site acts for no organisation.
    assert {entry.organisation for entry in Entry.objects.filter(person=administrator)} == {None}


def test_sharing_releasing_and_jobs_are_recorded(manager: User) -> None:
    version = factories.a_version(manager)
    dataset = factories.a_ready_dataset(manager, version)
    named = factories.an_organisation("Named")
    for verbs in ([Verb.EVALUATE], []):
        sharing.share(obj=dataset, verbs=verbs, organisation=named, by=manager)
    sharing.share(obj=version.model, verbs=[Verb.VIEW], organisation=None, by=manager)
    evaluation = factories.an_evaluation(manager, dataset, version)
    cancel_evaluation(evaluation=evaluation, by=manager)
    cancel_evaluation(evaluation=evaluation, by=manager)  # nothing new
    retry_evaluation(evaluation=evaluation, by=manager)
    retire_version(version=version, by=manager)
    assert sentences(Act.SHARED) == [
        f"changed the sharing of the dataset “{dataset}” with Named: see, use in evaluations",
        f"changed the sharing of the dataset “{dataset}” with Named: ended",
        f"changed the sharing of the model “{version.model}” with the whole consortium: see",
    ]
    assert sentences(Act.SUBMITTED, Act.CANCELLED, Act.RETRIED) == [
        f"submitted the evaluation “{evaluation}”",
        f"cancelled the evaluation “{evaluation}”",
        f"tried again the evaluation “{evaluation}”",
    ]
    assert sentences(Act.RELEASED, Act.RETIRED) == [
        f"released the model version “{version}”",
        f"retired the model version “{version}”",
    ]


def test_every_download_is_recorded_with_its_address(manager: User) -> None:
    version = factories.a_version(manager)
    dataset = factories.a_ready_dataset(manager, version)
    evaluation = factories.a_finished_evaluation(manager, dataset, version)
    client = client_of(manager)
    reference = evaluation.reference
    here = {"use_case": "ckd", "reference": reference}
    for name, more in (
        ("evaluation-detail", {}),  # looking is no download
        ("evaluation-result", {}),
        ("evaluation-estimates", {}),
        ("evaluation-curve", {"curve": "roc"}),
        ("evaluation-curve", {"curve": "nothing"}),
    ):
        client.get(reverse(name, kwargs=here | more), REMOTE_ADDR="192.0.2.7")
    of_it = f"of the evaluation “{evaluation}”"
    assert sentences(Act.DOWNLOADED) == [
        f"downloaded result-{reference}.json {of_it}",
        f"downloaded estimates-{reference}.csv {of_it}",
        f"downloaded roc-{reference}.csv {of_it}",
    ]
    for entry in Entry.objects.filter(verb=Act.DOWNLOADED):
        assert (entry.person, entry.organisation) == (manager, of(manager))
        assert (entry.address, entry.object_id) == ("192.0.2.7", str(evaluation.pk))


def test_what_is_done_is_done_for_the_chosen_organisation(manager: User) -> None:
    version = factories.a_version(manager)
    dataset = factories.a_ready_dataset(manager, version)
    evaluation = factories.a_finished_evaluation(manager, dataset, version)
    other = factories.an_organisation("Other")
    actions.set_membership(organisation=other, user=manager, role=Role.VIEWER, by=None)
    client = client_of(manager)
    session = client.session
    session[SESSION_KEY] = other.pk
    session.save()
    client.get(
        reverse("evaluation-result", kwargs={"use_case": "ckd", "reference": evaluation.reference})
    )
    assert Entry.objects.get(verb=Act.DOWNLOADED).organisation == other


@pytest.mark.parametrize(
    ("behind_proxy", "remote", "forwarded", "expected"),
    [
        (False, "192.0.2.7", "", "192.0.2.7"),
        (False, "192.0.2.7", "203.0.113.9", "192.0.2.7"),  # anybody may write that header
        (True, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (True, "10.0.0.1", "8.8.8.8, 203.0.113.9", "203.0.113.9"),
        (True, "10.0.0.1", "", "10.0.0.1"),
        (True, "10.0.0.1", "2001:db8::1", "2001:db8::1"),
        (True, "10.0.0.1", "'; DROP TABLE audit_entry", None),
        (False, "", "", None),
    ],
)
def test_the_address_is_what_the_proxy_says_and_never_what_a_visitor_says(
    settings: Any, behind_proxy: bool, remote: str, forwarded: str, expected: str | None
) -> None:
    settings.BEHIND_PROXY = behind_proxy
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": remote}
    if forwarded:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    assert address_of(request) == expected


def test_the_log_is_kept_in_one_language(manager: User) -> None:
    with translation.override("fr"):
        factories.a_dataset(manager, title="Cohorte")
    assert sentences(Act.ADDED) == ["added the dataset “Cohorte”"]


def test_a_history_is_read_by_the_members_of_the_owner(manager: User) -> None:
    dataset = factories.a_dataset(manager, title="Kidney cohort")
    viewer = factories.a_person(of(manager), Role.VIEWER)
    named = factories.a_person(factories.an_organisation("Named"), Role.MANAGER)
    sharing.share(obj=dataset, verbs=[Verb.VIEW], organisation=of(named), by=manager)
    seen = client_of(viewer).get(dataset.get_absolute_url()).content.decode()
    assert "changed the sharing of the dataset “Kidney cohort” with Named: see" in seen
    hidden = client_of(named).get(dataset.get_absolute_url())
    assert hidden.status_code == 200
    assert "changed the sharing" not in hidden.content.decode()


def test_a_long_history_has_pages_and_a_model_shows_that_of_its_versions(manager: User) -> None:
    version = factories.a_version(manager)
    for name in range(30):
        organisation = factories.an_organisation(f"Partner {name}")
        sharing.share(obj=version.model, verbs=[Verb.VIEW], organisation=organisation, by=manager)
    client = client_of(manager)
    page = client.get(version.model.get_absolute_url()).content.decode()
    assert "with Partner 29" in page
    assert "with Partner 2:" not in page
    address = reverse(
        "audit-history", kwargs={"kind": "registry.model", "pk": str(version.model.pk)}
    )
    assert address in page
    assert "released the model version" in client.get(address, {"page": 2}).content.decode()


@pytest.mark.parametrize(
    ("kind", "pk"),
    [
        ("accounts.user", "1"),
        ("nothing", "1"),
        ("catalogue.dataset", "0"),
        ("catalogue.dataset", "x"),
        ("catalogue.dataset", "9" * 30),
    ],
)
def test_a_history_of_nothing_is_not_there(manager: User, kind: str, pk: str) -> None:
    address = reverse("audit-history", kwargs={"kind": kind, "pk": pk})
    assert client_of(manager).get(address).status_code == 404


def test_an_auditor_reads_who_did_what_and_sees_no_object(manager: User, auditor: Client) -> None:
    dataset = factories.a_dataset(manager, title="Kidney cohort")
    page = auditor.get(reverse("audit-list")).content.decode()
    assert "added the dataset “Kidney cohort”" in page
    assert "Anna Holm" in page
    assert auditor.get(dataset.get_absolute_url()).status_code == 404


def test_the_log_is_searched_and_filtered(manager: User, auditor: Client) -> None:
    factories.a_dataset(manager, title="Alpha")
    other = factories.a_person(factories.an_organisation("Other"), full_name="Jan de Vries")
    factories.a_dataset(other, title="Beta")
    client_of(manager).get(reverse("sign-in"), REMOTE_ADDR="192.0.2.7")
    today = timezone.localdate().isoformat()

    def found(**asked: Any) -> set[str]:
        page = auditor.get(reverse("audit-list"), asked).context["page"]
        return {entry.object_label for entry in page} & {"Alpha", "Beta"}

    assert found() == {"Alpha", "Beta"}
    assert found(q="alpha") == {"Alpha"}
    assert found(q="jan vries") == {"Beta"}
    assert found(q=manager.email) == {"Alpha"}
    assert found(q="%") == set()
    assert found(verb="released") == set()
    assert found(verb="added", organisation=of(other).pk) == {"Beta"}
    assert found(first=today, last=today) == {"Alpha", "Beta"}
    assert found(last="2020-01-01") == set()
    assert found(first="2999-01-01") == set()
    # What makes no sense filters nothing, and breaks nothing.
    strange = ("\x00", "x", "-1", "9" * 40)
    for value in strange:
        assert found(verb=value, organisation=value, first=value, last=value) == {"Alpha", "Beta"}


def test_the_log_is_exported_as_it_is_filtered_and_that_is_recorded(
    manager: User, auditor: Client
) -> None:
    factories.a_dataset(manager, title="=HYPERLINK(1)")
    answer = auditor.get(reverse("audit-export"), {"verb": "added"})
    content = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["act"] for row in rows] == ["added"]
    assert rows[0]["person"] == "Anna Holm"
    assert rows[0]["object"] == "'=HYPERLINK(1)"
    assert sentences(Act.DOWNLOADED) == ["downloaded 1 entries of the log"]


def test_the_log_has_a_constant_number_of_queries(
    manager: User, auditor: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        factories.a_dataset(manager)
    auditor.get(reverse("audit-list"))
    with django_assert_max_num_queries(12):
        answer = auditor.get(reverse("audit-list"))
    assert len(answer.context["page"].object_list) == 20
