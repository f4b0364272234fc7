"""Inviting people by e-mail: a link that works once, for a week, for who reads that mailbox."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.organisations.actions import give_role, record_about, require_people_manager
from portal.organisations.models import Invitation, Membership, Organisation
from portal.organisations.roles import Role

if TYPE_CHECKING:
    from portal.accounts.models import User

logger = logging.getLogger(__name__)

VALID_FOR = timedelta(days=7)
MOST_WAITING = 100
"""Of one organisation: nobody sends letters to the whole world from here."""


class InvitationRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Somebody cannot be invited, or cannot accept; the message says why."""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def find(token: str) -> Invitation | None:
    """The invitation whose link holds ``token``, if it still works."""
    open_ones = Invitation.objects.open().select_related("organisation", "invited_by")
    return open_ones.filter(digest=_digest(token), organisation__suspended_at=None).first()


@transaction.atomic
def invite(
    *, organisation: Organisation, email: str, role: Role, by: User | None
) -> tuple[Invitation, str]:
    """Invite whoever reads the mailbox; the token goes into the letter and nowhere else.

    Raises
    ------
    PermissionError
        If ``by`` does not manage the organisation.
    InvitationRefused
        If the person is a member, has been invited already, or too many wait for an answer.
    """
    require_people_manager(organisation, by)
    if organisation.memberships.filter(user__email__iexact=email).exists():
        raise InvitationRefused(
            _("%(email)s belongs to the organisation already. Change the role there.")
            % {"email": email}
        )
    waiting = organisation.member_invitations.unanswered()
    if waiting.count() >= MOST_WAITING:
        raise InvitationRefused(_("Too many invitations wait for an answer. Withdraw some first."))
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        organisation=organisation,
        email=email,
        role=role,
        digest=_digest(token),
        invited_by=by,
        expires_at=timezone.now() + VALID_FOR,
    )
    try:
        with transaction.atomic():
            invitation.save()
    except IntegrityError:
        raise InvitationRefused(
            _("%(email)s has been invited already. Send that invitation again, or withdraw it.")
            % {"email": email}
        ) from None
    record_about(
        organisation, Act.INVITED, f"invited {email} as {Role(role).value} of {organisation}", by=by
    )
    return invitation, token


@transaction.atomic
def renew(*, invitation: Invitation, by: User | None) -> str:
    """A new token for another week; the link of the earlier letter ends.

    Raises
    ------
    PermissionError
        If ``by`` does not manage the organisation.
    InvitationRefused
        If it was accepted or withdrawn meanwhile.
    """
    require_people_manager(invitation.organisation, by)
    token = secrets.token_urlsafe(32)
    renewed = Invitation.objects.unanswered().filter(pk=invitation.pk)
    if not renewed.update(
        digest=_digest(token), invited_by=by, expires_at=timezone.now() + VALID_FOR
    ):
        raise InvitationRefused(_("It was accepted or withdrawn meanwhile."))
    organisation = invitation.organisation
    record_about(
        organisation,
        Act.INVITED_AGAIN,
        f"sent {invitation.email} the invitation to {organisation} again",
        by=by,
    )
    invitation.refresh_from_db()
    return token


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User | None) -> bool:
    """End an invitation; its link no longer works. False if it was answered meanwhile.

    Raises
    ------
    PermissionError
        If ``by`` does not manage the organisation.
    """
    organisation = invitation.organisation
    require_people_manager(organisation, by)
    if not Invitation.objects.unanswered().filter(pk=invitation.pk).update(withdrawn_at=Now()):
        return False
    record_about(
        organisation,
        Act.INVITATION_WITHDRAWN,
        f"withdrew the invitation of {invitation.email} to {organisation}",
        by=by,
    )
    return True


def send(invitation: Invitation, *, link: str, site: str) -> bool:
    """Send the letter; False when the mail server does not take it."""
    context = {"invitation": invitation, "link": link, "current_site": {"domain": site}}
    subject = _("invitation to %(organisation)s") % {"organisation": invitation.organisation}
    try:
        send_mail(
            settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + " ".join(subject.split()),
            render_to_string("organisations/email/invitation_message.txt", context),
            None,
            [invitation.email],
        )
    except (OSError, SMTPException):
        logger.exception("Invitation %s could not be sent", invitation.pk)
        return False
    return True


def account_of(invitation: Invitation) -> User | None:
    """The account of the person who was invited, if there is one."""
    found: User | None = get_user_model().objects.filter(email__iexact=invitation.email).first()
    return found


def _held(token: str) -> Invitation:
    """The invitation, kept until the transaction ends: of two who use its link one gets in."""
    Invitation.objects.select_for_update().filter(digest=_digest(token)).first()
    invitation = find(token)
    if invitation is None:
        raise InvitationRefused(_("This invitation has been used, withdrawn, or has expired."))
    return invitation


@transaction.atomic
def accept(*, token: str, by: User) -> Membership:
    """Make ``by`` a member. A role that they have there already stays as it is.

    Raises
    ------
    InvitationRefused
        If the link has been used, withdrawn or has expired; if it was sent to somebody else; or
        if who sent it may no longer invite.
    """
    invitation = _held(token)
    if by.email.lower() != invitation.email.lower():
        raise InvitationRefused(_("This invitation was sent to another e-mail address."))
    organisation = invitation.organisation
    try:
        require_people_manager(organisation, invitation.invited_by)
    except PermissionError:
        raise InvitationRefused(
            _("Who invited you no longer manages %(organisation)s. Ask there for a new invitation.")
            % {"organisation": organisation}
        ) from None
    invitation.accepted_at, invitation.accepted_by = timezone.now(), by
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    membership = organisation.memberships.filter(user=by).first()
    if membership is None:
        membership, _before = give_role(organisation, by, Role(invitation.role))
    record(
        by=by,
        organisation=organisation,
        verb=Act.INVITATION_ACCEPTED,
        obj=organisation,
        sentence=f"joined {organisation} as {membership.role}, invited by "
        f"{invitation.invited_by or 'the site'}",
    )
    return membership


@transaction.atomic
def join(*, token: str, full_name: str, password: str) -> User:
    """Make an account for who was invited and has none, and accept.

    Raises
    ------
    InvitationRefused
        As :func:`accept`, and if there is an account by now.
    """
    invitation = _held(token)
    if account_of(invitation) is not None:
        raise InvitationRefused(_("There is an account by now: sign in to accept."))
    user: User = get_user_model().objects.create_user(
        invitation.email, password, full_name=full_name
    )
    accept(token=token, by=user)
    return user
