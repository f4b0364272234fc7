"""Every page × every kind of person: who gets it, who is asked to sign in, who finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.audit.acts import Act
from portal.audit.models import Entry
from tests.world import (
    AWAY,
    CONFIRM,
    DONE,
    FORBIDDEN,
    METHOD,
    MISSING,
    OK,
    SIGN_IN,
    UNKNOWN,
    World,
    answer,
)  # fmt: skip


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
APPLIED = row(SIGN_IN, MISSING, OK, OK, OK, MISSING, OK, MISSING, named_contributor=MISSING,
              access_body=OK)  # fmt: skip
APPLIES = row(SIGN_IN, MISSING, FORBIDDEN, OK, OK, MISSING, MISSING, MISSING)
DECIDES = row(SIGN_IN, MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, MISSING, FORBIDDEN, MISSING,
              named_contributor=MISSING, access_body=OK)  # fmt: skip
ANSWERS = row(SIGN_IN, MISSING, FORBIDDEN, OK, OK, MISSING, FORBIDDEN, MISSING,
              named_contributor=MISSING, access_body=FORBIDDEN)  # fmt: skip
OPINES = DECIDES | {"named manager": OK, "access body": FORBIDDEN}
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
    "variable-matrix": EVERYONE,
    "all-model-list": EVERYONE,
    "all-evaluation-list": EVERYONE,
    "my-work": SIGNED_IN,
    "notification-list": SIGNED_IN,
    "saved-search-list": SIGNED_IN,
    "saved-search-create": SIGNED_IN,
    "saved-search-rename": POST_ONLY,
    "saved-search-delete": POST_ONLY,
    "notification-preferences": SIGNED_IN,
    "notification-open": POST_ONLY,
    "notification-read": POST_ONLY,
    "notification-read-all": POST_ONLY,
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
    "api-notifications": dict.fromkeys(EVERYONE, UNKNOWN),
    "dataset-create": ADD,
    "dataset-detail": SEE,
    "dataset-edit": CHANGE,
    "dataset-changes": CHANGE,
    "dataset-import": ADD,
    "dataset-fill-in": CHANGE,
    "dataset-graph": dict.fromkeys(EVERYONE, MISSING),  # of what is public alone
    "catalogue": dict.fromkeys(EVERYONE, AWAY),  # to the list, where no format is asked for
    "catalogue-graph": EVERYONE,
    "dataset-share": SHARE,
    "table-upload": CHANGE,
    "upload-detail": UPLOADS,
    "upload-cancel": POST_ONLY,
    "model-create": ADD,
    "model-detail": SEE,
    "model-share": SHARE,
    "model-version-create": CHANGE,
    "model-version-detail": SEE,
    "model-version-datasets": SEE,
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
    "access-home": SIGNED_IN,
    "access-ask": SEE,
    "access-basket": SIGNED_IN,
    "application-list": SIGNED_IN,
    "application-detail": APPLIED,
    "application-edit": APPLIES,
    "application-send": POST_ONLY,
    "application-withdraw": APPLIES,
    "attachment-download": APPLIED,
    "review-detail": APPLIED,
    "review-return": DECIDES,
    "review-complete": POST_ONLY,
    "review-ask": DECIDES,
    "review-answer": ANSWERS,
    "review-extend": DECIDES,
    "review-opinion": OPINES,
    "review-refuse": DECIDES,
    "review-grant": DECIDES,
    "permit-list": SIGNED_IN,
    "permit-detail": APPLIED,
    "permit-suspend": DECIDES,
    "permit-reinstate": POST_ONLY,
    "permit-revoke": DECIDES,
    "permit-extend": DECIDES,
    "permit-amend": DECIDES,
    "permit-outcome": ANSWERS,
    "permit-register": EVERYONE,
    "register-table": EVERYONE,
    "register-document": EVERYONE,
    "register-entry": EVERYONE,
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
    "dataset-import": ADD | dict.fromkeys(["outsider", "contributor", "manager"], DONE)
    | {"lead": DONE, "named contributor": DONE, "named manager": DONE},
    "dataset-fill-in": REFUSED,
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
    "notification-preferences": row(SIGN_IN, *[DONE] * 7),
    "saved-search-create": row(SIGN_IN, *[DONE] * 7),
    "saved-search-rename": MANAGERS_OWN,
    "saved-search-delete": MANAGERS_OWN,
    "notification-open": MANAGERS_OWN,
    "notification-read": MANAGERS_OWN,
    "notification-read-all": row(SIGN_IN, *[DONE] * 7),
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
    "api-notifications": dict.fromkeys(EVERYONE, UNKNOWN),
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
    "access-ask": REFUSED | {"named contributor": DONE, "named manager": DONE},
    "access-basket": ADD,
    **dict.fromkeys(
        ("application-edit", "application-send", "application-withdraw"),
        APPLIES | dict.fromkeys(["contributor", "lead", "manager"], DONE),
    ),
    **dict.fromkeys(
        ("review-return", "review-complete", "review-ask", "review-extend", "review-refuse",
         "review-grant", "permit-suspend", "permit-reinstate", "permit-revoke", "permit-extend",
         "permit-amend"),
        DECIDES | {"access body": DONE},
    ),
    "review-answer": ANSWERS,
    "review-opinion": OPINES,
    "permit-outcome": ANSWERS,
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


READ_AS_DATA = ("catalogue-graph", "healthz", "news-feed", "robots", "sitemap")
"""What answers with other than a page and is no file of anybody's data."""


@pytest.mark.parametrize("name", sorted(GET))
def test_who_may_read(world: World, name: str) -> None:
    address = reverse(name, kwargs=world.arguments(name))
    found = {}
    for kind, person in world.people.items():
        client = world.client_of(person)
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
        client = world.client_of(person)
        found = answer(client, client.post, address)
        if name not in POST:
            assert found in (METHOD, SIGN_IN), kind
            continue
        expected = POST[name][kind]
        if expected == DONE:
            assert found in (200, 302), kind
        else:
            assert found == expected, kind


@pytest.mark.parametrize(
    "kind",
    ["outsider", "anonymous", "administrator", "suspended", "coordinator", "access body",
     "auditor"],
)  # fmt: skip
def test_nothing_of_another_organisation_shows_in_lists_or_counts(world: World, kind: str) -> None:
    client = world.client_of(world.people[kind])
    secrets = (world.dataset.title, world.version.model.name, world.evaluation.reference)
    for name in ("home", "my-work", "all-dataset-list", "all-model-list", "all-evaluation-list",
                 "use-case-overview", "dataset-list", "model-list", "evaluation-list",
                 "evaluation-submit", "study-list", "access-home", "application-list",
                 "permit-list", "access-basket"):  # fmt: skip
        response = client.get(reverse(name, kwargs=world.arguments(name)), {"page": "1"})
        text = response.content.decode()
        for secret in secrets:
            assert secret not in text, (name, secret)
