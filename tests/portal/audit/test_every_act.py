"""Each act on the list: done as people do it, found in the log, and undone where that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from portal.access import applying, deciding
from portal.access import permits as permit_acts
from portal.accounts.actions import create_token
from portal.accounts.models import User
from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.audit.origin import answering
from portal.catalogue.actions import receive_upload, update_dataset
from portal.evaluations.actions import cancel_evaluation, retry_evaluation
from portal.organisations import actions, invitations, sharing
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import Role, Verb
from portal.registry.actions import release_version, retire_version
from portal.studies import actions as study_actions
from portal.studies import publishing, running
from tests import factories, permits, studies
from tests.every_task import evaluated
from tests.portal.accounts.codes import code

pytestmark = pytest.mark.django_db
ADDRESS = "192.0.2.7"
NEW_PASSWORD = "another long password, 2"


@dataclass
class Deed:
    """Something that is ready to be done, and by whom and for which organisation it then is."""

    do: Callable[[], Any]
    by: User | None
    organisation: Organisation | None


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def a_manager() -> User:
    return factories.a_person(factories.an_organisation("Holder"), Role.MANAGER)


def client_of(person: User) -> Client:
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(person)
    return client


def called(function: Callable[..., Any], *, by: User, **given: Any) -> Deed:
    """A call of an action, as a request of ``by`` makes it for their organisation."""

    def do() -> None:
        with answering(RequestFactory().get("/", REMOTE_ADDR=ADDRESS)):
            function(by=by, **given)

    return Deed(do, by, of(by))


def sent(person: User, name: str, data: dict[str, Any] | None = None, **where: Any) -> Deed:
    """A form of the person's organisation."""
    client = client_of(person)
    return Deed(partial(client.post, reverse(name, kwargs=where), data or {}), person, of(person))


def own(person: User, name: str, data: dict[str, Any] | None = None, **where: Any) -> Deed:
    """A form about the person's own account, which is no organisation's matter."""
    deed = sent(person, name, data, **where)
    return Deed(deed.do, person, None)


def administered(name: str, data: dict[str, Any], *arguments: Any) -> Deed:
    """A form of the administration."""
    administrator = factories.a_person(is_staff=True, is_superuser=True)
    client = client_of(administrator)
    address = reverse(f"admin:{name}", args=arguments)
    return Deed(partial(client.post, address, data), administrator, None)


def chosen(name: str, action: str, row: Any) -> Deed:
    """An action of a list of the administration, and its confirmation."""
    given = {"action": action, "_selected_action": row.pk, "confirmed": "yes"}
    return administered(f"{name}_changelist", given)


# Organisations and their people


def organisation_form(name: str, *lines: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    data = {"name": name, "slug": "partner", "kind": "data-holder", "country": "DK", "website": ""}
    data |= {"memberships-TOTAL_FORMS": len(lines), "memberships-INITIAL_FORMS": initial}
    for number, line in enumerate(lines):
        data |= {f"memberships-{number}-{name}": value for name, value in line.items()}
    return data


def organisation_changed() -> Deed:
    name = "organisations_organisation_change"
    return administered(name, organisation_form("Other"), factories.an_organisation().pk)


def member_added() -> Deed:
    organisation, person = factories.an_organisation(), factories.a_person()
    line = {"user": person.pk, "role": "viewer", "organisation": organisation.pk}
    name = "organisations_organisation_change"
    return administered(name, organisation_form("Other", line), organisation.pk)


def suspended_organisation() -> Organisation:
    organisation = factories.an_organisation()
    actions.suspend_organisation(organisation=organisation, by=None)
    return organisation


def to_member(name: str, data: dict[str, Any] | None = None, *, suspended: bool = False) -> Deed:
    manager = a_manager()
    membership = factories.a_person(of(manager)).memberships.get()
    if suspended:
        actions.suspend_membership(membership=membership, by=manager)
    return sent(manager, name, data, slug=of(manager).slug, membership_id=membership.pk)


def invited() -> Deed:
    manager, data = a_manager(), {"email": "new@example.org", "role": "viewer"}
    return sent(manager, "invitation-create", data, slug=of(manager).slug)


def to_invitation(name: str) -> Deed:
    manager = a_manager()
    invitation, _token = invitations.invite(
        organisation=of(manager), email="new@example.org", role=Role.VIEWER, by=manager
    )
    return sent(manager, name, slug=of(manager).slug, invitation_id=invitation.pk)


def invitation_accepted() -> Deed:
    manager, person = a_manager(), factories.a_person()
    _invitation, token = invitations.invite(
        organisation=of(manager), email=person.email, role=Role.VIEWER, by=manager
    )
    address = reverse("invitation-accept", kwargs={"token": token})
    return Deed(partial(client_of(person).post, address), person, of(manager))


def appointed() -> Deed:
    given = {"user": factories.a_person().pk, "role": "auditor", "country": ""}
    return administered("organisations_appointment_add", given)


def appointment_ended() -> Deed:
    held = Appointment.objects.get(user=factories.appointed("auditor"))  # type: ignore[arg-type]
    return administered("organisations_appointment_delete", {"post": "yes"}, held.pk)


# People, and how they sign in


def person_added() -> Deed:
    given = {
        "email": "new@example.org", "full_name": "New", "usable_password": "true",
        "password1": NEW_PASSWORD, "password2": NEW_PASSWORD,
    }  # fmt: skip
    return administered("accounts_user_add", given | person_inlines())


def person_inlines() -> dict[str, Any]:
    prefixes = ("authenticator_set", "socialaccount_set", "auth_token_set")
    return {f"{prefix}-{count}_FORMS": 0 for prefix in prefixes for count in ("TOTAL", "INITIAL")}


def person_switched(*, active: bool) -> Deed:
    person = factories.a_person(is_active=not active)
    given = {"email": person.email, "full_name": person.full_name} | person_inlines()
    given |= {"is_active": "on"} if active else {}
    return administered("accounts_user_change", given, person.pk)


def signed_in() -> Deed:
    person = a_manager()
    client = Client(REMOTE_ADDR=ADDRESS)
    data = {"login": person.email, "password": factories.PASSWORD}
    return Deed(partial(client.post, reverse("sign-in"), data), person, of(person))


def sign_in_refused() -> Deed:
    person = a_manager()
    client = Client(REMOTE_ADDR=ADDRESS)
    data = {"login": person.email, "password": "not it"}
    return Deed(partial(client.post, reverse("sign-in"), data), None, None)


def sessions_ended() -> Deed:
    person = a_manager()
    a_fresh_session(person)
    here = a_fresh_session(person)
    return Deed(partial(here.post, reverse("other-sessions-end")), person, None)


def a_fresh_session(person: User) -> Client:
    """A session in which the password was given just now."""
    client = Client(REMOTE_ADDR=ADDRESS)
    data = {"login": person.email, "password": factories.PASSWORD}
    assert client.post(reverse("sign-in"), data).status_code == 302
    return client


def password_changed() -> Deed:
    given = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return own(a_manager(), "account_change_password", given | {"oldpassword": factories.PASSWORD})


def factor_added() -> Deed:
    person = factories.a_person()
    client, address = a_fresh_session(person), reverse("mfa_activate_totp")
    secret = client.get(address).context["form"].secret
    return Deed(partial(client.post, address, {"code": code(secret)}), person, None)


def factor_removed() -> Deed:
    person = factories.a_person()
    client, address = a_fresh_session(person), reverse("mfa_activate_totp")
    client.post(address, {"code": code(client.get(address).context["form"].secret)})
    return Deed(partial(client.post, reverse("mfa_deactivate_totp")), person, None)


def token_made() -> Deed:
    return own(a_manager(), "token-create", {"name": "Program", "scope": "read", "days": "30"})


def token_revoked() -> Deed:
    person = a_manager()
    token, _text = create_token(name="Program", scope="read", days=30, by=person)
    return own(person, "token-revoke", digest=token.digest)


# Objects


def dataset_changed() -> Deed:
    manager = a_manager()
    return called(update_dataset, dataset=factories.a_dataset(manager), title="Other", by=manager)


def uploaded() -> Deed:
    manager = a_manager()
    dataset, task = factories.a_dataset(manager), factories.a_use_case().task("binary")
    file = ContentFile(b"patient_id\n1\n", name="table.csv")
    where = {"dataset": dataset, "task": task, "schema": task.table("cohort")}
    return called(receive_upload, file=file, by=manager, **where)


def shared() -> Deed:
    manager = a_manager()
    given = {"organisation": factories.an_organisation(), "verbs": [Verb.VIEW]}
    return called(sharing.share, obj=factories.a_dataset(manager), by=manager, **given)


def released() -> Deed:
    manager = a_manager()
    version = factories.a_version(manager, released=False)
    return called(release_version, version=version, by=manager)


def retired() -> Deed:
    manager = a_manager()
    return called(retire_version, version=factories.a_version(manager), by=manager)


# Studies


def a_study(make: Callable[[studies.Partners], Any]) -> tuple[studies.Partners, Any]:
    found = studies.partners(versions=1, sites=1)
    return found, make(found)


def asked() -> Deed:
    found, study = a_study(lambda found: studies.a_draft(found.coordinator))
    study_actions.invite(
        study=study, datasets=found.datasets, model_versions=found.versions, by=found.coordinator
    )
    return called(study_actions.send_invitations, study=study, by=found.coordinator)


def answered(*, accept: bool) -> Deed:
    found, study = a_study(studies.an_inviting_study)
    invitation, holder = study.invitations.get(dataset=found.datasets[0]), found.holders[0]
    given = {"accept": accept} | ({} if accept else {"reason": "Not now."})
    return called(study_actions.answer_invitation, invitation=invitation, by=holder, **given)


def started() -> Deed:
    found, study = a_study(studies.an_inviting_study)
    studies.accept(study, [found.developer, *found.holders])
    return called(running.start_study, study=study, by=found.coordinator)


def withdrawn() -> Deed:
    found, study = a_study(studies.an_inviting_study)
    given = {"study": study, "reason": "It is asked elsewhere."}
    return called(study_actions.withdraw_study, by=found.coordinator, **given)


def published() -> Deed:
    found, study = a_study(studies.a_finished_study)
    return called(publishing.publish_study, study=study, by=found.coordinator)


def notice_added() -> Deed:
    found, study = a_study(studies.a_finished_study)
    publication = publishing.publish_study(study=study, by=found.coordinator)
    given = {
        "publication": publication,
        "kind": "correction",
        "text": "One site was counted twice.",
    }
    return called(publishing.add_notice, by=found.coordinator, **given)


# Jobs, and what comes out


def ready() -> tuple[User, Any, Any]:
    manager = a_manager()
    version = factories.a_version(manager)
    return manager, factories.a_ready_dataset(manager, version), version


def submitted() -> Deed:
    manager, dataset, version = ready()
    return called(factories.an_evaluation, dataset=dataset, version=version, by=manager)


def cancelled() -> Deed:
    manager, dataset, version = ready()
    evaluation = factories.an_evaluation(manager, dataset, version)
    return called(cancel_evaluation, evaluation=evaluation, by=manager)


def retried() -> Deed:
    manager, dataset, version = ready()
    evaluation = factories.an_evaluation(manager, dataset, version)
    cancel_evaluation(evaluation=evaluation, by=manager)
    return called(retry_evaluation, evaluation=evaluation, by=manager)


def downloaded() -> Deed:
    manager, dataset, version = ready()
    found = factories.a_finished_evaluation(manager, dataset, version)
    where = {"use_case": "ckd", "reference": found.reference}
    address = reverse("evaluation-result", kwargs=where)
    return Deed(partial(client_of(manager).get, address), manager, of(manager))


def cases_seen() -> Deed:
    manager = a_manager()
    found = evaluated(manager, "heart-failure/alerts")
    where = {"use_case": found.use_case, "reference": found.reference}
    address = reverse("evaluation-cases", kwargs=where)
    return Deed(partial(client_of(manager).get, address), manager, of(manager))


# Access to data


def an_application() -> Any:
    return permits.an_application(a_contributor(), permits.a_closed_dataset())


def a_contributor() -> User:
    return factories.a_person(factories.an_organisation("Applicant"))


def applied() -> Deed:
    person = a_contributor()
    draft = permits.a_draft(person, permits.a_closed_dataset())
    return called(applying.submit_application, by=person, application=draft)


def questions_answered() -> Deed:
    review = an_application().reviews.get()
    return called(
        applying.answer, by=review.application.created_by, review=review, text="This site's."
    )


def opinion_given() -> Deed:
    review = an_application().reviews.get()
    holder = review.holders().get()
    return called(
        deciding.give_opinion, by=factories.a_manager_of(holder), review=review,
        organisation=holder, is_in_favour=True, text="A good use.",
    )  # fmt: skip


def by_the_body(function: Callable[..., Any], **given: Any) -> Deed:
    """Done by somebody who decides for a country, which is no organisation's matter."""
    by = permits.an_access_body()

    def do() -> None:
        with answering(RequestFactory().get("/", REMOTE_ADDR=ADDRESS)):
            function(by=by, **given)

    return Deed(do, by, None)


def of_review(function: Callable[..., Any], *, complete: bool = False, **given: Any) -> Deed:
    review = an_application().reviews.get()
    if complete:
        deciding.find_complete(review=review, by=permits.an_access_body())
    if function is deciding.grant:
        given["terms"] = permits.terms_for(review)
    return by_the_body(function, review=review, **given)


def of_permit(function: Callable[..., Any], *, suspended: bool = False, **given: Any) -> Deed:
    permit = permits.granted(an_application().reviews.get())
    if suspended:
        permit_acts.suspend(permit=permit, reason="A question.", by=permits.an_access_body())
    if function is permit_acts.extend:
        given["valid_until"] = permit.valid_until + timedelta(days=30)
    return by_the_body(function, permit=permit, **given)


DEEDS: dict[Act, Callable[[], Deed]] = {
    Act.ORGANISATION_ADDED: lambda: administered(
        "organisations_organisation_add", organisation_form("Partner")
    ),
    Act.ORGANISATION_CHANGED: organisation_changed,
    Act.ORGANISATION_SUSPENDED: lambda: chosen(
        "organisations_organisation", "suspend", factories.an_organisation()
    ),
    Act.ORGANISATION_REINSTATED: lambda: chosen(
        "organisations_organisation", "reinstate", suspended_organisation()
    ),
    Act.ORGANISATION_DELETED: lambda: administered(
        "organisations_organisation_delete", {"post": "yes"}, factories.an_organisation().pk
    ),
    Act.MEMBER_ADDED: member_added,
    Act.ROLE_CHANGED: lambda: to_member("membership-change", {"role": "viewer"}),
    Act.MEMBER_SUSPENDED: lambda: to_member("membership-suspend"),
    Act.MEMBER_REINSTATED: lambda: to_member("membership-reinstate", suspended=True),
    Act.MEMBER_REMOVED: lambda: to_member("membership-end"),
    Act.INVITED: invited,
    Act.INVITED_AGAIN: lambda: to_invitation("invitation-resend"),
    Act.INVITATION_WITHDRAWN: lambda: to_invitation("invitation-withdraw"),
    Act.INVITATION_ACCEPTED: invitation_accepted,
    Act.APPOINTED: appointed,
    Act.APPOINTMENT_ENDED: appointment_ended,
    Act.PERSON_ADDED: person_added,
    Act.PERSON_CHANGED: lambda: own(a_manager(), "name-edit", {"full_name": "Another name"}),
    Act.PERSON_DEACTIVATED: lambda: person_switched(active=False),
    Act.PERSON_ACTIVATED: lambda: person_switched(active=True),
    Act.SIGNED_IN: signed_in,
    Act.SIGNED_OUT: lambda: sent(a_manager(), "sign-out"),
    Act.SIGN_IN_REFUSED: sign_in_refused,
    Act.SESSIONS_ENDED: sessions_ended,
    Act.PASSWORD_CHANGED: password_changed,
    Act.FACTOR_ADDED: factor_added,
    Act.FACTOR_REMOVED: factor_removed,
    Act.TOKEN_MADE: token_made,
    Act.TOKEN_REVOKED: token_revoked,
    Act.ADDED: lambda: called(factories.a_dataset, by=a_manager()),
    Act.CHANGED: dataset_changed,
    Act.UPLOADED: uploaded,
    Act.SHARED: shared,
    Act.RELEASED: released,
    Act.RETIRED: retired,
    Act.PUBLISHED: published,
    Act.DELETED: lambda: administered(
        "showcase_news_delete", {"post": "yes"}, factories.a_news_item().pk
    ),
    Act.ASKED: asked,
    Act.TOOK_PART: lambda: answered(accept=True),
    Act.DECLINED: lambda: answered(accept=False),
    Act.STARTED: started,
    Act.WITHDRAWN: withdrawn,
    Act.NOTICE_ADDED: notice_added,
    Act.APPLIED: applied,
    Act.RETURNED: lambda: of_review(deciding.return_for_completion, remarks="Incomplete."),
    Act.FOUND_COMPLETE: lambda: of_review(deciding.find_complete),
    Act.QUESTIONED: lambda: of_review(deciding.ask, question="Which server?"),
    Act.ANSWERED: questions_answered,
    Act.GAVE_OPINION: opinion_given,
    Act.EXTENDED: lambda: of_review(deciding.extend_deadline, complete=True, reason="Many."),
    Act.GRANTED: lambda: of_review(deciding.grant, complete=True, reasons="Useful."),
    Act.REFUSED: lambda: of_review(deciding.refuse, complete=True, reasons="Forbidden."),
    Act.ISSUED: lambda: of_review(deciding.grant, complete=True, reasons="Useful."),
    Act.SUSPENDED: lambda: of_permit(permit_acts.suspend, reason="A question."),
    Act.REINSTATED: lambda: of_permit(permit_acts.reinstate, suspended=True),
    Act.REVOKED: lambda: of_permit(permit_acts.revoke, reason="Misuse."),
    Act.REPLACED: lambda: of_permit(permit_acts.extend),
    Act.SUBMITTED: submitted,
    Act.CANCELLED: cancelled,
    Act.RETRIED: retried,
    Act.DOWNLOADED: downloaded,
    Act.CASES_SEEN: cases_seen,
}


def test_every_act_is_walked() -> None:
    assert set(DEEDS) == set(Act)


@pytest.mark.parametrize("act", Act)
def test_the_act_is_in_the_log_with_who_for_whom_from_where_and_when(media: Path, act: Act) -> None:
    deed = DEEDS[act]()
    before, start = set(Entry.objects.values_list("pk", flat=True)), timezone.now()
    answer = deed.do()
    assert answer is None or answer.status_code in (200, 302)
    (entry,) = Entry.objects.exclude(pk__in=before).filter(verb=act)
    assert (entry.person, entry.person_email) == (deed.by, deed.by.email if deed.by else "")
    assert entry.organisation == deed.organisation
    assert entry.address == ADDRESS
    assert abs((entry.at - start).total_seconds()) < 60
    assert entry.sentence


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but those of sessions, which are no act of anybody."""
    passing = {"sessions.session", "usersessions.usersession"}
    return {
        model._meta.label: sorted(model._base_manager.values_list(), key=repr)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.label_lower not in passing and model._meta.managed
    }


@pytest.mark.parametrize("act", Act)
def test_what_cannot_be_recorded_is_not_done(media: Path, act: Act) -> None:
    deed = DEEDS[act]()
    before = everything()
    full = mock.patch.object(Entry, "save", side_effect=RuntimeError("the log is full"))
    with full, pytest.raises(RuntimeError, match="the log is full"):
        deed.do()
    assert everything() == before
