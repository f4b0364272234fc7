"""Invitations: a link that works once, for a week, for who reads that mailbox."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.organisations import actions, invitations
from portal.organisations.invitations import InvitationRefused
from portal.organisations.models import Invitation, Membership, Organisation
from portal.organisations.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db

NEW = "new.colleague@example.org"
JOINING = {
    "full_name": "New Colleague",
    "password1": "kidneys and numbers 7",
    "password2": "kidneys and numbers 7",
}


@pytest.fixture
def manager(media: Path) -> User:
    holder = factories.an_organisation("Holder")
    return factories.a_person(holder, Role.MANAGER, full_name="Anna Holm")


def of(person: User) -> Organisation:
    return person.memberships.get().organisation


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def invite(manager: User, email: str = NEW, role: Role = Role.CONTRIBUTOR) -> str:
    return invitations.invite(organisation=of(manager), email=email, role=role, by=manager)[1]


def link(token: str) -> str:
    return reverse("invitation-accept", kwargs={"token": token})


def test_a_manager_invites_and_somebody_without_an_account_joins(manager: User) -> None:
    address = reverse("invitation-create", kwargs={"slug": of(manager).slug})
    answer = client_of(manager).post(address, {"email": NEW, "role": "contributor"}, follow=True)
    assert NEW in answer.content.decode()
    (letter,) = mail.outbox
    assert letter.to == [NEW]
    assert letter.subject == "SHAIPED: invitation to Holder"
    assert "Anna Holm invites you to join Holder" in letter.body
    found = re.search(r"http://testserver(\S+)", letter.body)
    assert found

    visitor = Client()
    assert visitor.get(found[1]).status_code == 200
    welcome = visitor.post(found[1], JOINING, follow=True)
    assert "Welcome to Holder" in welcome.content.decode()
    person = User.objects.get(email=NEW)
    assert (person.full_name, person.memberships.get().role) == ("New Colleague", "contributor")
    assert welcome.context["user"] == person
    entry = Entry.objects.get(verb=Act.INVITATION_ACCEPTED)
    assert entry.sentence == "joined Holder as contributor, invited by Anna Holm"
    assert entry.person == person
    # Once: neither again nor by somebody else.
    assert Client().get(found[1]).status_code == 404
    assert visitor.post(found[1]).status_code == 404


def test_the_name_of_an_organisation_adds_no_line_to_the_head_of_a_letter(manager: User) -> None:
    Organisation.objects.filter(pk=of(manager).pk).update(name="Holder\nBcc: all@example.org")
    address = reverse("invitation-create", kwargs={"slug": of(manager).slug})
    answer = client_of(manager).post(address, {"email": NEW, "role": "contributor"})
    assert answer.status_code == 302
    (letter,) = mail.outbox
    assert letter.recipients() == [NEW]
    assert letter.subject == "SHAIPED: invitation to Holder Bcc: all@example.org"


def test_who_has_an_account_signs_in_and_accepts(manager: User) -> None:
    person = factories.a_person()
    token = invite(manager, person.email.upper())
    visitor = Client()
    page = visitor.get(link(token)).content.decode()
    assert f"?next={link(token)}" in page
    assert "password1" not in page
    # Knowing the link is not enough to take over the account.
    assert visitor.post(link(token), JOINING).status_code == 404
    assert not person.memberships.exists()

    client = client_of(person)
    assert "Accept" in client.get(link(token)).content.decode()
    assert client.post(link(token)).status_code == 302
    assert person.memberships.get().role == Role.CONTRIBUTOR


def test_a_link_that_was_passed_on_does_not_work_for_another(manager: User) -> None:
    token = invite(manager)
    other = factories.a_person()
    client = client_of(other)
    assert "sent to another address" in client.get(link(token)).content.decode()
    client.post(link(token))
    assert not other.memberships.exists()
    with pytest.raises(InvitationRefused, match="another e-mail address"):
        invitations.accept(token=token, by=other)


def test_reading_the_page_uses_nothing_up(manager: User) -> None:
    token = invite(manager)
    for _ in range(3):
        assert Client().get(link(token)).status_code == 200
    assert Invitation.objects.open().count() == 1


def test_only_a_digest_of_the_link_is_kept(manager: User) -> None:
    token = invite(manager)
    row = str(Invitation.objects.values().get())
    assert token not in row
    assert len(token) >= 43  # 256 bits


@pytest.mark.parametrize("how", ["withdrawn", "expired", "renewed", "suspended", "unknown"])
def test_a_link_that_has_ended_says_so(manager: User, how: str) -> None:
    token = invite(manager)
    invitation = Invitation.objects.get()
    if how == "withdrawn":
        assert invitations.withdraw(invitation=invitation, by=manager)
        assert not invitations.withdraw(invitation=invitation, by=manager)
    elif how == "expired":
        invitation.expires_at = timezone.now() - timedelta(seconds=1)
        invitation.save()
    elif how == "renewed":
        renewed = invitations.renew(invitation=invitation, by=manager)
        assert Client().get(link(renewed)).status_code == 200
    elif how == "suspended":
        actions.suspend_organisation(organisation=of(manager), by=None)
    else:
        token = "no-such-token"
    answer = Client().get(link(token))
    assert answer.status_code == 404
    assert "no longer works" in answer.content.decode()
    assert Client().post(link(token), JOINING).status_code == 404
    assert not User.objects.filter(email=NEW).exists()


def test_an_expired_invitation_can_be_sent_again(manager: User) -> None:
    invite(manager)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    invitation = Invitation.objects.get()
    address = reverse(
        "invitation-resend",
        kwargs={"slug": of(manager).slug, "invitation_id": invitation.pk},
    )
    assert client_of(manager).post(address).status_code == 302
    assert len(mail.outbox) == 1
    assert Invitation.objects.open().get() == invitation


def test_who_is_there_or_invited_is_not_invited_again(manager: User) -> None:
    member = factories.a_person(of(manager))
    with pytest.raises(InvitationRefused, match="belongs to the organisation already"):
        invite(manager, member.email.upper())
    invite(manager)
    with pytest.raises(InvitationRefused, match="invited already"):
        invite(manager, NEW.upper())
    assert Invitation.objects.count() == 1
    # Another organisation may, and does not learn of the first.
    other = factories.a_person(factories.an_organisation(), Role.MANAGER)
    invite(other)
    assert Invitation.objects.count() == 2


def test_the_number_of_open_letters_is_limited(
    manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_WAITING", 2)
    for number in range(2):
        invite(manager, f"person-{number}@example.com")
    with pytest.raises(InvitationRefused, match="Too many"):
        invite(manager)


def test_managers_alone_invite_and_only_to_their_own_organisation(manager: User) -> None:
    other = factories.a_person(factories.an_organisation(), Role.MANAGER)
    token = invite(manager)
    invitation = Invitation.objects.get()
    for by in (factories.a_person(of(manager)), other, factories.appointed("auditor")):
        with pytest.raises(PermissionError):
            invitations.invite(
                organisation=of(manager), email="x@example.org", role=Role.VIEWER, by=by
            )
        with pytest.raises(PermissionError):
            invitations.renew(invitation=invitation, by=by)
        with pytest.raises(PermissionError):
            invitations.withdraw(invitation=invitation, by=by)
    # An invitation is not reached through another organisation's address.
    address = reverse(
        "invitation-withdraw", kwargs={"slug": of(other).slug, "invitation_id": invitation.pk}
    )
    assert client_of(other).post(address).status_code == 404
    assert invitations.find(token) is not None


@pytest.mark.parametrize("how", ["suspended", "demoted", "left"])
def test_letters_of_who_no_longer_manages_do_not_work(manager: User, how: str) -> None:
    sender = factories.a_person(of(manager), Role.MANAGER)
    organisation, membership = of(manager), sender.memberships.get()
    token = invite(sender)
    if how == "suspended":
        actions.suspend_membership(membership=membership, by=manager)
    elif how == "demoted":
        actions.set_membership(
            organisation=organisation, user=sender, role=Role.CONTRIBUTOR, by=manager
        )
    else:
        actions.end_membership(membership=membership, by=sender)
    answer = Client().post(link(token), JOINING, follow=True)
    assert "no longer manages Holder" in answer.content.decode()
    assert not User.objects.filter(email=NEW).exists()


def test_an_invitation_neither_lowers_a_role_nor_ends_a_suspension(manager: User) -> None:
    person = factories.a_person()
    token = invite(manager, person.email, Role.VIEWER)
    membership = actions.set_membership(
        organisation=of(manager), user=person, role=Role.CONTRIBUTOR, by=manager
    )
    actions.suspend_membership(membership=membership, by=manager)
    invitations.accept(token=token, by=person)
    membership.refresh_from_db()
    assert membership.role == Role.CONTRIBUTOR
    assert membership.is_suspended


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password2": "something else entirely"}, "match"),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password1": "123456789012", "password2": "123456789012"}, "numeric"),
        ({"password1": NEW, "password2": NEW}, "similar"),
        ({"password1": "new colleague", "password2": "new colleague"}, "similar"),
        ({"full_name": ""}, "required"),
        ({"full_name": "a\x00b"}, "Null"),
    ],
)
def test_a_password_that_is_no_good_is_refused(
    manager: User, given: dict[str, str], said: str
) -> None:
    token = invite(manager)
    answer = Client().post(link(token), JOINING | given)
    assert said in str(answer.context["form"].errors)
    assert not User.objects.filter(email=NEW).exists()
    assert invitations.find(token) is not None


def test_a_letter_that_cannot_be_sent_is_told_and_can_be_sent_again(
    manager: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: object) -> None:
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr(invitations, "send_mail", refuse)
    address = reverse("invitation-create", kwargs={"slug": of(manager).slug})
    answer = client_of(manager).post(address, {"email": NEW, "role": "viewer"}, follow=True)
    assert "could not be sent" in answer.content.decode()
    assert Invitation.objects.open().count() == 1
    assert "could not be sent" in caplog.text


@pytest.mark.parametrize("email", ["x", "a@b\r\nBcc: c@d.example", "a\x00@b.example", "a@b"])
def test_an_address_that_is_none_is_refused(manager: User, email: str) -> None:
    address = reverse("invitation-create", kwargs={"slug": of(manager).slug})
    answer = client_of(manager).post(address, {"email": email, "role": "viewer"})
    assert answer.context["form"].errors["email"]
    assert mail.outbox == []


def test_every_step_is_recorded(manager: User) -> None:
    invite(manager)
    invitation = Invitation.objects.get()
    invitations.renew(invitation=invitation, by=manager)
    invitations.withdraw(invitation=invitation, by=manager)
    found = Entry.objects.filter(object_type="organisations.organisation", person=manager)
    assert list(found.order_by("pk").values_list("verb", "sentence")) == [
        ("invited", f"invited {NEW} as contributor of Holder"),
        ("invited-again", f"sent {NEW} the invitation to Holder again"),
        ("invitation-withdrawn", f"withdrew the invitation of {NEW} to Holder"),
    ]


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("member_invitation_role_known", {"role": "king"}),
        ("invitation_accepted_by_somebody", {"accepted_at": timezone.now()}),
        ("invitation_accepted_or_withdrawn", None),
    ],
)
def test_an_invitation_keeps_its_invariants(
    manager: User, constraint: str, change: dict[str, object] | None
) -> None:
    invite(manager)
    now = timezone.now()
    given = change or {"accepted_at": now, "accepted_by": manager, "withdrawn_at": now}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Invitation.objects.update(**given)


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_used_twice_at_the_same_moment_works_once(media: Path) -> None:
    manager = factories.a_person(factories.an_organisation("Holder"), Role.MANAGER)
    token = invite(manager)
    together = threading.Barrier(2)
    refused: list[Exception] = []

    def join() -> None:
        try:
            together.wait(10)
            invitations.join(token=token, full_name="New", password="kidneys and numbers 7")
        except Exception as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=join) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [type(error) for error in refused] == [InvitationRefused]
    assert Membership.objects.filter(user__email=NEW).count() == 1
    assert User.objects.filter(email=NEW).count() == 1
