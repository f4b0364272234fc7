"""The state machines: drawn in the documentation, and kept by the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pgtrigger
import pytest
from django.conf import settings
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from portal.access.models import Application, Permit, Review
from portal.access.states import (
    APPLICATION_MOVES,
    PERMIT_MOVES,
    REVIEW_MOVES,
    ApplicationStatus,
    PermitStatus,
    ReviewStatus,
    drawing,
)
from portal.accounts.models import User
from tests import factories, permits

MACHINES = {
    "application": (ApplicationStatus, APPLICATION_MOVES),
    "review": (ReviewStatus, REVIEW_MOVES),
    "permit": (PermitStatus, PERMIT_MOVES),
}


@pytest.fixture
def objects(db: None) -> dict[str, models.Model]:
    person = factories.a_person(factories.an_organisation())
    permit = permits.a_permit(person, permits.a_closed_dataset())
    return {
        "application": permit.review.application,
        "review": permit.review,
        "permit": permit,
    }


def beside(kind: str, status: str, by: User) -> dict[str, Any]:
    """What the other columns must say for a row to have ``status``."""
    now = timezone.now()
    if kind == "application":
        return {
            "submitted_at": None if status == "draft" else now,
            "ended_at": now if status in ("decided", "withdrawn") else None,
        }
    if kind == "review":
        is_decided = status in ("granted", "refused")
        return {
            "complete_at": now,
            "due_on": now.date(),
            "decided_at": now if is_decided else None,
            "decided_by": by if is_decided else None,
            "reasons": "Because." if is_decided else "",
        }
    return {"status_reason": "Because."}


def moves(obj: models.Model, status: str, by: User) -> bool:
    """Whether the database lets the row be given ``status``, whatever else it then must say."""
    kind = str(obj._meta.model_name)
    rows = type(obj)._default_manager.filter(pk=obj.pk)
    try:
        with transaction.atomic():
            rows.update(status=status, **beside(kind, status, by))
    except DatabaseError as error:
        if "pgtrigger" not in str(error):  # another rule than the one that is asked for
            raise
        return False
    return True


@pytest.mark.parametrize("kind", MACHINES)
def test_every_move_that_is_not_drawn_is_refused(
    objects: dict[str, models.Model], kind: str
) -> None:
    statuses, drawn = MACHINES[kind]
    obj, by = objects[kind], factories.a_person()
    triggers = [f"access.{type(obj).__name__}:{kind}_moves"]
    if kind == "application":  # whose ended rows another trigger keeps as they are
        triggers.append("access.Application:ended_application_never_changes")
    wrong = []
    for before in statuses.values:
        for after in statuses.values:
            if before == after:
                continue
            with pgtrigger.ignore(*triggers):
                type(obj)._default_manager.filter(pk=obj.pk).update(
                    status=before, **beside(kind, before, by)
                )
            if moves(obj, after, by) != ((before, after) in drawn):
                wrong.append((before, after))
    assert wrong == []


@pytest.mark.parametrize("kind", MACHINES)
def test_the_documentation_draws_what_the_code_says(kind: str) -> None:
    record = next(Path(settings.BASE_DIR, "portal", "decisions").glob("0020-permits-*.md"))
    assert f"```mermaid\n{drawing(*MACHINES[kind])}\n```" in record.read_text()


def test_every_state_is_reached_and_every_model_has_its_machine() -> None:
    for statuses, drawn in MACHINES.values():
        reached = {after for _before, after in drawn} | {statuses.values[0]}
        assert reached == set(statuses.values)
    assert {Application, Review, Permit} == {
        model for model in (Application, Review, Permit) if hasattr(model, "Status")
    }
