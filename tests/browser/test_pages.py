"""Pages in the states that the walk over every page (test_walk.py) does not meet."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from playwright.sync_api import BrowserContext, Page

from portal.accounts.models import User
from portal.catalogue.models import Upload
from portal.evaluations.actions import cancel_evaluation, fail_evaluation
from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role
from portal.organisations.sharing import set_public
from portal.studies.publishing import add_notice, publish_study
from tests import factories, studies
from tests.browser.guard import Guard
from tests.browser.judging import complaints, visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def addresses(by: User) -> dict[str, str]:
    """Jobs that ended in every way, lists without anything, and the forms of each task."""
    version = factories.a_version(by)
    dataset = factories.a_ready_dataset(by, version, is_synthetic=True)
    draft = factories.a_version(by, version.model, version="1.1.0", released=False)

    cancelled = factories.an_evaluation(by, dataset, version, bootstrap_replicates=101)
    cancel_evaluation(evaluation=cancelled, by=by)
    failed = factories.an_evaluation(by, dataset, version, bootstrap_replicates=102)
    held = Evaluation.objects.claim(failed.pk, worker="test")
    assert held is not None
    fail_evaluation(evaluation=held, sentence="The cohort has too few events. Use a larger one.")
    running = factories.an_evaluation(by, dataset, version, bootstrap_replicates=103)
    Evaluation.objects.claim(running.pk, worker="test")
    held.log.create(text="Resampling patients, with a line that is rather long for a phone")

    described = factories.a_dataset(by)  # holds nothing yet
    refused = factories.a_failed_upload(described, by)
    reading = factories.an_upload(described, b"patient_id,outcome\n1,0\n", by, run=False)
    Upload.objects.claim(reading.pk, worker="test")

    here = {"use_case": "ckd"}
    tasks = [task.slug for task in factories.a_use_case().tasks]
    return {
        "no dataset found": reverse("dataset-list", kwargs=here) + "?q=nothing-like-it",
        "no result found": reverse("evaluation-list", kwargs=here) + "?status=queued",
        "dataset without tables": described.get_absolute_url(),
        "refused upload": refused.get_absolute_url(),
        "running upload": reading.get_absolute_url(),
        "draft": draft.get_absolute_url(),
        **{f"new model: {task}": reverse("model-create", kwargs=here | {"task": task})
           for task in tasks},
        **{f"submission: {task}": reverse("evaluation-submit", kwargs=here | {"task": task})
           for task in tasks},
        "ready submission": reverse("evaluation-submit", kwargs=here | {"task": "binary"})
        + f"?dataset={dataset.pk}&model_version={version.pk}",
        "cancelled evaluation": cancelled.get_absolute_url(),
        "failed evaluation": failed.get_absolute_url(),
        "running evaluation": running.get_absolute_url(),
    }  # fmt: skip


def sign_in(context: BrowserContext, user: User, url: str) -> None:
    client = Client()
    client.force_login(user)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": url}])


def test_every_state_that_a_manager_meets_is_whole_at_every_width_and_accessible(
    page: Page, media: object, live_server: object
) -> None:
    person = factories.a_person(factories.an_organisation(), Role.MANAGER)
    found = addresses(person)
    sign_in(page.context, person, live_server.url)
    assert visit(page, found) == {}


def published(by: User) -> dict[str, str]:
    """Two published studies, one of them retracted, and a dataset that everybody may read."""
    partners = studies.partners(versions=2, sites=2)
    found = {}
    for name in ("publication", "retracted publication"):
        study = studies.a_finished_study(partners, failures=1)
        publication = publish_study(study=study, by=partners.coordinator)
        found[name] = publication.get_absolute_url()
    add_notice(publication=publication, kind="retraction", text="Wrong.", by=partners.coordinator)
    dataset = factories.complete(factories.a_dataset(by))
    set_public(obj=dataset, public=True, by=by)
    return found | {"public dataset": dataset.get_absolute_url()}


def test_what_a_visitor_finds_published_is_whole_at_every_width_and_accessible(
    page: Page, media: object
) -> None:
    organisation = factories.an_organisation(
        "A hospital with a name that is longer than a phone is wide"
    )
    person = factories.a_person(organisation, Role.MANAGER)
    found = published(person)
    found["no study found"] = reverse("publication-list") + "?q=nothing-like-it"
    found["partner"] = organisation.get_absolute_url()
    for name in ("about", "access-explained", "help-tables", "help-measures", "privacy"):
        with override("da"):
            found[f"{name}, in Danish"] = reverse(name)
    assert visit(page, found) == {}


def test_what_a_form_and_a_wrong_address_answer_is_accessible_too(
    page: Page, context: BrowserContext, live_server: object, guard: Guard
) -> None:
    person = factories.a_person(factories.an_organisation(), Role.VIEWER)
    page.goto(reverse("sign-in"))
    page.get_by_label("E-mail address").fill("nobody@example.org")
    page.get_by_label("Password").fill("wrong")
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    assert complaints(page) == []
    sign_in(context, person, live_server.url)
    new_dataset = reverse("dataset-create", kwargs={"use_case": "ckd"})
    for status in (403, 404):
        guard.expect(f"status of {status}")
    assert visit(page, {"404": "/ckd/nothing/", "403": new_dataset}) == {}
