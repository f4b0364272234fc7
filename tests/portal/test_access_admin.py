"""Every page of the administration × every kind of person, on the staff or not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from portal.comparisons.models import Comparison
from portal.facts import Facts
from tests import factories
from tests.world import (
    AWAY,
    FORBIDDEN,
    METHOD,
    MISSING,
    OK,
    SIGN_IN,
    World,
    answer,
)  # fmt: skip

STAFF = ("contributor", "another's manager", "manager", "administrator")
"""In the order of the letters below; the objects asked for are the manager's organisation's."""
LETTERS = {".": OK, "x": FORBIDDEN, "?": MISSING, ">": AWAY, "m": METHOD}
PAGES = ("changelist", "add", "change", "history", "delete")

OWN = ["x... xxxx x>.. >>.. xxxx", "x... xxxx xxxx >>.. xxxx"]
FACTS = ["xxx. xxxx xxx. >>>. xxxx", "xxx. xxxx xxxx >>>. xxxx"]
WRITTEN = ["xxx. xxx. xxx. >>>. xxx.", "xxx. xxx. xxx. >>>. xxx."]
ADMIN_OF: dict[str, list[str]] = {
    "organisations.organisation": ["x... xxx. x>.. >>.. xxx.", "x... xxx. x>.. >>.. xxx."],
    "organisations.membership": OWN,
    "organisations.invitation": ["x... x... x>.. >>.. xxxx", "x... x... xxxx >>.. xxxx"],
    "organisations.appointment": ["xxx. xxx. xxx. >>>. xxx.", "xxx. xxx. xxxx >>>. xxx."],
    "accounts.user": ["xxx. xxx. xxx. >>>. xxxx", "xxx. xxx. xxx. >>>. xxxx"],
    "notifications.notification": FACTS,
    "showcase.news": WRITTEN,
    "showcase.milestone": WRITTEN,
    "showcase.homefigure": WRITTEN,
    "evaluations.evaluation": OWN,
    "catalogue.upload": OWN,
    "comparisons.comparison": OWN,
    "access.application": OWN,
    "access.review": OWN,
    "access.permit": OWN,
    "ckd.kidneycohort": FACTS,
    "ckd.kidneymodelcard": FACTS,
    "metastasis.imageset": FACTS,
    "metastasis.imagingmodelcard": FACTS,
    "heart_failure.monitoredcohort": FACTS,
    "heart_failure.alertmodelcard": FACTS,
}
"""What each registered model's pages answer staff, to a GET and to a POST without content."""
ADMIN: dict[str, list[str]] = {
    "index": ["....", "...."],
    "login": [">>>>", ">>>>"],
    "logout": ["mmmm", ">>>>"],
    "password_change": [">>>>", ">>>>"],
    "password_change_done": [">>>>", ">>>>"],
    "autocomplete": ["xxx.", "mmmm"],
    "jsi18n": ["....", "mmmm"],
    "jobs": ["x...", "mmmm"],
    "app_list": ["?...", "?..."],
    "auth_user_password_change": ["xxx.", "xxx."],
    "unknown": ["????", "????"],
}
"""The same of the administration's other pages; the last is an address that does not exist."""


def admin_names() -> set[str]:
    """The names of the administration's addresses; of those without one, their patterns."""
    found = set()

    def walk(patterns: list[URLPattern | URLResolver]) -> None:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns)
            else:
                found.add(pattern.name or str(pattern.pattern))

    walk(admin.site.get_urls())
    return found


def test_every_address_of_the_administration_is_in_the_matrix() -> None:
    # Django's own: an address of old releases, and what answers every other address.
    others = {"<path:object_id>/", "(?P<url>.*)$", *ADMIN} - {"unknown"}
    assert admin_names() == others | {
        f"{label.replace('.', '_')}_{page}" for label in ADMIN_OF for page in PAGES
    }


def a_row(world: World, label: str) -> Any:
    """A row of the model called ``label``: the manager's organisation's, where it has an owner."""
    manager = world.people["manager"]
    assert manager is not None
    owned: dict[str, Any] = {
        "organisations.organisation": world.dataset.organisation_id,
        "organisations.membership": world.membership_id,
        "organisations.invitation": world.invitation_id,
        "accounts.user": manager.pk,
        "evaluations.evaluation": world.evaluation.pk,
        "catalogue.upload": world.upload_id,
        "access.application": world.asked.draft.pk,
        "access.review": world.asked.received.pk,
        "access.permit": world.asked.permit.pk,
        "notifications.notification": world.notification_id,
    }
    model = apps.get_model(label)
    if label in owned:
        return owned[label]
    if label == "comparisons.comparison":
        return Comparison.objects.create(
            use_case="ckd", task="binary", organisation=world.dataset.organisation, protocol={},
            submitted_by=manager, fingerprint="0" * 64, engine="1",
        ).pk  # fmt: skip
    if label == "showcase.news":
        return factories.a_news_item().pk
    if label == "showcase.milestone":
        return model._base_manager.create(date="2026-01-01", title="Start").pk
    if label == "showcase.homefigure":
        return model._base_manager.create(value=30, label="partners").pk
    if issubclass(model, Facts):
        for use_case, task, stated in (
            ("ckd", "binary", {"egfr": (15, 60)}),
            ("metastasis", "mammography", {"modality": ["ct"]}),
            ("heart-failure", "alerts", {"adjudicated_events": 3}),
        ):
            factories.a_dataset(manager, use_case=use_case, profile=stated)
            factories.a_version(manager, factories.a_model(manager, use_case=use_case, task=task))
    return model._base_manager.values_list("pk", flat=True)[0]


def check_administration(world: World, address: str, letters: list[str]) -> None:
    """Ask for ``address`` as everybody; ``letters`` are those of GET and of POST."""
    for method, row_of in zip(("get", "post"), letters, strict=True):
        staff = {**world.staff, "administrator": world.people["administrator"]}
        found = {}
        for kind, person in staff.items():
            client = world.client_of(person)
            found[kind] = answer(client, getattr(client, method), address)
        expected = dict(zip(STAFF, (LETTERS[letter] for letter in row_of), strict=True))
        assert {kind: found[kind] for kind in STAFF} == expected, (method, address)
        for kind, person in world.people.items():
            if kind == "administrator":
                continue
            client = world.client_of(person)
            expected_answer = SIGN_IN if kind == "anonymous" else MISSING
            found_answer = answer(client, getattr(client, method), address)
            assert found_answer == expected_answer, (method, address, kind)


@pytest.mark.parametrize("name", sorted(ADMIN))
def test_who_gets_the_pages_of_the_administration(world: World, name: str) -> None:
    arguments: dict[str, list[Any]] = {
        "app_list": ["organisations"],
        "auth_user_password_change": [world.people["viewer"].pk],  # type: ignore[union-attr]
    }
    if name == "unknown":
        address = reverse("admin:index") + "nothing/here/"
    else:
        address = reverse(f"admin:{name}", args=arguments.get(name, []))
    if name == "autocomplete":
        address += "?app_label=organisations&model_name=membership&field_name=user&term=a"
    check_administration(world, address, ADMIN[name])


@pytest.mark.parametrize("label", sorted(ADMIN_OF))
def test_who_administers_what(world: World, label: str) -> None:
    row = a_row(world, label)
    get, post = (letters.split() for letters in ADMIN_OF[label])
    for number, page in enumerate(PAGES):
        arguments = [] if page in ("changelist", "add") else [row]
        address = reverse(f"admin:{label.replace('.', '_')}_{page}", args=arguments)
        check_administration(world, address, [get[number], post[number]])


@pytest.mark.parametrize("label", sorted(ADMIN_OF))
def test_what_is_another_organisations_is_answered_as_what_is_not_there(
    world: World, label: str
) -> None:
    name, row = label.replace(".", "_"), str(a_row(world, label))
    unknown = "999999999"
    for kind in ("contributor", "another's manager"):
        client = world.client_of(world.staff[kind])
        for page in ("change", "history", "delete"):
            for ask in (client.get, client.post):
                said = []
                for pk in (row, unknown):
                    found = ask(reverse(f"admin:{name}_{page}", args=[pk]), follow=True)
                    text = re.sub(r"[A-Za-z0-9]{64}", "", found.content.decode())  # CSRF tokens
                    said.append((found.status_code, found.redirect_chain, text.replace(pk, "")))
                assert said[0][:2] == said[1][:2], (kind, page)
                assert said[0][2].replace(unknown, "") == said[1][2].replace(row, ""), (kind, page)
