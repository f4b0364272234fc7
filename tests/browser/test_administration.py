"""The page of jobs, as it looks: nothing sideways, accessible, asked first, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role
from tests import factories
from tests.browser.judging import violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_manager_on_the_staff_cancels_a_job_and_tries_it_again(
    page: Page, media: Path, live_server: Any
) -> None:
    manager = factories.a_person(factories.an_organisation(), Role.MANAGER, is_staff=True)
    version = factories.a_version(manager)
    dataset = factories.a_ready_dataset(manager, version)
    evaluation = factories.an_evaluation(manager, dataset, version)
    factories.a_failed_upload(factories.a_dataset(manager), manager)
    page.goto(reverse("sign-in"))
    page.get_by_label("E-mail address").fill(manager.email)
    page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(live_server.url + reverse("my-work"))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (375, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(reverse("admin:index"))
            page.get_by_role("link", name="Jobs", exact=True).click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert violations(page) == []

    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Yes, go on").click()
    expect(page).to_have_url(live_server.url + reverse("admin:jobs"))
    page.get_by_role("link", name="Cancelled").click()
    page.get_by_role("button", name="Try again…").click()
    page.get_by_role("button", name="Yes, go on").click()
    expect(page.get_by_text("1 queued, 0 running, 1 failed.")).to_be_visible()
    assert Evaluation.objects.get(pk=evaluation.pk).status == "queued"
