"""The main job without a mouse: every stop of the way is reached by keys, and is seen."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role
from tests import factories
from tests.workers import workers

pytestmark = [pytest.mark.browser, pytest.mark.workers, pytest.mark.django_db(transaction=True)]

MOST_STOPS = 120
"""A way that is longer has no end."""

FOCUSED = """() => {
  const stop = document.activeElement;
  const box = stop.getBoundingClientRect();
  const ringed = (element) => {
    const style = getComputedStyle(element);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
      || (stop === element && style.boxShadow !== "none");
  };
  let seen = false;
  for (let one = stop; one && one !== document.body && !seen; one = one.parentElement) {
    seen = ringed(one);  // a card is ringed as a whole
  }
  return {
    what: stop.outerHTML.split(">")[0] + "> " + stop.textContent.trim().slice(0, 40),
    nowhere: stop === document.body,
    seen: seen && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
  };
}"""
"""The element that has the keyboard, and whether a person sees that it has."""


class Keyboard:
    """A person at a page with a keyboard alone."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.unseen: dict[str, str] = {}
        self.stops = 0
        page.on("filechooser", lambda _: None)  # from now on the test chooses, not a dialogue

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def skip(self) -> None:
        """The first stop of a page skips to its content."""
        self.press("Tab")
        skips = self.page.get_by_role("link", name="Skip to the content")
        expect(skips).to_be_focused()
        self._look()
        self.press("Enter")
        expect(self.page.locator("main")).to_be_focused()

    def go(self, target: Locator) -> None:
        """On with Tab until ``target`` has the keyboard."""
        for _ in range(MOST_STOPS):
            self.press("Tab")
            self._look()
            if target.evaluate("element => element === document.activeElement"):
                return
        pytest.fail(f"{self.page.url}: {target} is not reached by Tab")

    def type(self, target: Locator, text: str) -> None:
        self.go(target)
        self.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def choose(self, target: Locator, label: str) -> None:
        """The option called ``label`` of a list, by the arrow keys."""
        self.go(target)
        for _ in range(target.locator("option").count()):
            if target.evaluate("list => list.selectedOptions[0].label.trim()") == label:
                return
            self.press("ArrowDown")
        pytest.fail(f"{label} is not chosen by the arrow keys")

    def _look(self) -> None:
        found = self.page.evaluate(FOCUSED)
        self.stops += 1
        if not found["seen"] and not found["nowhere"]:
            self.unseen[found["what"]] = self.page.url


def upload(keyboard: Keyboard, path: Path) -> None:
    """Choose the file and send it; the dialogue that opens is the browser's own."""
    page = keyboard.page
    keyboard.skip()
    keyboard.go(page.get_by_label("File", exact=True))
    with page.expect_file_chooser() as chooser:
        keyboard.press("Space")
    chooser.value.set_files(path)
    keyboard.go(page.get_by_role("button", name="Upload and check"))
    keyboard.press("Enter")
    expect(page.get_by_text("The file is in order").first).to_be_visible(timeout=60_000)


def test_the_main_job_is_done_with_the_keyboard_alone(
    page: Page, files: Path, media: Path, tmp_path: Path, live_server: Any
) -> None:
    person = factories.a_person(factories.an_organisation(), Role.MANAGER)
    version = factories.a_version(person)
    dataset = factories.a_dataset(person)
    for name, frame in zip(("cohort", "predictions"), factories.cohort_frame(), strict=True):
        frame.write_csv(files / f"{name}.csv")
    keyboard = Keyboard(page)
    with workers(tmp_path) as start:
        start(MEDIA_ROOT=str(media))

        page.goto("/account/sign-in/?next=/ckd/datasets/")
        expect(page.get_by_label("E-mail address")).to_be_focused()  # what one comes here for
        page.keyboard.type(person.email)
        keyboard.type(page.get_by_label("Password"), factories.PASSWORD)
        keyboard.press("Enter")
        expect(page).to_have_url(live_server.url + "/ckd/datasets/")

        for name in ("cohort", "predictions"):
            page.goto("/ckd/datasets/")
            keyboard.skip()
            keyboard.go(page.get_by_role("link", name=dataset.title))
            keyboard.press("Enter")
            expect(page).to_have_url(live_server.url + dataset.get_absolute_url())
            keyboard.skip()
            keyboard.go(page.locator(f"main a[href$='/upload/binary/{name}/']").first)
            keyboard.press("Enter")
            expect(page).to_have_url(re.compile(f"/upload/binary/{name}/$"))
            upload(keyboard, files / f"{name}.csv")

        page.goto("/ckd/results/new/binary/")
        keyboard.skip()
        keyboard.choose(page.get_by_label("Model version"), str(version))
        keyboard.choose(page.get_by_label("Dataset", exact=True), str(dataset))
        keyboard.type(page.locator("[name=protocol_bootstrap_replicates]"), "100")
        expect(page.locator("#check")).to_contain_text("Everything is there.")
        keyboard.go(page.get_by_role("button", name="Submit the evaluation"))
        keyboard.press("Enter")
        slider = page.locator("form[data-explorer] input[type=range]")
        expect(slider).to_have_attribute("step", "1", timeout=90_000)

    evaluation = Evaluation.objects.get()
    assert evaluation.stored_result is not None
    result = evaluation.stored_result.result
    auroc = result.estimate("auroc")
    expect(page.locator(".card.stat", has_text="AUROC")).to_contain_text(f"{auroc.value:.3f}")

    keyboard.skip()
    keyboard.go(slider)
    flagged = page.locator("[data-value=true_positive]").first
    before = flagged.inner_text()
    for _ in range(10):
        keyboard.press("ArrowRight")
    expect(flagged).not_to_have_text(before)
    page.wait_for_url(re.compile(r"threshold="))

    link = page.locator("figure", has_text="rank").get_by_role("link", name=re.compile("CSV")).first
    keyboard.go(link)
    with page.expect_download() as download:
        keyboard.press("Enter")
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == len(result.curves["roc"].rows)

    assert keyboard.unseen == {}
    assert keyboard.stops > 60
