"""Roles across the consortium."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError

from portal.organisations.models import Appointment
from portal.organisations.roles import ConsortiumRole
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_role_is_held_by_who_was_appointed_and_is_active() -> None:
    coordinator, other = factories.a_coordinator(), factories.a_person()

    def holds(user) -> bool:
        return Appointment.objects.holds(user, ConsortiumRole.COORDINATOR)

    assert holds(coordinator)
    assert not holds(other)
    assert not holds(AnonymousUser())
    assert not Appointment.objects.holds(coordinator, ConsortiumRole.AUDITOR)
    coordinator.is_active = False
    assert not holds(coordinator)


@pytest.mark.parametrize(
    ("role", "country"),
    [("access-body", ""), ("coordinator", "DK"), ("emperor", "")],
)
def test_only_an_access_body_has_a_country_and_no_role_is_invented(role: str, country: str) -> None:
    with pytest.raises(IntegrityError, match="appointment_"):
        Appointment.objects.create(user=factories.a_person(), role=role, country=country)
