"""What is tried on any web site: a test each, on every address that the URL resolver knows."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from portal import spreadsheet
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.catalogue.models import Table, Upload
from portal.catalogue.tasks import run_upload
from portal.organisations.invitations import invite
from portal.organisations.roles import ConsortiumRole, Role
from tests import factories
from tests.portal.test_refusals import stored
from tests.routes import Route, routes
from tests.tenants import Tenant

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "///evil.example",
    "https:evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "http://testserver@evil.example/",
    "http://testserver.evil.example/",
]


@pytest.fixture
def person(media: Path) -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


@pytest.fixture(autouse=True)
def _refusals_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of them are logged here."""
    caplog.set_level("CRITICAL", logger="django")


def client_of(person: User | None, **options: Any) -> Client:
    cache.clear()
    client = Client(**options)
    if person is not None:
        client.force_login(person)
    return client


def addresses(tenant: Tenant, *, every: bool = True) -> Iterator[tuple[Route, str]]:
    """Every address of what the tenant has; or each route once."""
    for route in routes():
        for about in tenant.of(route) if every else tenant.of(route)[:1]:
            yield route, reverse(route.name, kwargs=about)


def asked(client: Client, method: str, address: str, *data: Any, **headers: Any) -> Any:
    """The answer; nothing that the request wrote is kept."""
    with transaction.atomic():
        answer = getattr(client, method)(address, *data, headers=headers)
        if answer.streaming:
            answer.text_read = b"".join(answer)
        else:
            answer.text_read = answer.content
        transaction.set_rollback(True)
    return answer


Read = list[tuple[Route, str, Any]]


@pytest.fixture(scope="module")
def read(_tenant_made_once: tuple[Tenant, Path]) -> dict[str, Read]:
    """The answer of every address to the tenant's manager, to an auditor and to a visitor."""
    tenant, _folder = _tenant_made_once
    auditor = factories.appointed(ConsortiumRole.AUDITOR)
    found = {}
    for kind, person in (("manager", tenant.manager), ("auditor", auditor), ("visitor", None)):
        client = client_of(person)
        found[kind] = [
            (route, address, asked(client, "get", address)) for route, address in addresses(tenant)
        ]
    return found


# Forms of other sites


def test_no_address_takes_a_form_that_is_not_of_this_site(ours: Tenant) -> None:
    client = client_of(ours.manager, enforce_csrf_checks=True)
    stranger = client_of(None, enforce_csrf_checks=True)
    for route, address in addresses(ours, every=False):  # refused before it is known what about
        for one in (client, stranger):
            for method in ("post", "put", "patch", "delete"):
                status = asked(one, method, address).status_code
                # The API knows no session, so that no browser can be made to use it.
                assert status == (401 if route.section == "api" else 403), (method, address)


def test_a_token_of_this_site_is_no_good_on_another(person: User) -> None:
    client = client_of(person, enforce_csrf_checks=True)
    page = client.get(reverse("name-edit"))
    data = {"full_name": "Changed", "csrfmiddlewaretoken": str(page.context["csrf_token"])}
    refused = client.post(reverse("name-edit"), data, headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert client.post(reverse("name-edit"), data).status_code == 302


# Sessions


def planted() -> tuple[Client, str]:
    """A browser with a session that somebody else knows."""
    client = Client()
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.cookies["sessionid"] = session.session_key
    return client, session.session_key


def test_signing_in_makes_a_new_session(person: User) -> None:
    client, before = planted()
    client.post(reverse("sign-in"), {"login": person.email, "password": factories.PASSWORD})
    assert client.session.session_key != before
    assert client_with(before).get(reverse("my-work")).status_code == 302


def test_joining_by_an_invitation_makes_a_new_session(person: User) -> None:
    organisation = person.memberships.get().organisation
    _found, token = invite(
        organisation=organisation, email="new@example.org", role=Role.VIEWER, by=person
    )
    client, before = planted()
    new = {"full_name": "New", "password1": factories.PASSWORD, "password2": factories.PASSWORD}
    answer = client.post(reverse("invitation-accept", kwargs={"token": token}), new)
    assert answer.status_code == 302
    assert client.get(reverse("my-work")).status_code == 200
    assert client.session.session_key != before
    assert client_with(before).get(reverse("my-work")).status_code == 302


def client_with(key: str) -> Client:
    client = Client()
    client.cookies["sessionid"] = key
    return client


def test_signing_out_ends_the_session_for_whoever_knows_it(person: User) -> None:
    client = client_of(person)
    key = client.session.session_key
    client.post(reverse("sign-out"))
    assert client_with(key).get(reverse("my-work")).status_code == 302


# Addresses to go on to


def leads_away(answer: Any) -> bool:
    """Whether the browser would leave the site; it reads a backslash as a slash."""
    location = answer.get("Location", "") or answer.get("HX-Redirect", "")
    target = urlsplit(urljoin("http://testserver/a/", location.strip().replace("\\", "/")))
    return (target.scheme, target.netloc) != ("http", "testserver")


def test_no_parameter_leads_to_another_site(ours: Tenant) -> None:
    names = ("next", "url", "redirect", "redirect_to", "return_to", "continue", "back")
    for person in (ours.manager, None):
        client = client_of(person)
        for _route, address in addresses(ours, every=False):
            for number, elsewhere in enumerate(ELSEWHERE[:3]):
                asks = dict.fromkeys(names, elsewhere)
                for method in ("get", "post") if not number else ("get",):
                    assert not leads_away(asked(client, method, address, asks)), address


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_who_is_sent_on_after_a_deed_stays_here(person: User, elsewhere: str) -> None:
    onward = {"next": elsewhere}
    organisation = {"organisation": str(person.memberships.get().organisation.pk)}
    signing = {"login": person.email, "password": factories.PASSWORD}
    password = {"password": factories.PASSWORD}
    for name, data, signed_in in (
        ("sign-in", signing, False),
        ("sign-in", signing, True),
        ("account_login", signing, False),
        ("account_reauthenticate", password, True),
        ("acting-organisation-choose", organisation, True),
        ("sign-out", {}, True),
        ("sign-out", {}, False),
    ):
        for query, sent in ((onward, data), ({}, data | onward)):
            client = client_of(person if signed_in else None)
            answer = client.post(reverse(name, query=query), sent)
            assert answer.status_code == 302, (name, elsewhere)
            assert not leads_away(answer), (name, answer["Location"])


# Names of the site


def test_the_host_is_the_sites_own_whatever_a_request_says(person: User) -> None:
    client = client_of(person)
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    for name in ("X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "Forwarded"):
        answer = client.get(reverse("sign-in"), headers={name: "host=evil.example"})
        assert b"evil.example" not in answer.content
        assert not leads_away(answer)


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Host"])
def test_letters_lead_to_the_site_whatever_a_request_says(person: User, header: str) -> None:
    said = {header: "evil.example"}
    organisation = person.memberships.get().organisation
    Client().post(reverse("account_reset_password"), {"email": person.email}, headers=said)
    client_of(person).post(
        reverse("invitation-create", kwargs={"slug": organisation.slug}),
        {"email": "somebody@example.org", "role": "viewer"},
        headers=said,
    )
    assert len(mail.outbox) == (0 if header == "Host" else 2)
    for letter in mail.outbox:
        assert "http://testserver/" in letter.body
        assert "evil.example" not in str(letter.message())


# Links and signed addresses


def test_the_link_to_a_new_password_expires(person: User, monkeypatch: Any) -> None:
    from datetime import datetime, timedelta

    from django.conf import settings

    Client().post(reverse("account_reset_password"), {"email": person.email})
    found = re.search(r"http://testserver(\S+)", mail.outbox[-1].body)
    assert found is not None
    ended = "no longer works"
    assert ended not in Client().get(found[1], follow=True).content.decode()
    late = datetime.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 1)
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: late)
    assert ended in Client().get(found[1], follow=True).content.decode()


PRODUCTION = {
    "DEBUG": "0",
    "ALLOWED_HOSTS": "portal.example.org",
    "SECRET_KEY": "only-for-a-test-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG",
    "DATABASE_URL": "postgresql://portal@database.example.org/portal",
    "CELERY_BROKER_URL": "redis://broker.example.org/0",
    "DJANGO_SETTINGS_MODULE": "portal.settings",
}


def in_production(program: str, folder: Path, **more: str) -> Any:
    """What a program prints as JSON that runs with the settings of a production site."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", f"import django, json; django.setup(); {program}"],
        env=kept | PRODUCTION | {"MEDIA_ROOT": str(folder)} | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_an_address_of_the_file_store_is_signed_and_expires(tmp_path: Path) -> None:
    address = in_production(
        "from django.core.files.storage import default_storage as s;"
        "print(json.dumps(s.url('content/ab/abc.parquet')))",
        tmp_path,
        S3_BUCKET="portal",
        S3_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",
    )
    assert "X-Amz-Signature=" in address
    assert "X-Amz-Expires=300" in address


def test_stored_files_have_no_address_of_their_own(ours: Tenant) -> None:
    name = Table.objects.filter(dataset=ours.dataset).values_list("sha256", flat=True)[0]
    client = client_of(ours.manager)
    path = f"content/{name[:2]}/{name}.parquet"
    for folder in ("", "media/", "static/", "files/", ".local/media/"):
        assert client.get(f"/{folder}{path}").status_code == 404


# Headers


def test_every_answer_forbids_frames_guessing_and_what_comes_from_elsewhere(
    ours: Tenant, read: dict[str, Read]
) -> None:
    client = client_of(ours.manager)
    answers = [answer for _route, _address, answer in read["manager"]]
    answers += [asked(client, "post", address) for _route, address in addresses(ours, every=False)]
    answers.append(client.get("/", headers={"Host": "evil.example"}))
    assert {200, 302, 400, 403, 404, 405} <= {answer.status_code for answer in answers}
    for answer in answers:
        about = answer.request["PATH_INFO"]
        assert answer["X-Frame-Options"] == "DENY", about
        assert answer["X-Content-Type-Options"] == "nosniff", about
        assert answer["Referrer-Policy"] == "same-origin", about
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin", about
        policy = answer["Content-Security-Policy"]
        for part in ("default-src 'self'", "script-src 'self'", "object-src 'none'"):
            assert f"{part};" in f"{policy};", about
        for part in ("base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
            assert f"{part};" in f"{policy};", about


def test_what_is_shown_to_a_person_is_kept_in_no_cache(read: dict[str, Read]) -> None:
    for route, address, answer in read["manager"]:
        # The catalogue's graphs are the same for everybody: catalogues of others harvest them.
        if answer.status_code == 200 and route.name not in ("catalogue-graph", "dataset-graph"):
            assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", ")), address
    for route, address, answer in read["visitor"]:
        if route.section == "api":  # which knows no session, and keeps nothing without a token
            continue
        # What a cache keeps for visitors it must not give to who is signed in.
        assert "Cookie" in answer.get("Vary", ""), address


def test_production_settings_pass_the_deployment_check_and_guard_cookies(tmp_path: Path) -> None:
    found = in_production(
        "from django.core.management import call_command as c;"
        "c('check', deploy=True, fail_level='WARNING', databases=[]);"
        "from django.conf import settings as s;"
        "print(json.dumps({n: getattr(s, n) for n in dir(s) if 'COOKIE' in n or 'SECURE' in n}"
        "                 | {'MIDDLEWARE': s.MIDDLEWARE}, default=str))",
        tmp_path,
    )
    for name in ("SESSION", "CSRF"):
        assert found[f"{name}_COOKIE_SECURE"] is True
        assert found[f"{name}_COOKIE_SAMESITE"] == "Lax"
        assert found[f"{name}_COOKIE_DOMAIN"] is None
    assert found["SESSION_COOKIE_HTTPONLY"] is True
    assert found["SESSION_COOKIE_AGE"] <= 12 * 3600
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000


def test_the_session_cookie_is_out_of_reach_of_scripts(person: User) -> None:
    client = Client()
    client.post(reverse("sign-in"), {"login": person.email, "password": factories.PASSWORD})
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


# Files


DISGUISED = {
    "a picture with a script": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "a page": b"<!doctype html><script>alert(1)</script>",
    "an archive": b"PK\x03\x04" + b"\x00" * 60,
    "a program": b"\x7fELF" + b"\x00" * 60,
    "a workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 60,
}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("what", DISGUISED)
@pytest.mark.parametrize(
    ("name", "kind"),
    [("cohort.csv", "text/csv"), ("cohort.parquet", "image/svg+xml"), ("x.html", "text/html")],
)
def test_a_file_is_what_its_bytes_are_whatever_it_is_called(
    person: User, media: Path, what: str, name: str, kind: str
) -> None:
    dataset = factories.a_dataset(person)
    about = {"use_case": "ckd", "slug": dataset.slug, "task": "binary", "table": "cohort"}
    client = client_of(person)
    file = SimpleUploadedFile(name, DISGUISED[what], content_type=kind)
    client.post(reverse("table-upload", kwargs=about), {"file": file})
    for upload in Upload.objects.filter(dataset=dataset):
        run_upload(upload.pk)
        page = client.get(upload.get_absolute_url())
        assert page["Content-Type"].startswith("text/html")
        assert b"alert(1)</script>" not in page.content
        assert b"<svg xmlns='" not in page.content
    assert not Table.objects.filter(dataset=dataset).exists()
    assert stored(media) == []


def test_pages_are_html_and_everything_else_is_a_file_with_a_plain_name(
    read: dict[str, Read],
) -> None:
    kinds = set()
    for person in ("manager", "auditor"):
        for _route, address, answer in read[person]:
            if answer.status_code != 200:
                continue
            kind = answer["Content-Type"]
            kinds.add(kind)
            if kind in ("text/csv; charset=utf-8", "application/json"):
                disposition = answer.get("Content-Disposition", "")
                assert re.fullmatch(r'attachment; filename="[\w.-]+"', disposition), address
    assert kinds <= {
        "text/html; charset=utf-8",
        "text/csv; charset=utf-8",
        "application/json",
        "text/plain",
        "application/atom+xml; charset=utf-8",
        "application/x-bibtex; charset=utf-8",
        "application/xml",
        "text/plain; charset=utf-8",
        "text/turtle; charset=utf-8",
    }
    assert len(kinds) >= 3


def test_no_cell_of_any_csv_file_is_a_formula(
    ours: Tenant, read: dict[str, Read], monkeypatch: Any
) -> None:
    """Every text counts as a formula here, so that one which went another way shows."""
    monkeypatch.setattr(spreadsheet, "FORMULA", tuple(string.printable))
    files = 0
    auditor = factories.appointed(ConsortiumRole.AUDITOR)
    for kind, person in (("manager", ours.manager), ("auditor", auditor)):
        client = client_of(person)
        for _route, address, before in read[kind]:
            if not before["Content-Type"].startswith("text/csv"):
                continue
            answer = asked(client, "get", address)
            files += 1
            for row in csv.reader(io.StringIO(answer.text_read.decode())):
                for cell in row:
                    is_number = re.fullmatch(r"-?[\d.]+(e-?\d+)?|True|False|", cell)
                    assert is_number or cell.startswith("'"), (address, cell)
    assert files >= 6


# What nobody sends by accident


def test_no_method_but_those_of_a_page_does_anything(ours: Tenant) -> None:
    client = client_of(ours.manager, raise_request_exception=False)
    client.handler.enforce_csrf_checks = True
    entries = Entry.objects.count()
    for _route, address in addresses(ours, every=False):
        cache.clear()
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "HEAD"):
            answer = client.generic(method, address)
            assert answer.status_code < 500, (method, address)
            if method != "HEAD":
                assert answer.status_code in (401, 403, 404, 405, 302), (method, address)
                assert not (answer.status_code == 200 and answer.content), (method, address)
    assert Entry.objects.count() == entries


def test_a_nul_in_an_address_is_an_id_of_nothing(person: User) -> None:
    client = client_of(person)
    compared = reverse("comparison-detail", kwargs={"use_case": "ckd"})
    assert client.get(compared, {"results": "\x00,a\x00b"}).status_code == 404
    started = reverse("comparison-start", kwargs={"use_case": "ckd"})
    assert client.post(started, {"results": "\x00,a\x00b"}).status_code == 404
    assert client.post("/account/tokens/a%00b/revoke/").status_code == 404
