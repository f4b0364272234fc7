"""Values that no form of this site sends, in every form and query: none of them is a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.routes import Route, routes
from tests.tenants import Tenant

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

STRANGE = ("\x00", "a\x00b", "'\"<>", "\u0663", "9" * 5000, "-1", "nan", "\ud7ff", "a " * 3000)
OF_LISTS = {"q", "page", "sort", "status", "measure", "results", "after", "seen", "next", "cursor"}
LETS_OUT = frozenset({"sign-out", "other-sessions-end"})
"""They end what the walk goes on with."""


@pytest.fixture
def client(ours: Tenant, settings: Any, caplog: pytest.LogCaptureFixture) -> Client:
    """A manager whom no rate limit stops before the value is read."""
    caplog.set_level("CRITICAL", logger="django")
    settings.ACCOUNT_RATE_LIMITS = False
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    client = Client(raise_request_exception=False)
    client.force_login(ours.manager)
    return client


def asked(client: Client, method: str, address: str, *data: Any) -> Any:
    """The answer, read to its end; nothing that the request wrote is kept."""
    with transaction.atomic():
        answer = getattr(client, method)(address, *data)
        if answer.streaming:
            b"".join(answer)
        transaction.set_rollback(True)
    return answer


def names_of(page: Any) -> set[str]:
    """What the page's forms send, and what any list takes."""
    names = set(OF_LISTS)
    for layer in page.context or []:
        for found in layer.dicts if hasattr(layer, "dicts") else [layer]:
            for form in found.values():
                if hasattr(form, "add_prefix") and hasattr(form, "fields"):
                    names |= {form.add_prefix(name) for name in form.fields}
    return names


def mixed(names: set[str], turn: int) -> dict[str, str]:
    """Another value in each field; which one, goes round with the turns."""
    return {
        name: STRANGE[(number + turn) % len(STRANGE)] for number, name in enumerate(sorted(names))
    }


def walked() -> Iterator[Route]:
    yield from (route for route in routes() if route.name not in LETS_OUT)


def test_no_parameter_breaks_an_address(ours: Tenant, client: Client) -> None:
    broken = []
    for route in walked():
        address = reverse(route.name, kwargs=ours.of(route)[0])
        page = asked(client, "get", address)
        if page.status_code == 405:
            methods, names = ("post",), set(OF_LISTS)
        else:
            methods, names = ("get", "post"), names_of(page)
        for method in methods:
            for turn in range(0, len(STRANGE), 4):
                data = mixed(names, turn)
                answer = asked(client, method, address, data)
                if answer.status_code >= 500:
                    broken.append((method, route.name, turn))
                if answer.status_code == 405:
                    break
    assert broken == []
