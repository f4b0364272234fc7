"""Pages of access to data, walked as the people do: from the basket to a revoked permit."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.access.models import Application, Attachment, Outcome, Permit, Review
from portal.accounts.models import User
from portal.catalogue.models import Dataset, Variable
from portal.catalogue.vocabulary import AccessRights
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.organisations.sharing import set_public, share
from tests import factories, permits

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(media: Path) -> User:
    return factories.a_person(factories.an_organisation("Erasmus", country="NL"))


@pytest.fixture
def dataset(person: User) -> Dataset:
    return permits.a_closed_dataset(title="Aarhus cohort")


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def go(name: str, **places: Any) -> str:
    return reverse(name, kwargs=places)


def text(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    found: str = response.content.decode()
    return found


def test_the_whole_path_from_the_basket_to_the_permit(person: User, dataset: Dataset) -> None:
    Variable.objects.create(dataset=dataset, name="egfr", label="eGFR")
    Variable.objects.create(dataset=dataset, name="age", label="Age")
    client = client_of(person)
    ask = go("access-ask", slug=dataset.slug)
    page = text(client.get(ask))
    assert "Access body, Denmark" in page
    assert "3 months" in page
    assert client.post(ask).headers["Location"] == go("access-basket")
    assert "Aarhus cohort" in text(client.get(go("access-basket")))
    begun = client.post(
        go("access-basket"),
        {"organisation": permits.organisation_of(person).pk, "title": "External validation"},
    )
    application = Application.objects.get()
    here = {"reference": application.reference}
    assert begun.headers["Location"] == go("application-edit", step="data", **here)
    assert "Aarhus cohort" not in text(client.get(go("access-basket")))

    steps: list[tuple[str, dict[str, Any]]] = [
        ("data", {f"variables-{dataset.pk}": ["egfr"]}),
        ("purpose", {"title": "Validation", "purpose": "e-ii", "summary": "We test a model.",
                     "intended_use": "We run it.", "expected_benefit": "Better care."}),
        ("population", {"population": "Adults", "identifiability": "pseudonymised",
                        "why_pseudonymised": "Dates.", "period_start": "2020-01-01"}),
        ("people", {"people": [person.pk], "any_model_version": "on"}),
        ("how", {"environment": "here", "months": 12, "safeguards": "Locked doors."}),
        ("ethics", {"ethics": "Approved.", "funding": "The Union.",
                    "document": SimpleUploadedFile("approval.pdf", b"%PDF-1.7 approved")}),
    ]  # fmt: skip
    assert "Fill in “ethics”." in text(client.get(go("application-detail", **here)))
    for slug, given in steps:
        address = go("application-edit", step=slug, **here)
        text(client.get(address))
        response = client.post(address, given)
        assert response.status_code == 302, response.context["form"].errors
    application.refresh_from_db()
    assert application.items.get().variables == ["egfr"]
    assert application.attachments.get().file_name == "approval.pdf"
    check = text(client.get(go("application-edit", step="check", **here)))
    assert "Ready to be sent" in check
    assert "Access body, Denmark" in check
    assert client.post(go("application-send", **here)).headers["Location"] == (
        application.get_absolute_url()
    )

    review = Review.objects.get()
    body, at = client_of(permits.an_access_body()), {"review": review.pk}
    home = text(body.get(go("access-home")))
    assert "“Validation” waits for Access body, Denmark" in home
    text(body.get(application.get_absolute_url()))
    assert "It is complete" in text(body.get(go("review-detail", **at)))
    assert body.post(go("review-return", **at), {"text": "Say which adults."}).status_code == 302
    page = text(client.get(application.get_absolute_url()))
    assert "Say which adults." in page
    client.post(
        go("application-edit", step="population", **here),
        steps[2][1] | {"population": "Adults with diabetes"},
    )
    client.post(go("application-send", **here))
    page = text(body.get(go("review-detail", **at)))
    assert "<del>Adults</del>" in page
    assert "<ins>Adults with diabetes</ins>" in page
    assert body.post(go("review-complete", **at)).status_code == 302
    body.post(go("review-ask", **at), {"text": "Who pays?"})
    assert "Who pays?" in text(client.get(go("review-detail", **at)))
    client.post(go("review-answer", **at), {"text": "The Union pays."})
    holder = client_of(permits.the_holder(dataset))
    assert "Your opinion is asked for" in text(holder.get(go("review-detail", **at)))
    text(holder.get(go("review-opinion", **at)))
    holder.post(
        go("review-opinion", **at),
        {"organisation": dataset.organisation_id, "is_in_favour": "yes", "text": "Well made."},
    )
    page = text(body.get(go("review-detail", **at)))
    assert "The Union pays." in page
    assert "Well made." in page
    assert "Well made." not in text(client.get(go("review-detail", **at)))

    grant = text(body.get(go("review-grant", **at)))
    assert "Issue the permit" in grant
    today = timezone.localdate()
    given = {
        "datasets": [dataset.pk],
        "people": [person.pk],
        "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=900)).isoformat(),
        "environment": "here",
        "keeps_results": "on",
        "reasons": "In the public interest.",
    }
    assert "the permit would last longer" in text(body.post(go("review-grant", **at), given))
    given["valid_until"] = (today + timedelta(days=300)).isoformat()
    granted = body.post(go("review-grant", **at), given)
    permit = Permit.objects.get()
    assert granted.headers["Location"] == permit.get_absolute_url()
    page = text(client.get(permit.get_absolute_url()))
    assert "300 days left" in page
    assert "In the public interest." in text(client.get(go("review-detail", **at)))
    assert "Well made." in text(client.get(go("review-detail", **at)))
    assert permit.number in text(client.get(application.get_absolute_url()))


def test_what_a_person_may_not_see_is_not_there(person: User, dataset: Dataset) -> None:
    draft = permits.a_draft(person, dataset)
    stranger = client_of(factories.a_person(factories.an_organisation()))
    body = client_of(permits.an_access_body())
    for client in (stranger, body):
        assert client.get(draft.get_absolute_url()).status_code == 404
    sent = permits.an_application(person, dataset, purpose="f")
    assert body.get(sent.get_absolute_url()).status_code == 200
    review = sent.reviews.get()
    for name in ("review-detail", "review-grant", "review-ask", "review-answer"):
        assert stranger.get(go(name, review=review.pk)).status_code == 404
    assert client_of(person).get(go("review-ask", review=review.pk)).status_code == 403
    assert client_of(permits.an_access_body("FR")).get(
        sent.get_absolute_url()
    ).status_code == 404  # fmt: skip


def test_a_holder_sees_of_the_datasets_its_own_alone(person: User, dataset: Dataset) -> None:
    holder = factories.a_person(factories.an_organisation(country="FR"), Role.MANAGER)
    other = factories.a_dataset(holder, title="Lyon cohort", access_rights=AccessRights.NON_PUBLIC)
    share(obj=other, verbs=[Verb.VIEW], organisation=permits.organisation_of(person),
          by=holder)  # fmt: skip
    sent = permits.an_application(person, dataset, other)
    page = text(client_of(permits.the_holder(dataset)).get(sent.get_absolute_url()))
    assert "Aarhus cohort" in page
    assert "Lyon cohort" not in page
    assert "And 1 dataset of others" in page
    body = text(client_of(permits.an_access_body()).get(sent.get_absolute_url()))
    assert "Lyon cohort" not in body
    assert "Lyon cohort" in text(client_of(person).get(sent.get_absolute_url()))


def test_documents_are_for_those_who_see_the_application(person: User, dataset: Dataset) -> None:
    draft = permits.a_draft(person, dataset)
    client = client_of(person)
    address = go("application-edit", reference=draft.reference, step="ethics")
    texts = {"ethics": "Approved.", "funding": "The Union."}
    refused = client.post(
        address, texts | {"document": SimpleUploadedFile("a.pdf", b"MZ\x00\x90 a program")}
    )
    assert "none of those that are taken" in text(refused)
    script = SimpleUploadedFile("page.html", b"<script>alert(1)</script>", "text/html")
    client.post(address, texts | {"document": script, "then": "stay"})
    found = Attachment.objects.get()
    where = go("attachment-download", reference=draft.reference, attachment=found.pk)
    answer = client.get(where)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert b"".join(answer) == b"<script>alert(1)</script>"
    stranger = client_of(factories.a_person(factories.an_organisation()))
    assert stranger.get(where).status_code == 404
    client.post(address, texts | {"without": str(found.pk)})
    assert not Attachment.objects.exists()


def test_the_basket_holds_what_one_sees_and_is_emptied(person: User, dataset: Dataset) -> None:
    client = client_of(person)
    client.post(go("access-ask", slug=dataset.slug))
    client.post(go("access-basket"), {"remove": str(dataset.pk)})
    assert "The basket is empty" in text(client.get(go("access-basket")))
    own = factories.a_dataset(person)
    answer = client.post(go("access-ask", slug=own.slug), follow=True)
    assert "without a permit" in text(answer)
    viewer = client_of(factories.a_person(permits.organisation_of(person), Role.VIEWER))
    assert viewer.post(go("access-ask", slug=dataset.slug)).status_code == 403
    secret = factories.a_dataset(factories.a_person(factories.an_organisation()))
    assert client.post(go("access-ask", slug=secret.slug)).status_code == 404


def test_permits_are_suspended_reinstated_extended_changed_and_revoked(
    person: User, dataset: Dataset
) -> None:
    permit = permits.a_permit(person, dataset, months=36)
    body, here = client_of(permits.an_access_body()), {"number": permit.number}

    def now() -> Permit:
        return Permit.objects.current().get(number=permit.number)

    assert "Revoke" in text(body.get(permit.get_absolute_url()))
    assert "Revoke" not in text(client_of(person).get(permit.get_absolute_url()))
    body.post(go("permit-suspend", **here), {"text": "A complaint."})
    assert "A complaint." in text(client_of(person).get(permit.get_absolute_url()))
    body.post(go("permit-reinstate", **here))
    assert now().status == "in-force"
    until = permit.valid_until + timedelta(days=30)
    text(body.get(go("permit-extend", **here)))
    body.post(go("permit-extend", **here), {"valid_until": until.isoformat()})
    assert now().valid_until == until
    assert "That is done once" in text(body.get(go("permit-extend", **here)))
    again = body.post(go("permit-extend", **here), {"valid_until": "2090-01-01"})
    assert "The permit was extended already" in text(again)
    colleague = factories.a_person(permits.organisation_of(person))
    given = {"people": [person.pk], "any_model_version": "on", "conditions": "Two at a time."}
    assert "Nobody with this address" in text(
        body.post(go("permit-amend", **here), given | {"added": "nobody@example.org"})
    )
    body.post(go("permit-amend", **here), given | {"added": colleague.email})
    assert set(now().people.all()) == {person, colleague}
    page = text(body.get(permit.get_absolute_url()))
    assert "Version 3" in page
    assert "Two at a time." in page
    body.post(go("permit-revoke", **here), {"text": "Misuse."})
    assert now().status == "revoked"
    assert body.get(go("permit-suspend", **here)).status_code == 404
    assert client_of(person).post(go("permit-revoke", **here)).status_code == 403


def test_the_register_says_to_everybody_what_was_granted(person: User, dataset: Dataset) -> None:
    hidden = permits.a_closed_dataset(permits.the_holder(dataset), title="Hidden cohort")
    set_public(obj=factories.complete(dataset), public=True, by=permits.the_holder(dataset))
    sent = permits.an_application(person, dataset, hidden, summary="We test a model in the open.")
    permit = permits.granted(sent.reviews.get())
    anyone = Client()
    page = text(anyone.get(go("permit-register")))
    assert permit.number in page
    entry = text(anyone.get(go("register-entry", number=permit.number)))
    for page in (entry, *(anyone.get(go(name)).content.decode()
                          for name in ("register-table", "register-document"))):  # fmt: skip
        assert "We test a model in the open." in page
        assert "Erasmus" in page
        assert str(dataset.organisation) in page
        assert dataset.get_absolute_url() in page
        assert "Hidden cohort" not in page
        assert person.full_name not in page
        assert permit.issued_by.full_name not in page
    holder = client_of(person)
    assert holder.post(go("permit-outcome", number=permit.number),
                       {"title": "A paper", "url": "https://example.org/paper"}
                       ).status_code == 302  # fmt: skip
    assert Outcome.objects.get().number == permit.number
    twice = holder.post(go("permit-outcome", number=permit.number),
                        {"title": "A paper", "url": "https://example.org/paper"})  # fmt: skip
    assert twice.status_code == 200
    assert "https://example.org/paper" in text(
        anyone.get(go("register-entry", number=permit.number))
    )
    for query, count in (({"q": "open"}, 1), ({"q": "nothing"}, 0), ({"status": "in-force"}, 1),
                         ({"status": "ended"}, 0), ({"country": "DK", "purpose": "e-ii"}, 1),
                         ({"purpose": "a"}, 0)):  # fmt: skip
        assert len(anyone.get(go("permit-register"), query).context["entries"]) == count, query


def test_a_trusted_holder_decides_itself(person: User, dataset: Dataset) -> None:
    Organisation.objects.filter(pk=dataset.organisation_id).update(is_trusted_holder=True)
    dataset.refresh_from_db()
    sent = permits.an_application(person, dataset)
    page = text(client_of(permits.the_holder(dataset)).get(
        go("review-detail", review=sent.reviews.get().pk)))  # fmt: skip
    assert "It is complete" in page
    body = client_of(permits.an_access_body())
    assert body.get(go("review-detail", review=sent.reviews.get().pk)).status_code == 404


LISTS = ("access-home", "application-list", "permit-list", "permit-register", "register-document")


def test_lists_have_a_constant_number_of_queries(person: User, dataset: Dataset) -> None:
    client = client_of(person)

    def fill(purposes: str) -> dict[str, int]:
        for purpose in purposes:
            permits.a_permit(person, dataset, purpose=purpose)
        found = {}
        for name in LISTS:
            client.get(go(name))
            with CaptureQueriesContext(connection) as captured:
                assert client.get(go(name)).status_code == 200
            found[name] = len(captured)
        return found

    few = fill("af")
    assert fill("bcde") == few
    assert max(few.values()) <= 25
