"""The walk through the site that the toy use case of the recipe makes possible.

Run by ``test_recipe.py`` as a program of its own, in a copy of the site with the toy in it, on a
database of its own. Everything goes through pages, as a person goes; the two jobs are run here
as a worker runs them. It stops at the first thing that is not as it should be.
"""

from __future__ import annotations

import os
import re

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402 - after the set-up
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from portal.accounts.models import User  # noqa: E402
from portal.catalogue.models import Dataset, Table, Upload  # noqa: E402
from portal.catalogue.tasks import run_upload  # noqa: E402
from portal.evaluations.models import Evaluation  # noqa: E402
from portal.evaluations.tasks import run_evaluation  # noqa: E402
from portal.organisations.actions import create_organisation, set_membership  # noqa: E402
from portal.organisations.roles import Role  # noqa: E402
from portal.registry.models import ModelVersion  # noqa: E402

ROWS = [(f"e{number}", number % 2, int(number % 2 == 1 or number == 4)) for number in range(40)]
EXAMS = "exam_id,finding\n" + "".join(f"{name},{finding}\n" for name, finding, _call in ROWS)
CALLS = "exam_id,call\n" + "".join(f"{name},{call}\n" for name, _finding, call in ROWS)


def address(name: str, **given: object) -> str:
    return reverse(name, kwargs={"use_case": "toy"} | given)


def read(client: Client, url: str, *words: str) -> str:
    """The page at ``url``, which must hold ``words``."""
    response = client.get(url)
    page = response.content.decode()
    assert response.status_code == 200, (url, response.status_code)
    for word in words:
        assert word in page, f"{url} does not say {word!r}: {page}"
    return page


def send(client: Client, url: str, fields: dict[str, object]) -> str:
    """Where the form at ``url`` leads."""
    response = client.post(url, fields)
    problems = re.findall(r"errorlist.*?<li>(.*?)</li>", response.content.decode(), re.DOTALL)
    assert response.status_code == 302, (url, response.status_code, problems)
    return response["Location"]


def upload(client: Client, dataset: Dataset, table: str, content: str, **fields: object) -> Table:
    url = address("table-upload", slug=dataset.slug, task="calls", table=table)
    read(client, url, "What the file must look like")
    file = SimpleUploadedFile("table.csv", content.encode())
    page = send(client, url, fields | {"file": file})
    run_upload(Upload.objects.latest("pk").pk)
    done = Upload.objects.latest("pk")
    assert done.status == "succeeded", (done.failure, done.problems)
    read(client, page)
    return Table.objects.get(pk=done.table_id)


def main() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
    organisation = create_organisation(
        slug="toys", name="Toys", kind="hospital", country="DK", by=None
    )
    person = User.objects.create_user("toy@example.org", "a long password", full_name="Toy")
    set_membership(organisation=organisation, user=person, role=Role.MANAGER, by=None)
    client = Client(headers={"host": "127.0.0.1"})
    read(client, "/", "Toy")
    read(client, address("use-case-overview"), "Is the model right?")
    client.force_login(person)

    # The catalogue, with the toy's own profile, facets and page.
    read(client, address("dataset-list"), "Exams of made-up people.")
    dataset_page = send(client, address("dataset-create"), {
        "organisation": organisation.pk,
        "title": "Forty exams",
        "description": "Made up.",
        "spatial": "DK",
        "health_category": "h",
        "access_rights": "PUBLIC",
        "personal_data": "synthetic",
        "profile-setting": "ward",
        "profile-readers": "2",
    })  # fmt: skip
    read(client, dataset_page, "Exams of the toy", "Ward")
    found = read(client, address("dataset-list") + "?setting=ward&readers=more", "Forty exams")
    assert "two or more" in found
    assert "Forty exams" not in read(client, address("dataset-list") + "?setting=clinic")
    dataset = Dataset.objects.get()
    edit = address("dataset-edit", slug=dataset.slug)
    read(client, edit, 'value="2"')
    upload(client, dataset, "exams", EXAMS)

    # The registry, with the toy's section of the model card.
    model_page = send(client, address("model-create", task="calls"), {
        "organisation": organisation.pk, "name": "Caller", "description": "Calls findings.",
    })  # fmt: skip
    version_page = send(client, model_page, {
        "version": "1.0.0",
        "kind": "predictions",
        "intended_purpose": "To play.",
        "population": "Toys.",
        "output": "A call",
        "training_data": "None.",
        "mdr_class": "none",
        "ce_status": "none",
        "inputs-TOTAL_FORMS": "0",
        "inputs-INITIAL_FORMS": "0",
        "card-seconds": "1.5",
    })  # fmt: skip
    read(client, version_page, "Toy model", "1.5 seconds")
    version = ModelVersion.objects.get()
    named = {"slug": version.model.slug, "version": version.version}
    send(client, address("model-version-release", **named), {})
    read(client, version_page, "Released")
    read(client, address("model-list"), "Caller", "Time to read")

    # Predictions, an evaluation, its result.
    upload(client, dataset, "predictions", CALLS, model_version=version.pk)
    submit = address("evaluation-submit", task="calls")
    chosen = {
        "organisation": organisation.pk, "model_version": version.pk, "dataset": dataset.pk
    }  # fmt: skip
    read(client, submit, "Forty exams")
    check = client.get(address("evaluation-check", task="calls"), chosen).content.decode()
    assert "Everything is there." in check, check
    job_page = send(client, submit, chosen)
    read(client, job_page, "Queued")
    run_evaluation(Evaluation.objects.get().pk)
    evaluation = Evaluation.objects.get()
    assert evaluation.status == "succeeded", (evaluation.failure, evaluation.failure_detail)
    read(client, job_page, "Better than a coin")
    result = client.get(address("evaluation-result", reference=evaluation.reference)).json()
    assert result["estimates"][0]["value"] == 39 / 40, result
    read(client, address("evaluation-list"), "Better than a coin")
    read(client, version_page, "Forty exams")
    read(client, model_page.removesuffix("versions/new/"), 'class="dot"')
    read(client, dataset_page, "Better than a coin")
    read(client, address("use-case-overview"), "Is the model right?")

    administrator = User.objects.create_superuser(
        "root@example.org", "a long password", full_name="Root"
    )
    client.force_login(administrator)
    read(client, reverse("admin:toy_toyexams_changelist"), "Forty exams")


if __name__ == "__main__":
    main()
