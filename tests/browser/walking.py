"""Every page of the site, and who sees most on it, as the URL resolver and the site know them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse

from portal.accounts.models import User
from portal.organisations.roles import ConsortiumRole
from portal.showcase.models import HomeFigure, Milestone
from tests import factories, permits
from tests.routes import routes
from tests.tenants import Tenant

FRENCH = (
    "my-work",
    "all-dataset-list",
    "dataset-detail",
    "dataset-edit",
    "evaluation-submit",
    "evaluation-detail",
    "study-detail",
    "organisation-detail",
    "access-home",
    "access-ask",
    "application-detail",
    "application-edit",
    "review-detail",
    "permit-detail",
)
MAIN = re.compile(rb"<main.*</main>", re.DOTALL)


@dataclass(frozen=True)
class Stop:
    """A page to visit, as one who sees most on it."""

    route: str
    address: str
    kind: str

    @property
    def is_read_in_french(self) -> bool:
        """Public pages, and those of the work on them: languages differ in words, not in kinds."""
        return self.kind == "anonymous" or self.route in FRENCH

    def __str__(self) -> str:
        return f"{self.address} ({self.route}), {self.kind}"


def people(tenant: Tenant) -> dict[str, User | None]:
    """Those for whom pages have most on them; who comes first is taken where two see as much."""
    return {
        "anonymous": None,
        "manager": tenant.manager,
        "lead": tenant.lead,
        "access body": permits.an_access_body(),
        "auditor": factories.appointed(ConsortiumRole.AUDITOR),
        "administrator": factories.a_person(tenant.organisation, is_staff=True, is_superuser=True),
    }


def signed_in(person: User | None) -> Client:
    """The session of ``person``, who has just given the password and has every second factor."""
    client = Client()
    if person is not None:
        form = {"login": person.email, "password": factories.PASSWORD}
        assert client.post(reverse("sign-in"), form).status_code == 302
        if person.is_staff:
            TOTP.activate(person, generate_totp_secret())
            RecoveryCodes.activate(person)
    return client


def cookies_of(client: Client, url: str) -> list[dict[str, str]]:
    """What makes a browser continue the session."""
    name = settings.SESSION_COOKIE_NAME
    if name not in client.cookies:
        return []
    return [{"name": name, "value": client.cookies[name].value, "url": url}]


def stops(
    addresses: Iterable[tuple[str, str]], clients: dict[str, Client]
) -> tuple[list[Stop], dict[str, set[str]]]:
    """The pages, and of the routes that are none for anybody what they answered."""
    found: list[Stop] = []
    others: dict[str, set[str]] = {}
    for route, address in addresses:
        best, most = None, -1
        for kind, client in clients.items():
            if best is not None and kind in ("auditor", "administrator"):
                break  # who sees what others see sees no more of it
            answer = client.get(address)
            said = answer.get("Content-Type", "").partition(";")[0]
            body = b"" if answer.streaming else answer.content
            if answer.status_code == 200 and body.lstrip()[:9].lower() == b"<!doctype":
                size = len(match[0]) if (match := MAIN.search(body)) else len(body)
                if size > most:
                    best, most = Stop(route, address, kind), size
                continue
            if (kind, answer.status_code) != ("anonymous", 302):  # to sign in
                others.setdefault(route, set()).add(f"{answer.status_code} {said}")
            if answer.status_code in (200, 405):
                break  # a file or a fragment, or an address for forms alone
        if best is not None:
            found.append(best)
    for stop in found:
        others.pop(stop.route, None)
    return found, others


def of_the_site(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """The names and addresses of every route but the administration's, with all it can be about."""
    for route in routes():
        for about in tenant.of(route):
            address = reverse(route.name, kwargs=about)
            if route.name == "comparison-detail":
                address += f"?results={','.join(tenant.compared)}"
            yield route.name, address


def of_the_administration() -> Iterator[tuple[str, str]]:
    """The administration's own pages, and those of the first row of each of its models."""
    for pattern in admin.site.get_urls():
        if isinstance(pattern, URLPattern) and pattern.name:
            try:
                yield f"admin:{pattern.name}", reverse(f"admin:{pattern.name}")
            except NoReverseMatch:
                continue
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for page in ("changelist", "add"):
            yield f"{name}_{page}", reverse(f"{name}_{page}")
        row = model._base_manager.order_by("pk").first()
        for page in ("change", "history", "delete"):
            if row is not None:
                yield f"{name}_{page}", reverse(f"{name}_{page}", args=[row.pk])


def write(tenant: Tenant) -> None:
    """What the administration writes for the public pages."""
    HomeFigure.objects.create(value=30, label="partners")
    Milestone.objects.create(date="2026-01-01", title="Start", is_done=True)
    (about,) = tenant.fills["news"]
    factories.a_news_item(about["slug"], en="A **text** with [a link](/help/).\n\n## Heading")
