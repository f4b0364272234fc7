"""What the applicant does, and what the bodies do with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.utils import timezone

from portal.access import applying, deciding
from portal.access.applying import AccessRefused
from portal.access.models import Application, Review
from portal.access.models.review import months_after
from portal.access.vocabulary import Purpose
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.catalogue.models import Dataset
from portal.notifications.models import Notification
from portal.organisations.actions import set_membership
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.organisations.sharing import share
from tests import factories, permits


@pytest.fixture
def person(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation("Erasmus", country="NL"))


@pytest.fixture
def dataset(person: User) -> Dataset:
    return permits.a_closed_dataset(title="Aarhus cohort")


def refused(act: Any, **fields: Any) -> str:
    with pytest.raises(AccessRefused) as caught:
        act(**fields)
    return str(caught.value)


def test_a_draft_says_everything_that_it_lacks_and_is_not_sent(
    person: User, dataset: Dataset
) -> None:
    draft = applying.draft_application(
        organisation=permits.organisation_of(person), title="A use", datasets=[dataset], by=person
    )
    lacking = {gap.field for gap in applying.gaps(draft)}
    assert lacking == {*applying.TEXTS, "why_pseudonymised", "months", "model_versions"}
    words = refused(applying.submit_application, application=draft, by=person)
    assert "Fill in “ethics”." in words
    assert "Say for how many months the data are needed." in words
    assert not Review.objects.exists()


@pytest.mark.parametrize("field", [*applying.TEXTS, "why_pseudonymised", "months"])
def test_nothing_that_is_mandatory_may_be_left_out(
    person: User, dataset: Dataset, field: str
) -> None:
    draft = permits.a_draft(person, dataset, **{field: None if field == "months" else " "})
    assert [gap.field for gap in applying.gaps(draft)] == [field]


def test_it_goes_to_the_body_of_each_country_and_to_trusted_holders(person: User) -> None:
    datasets = [permits.a_closed_dataset(country=country) for country in ("DK", "DK", "FR")]
    trusted = permits.a_closed_dataset(country="FR")
    Organisation.objects.filter(pk=trusted.organisation_id).update(is_trusted_holder=True)
    application = permits.an_application(person, *datasets, trusted)
    reviews = {(one.country, one.holder): one for one in application.reviews.all()}
    assert set(reviews) == {("DK", None), ("FR", None), ("FR", trusted.organisation)}
    assert {item.dataset for item in reviews["DK", None].items.all()} == set(datasets[:2])
    manager = permits.the_holder(trusted)
    assert list(Review.objects.decided_by(manager)) == [reviews["FR", trusted.organisation]]
    assert not Review.objects.asking(manager)
    assert list(Review.objects.asking(permits.the_holder(datasets[0]))) == [reviews["DK", None]]
    assert list(Review.objects.decided_by(permits.an_access_body("FR"))) == [reviews["FR", None]]


def test_a_holder_that_is_no_longer_trusted_does_not_decide(person: User, dataset: Dataset) -> None:
    holders = Organisation.objects.filter(pk=dataset.organisation_id)
    holders.update(is_trusted_holder=True)
    application = permits.an_application(person, dataset)
    review, manager, body = (
        application.reviews.get(), permits.the_holder(dataset), permits.an_access_body()
    )  # fmt: skip
    assert not Application.objects.visible_to(body).exists()
    holders.update(is_trusted_holder=False)
    assert Application.objects.visible_to(body).exists()
    with pytest.raises(PermissionError):
        deciding.find_complete(review=review, by=manager)
    deciding.find_complete(review=review, by=body)
    deciding.give_opinion(
        review=review, organisation=dataset.organisation, is_in_favour=True, text="Yes.",
        by=manager,
    )  # fmt: skip


def test_who_left_the_applicant_is_not_named_in_the_permit(person: User, dataset: Dataset) -> None:
    organisation = permits.organisation_of(person)
    leaver = factories.a_person(organisation)
    application = permits.an_application(person, dataset, people=[person, leaver])
    leaver.memberships.all().delete()
    assert set(permits.granted(application.reviews.get()).people.all()) == {person}
    gone = permits.an_application(
        person, permits.a_closed_dataset(), people=[factories.a_person(organisation)]
    )
    gone.people.get().memberships.all().delete()
    with pytest.raises(AccessRefused, match="still belongs to Erasmus"):
        permits.granted(gone.reviews.get())


def test_who_reads_an_application(person: User, dataset: Dataset) -> None:
    draft = permits.a_draft(person, dataset)
    body, holder = permits.an_access_body("DK"), permits.the_holder(dataset)
    colleague = factories.a_person(permits.organisation_of(person), Role.VIEWER)
    others = [
        permits.an_access_body("FR"),
        factories.a_person(dataset.organisation, Role.CONTRIBUTOR),
        factories.a_person(factories.an_organisation(), Role.MANAGER),
        factories.a_person(is_superuser=True, is_staff=True),
    ]

    def readers() -> list[User]:
        people = [person, colleague, body, holder, *others]
        return [one for one in people if Application.objects.visible_to(one).exists()]

    assert readers() == [person, colleague]
    applying.submit_application(application=draft, by=person)
    assert readers() == [person, colleague, body, holder]


def test_the_same_use_is_asked_for_once(person: User, dataset: Dataset) -> None:
    first = permits.an_application(person, dataset, title="First")
    second = permits.a_draft(person, dataset, permits.a_closed_dataset(), title="Second")
    words = refused(applying.submit_application, application=second, by=person)
    assert words == "Erasmus has asked for the same use already: “First”."
    # For another purpose, or of other models, it is another use.
    permits.an_application(person, dataset, purpose=Purpose.CARE)
    applying.withdraw_application(application=first, by=person)
    applying.submit_application(application=second, by=person)


def test_other_models_are_another_use(person: User, dataset: Dataset) -> None:
    versions = [factories.a_version(person) for _ in range(2)]
    permits.an_application(person, dataset, model_versions=versions[:1])
    permits.an_application(person, dataset, model_versions=versions[1:])
    same = permits.a_draft(person, dataset, model_versions=versions)
    assert "the same use" in refused(applying.submit_application, application=same, by=person)


def test_only_what_is_seen_and_goes_by_permit_is_asked_for(person: User) -> None:
    hidden = factories.a_dataset(
        factories.a_manager_of(factories.an_organisation()), access_rights="NON_PUBLIC"
    )
    with pytest.raises(PermissionError):
        permits.a_draft(person, hidden)
    opened = factories.a_dataset(factories.a_manager_of(factories.an_organisation()))
    share(obj=opened, verbs=[Verb.VIEW], organisation=None, by=opened.created_by)
    own = factories.a_dataset(person, access_rights="NON_PUBLIC")
    for one in (opened, own):
        with pytest.raises(AccessRefused, match="without a permit"):
            permits.a_draft(person, one)


def test_variables_are_those_of_the_dataset(person: User, dataset: Dataset) -> None:
    from portal.catalogue.actions import replace_variables
    from portal.catalogue.models import Variable

    replace_variables(
        dataset=dataset, variables=[Variable(name="egfr"), Variable(name="acr")],
        by=dataset.created_by,
    )  # fmt: skip
    draft = permits.a_draft(person, dataset)
    words = refused(
        applying.choose_datasets, application=draft, chosen={dataset: ["egfr", "bmi"]}, by=person
    )
    assert words == "“Aarhus cohort” has no variable bmi."
    applying.choose_datasets(application=draft, chosen={dataset: ["egfr"]}, by=person)
    assert draft.items.get().variables == ["egfr"]


def test_a_viewer_and_a_stranger_change_nothing(person: User, dataset: Dataset) -> None:
    draft = permits.a_draft(person, dataset)
    for other in (
        factories.a_person(permits.organisation_of(person), Role.VIEWER),
        factories.a_person(factories.an_organisation(), Role.MANAGER),
    ):
        for act in (applying.submit_application, applying.withdraw_application):
            with pytest.raises(PermissionError):
                act(application=draft, by=other)
        with pytest.raises(PermissionError):
            applying.change_application(application=draft, title="Mine", by=other)
    stranger = factories.a_person(factories.an_organisation(), full_name="Bo Berg")
    words = refused(applying.change_application, application=draft, people=[stranger], by=person)
    assert words == "Bo Berg does not belong to Erasmus."


def test_what_was_sent_changes_only_when_it_is_returned(person: User, dataset: Dataset) -> None:
    application = permits.an_application(person, dataset)
    review, body = application.reviews.get(), permits.an_access_body()
    assert "changes only when it is returned" in refused(
        applying.change_application, application=application, title="Other", by=person
    )
    assert "what is missing" in refused(
        deciding.return_for_completion, review=review, remarks=" ", by=body
    )
    deciding.return_for_completion(review=review, remarks="Name the committee.", by=body)
    applying.change_application(application=application, ethics="Committee 7.", by=person)
    assert "stay; withdraw it" in refused(
        applying.choose_datasets, application=application,
        chosen={permits.a_closed_dataset(): []}, by=person,
    )  # fmt: skip
    applying.submit_application(application=application, by=person)
    review.refresh_from_db()
    assert review.status == "received"
    before, after = application.submissions.all()
    assert (before.content["ethics"], after.content["ethics"]) == (
        "As the protocol says.", "Committee 7."
    )  # fmt: skip
    assert before.content["datasets"] == [{"dataset": dataset.slug, "variables": []}]


def test_the_time_for_the_decision_counts_from_a_complete_application_and_is_extended_once(
    person: User, dataset: Dataset
) -> None:
    review = permits.an_application(person, dataset).reviews.get()
    body = permits.an_access_body()
    assert review.due_on is None
    assert "by now" in refused(deciding.extend_deadline, review=review, reason="Ill.", by=body)
    deciding.find_complete(review=review, by=body)
    review.refresh_from_db()
    due = months_after(timezone.localdate(), 3)
    assert review.due_on == due
    assert review.days_left == (due - timezone.localdate()).days
    assert "why" in refused(deciding.extend_deadline, review=review, reason="", by=body)
    deciding.extend_deadline(review=review, reason="Many applications.", by=body)
    review.refresh_from_db()
    assert review.due_on == months_after(due, 3)
    assert "already" in refused(deciding.extend_deadline, review=review, reason="Again.", by=body)


def test_questions_answers_and_opinions_stand_on_the_record(person: User, dataset: Dataset) -> None:
    review = permits.an_application(person, dataset).reviews.get()
    body, holder = permits.an_access_body(), permits.the_holder(dataset)
    deciding.ask(review=review, question="Which server?", by=body)
    applying.answer(review=review, text="This site's.", by=person)
    assert [(one.kind, one.text) for one in review.messages.all()] == [
        ("question", "Which server?"), ("answer", "This site's."),
    ]  # fmt: skip
    opinion = {"review": review, "organisation": dataset.organisation, "is_in_favour": False}
    deciding.give_opinion(**opinion, text="Too wide.", by=holder)
    assert "already" in refused(deciding.give_opinion, **opinion, text="Well.", by=holder)
    with pytest.raises(PermissionError):
        deciding.give_opinion(**opinion, text="Fine.", by=person)
    for kept in (review.messages.all(), review.opinions.all()):
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            kept.update(text="Rewritten.")
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            kept.delete()


def test_a_decision_has_reasons_and_is_the_bodys_alone(person: User, dataset: Dataset) -> None:
    review = permits.an_application(person, dataset).reviews.get()
    body = permits.an_access_body()
    assert "by now" in refused(deciding.refuse, review=review, reasons="No.", by=body)
    deciding.find_complete(review=review, by=body)
    assert "reasons" in refused(deciding.refuse, review=review, reasons=" ", by=body)
    for other in (person, permits.the_holder(dataset), permits.an_access_body("FR")):
        with pytest.raises(PermissionError):
            deciding.refuse(review=review, reasons="No.", by=other)
    deciding.refuse(review=review, reasons="No benefit.", by=body)
    application = review.application
    application.refresh_from_db()
    assert application.status == "decided"
    assert "a decision already" in refused(applying.answer, review=review, text="But.", by=person)


def test_nobody_decides_for_their_own_organisation(person: User, dataset: Dataset) -> None:
    body = permits.an_access_body()
    set_membership(
        organisation=permits.organisation_of(person), user=body, role=Role.VIEWER, by=None
    )
    review = permits.an_application(person, dataset).reviews.get()
    with pytest.raises(PermissionError, match="their own organisation"):
        deciding.find_complete(review=review, by=body)


def test_a_permit_gives_no_more_than_was_asked_for(person: User, dataset: Dataset) -> None:
    review = permits.an_application(person, dataset, months=6).reviews.get()
    body, today = permits.an_access_body(), timezone.localdate()
    deciding.find_complete(review=review, by=body)

    def words(**fields: Any) -> str:
        terms = permits.terms_for(review, valid_until=today + timedelta(days=90)).__dict__ | fields
        return refused(
            deciding.grant, review=review, terms=deciding.Terms(**terms), reasons="Yes.", by=body
        )

    assert "and no other" in words(datasets=[permits.a_closed_dataset()])
    assert "at least one" in words(datasets=[])
    assert "whom the application names" in words(people=[factories.a_person()])
    assert "6 months" in words(valid_until=months_after(today, 6) + timedelta(days=1))
    assert "ends before" in words(valid_until=today - timedelta(days=1))
    permit = deciding.grant(
        review=review, terms=permits.terms_for(review, valid_until=months_after(today, 6)),
        reasons="Yes.", by=body,
    )  # fmt: skip
    assert set(permit.people.all()) == {person}
    assert set(permit.datasets.all()) == {dataset}


def test_each_body_decides_for_itself(person: User) -> None:
    datasets = [permits.a_closed_dataset(country=country) for country in ("DK", "FR")]
    application = permits.an_application(person, *datasets)
    danish, french = application.reviews.order_by("country")
    permit = permits.granted(danish)
    assert set(permit.datasets.all()) == {datasets[0]}
    application.refresh_from_db()
    assert application.status == "submitted"
    deciding.find_complete(review=french, by=permits.an_access_body("FR"))
    deciding.refuse(review=french, reasons="Not here.", by=permits.an_access_body("FR"))
    application.refresh_from_db()
    assert application.status == "decided"


def test_withdrawing_ends_what_is_not_decided(person: User) -> None:
    datasets = [permits.a_closed_dataset(country=country) for country in ("DK", "FR")]
    application = permits.an_application(person, *datasets)
    permits.granted(application.reviews.get(country="DK"))
    applying.withdraw_application(application=application, by=person)
    assert [one.status for one in application.reviews.order_by("country")] == [
        "granted", "withdrawn",
    ]  # fmt: skip
    assert "ended" in refused(applying.withdraw_application, application=application, by=person)


def test_a_dataset_that_is_withdrawn_meanwhile_is_flagged(person: User, dataset: Dataset) -> None:
    application = permits.an_application(person, dataset)
    assert applying.withdrawn_datasets(application) == []
    share(obj=dataset, verbs=[], organisation=None, by=permits.the_holder(dataset))
    assert applying.withdrawn_datasets(application) == [dataset]


PDF = b"%PDF-1.7\n1 0 obj\n"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("plan.pdf", PDF, "application/pdf"),
        ("plan.txt", "Été\n".encode(), "text/plain"),
        ("long.txt", "é".encode() * 5000, "text/plain"),
        ("plan.exe", PDF, "application/pdf"),
    ],
)
def test_documents_are_known_by_their_bytes(
    person: User, dataset: Dataset, name: str, content: bytes, kind: str
) -> None:
    draft = permits.a_draft(person, dataset)
    kept = applying.attach(application=draft, file=SimpleUploadedFile(name, content), by=person)
    assert (kept.content_type, kept.size) == (kind, len(content))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.pdf", b"MZ\x90\x00"),
        ("plan.pdf", b""),
        ("plan.html", b"\x00<script>"),
        ("latin.txt", "Été".encode("latin-1")),
        ("plan.docx", b"PK\x03\x04 no archive"),
        ("big.pdf", PDF + b" " * 10 * 1024**2),
    ],
)
def test_other_files_are_not_taken(
    person: User, dataset: Dataset, name: str, content: bytes
) -> None:
    draft = permits.a_draft(person, dataset)
    with pytest.raises(AccessRefused):
        applying.attach(application=draft, file=SimpleUploadedFile(name, content), by=person)
    assert not draft.attachments.exists()


def test_what_happens_is_logged_and_told(person: User, dataset: Dataset) -> None:
    body, holder = permits.an_access_body(), permits.the_holder(dataset)
    permits.a_permit(person, dataset)
    wanted = ["applied", "found-complete", "issued", "granted"]
    entries = Entry.objects.filter(verb__in=wanted).order_by("pk")
    assert list(entries.values_list("verb", flat=True)) == wanted
    told = {
        one: list(Notification.objects.filter(person=one).values_list("kind", flat=True))
        for one in (person, body, holder)
    }
    assert told[body] == ["waiting"]
    assert set(told[holder]) == {"waiting", "decision"}
    assert told[person].count("decision") == 2
    # What was decided waits for nobody any more.
    assert not Notification.objects.unread().filter(kind="waiting").exists()
