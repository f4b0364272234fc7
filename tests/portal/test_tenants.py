"""Two organisations that share nothing: neither learns anything of the other, on any page.

What one sees is compared byte by byte before and after the other has everything there is, so that
a count, a facet, a page number, a choice in a form or a sentence that depends on another's
objects fails here. The addresses come from the URL resolver: a new one is walked by itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.db import connection, reset_queries, transaction
from django.forms import BaseForm, ModelChoiceField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.organisations import sharing
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.registry.models import ModelVersion
from tests.routes import Route, routes
from tests.tenants import (
    Fill,
    Tenant,
    a_tenant,
    evaluate_secretly,
    fill,
    people_beside,
)

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

THEIRS = "zirconium"
"""The word of the other one; what is theirs stands nowhere else. Ours is "osmium"."""

PASSING = re.compile(
    r'(name="csrfmiddlewaretoken" value="|"X-CSRFToken": ")[A-Za-z0-9]{64}'
    r"|(<time [^>]*>)[^<]*"  # "5 minutes ago"; the moment itself is compared
)
"""What differs from one request to the next."""
QUERIES: list[dict[str, Any]] = [
    {"q": THEIRS},
    {"q": "cohort model"},
    {"q": THEIRS[:4], "sort": "newest"},
    {"page": 2},
    {"country": "SE", "sort": "people"},
    {"holder": "Hospital 9-z", "developer": "Hospital 9-z"},
    {"status": "running", "show": "published"},
    {"kind": "predictions", "task": "ckd/binary", "use_case": ["ckd", "heart-failure"]},
]


def client_of(person: User | None) -> Client:
    cache.clear()
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def text_of(response: Any) -> str:
    """The answer without what differs from one session to the next."""
    body = b"".join(response) if response.streaming else response.content
    kept = ("Location", "Content-Type", "Content-Disposition", "HX-Refresh")
    headers = [f"{name}: {response[name]}" for name in kept if name in response]
    said = [str(response.status_code), *headers, body.decode()]
    return PASSING.sub(r"\1\2", "\n".join(said))


def asked(route: Route, about: Fill, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """The queries and headers with which a page is asked for."""
    is_of_all = route.places <= {"use_case", "task"}
    if kind == "manager" or is_of_all or (kind == "lead" and route.section == "studies"):
        yield {}, {}
    # Of metastasis nobody has anything: more than the page itself cannot tell.
    is_of_something = about.get("use_case") != "metastasis"
    is_asked = route.name.endswith(("-list", "-check")) and is_of_something
    if kind in ("manager", "anonymous") and is_asked:
        for query in QUERIES:
            yield query, {}
    if kind == "manager" and route.name.endswith("-detail"):
        yield {"variable": THEIRS}, {"HX-Request": "true"}


def walk(
    people: dict[str, User | None], tenant: Tenant, *, plainly: bool = False
) -> dict[tuple[str, ...], tuple[str, int]]:
    """Every page that people can ask for, and the number of queries it took.

    ``plainly`` asks for each page once, without a query.
    """
    found = {}
    for kind, person in people.items():
        with transaction.atomic():  # what a page writes (downloads in the log) is not kept
            client = client_of(person)
            for route in routes():
                for about in tenant.of(route):
                    address = reverse(route.name, kwargs=about)
                    for query, headers in [({}, {})] if plainly else asked(route, about, kind):
                        reset_queries()
                        with CaptureQueriesContext(connection) as captured:
                            answer = client.get(address, query, headers=headers)
                        if answer.status_code == 405:
                            break
                        key = (kind, address, str(query), str(headers))
                        found[key] = text_of(answer), len(captured)
            transaction.set_rollback(True)
    return found


@pytest.fixture(autouse=True)
def _refusals_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of them are logged here."""
    caplog.set_level(logging.ERROR, logger="django.request")


@pytest.fixture
def theirs(ours: Tenant) -> Tenant:
    return a_tenant(THEIRS)


def differences(
    before: dict[tuple[str, ...], tuple[str, int]], after: dict[tuple[str, ...], tuple[str, int]]
) -> dict[tuple[str, ...], list[str]]:
    """The lines that came or went, by page; or how many queries it took."""
    found = {}
    for key, (text, queries) in before.items():
        if text != after[key][0]:
            now, then = after[key][0].splitlines(), text.splitlines()
            came = [f"+ {one}" for one in now if one not in then]
            went = [f"- {one}" for one in then if one not in now]
            found[key] = (came or went or ["another order"])[:3]
        elif queries != after[key][1]:
            found[key] = [f"{queries} queries, then {after[key][1]}"]
    return found


def test_no_page_changes_by_what_another_organisation_has(ours: Tenant, theirs: Tenant) -> None:
    for shared in (ours.dataset, ours.version.model):
        sharing.share(
            obj=shared,
            verbs=[Verb.VIEW, Verb.EVALUATE],
            organisation=theirs.organisation,
            by=ours.manager,
        )
    people = people_beside(ours)
    with patch("portal.evaluations.views.elapsed_seconds", return_value=7):
        # What is asked once in a process is asked here.
        walk({"manager": ours.manager}, ours, plainly=True)
        before = walk(people, ours)
        fill(theirs, publishes=False)
        evaluate_secretly(theirs, dataset=ours.dataset, version=theirs.version)
        evaluate_secretly(theirs, dataset=theirs.dataset, version=ours.version)
        after = walk(people, ours)
    assert differences(before, after) == {}
    leaks = [
        key for key, (text, _queries) in after.items() if THEIRS in text and THEIRS not in str(key)
    ]
    assert leaks == []
    # The walk saw something: what the same pages show to its own people.
    owners = walk({"manager": theirs.manager}, theirs, plainly=True)
    assert sum(THEIRS in text for text, _queries in owners.values()) > 40


def test_ids_of_another_organisation_are_answered_like_ids_of_nothing(
    ours: Tenant, theirs: Tenant
) -> None:
    fill(theirs, publishes=False)
    told = {}
    for kind in ("manager", "lead", "anonymous"):
        person = {"manager": ours.manager, "lead": ours.lead}.get(kind)
        client = client_of(person)
        for route in routes():
            if route.places <= {"use_case", "task", "ending"} or route.name in OF_EVERYBODY:
                continue
            for wanted, nothing in strangers_of(route, ours, theirs):
                for method in ("get", "post"):
                    told |= told_apart(client, method, route, wanted, nothing)
    assert told == {}


OF_EVERYBODY = {
    "organisation-detail",  # who is a partner is no secret
    "invitation-accept",  # whoever has the letter may read it
    "account_reset_password_from_key",  # the same
}


NO_IDS = {"use_case", "task", "table", "curve", "kind", "number", "ending", "step"}
"""Places of addresses in which nobody's object is named."""


def strangers_of(route: Route, ours: Tenant, theirs: Tenant) -> Iterator[tuple[Fill, Fill]]:
    """Pairs of what another organisation has and of what nobody has, for the address.

    Another's whole address, and our own with a single id of another.
    """
    own = ours.of(route)[0]
    for fill_ in theirs.of(route):
        ids = sorted(route.places - NO_IDS)
        yield fill_, fill_ | {name: unlike(fill_[name]) for name in ids[-1:]}
        for name in ids if len(ids) > 1 else ():
            if name == "version":  # 1.0.0 is everybody's
                continue
            yield own | {name: fill_[name]}, own | {name: unlike(fill_[name])}


def unlike(value: Any) -> Any:
    """An id of the same form that nothing has."""
    if isinstance(value, int):
        return value + 10**7
    if value.isdecimal():
        return str(int(value) + 10**7)
    return f"{value[:-4]}{'9.9' if value.count('.') == 2 else ''}zzzz"


def told_apart(
    client: Client, method: str, route: Route, wanted: Fill, nothing: Fill
) -> dict[tuple[str, str], list[str]]:
    """What the two answers differ in."""
    said = []
    for about in (wanted, nothing):
        with transaction.atomic():
            address = reverse(route.name, kwargs=about)
            text = text_of(getattr(client, method)(address))
            transaction.set_rollback(True)
        for value in (address, quote(address, safe="")):
            text = text.replace(value, "…")
        said.append(text)
    status = said[0][:3]
    if said[0] == said[1] and status in ("302", "403", "404", "405"):
        return {}
    lines = [line for line in said[0].splitlines() if line not in said[1].splitlines()]
    return {(f"{method} {route.name}", str(wanted)): [status, *lines[:3]]}


def fields_of(context: Any) -> Iterable[tuple[BaseForm, str, ModelChoiceField]]:
    """The choices of objects in the forms of a page, with their names in the request."""
    for layer in context or []:
        for found in layer.dicts if hasattr(layer, "dicts") else [layer]:
            for form in found.values():
                if isinstance(form, BaseForm):
                    for name, field in form.fields.items():
                        if isinstance(field, ModelChoiceField):
                            yield form, form.add_prefix(name), field


def test_no_form_takes_what_belongs_to_another_organisation(ours: Tenant, theirs: Tenant) -> None:
    fill(theirs, publishes=False)
    having = {
        Dataset: theirs.dataset.pk,
        ModelVersion: theirs.version.pk,
        Organisation: theirs.organisation.pk,
    }
    seen, told = set(), {}
    for person in (ours.manager, ours.lead):
        client = client_of(person)
        for route in routes():
            for about in ours.of(route):
                address = reverse(route.name, kwargs=about)
                answer = client.get(address)
                if answer.status_code != 200 or not answer.context:
                    continue
                for _form, name, field in fields_of(answer.context):
                    if field.queryset.model not in having or route.name.endswith("-share"):
                        continue  # with whom one shares, one chooses among all partners
                    seen.add((route.name, name))
                    pk = having[field.queryset.model]
                    assert not field.queryset.filter(pk=pk).exists(), (address, name)
                    answers = []
                    for key in (pk, pk + 10**7):
                        with transaction.atomic():
                            text = text_of(client.post(address, {name: key}))
                            transaction.set_rollback(True)
                        answers.append(re.sub(rf"(?<!\d)({pk}|{pk + 10**7})(?!\d)", "…", text))
                    if answers[0] != answers[1]:
                        told[address, name] = answers
    assert told == {}
    assert {name for name, _field in seen} >= {
        "dataset-create",
        "evaluation-submit",
        "model-create",
        "study-create",
        "study-invite",
        "table-upload",
    }


def test_results_of_another_are_compared_like_results_of_nobody(
    ours: Tenant, theirs: Tenant
) -> None:
    fill(theirs, publishes=False)
    client = client_of(ours.manager)
    mine, secret = (one.fills["results"][0]["reference"] for one in (ours, theirs))
    for name in ("comparison-detail", "comparison-start", "comparison-cancel"):
        address = reverse(name, kwargs={"use_case": "ckd"})
        ask = client.get if name == "comparison-detail" else client.post
        answers = [
            text_of(ask(address, {"results": f"{mine},{other}"})).replace(other, "…")
            for other in (secret, unlike(secret))
        ]
        assert answers[0] == answers[1]
        assert answers[0].startswith("404")
