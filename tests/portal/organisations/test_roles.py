"""The table of roles: whole, ordered, and what the actions go by."""

from __future__ import annotations

import pytest

from portal.organisations import roles
from portal.organisations.models import Appointment
from portal.organisations.roles import MAY, ConsortiumRole, Duty, Role, SiteRole, Verb
from tests import factories


def test_the_table_has_every_role_and_every_permission() -> None:
    assert set(MAY) == {*Role, *ConsortiumRole, *SiteRole}
    assert {permission for row in MAY.values() for permission in row} == {*Verb, *Duty}


def test_each_role_in_an_organisation_includes_the_ones_above_it() -> None:
    for lower, higher in zip(Role, list(Role)[1:], strict=False):
        assert set(MAY[lower]) < set(MAY[higher])


def test_no_role_across_the_consortium_shows_or_changes_an_object() -> None:
    for role in (*ConsortiumRole, *SiteRole):
        assert not any(isinstance(permission, Verb) for permission in MAY[role])


def test_the_lowest_role_that_may_is_found_and_a_duty_of_no_organisation_is_refused() -> None:
    assert roles.lowest_role(Verb.EVALUATE) == Role.CONTRIBUTOR
    assert roles.lowest_role(Duty.MANAGE_PEOPLE) == Role.MANAGER
    with pytest.raises(LookupError, match="read-log"):
        roles.lowest_role(Duty.READ_LOG)


@pytest.mark.django_db
@pytest.mark.parametrize("duty", list(Duty))
def test_an_appointment_gives_the_duties_of_its_role(duty: Duty) -> None:
    for role in ConsortiumRole:
        country = "DK" if role == ConsortiumRole.ACCESS_BODY else ""
        person = factories.appointed(role, country)
        assert Appointment.objects.may(person, duty) == (duty in MAY[role]), (role, duty)
