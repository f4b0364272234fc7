"""Writes about organisations and their people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.organisations.models import Membership, Organisation, RoleGroup
from portal.organisations.roles import MAY, Duty, Role, SiteRole, included_roles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class LastManagerError(Exception):
    """The organisation would be left without anybody who manages it."""

    def __init__(self, organisation: Organisation) -> None:
        super().__init__(
            _("%(organisation)s would be left without a manager. Make somebody else manager first.")
            % {"organisation": organisation}
        )


def record_about(
    organisation: Organisation, verb: Act, sentence: str = "", *, by: User | None
) -> None:
    """Record what was done to an organisation, or to its people; for it, if by one of its own."""
    is_own = by is not None and Organisation.objects.where_member(by).contains(organisation)
    record(
        by=by,
        organisation=organisation if is_own else None,
        verb=verb,
        obj=organisation,
        sentence=sentence,
    )


def administers(user: User | AnonymousUser, duty: Duty) -> bool:
    """Whether ``user`` runs the site, and may as such do what the table of roles says."""
    is_one = user.is_authenticated and user.is_active and user.is_superuser
    return bool(is_one) and duty in MAY[SiteRole.ADMINISTRATOR]


def require_administrator(by: User | None) -> None:
    """Refuse everyone but site administrators; None stands for the site itself."""
    if by is not None and not administers(by, Duty.ADMINISTER):
        raise PermissionError("Only a site administrator does that.")


def require_people_manager(organisation: Organisation, by: User | None) -> None:
    """Refuse everyone but managers of the organisation and site administrators."""
    if by is None or administers(by, Duty.ADMINISTER):
        return
    if not Organisation.objects.where_may(by, Duty.MANAGE_PEOPLE).contains(organisation):
        raise PermissionError("Only a manager of the organisation does that.")


def role_groups(organisation: Organisation | None) -> dict[str, int]:
    """The key of the group of each role; None stands for the roles in any organisation.

    They are made, all at once, where they are missing.
    """
    rows = RoleGroup.objects.filter(organisation=organisation).values_list("role", "group")
    held = dict(rows)
    if len(held) < len(Role):
        _make_groups(organisation)
        held = dict(rows.all())
    return held


def _make_groups(organisation: Organisation | None) -> None:
    """Make the groups of the roles; those that are there stay, also if made at this moment."""
    owner = f"organisation {organisation.pk}" if organisation else "consortium"
    names = {f"{owner}: {role.value}": role for role in Role}
    Group.objects.bulk_create([Group(name=name) for name in names], ignore_conflicts=True)
    groups = Group.objects.filter(name__in=names)
    RoleGroup.objects.bulk_create(
        [RoleGroup(organisation=organisation, role=names[one.name], group=one) for one in groups],
        ignore_conflicts=True,
    )


@transaction.atomic
def make_role_groups(organisation: Organisation) -> None:
    """Give ``organisation`` its role groups; doing it again changes nothing."""
    role_groups(organisation)


@transaction.atomic
def create_organisation(
    *, slug: str, name: str, kind: str, country: str, website: str = "", by: User | None
) -> Organisation:
    """Add a partner with its role groups. ``by`` is None only where no person acts.

    Raises
    ------
    PermissionError
        If ``by`` is not a site administrator.
    """
    require_administrator(by)
    organisation = Organisation(slug=slug, name=name, kind=kind, country=country, website=website)
    organisation.full_clean()
    organisation.save()
    make_role_groups(organisation)
    record(
        by=by,
        organisation=None,
        verb=Act.ORGANISATION_ADDED,
        obj=organisation,
        sentence=f"added the organisation “{organisation}”",
    )
    return organisation


@transaction.atomic
def describe_organisation(
    *, organisation: Organisation, texts: Mapping[str, str], by: User | None
) -> bool:
    """Change what everybody reads of a partner: its website and its description.

    Parameters
    ----------
    texts
        Field -> text: any of ``website``, ``description`` and the description in other languages.

    Returns
    -------
    bool
        Whether anything differs from before.

    Raises
    ------
    PermissionError
        If ``by`` is neither a manager of the organisation nor a site administrator.
    """
    require_people_manager(organisation, by)
    changed = [name for name, text in texts.items() if getattr(organisation, name) != text]
    for name in changed:
        setattr(organisation, name, texts[name])
    if changed:
        organisation.full_clean()
        organisation.save(update_fields=changed)
        words = f"changed the organisation “{organisation}”: {', '.join(changed)}"
        record_about(organisation, Act.ORGANISATION_CHANGED, words, by=by)
    return bool(changed)


@transaction.atomic
def delete_organisation(*, organisation: Organisation, by: User | None) -> None:
    """Remove a partner that owns nothing, with its groups and all that was shared with them.

    Raises
    ------
    PermissionError
        If ``by`` is not a site administrator.
    ProtectedError
        If it owns a dataset, a model or an evaluation.
    """
    require_administrator(by)
    people = [membership.user for membership in organisation.memberships.select_related("user")]
    groups = list(
        Group.objects.filter(role_group__organisation=organisation).values_list("pk", flat=True)
    )
    record(
        by=by,
        organisation=None,
        verb=Act.ORGANISATION_DELETED,
        obj=organisation,
        sentence=f"deleted the organisation “{organisation}”",
    )
    organisation.delete()
    Group.objects.filter(pk__in=groups).delete()
    for user in people:
        synchronise_groups(user)


def synchronise_groups(user: User) -> None:
    """Put ``user`` in exactly the role groups that their memberships in force give."""
    # Two changes of one person's memberships wait for each other, or one would miss the other's.
    get_user_model().objects.select_for_update().filter(pk=user.pk).first()
    wanted: set[int] = set()
    for membership in user.memberships.in_force().select_related("organisation"):
        for groups in (role_groups(membership.organisation), role_groups(None)):
            wanted |= {groups[role] for role in included_roles(Role(membership.role))}
    user.groups.set(wanted)


def _require_another_manager(membership: Membership) -> None:
    """Refuse to lose a manager who is the only one; the caller holds the organisation's row."""
    if membership.role != Role.MANAGER or membership.is_suspended:
        return
    others = membership.organisation.memberships.filter(role=Role.MANAGER, suspended_at=None)
    if not others.exclude(pk=membership.pk).exists():
        raise LastManagerError(membership.organisation)


def _hold(organisation: Organisation) -> None:
    """Keep the organisation's row until the transaction ends: one change of people at a time.

    Who may make it is asked afterwards, for the change before it may have been about them.
    """
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)


@transaction.atomic
def set_membership(
    *, organisation: Organisation, user: User, role: Role, by: User | None
) -> Membership:
    """Give ``user`` ``role`` in ``organisation``, in place of any role they had there.

    Raises
    ------
    PermissionError
        If ``by`` does not manage the organisation.
    LastManagerError
        If the person is its only manager and would no longer be.
    """
    _hold(organisation)
    require_people_manager(organisation, by)
    membership, before = give_role(organisation, user, role)
    if before != role:
        words = f"{Role(role).value} of {organisation}"
        record_about(
            organisation,
            Act.ROLE_CHANGED if before else Act.MEMBER_ADDED,
            f"made {user} {words}" if before else f"added {user} as {words}",
            by=by,
        )
    return membership


def give_role(organisation: Organisation, user: User, role: Role) -> tuple[Membership, Role | None]:
    """Write the role, and return the membership with the role that the person had before."""
    _hold(organisation)
    held = organisation.memberships.filter(user=user).first()
    if held is not None and role != Role.MANAGER:
        _require_another_manager(held)
    membership, _created = Membership.objects.update_or_create(
        organisation=organisation, user=user, defaults={"role": role}
    )
    synchronise_groups(user)
    return membership, Role(held.role) if held else None


@transaction.atomic
def suspend_membership(*, membership: Membership, by: User | None) -> None:
    """Keep the person's role, but let them do nothing with it from their next request on.

    Raises
    ------
    PermissionError
        If ``by`` does not manage the organisation.
    LastManagerError
        If the person is its only manager.
    """
    _hold(membership.organisation)
    require_people_manager(membership.organisation, by)
    membership.refresh_from_db()
    _require_another_manager(membership)
    _set_suspended(membership, suspended=True, by=by)


@transaction.atomic
def reinstate_membership(*, membership: Membership, by: User | None) -> None:
    """End the suspension of a membership; raises as :func:`suspend_membership`."""
    _hold(membership.organisation)
    require_people_manager(membership.organisation, by)
    _set_suspended(membership, suspended=False, by=by)


def _set_suspended(membership: Membership, *, suspended: bool, by: User | None) -> None:
    changed = Membership.objects.filter(pk=membership.pk, suspended_at__isnull=suspended).update(
        suspended_at=Now() if suspended else None
    )
    membership.refresh_from_db()
    synchronise_groups(membership.user)
    if changed:
        organisation, user = membership.organisation, membership.user
        if suspended:
            sentence, verb = f"suspended {user} in {organisation}", Act.MEMBER_SUSPENDED
        else:
            sentence, verb = f"reinstated {user} in {organisation}", Act.MEMBER_REINSTATED
        record_about(organisation, verb, sentence, by=by)


@transaction.atomic
def end_membership(*, membership: Membership, by: User | None) -> None:
    """Take the person out of the organisation; they lose its objects at their next request.

    Raises
    ------
    PermissionError
        If ``by`` neither manages the organisation nor is the person.
    LastManagerError
        If the person is its only manager.
    """
    user = membership.user
    _hold(membership.organisation)
    if by is None or by.pk != user.pk:
        require_people_manager(membership.organisation, by)
    membership.refresh_from_db()
    _require_another_manager(membership)
    organisation = membership.organisation
    sentence = (
        f"left {organisation}"
        if by is not None and by.pk == user.pk
        else f"ended the membership of {user} in {organisation}"
    )
    record_about(organisation, Act.MEMBER_REMOVED, sentence, by=by)
    membership.delete()
    synchronise_groups(user)


@transaction.atomic
def suspend_organisation(*, organisation: Organisation, by: User | None) -> None:
    """Let nobody act for the organisation; what it waits for is not started, nor delivered.

    Raises
    ------
    PermissionError
        If ``by`` is not a site administrator.
    """
    require_administrator(by)
    _set_organisation_suspended(organisation, suspended=True, by=by)


@transaction.atomic
def reinstate_organisation(*, organisation: Organisation, by: User | None) -> None:
    """End the suspension of an organisation; raises as :func:`suspend_organisation`."""
    require_administrator(by)
    _set_organisation_suspended(organisation, suspended=False, by=by)


def _set_organisation_suspended(
    organisation: Organisation, *, suspended: bool, by: User | None
) -> None:
    _hold(organisation)
    changed = Organisation.objects.filter(
        pk=organisation.pk, suspended_at__isnull=suspended
    ).update(suspended_at=Now() if suspended else None)
    organisation.refresh_from_db()
    for membership in organisation.memberships.select_related("user").order_by("user"):
        synchronise_groups(membership.user)
    if changed:
        verb = Act.ORGANISATION_SUSPENDED if suspended else Act.ORGANISATION_REINSTATED
        words = "suspended" if suspended else "reinstated"
        record(
            by=by,
            organisation=None,
            verb=verb,
            obj=organisation,
            sentence=f"{words} the organisation “{organisation}”",
        )
