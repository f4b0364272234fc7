"""Reminders: each is told once, when it is near, and not after it was done."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from portal.access.permits import tell_outcome
from portal.access.reminders import remind
from portal.accounts.models import User
from portal.notifications.kinds import Kind
from portal.notifications.models import Notification
from tests import factories, permits


@pytest.fixture
def person(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation("Erasmus", country="NL"))


def told(person: User, kind: Kind, day: date) -> int:
    """How often ``person`` was told of it, once the reminders of that day have gone out twice."""
    for _ in range(2):
        remind(day)
    return Notification.objects.filter(person=person, kind=kind).count()


def test_the_end_of_a_permit_is_told_a_month_and_a_week_before(person: User) -> None:
    permit = permits.a_permit(person, permits.a_closed_dataset(), valid_until=permits.day(60))
    counts = [
        told(person, Kind.PERMIT_ENDING, permit.valid_until - timedelta(days=days))
        for days in (31, 30, 8, 7, 0)
    ]
    assert counts == [0, 1, 1, 2, 2]


def test_the_duty_to_publish_is_told_until_something_is_public(person: User) -> None:
    permit = permits.a_permit(
        person,
        permits.a_closed_dataset(),
        valid_from=permits.day(-400),
        valid_until=permits.day(-30),
    )
    last = permit.publish_by
    assert told(person, Kind.PUBLICATION_DUE, last - timedelta(days=200)) == 0
    assert told(person, Kind.PUBLICATION_DUE, last - timedelta(days=100)) == 1
    tell_outcome(permit=permit, title="A paper", url="https://example.org/paper", by=person)
    assert told(person, Kind.PUBLICATION_DUE, last - timedelta(days=10)) == 1
