"""The main job, as a person does it: from signing in to a result that answers the slider."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.evaluations.models import Evaluation
from portal.organisations.roles import Role
from tests import factories
from tests.workers import workers

pytestmark = [pytest.mark.browser, pytest.mark.workers, pytest.mark.django_db(transaction=True)]


def sign_in(page: Page, email: str) -> None:
    page.goto("/account/sign-in/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def upload(page: Page, path: Path) -> None:
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("The file is in order").first).to_be_visible(timeout=60_000)


def test_a_partner_evaluates_a_kidney_risk_model_end_to_end(
    page: Page, files: Path, tmp_path: Path
) -> None:
    hospital = factories.an_organisation("Aarhus University Hospital")
    person = factories.a_person(hospital, Role.MANAGER)
    cohort, predictions = factories.cohort_frame(1500)
    cohort.write_csv(files / "cohort.csv")
    predictions.write_csv(files / "predictions.csv", separator=";")

    with workers(tmp_path) as start:
        start()
        sign_in(page, person.email)

        # A cohort for the kidney catalogue
        page.goto("/ckd/datasets/")
        page.get_by_role("link", name=re.compile("Add a dataset")).first.click()
        page.get_by_label("Title", exact=True).fill("Kidney clinic, Aarhus")
        page.get_by_label("Description").fill("Adults referred to the kidney clinic.")
        page.get_by_label("Geography").select_option("DK")
        page.get_by_role("button", name=re.compile("^(Add|Save)")).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Kidney clinic, Aarhus")
        dataset_address = page.url

        # A model version whose predictions are made elsewhere
        page.goto("/ckd/models/")
        page.get_by_role("link", name=re.compile("Register a model")).first.click()
        page.get_by_label("Name").fill("Clinic risk score")
        page.get_by_label("Description").fill("Risk of kidney failure.")
        page.get_by_role("button", name=re.compile("^(Register|Save)")).click()
        page.get_by_label("Version").fill("1.0.0")
        page.get_by_label("How it is evaluated").select_option("predictions")
        page.get_by_label("Intended purpose").fill("Planning of follow-up.")
        page.get_by_label("Intended population").fill("Adults with kidney disease.")
        page.get_by_label("Output").fill("Risk from 0 to 1")
        page.get_by_label("Training data").fill("A cohort of 2010.")
        page.get_by_role("button", name=re.compile("^Save")).click()
        page.get_by_role("button", name="Release").or_(
            page.get_by_role("link", name="Release")
        ).first.click()
        if page.get_by_role("dialog").is_visible():
            page.get_by_role("dialog").get_by_role("button", name=re.compile("Release")).click()
        expect(page.get_by_text("Released: from now on it never changes.")).to_be_visible()

        # Its tables
        page.goto(f"{dataset_address}upload/binary/cohort/")
        upload(page, files / "cohort.csv")
        page.goto(f"{dataset_address}upload/binary/predictions/")
        upload(page, files / "predictions.csv")

        # The evaluation
        page.goto("/ckd/results/new/binary/")
        page.get_by_label("Model version").select_option(label="Clinic risk score 1.0.0")
        page.get_by_label("Dataset", exact=True).select_option(label="Kidney clinic, Aarhus")
        expect(page.locator("#check")).to_contain_text("Everything is there.")
        page.get_by_role("button", name="Submit the evaluation").click()
        page.wait_for_url(re.compile(r"/ckd/results/[0-9a-z]{12}/"))

        # It is watched until the result is there, without touching the page
        expect(page.get_by_text("95% CI").first).to_be_visible(timeout=90_000)

    evaluation = Evaluation.objects.get()
    assert evaluation.stored_result is not None
    result = evaluation.stored_result.result
    auroc = result.estimate("auroc")
    card = page.locator(".card.stat", has_text="AUROC")
    expect(card).to_contain_text(f"{auroc.value:.3f}")
    expect(card).to_contain_text(f"{auroc.lower:.3f} to {auroc.upper:.3f}")

    # The slider moves the confusion table, and the address keeps it
    slider = page.locator("form[data-explorer] input[type=range]")
    flagged = page.locator("[data-value=true_positive]").first
    before = flagged.inner_text()
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(flagged).not_to_have_text(before)
    shown = float(re.search(r"threshold=([\d.]+)", page.url)[1])
    rows = result.curves["thresholds"].rows
    row = min(rows, key=lambda row: abs(row["threshold"] - shown))
    expect(flagged).to_have_text(f"{row['true_positive']:,}")
    address = page.url
    page.goto(address)
    expect(flagged).to_have_text(f"{row['true_positive']:,}")

    # A figure's numbers as CSV
    with page.expect_download() as download:
        page.locator("figure", has_text="rank").get_by_role(
            "link", name=re.compile("CSV")
        ).first.click()
    lines = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    roc = result.curves["roc"].rows
    assert len(lines) == len(roc)
    assert float(lines[3]["sensitivity"]) == roc[3]["sensitivity"]
