"""Every page × every kind of person: who gets it, who is asked to sign in, who finds nothing."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.accounts.actions import create_token
from portal.accounts.identity_providers import identity_providers
from portal.accounts.models import User
from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.catalogue.models import Dataset
from portal.comparisons.models import Comparison
from portal.evaluations.models import Evaluation
from portal.facts import Facts
from portal.organisations import sharing
from portal.organisations.actions import suspend_membership
from portal.organisations.invitations import invite
from portal.organisations.roles import ConsortiumRole, Role, Verb
from portal.registry.models import ModelVersion
from portal.studies.publishing import publish_study
from tests import factories, studies
from tests.every_task import evaluated

OK, SIGN_IN, FORBIDDEN, MISSING, METHOD = 200, "sign-in", 403, 404, 405
AWAY, UNKNOWN = 302, 401
CONFIRM = "confirm"
"""Asked for the password or a code once more, before something important."""
DONE = "done"
"""A POST that was carried out, or whose form came back: not refused."""


@dataclass
class World:
    """One organisation's objects, and every kind of person that may ask for them."""

    people: dict[str, User | None]
    staff: dict[str, User]
    """Those for whom the administration opens, beside the site administrator."""
    dataset: Dataset
    version: ModelVersion
    draft: ModelVersion
    evaluation: Evaluation
    upload_id: int
    membership_id: int
    invitation_id: int
    invitation_token: str
    session_id: int
    token: str
    members: studies.Partners

    def study(self, name: str) -> dict[str, Any]:
        """A study of the organisation, with one dataset of the named one, where ``name`` acts."""
        here = {"use_case": "ckd"}
        if name in ("study-detail", "study-publish", "study-retry") or name.endswith(
            ("estimates", "pooled", "report")
        ) or name.startswith("publication-"):  # fmt: skip
            study = studies.a_finished_study(self.members, failures=1)
        elif name in ("study-answer", "study-start"):
            study = studies.an_inviting_study(self.members)
            if name == "study-start":
                studies.accept(study, self.members.holders)
        else:
            study = studies.a_draft(self.members.coordinator)
        where = here | {"reference": study.reference}
        if name.startswith("publication-"):
            published = publish_study(study=study, by=self.members.coordinator)
            return here | {"slug": published.slug}
        if name == "study-answer":
            return where | {"invitation": study.invitations.get(status="waiting").pk}
        if name == "study-retry":
            return where | {"cell": study.cells.get(evaluation__status="failed").pk}
        return where

    def arguments(self, name: str) -> dict[str, Any]:
        """What the address called ``name`` needs."""
        here = {"use_case": "ckd"}
        slugs = here | {"slug": self.dataset.slug}
        version = self.draft if name.endswith(("edit", "release")) else self.version
        model = here | {"slug": version.model.slug}
        special: dict[str, dict[str, Any]] = {
            "openid_connect_login": {"provider_id": "partner"},
            "openid_connect_callback": {"provider_id": "partner"},
            "account_reset_password_from_key": {"uidb36": "1", "key": "no-such-key"},
            "mfa_edit_webauthn": {"pk": 1},
            "mfa_remove_webauthn": {"pk": 1},
            "session-end": {"pk": self.session_id},
            "token-revoke": {"digest": self.token},
            "invitation-accept": {"token": self.invitation_token},
            "audit-history": {"kind": "catalogue.dataset", "pk": str(self.dataset.pk)},
            "publication-list": {},
            "dataset-list": here,
            "dataset-create": here,
            "model-list": here,
            "evaluation-list": here,
            **dict.fromkeys(("comparison-detail", "comparison-start", "comparison-cancel"), here),
            "use-case-overview": here,
            "table-upload": slugs | {"task": "binary", "table": "cohort"},
            "upload-detail": slugs | {"upload_id": self.upload_id},
            "upload-cancel": slugs | {"upload_id": self.upload_id},
            "model-create": here | {"task": "binary"},
            "evaluation-submit": here | {"task": "binary"},
            "evaluation-check": here | {"task": "binary"},
            **dict.fromkeys(
                ("evaluation-curve", "evaluation-curve-table"),
                here | {"reference": self.evaluation.reference, "curve": "roc"},
            ),
            "study-list": here,
            "study-create": here | {"task": "binary"},
        }
        if name in special:
            return special[name]
        holder = {"slug": self.dataset.organisation.slug}
        if name.startswith("membership-"):
            return holder | {"membership_id": self.membership_id}
        if name in ("invitation-resend", "invitation-withdraw"):
            return holder | {"invitation_id": self.invitation_id}
        if name in ("organisation-detail", "organisation-edit", "invitation-create"):
            return holder
        if name == "news-detail":
            return {"slug": factories.a_news_item().slug}
        if name.startswith("evaluation-case"):
            return self.with_cases(name)
        if name.startswith(("study-", "publication-")):
            return self.study(name)
        if name.startswith("dataset-"):
            return slugs
        if name.startswith("model-version-") and name != "model-version-create":
            return model | {"version": version.version}
        if name.startswith("model-"):
            return model
        if name.startswith("evaluation-"):
            return here | {"reference": self.evaluation.reference}
        return {}

    def with_cases(self, name: str) -> dict[str, Any]:
        """An evaluation whose job wrote a table of cases, made when it is asked for."""
        manager, named = self.people["manager"], self.people["named manager"]
        assert manager is not None
        assert named is not None
        found = evaluated(manager, "heart-failure/alerts")
        for shared in (found.dataset, found):
            organisation = named.memberships.get().organisation
            sharing.share(obj=shared, verbs=list(Verb), organisation=organisation, by=manager)
        where = {"use_case": found.use_case, "reference": found.reference}
        return where | ({"number": 1} if name == "evaluation-case" else {})


PROVIDER = {
    "id": "partner",
    "name": "A partner",
    "discovery_url": "http://127.0.0.1:9/.well-known/openid-configuration",  # nobody is there
    "client_id": "portal",
    "client_secret": "secret",
    "email_domains": ["partner.example"],
}


@pytest.fixture(scope="module")
def _made_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[World, Path]]:
    """The world and the folder of its files: nearly all of a test's time would go into it.

    Each test is a savepoint within its transaction, so that the connection stays open until the
    last of them.
    """
    folder = tmp_path_factory.mktemp("world")
    files = override_settings(**factories.files_in(folder))
    kept_open = mock.patch.object(connection, "close")
    with django_db_blocker.unblock(), transaction.atomic(), files, kept_open:
        yield a_world(), folder
        transaction.set_rollback(True)


@pytest.fixture
def world(_made_once: tuple[World, Path], db: None, settings: Any) -> World:
    """The world as it was made, whatever another test did with it."""
    made, folder = _made_once
    settings.IDENTITY_PROVIDERS = identity_providers(json.dumps([PROVIDER]))
    for name, value in factories.files_in(folder).items():
        setattr(settings, name, value)
    return copy.deepcopy(made)


def a_world() -> World:
    holder, named = factories.an_organisation("Holder"), factories.an_organisation("Named")
    manager = factories.a_person(holder, Role.MANAGER)
    version = factories.a_version(manager)
    draft = factories.a_version(manager, version.model, released=False, version="2.0.0")
    dataset = factories.a_ready_dataset(manager, version)
    evaluation = factories.a_finished_evaluation(manager, dataset, version)
    for shared in (dataset, version.model, evaluation):
        sharing.share(obj=shared, verbs=list(Verb), organisation=named, by=manager)
    suspended = factories.a_person(holder, Role.MANAGER)
    suspend_membership(membership=suspended.memberships.get(), by=manager)
    member = factories.a_person(holder, Role.VIEWER)
    invitation, token = invite(
        organisation=holder, email="somebody@example.org", role=Role.VIEWER, by=manager
    )
    lead, partner = factories.a_coordinator(holder), factories.a_person(named, Role.MANAGER)
    theirs = factories.a_ready_dataset(partner, version)
    sharing.share(obj=theirs, verbs=[Verb.VIEW], organisation=holder, by=partner)
    return World(
        people={
            "anonymous": None,
            "outsider": factories.a_person(factories.an_organisation(), Role.MANAGER),
            "viewer": factories.a_person(holder, Role.VIEWER),
            "contributor": factories.a_person(holder, Role.CONTRIBUTOR),
            "lead": lead,
            "manager": manager,
            "named viewer": factories.a_person(named, Role.VIEWER),
            "named contributor": factories.a_person(named, Role.CONTRIBUTOR),
            "named manager": factories.a_person(named, Role.MANAGER),
            "suspended": suspended,
            "coordinator": factories.appointed(ConsortiumRole.COORDINATOR),
            "access body": factories.appointed(ConsortiumRole.ACCESS_BODY, "DK"),
            "auditor": factories.appointed(ConsortiumRole.AUDITOR),
            "administrator": factories.a_person(is_staff=True, is_superuser=True),
        },
        staff={
            "contributor": factories.a_person(holder, Role.CONTRIBUTOR, is_staff=True),
            "another's manager": factories.a_person(named, Role.MANAGER, is_staff=True),
            "manager": factories.a_person(holder, Role.MANAGER, is_staff=True),
        },
        dataset=dataset,
        version=version,
        draft=draft,
        evaluation=evaluation,
        upload_id=factories.a_failed_upload(dataset, manager).pk,
        membership_id=member.memberships.get().pk,
        invitation_id=invitation.pk,
        invitation_token=token,
        session_id=UserSession.objects.create(
            user=manager, ip="192.0.2.1", session_key="elsewhere"
        ).pk,
        token=create_token(name="Program", scope="read", days=30, by=manager)[0].pk,
        members=studies.Partners(lead, manager, [manager, partner], [version], [dataset, theirs]),
    )


def row(
    anonymous: Any, outsider: Any, viewer: Any, contributor: Any, manager: Any, named_viewer: Any,
    named_manager: Any, administrator: Any, **others: Any,
) -> dict[str, Any]:  # fmt: skip
    """What each kind of person gets.

    The lead, a contributor who coordinates studies, gets what a contributor gets, and a
    contributor of the named organisation what its manager gets; who is suspended, or holds a role
    across the consortium alone, what an administrator gets, who is in no organisation either.
    ``others`` says where that is not so.
    """
    nowhere = ("suspended", "coordinator", "access body", "auditor")
    assert set(others) <= {
        "lead",
        "named_contributor",
        *(kind.replace(" ", "_") for kind in nowhere),
    }
    return {
        "anonymous": anonymous,
        "outsider": outsider,
        "viewer": viewer,
        "contributor": contributor,
        "lead": others.get("lead", contributor),
        "manager": manager,
        "named viewer": named_viewer,
        "named contributor": others.get("named_contributor", named_manager),
        "named manager": named_manager,
        **{kind: others.get(kind.replace(" ", "_"), administrator) for kind in nowhere},
        "administrator": administrator,
    }


EVERYONE = dict.fromkeys(row(*[OK] * 8), OK)
SEE = row(MISSING, MISSING, OK, OK, OK, OK, OK, MISSING)
ADD = row(SIGN_IN, OK, FORBIDDEN, OK, OK, FORBIDDEN, OK, FORBIDDEN)
CHANGE = row(SIGN_IN, MISSING, FORBIDDEN, OK, OK, FORBIDDEN, FORBIDDEN, MISSING)
SHARE = row(SIGN_IN, MISSING, FORBIDDEN, FORBIDDEN, OK, FORBIDDEN, FORBIDDEN, MISSING)
UPLOADS = row(SIGN_IN, MISSING, MISSING, OK, OK, MISSING, MISSING, MISSING)
CASES = row(MISSING, MISSING, MISSING, OK, OK, MISSING, MISSING, MISSING)
SIGNED_IN = row(SIGN_IN, OK, OK, OK, OK, OK, OK, OK)
LOG = row(SIGN_IN, *[FORBIDDEN] * 7, auditor=OK)
HISTORY = row(SIGN_IN, MISSING, OK, OK, OK, MISSING, MISSING, MISSING, auditor=OK)
PEOPLE = row(SIGN_IN, MISSING, FORBIDDEN, FORBIDDEN, OK, MISSING, MISSING, MISSING)
POST_ONLY = row(SIGN_IN, *[METHOD] * 7)
ASKED_AGAIN = row(SIGN_IN, *[CONFIRM] * 7)
NOBODY_HAS_ONE = row(SIGN_IN, *[MISSING] * 7)
MANAGERS_OWN = row(SIGN_IN, MISSING, MISSING, MISSING, DONE, MISSING, MISSING, MISSING)
LEADS = row(SIGN_IN, *[FORBIDDEN] * 7, lead=OK)
PLANS = row(SIGN_IN, MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, MISSING, MISSING, MISSING, lead=OK)
RUNS = PLANS | dict.fromkeys(["named viewer", "named contributor", "named manager"], FORBIDDEN)
STAFF_ALONE = dict.fromkeys(EVERYONE, MISSING) | {"administrator": OK}

GET: dict[str, dict[str, Any]] = {
    "home": EVERYONE,
    "healthz": EVERYONE,
    "robots": EVERYONE,
    "sitemap": EVERYONE,
    "about": EVERYONE,
    "access-explained": EVERYONE,
    "accessibility": EVERYONE,
    "privacy": EVERYONE,
    "help": EVERYONE,
    "help-tables": EVERYONE,
    "help-measures": EVERYONE,
    "publication-list": EVERYONE,
    "sign-in": EVERYONE,
    "all-dataset-list": EVERYONE,
    "all-model-list": EVERYONE,
    "all-evaluation-list": EVERYONE,
    "my-work": SIGNED_IN,
    "organisation-list": EVERYONE,
    "organisation-roles": EVERYONE,
    "organisation-detail": EVERYONE,
    "organisation-edit": PEOPLE,
    "design": STAFF_ALONE,
    "news-list": EVERYONE,
    "news-detail": EVERYONE,
    "news-feed": EVERYONE,
    "membership-detail": PEOPLE,
    "membership-change": POST_ONLY,
    "membership-suspend": POST_ONLY,
    "membership-reinstate": POST_ONLY,
    "membership-end": POST_ONLY,
    "invitation-create": PEOPLE,
    "invitation-resend": POST_ONLY,
    "invitation-withdraw": POST_ONLY,
    "invitation-accept": EVERYONE,
    "audit-list": LOG,
    "audit-export": LOG,
    "audit-history": HISTORY,
    "use-case-overview": EVERYONE,
    "dataset-list": EVERYONE,
    "model-list": EVERYONE,
    "evaluation-list": EVERYONE,
    "sign-out": dict.fromkeys(EVERYONE, METHOD),
    "account_login": EVERYONE,
    "mfa_authenticate": dict.fromkeys(EVERYONE, AWAY),
    "mfa_login_webauthn": dict.fromkeys(EVERYONE, AWAY),
    "openid_connect_login": EVERYONE,
    "openid_connect_callback": dict.fromkeys(EVERYONE, FORBIDDEN),
    "account_reset_password": EVERYONE,
    "account_reset_password_done": EVERYONE,
    "account_reset_password_from_key": EVERYONE,
    "account-detail": SIGNED_IN,
    "name-edit": SIGNED_IN,
    "acting-organisation-choose": POST_ONLY,
    "other-sessions-end": POST_ONLY,
    "session-end": POST_ONLY,
    "token-create": SIGNED_IN,
    "token-revoke": POST_ONLY,
    "account_change_password": SIGNED_IN,
    "account_reauthenticate": SIGNED_IN,
    "mfa_reauthenticate": ASKED_AGAIN,
    "mfa_reauthenticate_webauthn": ASKED_AGAIN,
    "mfa_index": SIGNED_IN,
    "mfa_activate_totp": ASKED_AGAIN,
    "mfa_deactivate_totp": NOBODY_HAS_ONE,
    "mfa_add_webauthn": ASKED_AGAIN,
    "mfa_edit_webauthn": ASKED_AGAIN,
    "mfa_remove_webauthn": ASKED_AGAIN,
    "mfa_view_recovery_codes": NOBODY_HAS_ONE,
    "mfa_generate_recovery_codes": ASKED_AGAIN,
    "mfa_download_recovery_codes": NOBODY_HAS_ONE,
    "api-me": dict.fromkeys(EVERYONE, UNKNOWN),
    "dataset-create": ADD,
    "dataset-detail": SEE,
    "dataset-edit": CHANGE,
    "dataset-share": SHARE,
    "table-upload": CHANGE,
    "upload-detail": UPLOADS,
    "upload-cancel": POST_ONLY,
    "model-create": ADD,
    "model-detail": SEE,
    "model-share": SHARE,
    "model-version-create": CHANGE,
    "model-version-detail": SEE,
    "model-version-edit": CHANGE,
    "model-version-release": POST_ONLY,
    "model-version-retire": POST_ONLY,
    "evaluation-submit": ADD,
    "evaluation-check": SIGNED_IN,
    "evaluation-detail": SEE,
    "evaluation-cancel": POST_ONLY,
    "evaluation-retry": POST_ONLY,
    "evaluation-result": SEE,
    "evaluation-estimates": SEE,
    "evaluation-estimates-table": SEE,
    "evaluation-curve": SEE,
    "evaluation-curve-table": SEE,
    "comparison-detail": dict.fromkeys(EVERYONE, AWAY),  # to the list, where nothing is chosen
    "comparison-start": POST_ONLY,
    "comparison-cancel": POST_ONLY,
    "evaluation-cases": CASES,
    "evaluation-case": CASES,
    "study-list": EVERYONE,
    "study-create": LEADS,
    "study-detail": SEE,
    "study-edit": PLANS,
    "study-invite": PLANS,
    "study-withdraw": PLANS,
    "study-send": POST_ONLY,
    "study-answer": POST_ONLY,
    "study-start": POST_ONLY,
    "study-retry": POST_ONLY,
    "study-publish": RUNS,
    "study-estimates": SEE,
    "study-pooled": SEE,
    "study-report": SEE,
    "publication-detail": EVERYONE,
    "publication-estimates": EVERYONE,
    "publication-pooled": EVERYONE,
    "publication-report": EVERYONE,
    "publication-citation": EVERYONE,
    "publication-notice": LEADS,
}

REFUSED = row(SIGN_IN, MISSING, FORBIDDEN, DONE, DONE, FORBIDDEN, FORBIDDEN, MISSING)
MANAGE = PEOPLE | {"manager": DONE}
POST: dict[str, dict[str, Any]] = {
    "dataset-create": ADD | dict.fromkeys(["outsider", "contributor", "manager"], DONE)
    | {"lead": DONE, "named contributor": DONE, "named manager": DONE},
    "dataset-edit": REFUSED,
    "dataset-share": REFUSED | {"contributor": FORBIDDEN, "lead": FORBIDDEN},
    "table-upload": REFUSED,
    "upload-cancel": UPLOADS | {"contributor": DONE, "lead": DONE, "manager": DONE},
    "model-create": ADD | dict.fromkeys(["outsider", "contributor", "manager"], DONE)
    | {"lead": DONE, "named contributor": DONE, "named manager": DONE},
    "model-share": REFUSED | {"contributor": FORBIDDEN, "lead": FORBIDDEN},
    "model-version-create": REFUSED,
    "model-version-edit": REFUSED,
    "model-version-release": REFUSED | {"contributor": FORBIDDEN, "lead": FORBIDDEN},
    "model-version-retire": REFUSED | {"contributor": FORBIDDEN, "lead": FORBIDDEN},
    "evaluation-submit": ADD | dict.fromkeys(["outsider", "contributor", "manager"], DONE)
    | {"lead": DONE, "named contributor": DONE, "named manager": DONE},
    "comparison-start": NOBODY_HAS_ONE,
    "comparison-cancel": NOBODY_HAS_ONE,
    "evaluation-cancel": REFUSED,
    "evaluation-retry": REFUSED,
    "membership-change": MANAGE,
    "membership-suspend": MANAGE,
    "membership-reinstate": MANAGE,
    "membership-end": MANAGE,
    "invitation-create": MANAGE,
    "organisation-edit": MANAGE,
    "invitation-resend": MANAGE,
    "invitation-withdraw": MANAGE,
    # Who is signed in with another address is told so, and nothing happens.
    "invitation-accept": dict.fromkeys(EVERYONE, DONE),
    "account_login": dict.fromkeys(EVERYONE, DONE),
    "mfa_authenticate": dict.fromkeys(EVERYONE, DONE),
    "mfa_login_webauthn": dict.fromkeys(EVERYONE, DONE),
    "openid_connect_login": dict.fromkeys(EVERYONE, FORBIDDEN),
    "account_reset_password": dict.fromkeys(EVERYONE, DONE),
    "account_reset_password_from_key": dict.fromkeys(EVERYONE, DONE),
    "name-edit": row(SIGN_IN, *[DONE] * 7),
    "acting-organisation-choose": row(SIGN_IN, *[MISSING] * 7),
    "other-sessions-end": row(SIGN_IN, *[DONE] * 7),
    "session-end": MANAGERS_OWN,
    "token-create": row(SIGN_IN, *[DONE] * 7),
    "token-revoke": MANAGERS_OWN,
    "account_change_password": row(SIGN_IN, *[DONE] * 7),
    "account_reauthenticate": row(SIGN_IN, *[DONE] * 7),
    "mfa_reauthenticate": ASKED_AGAIN,
    "mfa_reauthenticate_webauthn": ASKED_AGAIN,
    "mfa_activate_totp": ASKED_AGAIN,
    "mfa_deactivate_totp": NOBODY_HAS_ONE,
    "mfa_add_webauthn": ASKED_AGAIN,
    "mfa_edit_webauthn": ASKED_AGAIN,
    "mfa_remove_webauthn": ASKED_AGAIN,
    "mfa_generate_recovery_codes": ASKED_AGAIN,
    "mfa_download_recovery_codes": NOBODY_HAS_ONE,
    "api-me": dict.fromkeys(EVERYONE, UNKNOWN),
    "study-create": LEADS | {"lead": DONE},
    "study-edit": PLANS | {"lead": DONE},
    "study-invite": PLANS | {"lead": DONE},
    "study-withdraw": PLANS | {"lead": DONE},
    "study-send": PLANS | {"lead": DONE},
    "study-answer": RUNS | {"lead": FORBIDDEN, "named contributor": DONE, "named manager": DONE},
    "study-start": RUNS | {"lead": DONE},
    "study-retry": RUNS | {"lead": DONE},
    "study-publish": RUNS | {"lead": DONE},
    "publication-notice": LEADS | {"lead": DONE},
    "sign-in": dict.fromkeys(EVERYONE, DONE),
    "sign-out": dict.fromkeys(EVERYONE, DONE),
}  # fmt: skip
"""Every other address answers a POST with 405, or with what a GET would have refused."""


def names() -> set[str]:
    """The names of all addresses of the site but the admin's."""

    def walk(patterns: list[URLPattern | URLResolver]) -> set[str]:
        found: set[str] = set()
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                assert pattern.name, f"an address without a name: {pattern}"
                found.add(pattern.name)
            elif pattern.app_name != "admin":
                found |= walk(pattern.url_patterns)
        return found

    return walk(get_resolver().url_patterns)


def test_every_route_is_in_the_matrix() -> None:
    assert names() == set(GET)
    assert set(POST) <= set(GET)


def answer(client: Client, ask: Callable[..., Any], address: str) -> Any:
    response = ask(address)
    if response.status_code == 302 and response["Location"].startswith(reverse("sign-in") + "?"):
        return SIGN_IN
    if response.status_code == 302 and response["Location"].startswith(
        reverse("account_reauthenticate")
    ):
        return CONFIRM
    return response.status_code


def client_of(person: User | None) -> Client:
    cache.clear()  # nobody is held up by what the others tried
    client = Client(raise_request_exception=True)
    if person is not None:
        client.force_login(person)
    return client


READ_AS_DATA = ("healthz", "news-feed", "robots", "sitemap")
"""What answers with other than a page and is no file of anybody's data."""


@pytest.mark.parametrize("name", sorted(GET))
def test_who_may_read(world: World, name: str) -> None:
    address = reverse(name, kwargs=world.arguments(name))
    found = {}
    for kind, person in world.people.items():
        client = client_of(person)
        files = Entry.objects.filter(verb=Act.DOWNLOADED, person=person)
        before, taken = files.count(), []

        def ask(address: str, client: Client = client, taken: list[Any] = taken) -> Any:
            taken.append(client.get(address))
            return taken[0]

        found[kind] = answer(client, ask, address)
        if found[kind] == OK and name not in READ_AS_DATA:
            is_file = not taken[0]["Content-Type"].startswith("text/html")
            assert taken[0].get("Content-Disposition", "").startswith("attachment") == is_file
            assert files.count() - before == (is_file and person is not None), kind
        if (
            name in ("sign-in", "account_login") and found[kind] == 302
        ):  # who is signed in is sent home
            found[kind] = OK
    assert found == GET[name]


@pytest.mark.parametrize("name", sorted(GET))
def test_who_may_write(world: World, name: str) -> None:
    address = reverse(name, kwargs=world.arguments(name))
    for kind, person in world.people.items():
        client = client_of(person)
        found = answer(client, client.post, address)
        if name not in POST:
            assert found in (METHOD, SIGN_IN), kind
            continue
        expected = POST[name][kind]
        if expected == DONE:
            assert found in (200, 302), kind
        else:
            assert found == expected, kind


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
    "showcase.news": WRITTEN,
    "showcase.milestone": WRITTEN,
    "showcase.homefigure": WRITTEN,
    "evaluations.evaluation": OWN,
    "catalogue.upload": OWN,
    "comparisons.comparison": OWN,
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
            client = client_of(person)
            found[kind] = answer(client, getattr(client, method), address)
        expected = dict(zip(STAFF, (LETTERS[letter] for letter in row_of), strict=True))
        assert {kind: found[kind] for kind in STAFF} == expected, (method, address)
        for kind, person in world.people.items():
            if kind == "administrator":
                continue
            client = client_of(person)
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
        client = client_of(world.staff[kind])
        for page in ("change", "history", "delete"):
            for ask in (client.get, client.post):
                said = []
                for pk in (row, unknown):
                    found = ask(reverse(f"admin:{name}_{page}", args=[pk]), follow=True)
                    text = re.sub(r"[A-Za-z0-9]{64}", "", found.content.decode())  # CSRF tokens
                    said.append((found.status_code, found.redirect_chain, text.replace(pk, "")))
                assert said[0][:2] == said[1][:2], (kind, page)
                assert said[0][2].replace(unknown, "") == said[1][2].replace(row, ""), (kind, page)


@pytest.mark.parametrize(
    "kind",
    ["outsider", "anonymous", "administrator", "suspended", "coordinator", "access body",
     "auditor"],
)  # fmt: skip
def test_nothing_of_another_organisation_shows_in_lists_or_counts(world: World, kind: str) -> None:
    client = client_of(world.people[kind])
    secrets = (world.dataset.title, world.version.model.name, world.evaluation.reference)
    for name in ("home", "my-work", "all-dataset-list", "all-model-list", "all-evaluation-list",
                 "use-case-overview", "dataset-list", "model-list", "evaluation-list",
                 "evaluation-submit", "study-list"):  # fmt: skip
        response = client.get(reverse(name, kwargs=world.arguments(name)), {"page": "1"})
        text = response.content.decode()
        for secret in secrets:
            assert secret not in text, (name, secret)
