"""The pages of those who work here: case by case, side by side, organisations, the log."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from portal.comparisons.views import address_of
from portal.organisations.roles import ConsortiumRole, Role
from portal.usecase import use_cases
from tests import factories
from tests.browser.judging import visit
from tests.browser.test_pages import sign_in
from tests.every_task import FRAMES, a_version_of, evaluated

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_page_of_cases_and_comparisons_is_whole_at_every_width_and_accessible(
    page: Page, media: object, live_server: Any
) -> None:
    person = factories.a_person(factories.an_organisation(), Role.MANAGER)
    found = {}
    for name in ("metastasis/lung-ct", "heart-failure/alerts"):
        cases = f"{evaluated(person, name).get_absolute_url()}cases/"
        found |= {f"cases of {name}": cases, f"more cases of {name}": f"{cases}?page=2"}
    found["timeline of a patient"] = f"{cases}1/"
    use_case, slug = "ckd", "binary"
    frames, dataset = FRAMES[use_case, slug](), factories.a_dataset(person)
    pair = [
        evaluated(
            person, "ckd/binary", frames=frames, dataset=dataset,
            version=a_version_of(person, "ckd/binary"),
        ).reference
        for _ in range(2)
    ]  # fmt: skip
    address = address_of(use_cases()[use_case], pair)
    found |= {"side by side": address, "everything side by side": f"{address}&all=1"}
    sign_in(page.context, person, live_server.url)
    assert visit(page, found) == {}


def test_every_page_of_an_organisation_and_of_the_log_is_whole_and_accessible(
    page: Page, media: object, live_server: Any
) -> None:
    organisation = factories.an_organisation("A hospital with a name longer than a phone is wide")
    person = factories.a_person(organisation, Role.MANAGER)
    factories.a_person(organisation, Role.VIEWER)
    result = evaluated(person, "ckd/binary")
    here = {"slug": organisation.slug}
    found = {
        "organisation": reverse("organisation-detail", kwargs=here),
        "history": reverse(
            "audit-history", kwargs={"kind": "evaluations.evaluation", "pk": result.pk}
        ),
    }
    for membership in organisation.memberships.all():
        found[f"membership: {membership.role}"] = reverse(
            "membership-detail", kwargs=here | {"membership_id": membership.pk}
        )
    sign_in(page.context, person, live_server.url)
    assert visit(page, found) == {}
    page.context.clear_cookies()
    sign_in(page.context, factories.appointed(ConsortiumRole.AUDITOR), live_server.url)
    assert visit(page, {"no line": "/audit/?q=nothing-like-it"}) == {}
