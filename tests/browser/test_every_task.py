"""Each task as a person does it: from the upload to the moved slider, with a real worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role
from portal.showcase.explorer import explored
from tests import factories
from tests.browser.test_pages import sign_in
from tests.every_task import FRAMES, NAMES, PROTOCOL, a_version_of, declared
from tests.workers import workers

pytestmark = [pytest.mark.browser, pytest.mark.workers, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def person(media: Path) -> User:
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


@pytest.fixture
def worker(media: Path, tmp_path: Path) -> Iterator[Any]:
    with workers(tmp_path) as start:
        yield start(MEDIA_ROOT=str(media))


def upload_all(page: Page, name: str, dataset: Any, version: Any, files: Path) -> None:
    """Upload every table of the task, what the others refer to first."""
    use_case, slug = name.split("/")
    task = declared(name)
    outputs = {schema.name for schema in task.output_tables}
    for schema in task.tables:
        frames = FRAMES[use_case, slug]()
        if schema.name not in frames:  # an alternative to one that is given
            continue
        path = files / f"{schema.name}.csv"
        frames[schema.name].write_csv(path)
        page.goto(f"{dataset.get_absolute_url()}upload/{slug}/{schema.name}/")
        if schema.name in outputs:
            chooser = page.get_by_label("Model version")
            if chooser.count():
                chooser.select_option(str(version.pk))
        page.get_by_label("File", exact=True).set_input_files(path)
        page.get_by_role("button", name="Upload and check").click()
        expect(page.get_by_text("The file is in order").first).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("name", NAMES)
def test_from_the_upload_to_the_moved_slider(
    page: Page, files: Path, person: User, worker: Any, live_server: Any, name: str
) -> None:
    use_case, slug = name.split("/")
    dataset = factories.a_dataset(person, use_case=use_case)
    version = a_version_of(person, name)
    sign_in(page.context, person, live_server.url)
    upload_all(page, name, dataset, version, files)

    page.goto(f"/{use_case}/results/new/{slug}/?dataset={dataset.pk}&model_version={version.pk}")
    for field, value in {"bootstrap_replicates": 100, **PROTOCOL.get((use_case, slug), {})}.items():
        page.locator(f"[name=protocol_{field}]").fill(str(value))
    expect(page.locator("#check")).to_contain_text("Everything is there.")
    page.get_by_role("button", name="Submit the evaluation").click()
    slider = page.locator("form[data-explorer] input[type=range]")
    expect(slider).to_have_attribute("step", "1", timeout=90_000)  # the script has taken it over

    stored = Evaluation.objects.get().stored_result
    explorer = declared(name).explorer
    assert stored is not None
    assert explorer is not None
    before = page.locator("form[data-explorer] output").inner_text()
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator("form[data-explorer] output")).not_to_have_text(before)
    page.wait_for_url(re.compile(rf"\?{explorer.parameter}="))
    address = page.url

    # What the script shows is the stored row that the address names, here and for whoever opens it
    asked = address.partition(f"{explorer.parameter}=")[2]
    card = explored(explorer, stored.result, asked)
    assert card is not None
    for _ in range(2):
        assert page.locator("form[data-explorer] output").inner_text() == card.sentence
        for number in card.numbers:
            shown = page.locator(f"dd [data-value={number.column}]")
            expect(shown).to_have_text(number.value)
        page.goto(address)

    # A mark in a chart stands where the slider does
    chart = page.locator(".plot").first
    chart.scroll_into_view_if_needed()
    if name not in ("ckd/binary", "ckd/survival"):  # their first chart is of calibration
        page.wait_for_function(
            """([parameter, chosen]) => {
              const plot = document.querySelector('.plot');
              const mark = plot.data?.find((trace) => trace.meta?.follows === parameter);
              if (!mark) return false;
              const gap = (value) => Math.abs(value - chosen);
              const place = mark.meta.at.reduce(
                (best, value, index, all) => (gap(value) < gap(all[best]) ? index : best), 0);
              return mark.x[0] === mark.meta.x[place][0];
            }""",
            arg=[explorer.parameter, card.chosen],
            timeout=60_000,
        )
