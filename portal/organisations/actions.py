"""Writes about organisations and their people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import Group
from django.db import transaction

from portal.organisations.models import Membership, Organisation, RoleGroup
from portal.organisations.roles import Role, included_roles

if TYPE_CHECKING:
    from portal.accounts.models import User


def _make_group(organisation: Organisation | None, role: Role) -> Group:
    owner = f"organisation {organisation.pk}" if organisation else "consortium"
    group, _ = Group.objects.get_or_create(name=f"{owner}: {role.value}")
    RoleGroup.objects.get_or_create(organisation=organisation, role=role, defaults={"group": group})
    return group


def consortium_group(role: Role) -> Group:
    """The group of everyone who has ``role`` in any organisation."""
    return _make_group(None, role)


@transaction.atomic
def make_role_groups(organisation: Organisation) -> None:
    """Give ``organisation`` its role groups; doing it again changes nothing."""
    for role in Role:
        _make_group(organisation, role)


@transaction.atomic
def create_organisation(
    *, slug: str, name: str, kind: str, country: str, website: str = "", by: User | None
) -> Organisation:
    """Add a partner with its role groups. ``by`` is None only where no person acts."""
    organisation = Organisation(slug=slug, name=name, kind=kind, country=country, website=website)
    organisation.full_clean()
    organisation.save()
    make_role_groups(organisation)
    return organisation


@transaction.atomic
def delete_organisation(*, organisation: Organisation, by: User | None) -> None:
    """Remove a partner that owns nothing, with its groups and all that was shared with them.

    Raises
    ------
    ProtectedError
        If it owns a dataset, a model or an evaluation.
    """
    people = [membership.user for membership in organisation.memberships.select_related("user")]
    groups = list(
        Group.objects.filter(role_group__organisation=organisation).values_list("pk", flat=True)
    )
    organisation.delete()
    Group.objects.filter(pk__in=groups).delete()
    for user in people:
        synchronise_groups(user)


def synchronise_groups(user: User) -> None:
    """Put ``user`` in exactly the role groups that their memberships give."""
    wanted: set[int] = set()
    for membership in user.memberships.all():
        for role in included_roles(Role(membership.role)):
            wanted.add(_make_group(membership.organisation, role).pk)
            wanted.add(consortium_group(role).pk)
    user.groups.set(wanted)


@transaction.atomic
def set_membership(
    *, organisation: Organisation, user: User, role: Role, by: User | None
) -> Membership:
    """Give ``user`` ``role`` in ``organisation``, in place of any role they had there."""
    membership, _ = Membership.objects.update_or_create(
        organisation=organisation, user=user, defaults={"role": role}
    )
    synchronise_groups(user)
    return membership


@transaction.atomic
def end_membership(*, membership: Membership, by: User | None) -> None:
    """Take the person out of the organisation; they lose its objects at their next request."""
    user = membership.user
    membership.delete()
    synchronise_groups(user)
