"""Who may use which dataset: the rule, against the same rule written anew in ten lines."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.access.models import (
    Permit,
    PermittedDataset,
    PermittedModelVersion,
    PermittedPerson,
    Review,
)
from portal.access.rule import Use, covering, shortfalls, use_reasons
from portal.access.states import PermitStatus
from portal.access.vocabulary import Environment, Purpose
from portal.organisations.roles import Verb
from portal.organisations.sharing import share
from tests import factories, permits

PURPOSES = (Purpose.ALGORITHMS, Purpose.STATISTICS)
TWO = st.integers(0, 1)
SOME = st.sets(TWO)
A_PERMIT = st.fixed_dictionaries(
    {
        "organisation": TWO,
        "datasets": SOME,
        "people": SOME,
        "versions": SOME,
        "any": st.booleans(),
        "purpose": TWO,
        "from": st.integers(-3, 3),
        "days": st.integers(0, 4),
        "status": st.sampled_from(PermitStatus.values),
        "here": st.sampled_from([True, True, True, False]),
    }
)
A_USE = st.fixed_dictionaries(
    {
        "organisation": TWO,
        "dataset": st.integers(0, 3),
        "person": TWO,
        "version": TWO,
        "purpose": TWO,
        "day": st.integers(-3, 3),
    }
)
CLOSED = 2
"""The first two datasets go by permit; the third is open, the last is the first asker's own."""


def allowed(held: list[dict[str, Any]], use: dict[str, Any]) -> bool:
    """The rule."""
    if use["dataset"] >= CLOSED:
        return use["dataset"] == CLOSED or use["organisation"] == 0
    return any(
        permit["status"] == "in-force"
        and permit["organisation"] == use["organisation"]
        and use["dataset"] in permit["datasets"]
        and use["person"] in permit["people"]
        and (permit["any"] or use["version"] in permit["versions"])
        and permit["purpose"] == use["purpose"]
        and permit["from"] <= use["day"] <= permit["from"] + permit["days"]
        and permit["here"]
        for permit in held
    )


@pytest.fixture
def things(db: None) -> dict[str, list[Any]]:
    askers = [factories.an_organisation() for _ in range(2)]
    manager = factories.a_manager_of(askers[0])
    developer = factories.a_person(factories.an_organisation())
    a_review = permits.an_application(manager, permits.a_closed_dataset()).reviews.get()
    opened = factories.a_dataset(factories.a_manager_of(factories.an_organisation()))
    share(obj=opened, verbs=[Verb.EVALUATE], organisation=None, by=opened.created_by)
    own = permits.a_closed_dataset(manager)
    return {
        "organisation": askers,
        "dataset": [permits.a_closed_dataset(), permits.a_closed_dataset(), opened, own],
        "person": [factories.a_person(), factories.a_person()],
        "version": [factories.a_version(developer) for _ in range(2)],
        "review": [a_review],
    }


def written(things: dict[str, list[Any]], drawn: dict[str, Any], number: int) -> Permit:
    """The drawn permit, as a row."""
    review: Review = things["review"][0]
    first = timezone.localdate() + timedelta(days=drawn["from"])
    permit = Permit.objects.create(
        number=f"DK-2026-{number:06d}",
        review=review,
        organisation=things["organisation"][drawn["organisation"]],
        title="A use",
        summary="A use.",
        purpose=PURPOSES[drawn["purpose"]],
        any_model_version=drawn["any"],
        valid_from=first,
        valid_until=first + timedelta(days=drawn["days"]),
        environment=Environment.HERE if drawn["here"] else Environment.HOLDER,
        status=drawn["status"],
        status_reason="A reason.",
        issued_by=things["person"][0],
    )
    for name, model, field in (
        ("datasets", PermittedDataset, "dataset"),
        ("people", PermittedPerson, "person"),
        ("versions", PermittedModelVersion, "model_version"),
    ):
        pool = things[{"datasets": "dataset", "people": "person", "versions": "version"}[name]]
        for place in drawn[name]:
            model.objects.create(permit=permit, **{field: pool[place]})
    return permit


@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(held=st.lists(A_PERMIT, max_size=3), uses=st.lists(A_USE, min_size=3, max_size=8))
def test_a_use_is_allowed_exactly_when_the_rule_says_so(
    things: dict[str, list[Any]], held: list[dict[str, Any]], uses: list[dict[str, Any]]
) -> None:
    with transaction.atomic():
        rows = [written(things, drawn, number) for number, drawn in enumerate(held)]
        for drawn in uses:
            use = Use(
                organisation=things["organisation"][drawn["organisation"]],
                person=things["person"][drawn["person"]],
                dataset=things["dataset"][drawn["dataset"]],
                model_version=things["version"][drawn["version"]],
                purpose=PURPOSES[drawn["purpose"]],
                day=timezone.localdate() + timedelta(days=drawn["day"]),
            )
            is_allowed = allowed(held, drawn)
            assert (use_reasons(use) == []) == is_allowed, (held, drawn)
            if drawn["dataset"] < CLOSED:
                assert (covering(use) is not None) == is_allowed
                for permit, said in zip(rows, held, strict=True):
                    one = [{**said, "organisation": drawn["organisation"]}]
                    if drawn["dataset"] in said["datasets"] and said["status"] != "replaced":
                        assert (shortfalls(permit, use) == []) == allowed(one, drawn)
        transaction.set_rollback(True)


def test_what_is_missing_is_said_and_leads_to_where_to_ask(db: None) -> None:
    person = factories.a_person(factories.an_organisation("Erasmus"))
    version = factories.a_version(factories.a_person(factories.an_organisation()))
    dataset = permits.a_closed_dataset(title="Aarhus cohort")
    use = Use(
        permits.organisation_of(person), person, dataset, version, Purpose.ALGORITHMS,
        permits.day(0),
    )  # fmt: skip
    (reason,) = use_reasons(use)
    assert reason == "Erasmus has no data permit for “Aarhus cohort”."
    assert reason.url.endswith(f"/access/ask/{dataset.slug}/")  # type: ignore[attr-defined]

    colleague = factories.a_person(permits.organisation_of(person), full_name="Mia Jensen")
    permit = permits.a_permit(
        person, dataset, model_versions=[factories.a_version(person)],
        valid_from=permits.day(2), valid_until=permits.day(30),
    )  # fmt: skip
    changed: Callable[..., list[str]] = lambda **fields: use_reasons(  # noqa: E731
        Use(**{**use.__dict__, **fields})
    )
    reasons = changed(person=colleague, purpose=Purpose.CARE)
    assert len(reasons) == 4
    for words in ("begins on", "another purpose", "does not name Mia Jensen", str(version)):
        assert sum(words in one for one in reasons) == 1
    assert all(one.url == permit.get_absolute_url() for one in reasons)  # type: ignore[attr-defined]
    assert "ended on" in changed(day=permits.day(31))[0]


def test_of_several_permits_the_closest_one_is_talked_about(db: None) -> None:
    person = factories.a_person(factories.an_organisation())
    dataset = permits.a_closed_dataset()
    version = factories.a_version(person)
    far = permits.a_permit(
        person, dataset, purpose=Purpose.CARE, valid_from=permits.day(9),
        valid_until=permits.day(10), months=3,
    )  # fmt: skip
    near = permits.a_permit(
        person, dataset, valid_from=permits.day(1), valid_until=permits.day(10), months=3
    )
    use = Use(
        permits.organisation_of(person), person, dataset, version, Purpose.ALGORITHMS,
        permits.day(0),
    )  # fmt: skip
    (reason,) = use_reasons(use)
    assert near.number in reason
    assert far.number not in reason


def test_months_end_where_the_calendar_says() -> None:
    from datetime import date

    from portal.access.models.review import months_after

    assert months_after(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert months_after(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert months_after(date(2026, 1, 31), 3) == date(2026, 4, 30)
    for first, months in itertools.product(range(1, 13), range(25)):
        later = months_after(date(2026, first, 15), months)
        assert (later.year * 12 + later.month) - (2026 * 12 + first) == months
        assert later.day == 15
