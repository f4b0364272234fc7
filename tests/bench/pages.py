"""Server time and size of the site's pages: a large result, and lists with many evaluations.

Runs as a process of its own, because it is the one benchmark that needs Django and a database.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tests.bench.rows import ROOT, Row, fastest

if TYPE_CHECKING:
    from django.test import Client

    from portal.accounts.models import User
    from portal.evaluations.models import Evaluation, StoredResult

PATIENTS, SITES, EVALUATIONS = 10**6, 12, 10_000
RESULT_TARGET, LIST_TARGET, SIZE_TARGET = 0.1, 0.06, 300
TIMES = 10


def page_rows(*, quick: bool) -> list[Row]:
    """Lines about pages, measured in another process."""
    return rows_of_process("tests.bench.pages", [10**4, 200] if quick else [PATIENTS, EVALUATIONS])


def rows_of_process(module: str, sizes: list[int]) -> list[Row]:
    """The lines that a module prints as JSON, run with a database of its own."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment["TEST_DATABASE_SUFFIX"] = os.environ.get("TEST_DATABASE_SUFFIX", "") + "_bench"
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, sizes)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Row(**line) for line in json.loads(done.stdout.splitlines()[-1])]


def cohort(patients: int) -> dict[str, pl.DataFrame]:
    """A cohort with sites and two more columns to make subgroups of, and its predictions."""
    random = np.random.default_rng(1)
    risk = 1 / (1 + np.exp(-random.normal(-2.5, 1.2, patients)))
    ids = pl.Series("patient_id", np.arange(patients)).cast(pl.String)
    site = random.integers(SITES, size=patients)
    return {
        "cohort": pl.DataFrame(
            {
                "patient_id": ids,
                "outcome": (random.random(patients) < risk).astype(np.int64),
                "site": [f"region-{number}" for number in site],
                "sex": np.where(random.random(patients) < 0.5, "female", "male"),
                "age_band": np.array(["18-49", "50-69", "70+"])[random.integers(3, size=patients)],
            }
        ),
        "predictions": pl.DataFrame({"patient_id": ids, "risk": risk}),
    }


def stored_result(patients: int) -> StoredResult:
    """The result of a cohort with its figures, as a worker's child process makes them."""
    from portal.evaluations.actions import summarise
    from portal.evaluations.drawing import draw_figures, drawing_version
    from portal.evaluations.models import Drawing, StoredResult
    from portal.tables import LoadedTable
    from portal.usecase import no_progress, use_cases

    task = use_cases()["ckd"].task("binary")
    tables = {name: LoadedTable(frame, name[0] * 64) for name, frame in cohort(patients).items()}
    protocol = task.protocol(subgroups=("sex", "age_band"))
    result = task.evaluate(tables, protocol, no_progress)
    content = result.to_json()
    sha256 = hashlib.sha256(content).hexdigest()
    stored = StoredResult.objects.create(
        fingerprint=sha256, content=content, sha256=sha256, summary=summarise(result)
    )
    Drawing.keep(
        stored_result=stored,
        language="en",
        version=drawing_version("usecases.ckd"),
        figures=draw_figures(task, result, str),
    )
    return stored


def evaluations(count: int, stored: StoredResult, by: User) -> list[Evaluation]:
    """Many evaluations of one result, which everybody in the organisation sees."""
    from django.contrib.auth.models import Permission
    from django.utils import timezone

    from portal.evaluations.models import Evaluation, EvaluationGroupObjectPermission
    from portal.jobs.models import Status
    from portal.organisations.actions import role_groups
    from portal.organisations.roles import Role
    from tests import factories

    organisation = by.memberships.get().organisation
    dataset, version, now = factories.a_dataset(by), factories.a_version(by), timezone.now()
    protocol = stored.result.protocol
    rows = Evaluation.objects.bulk_create(
        Evaluation(
            use_case="ckd",
            task="binary",
            organisation=organisation,
            submitted_by=by,
            dataset=dataset,
            model_version=version,
            protocol=protocol,
            engine="bench",
            fingerprint=hashlib.sha256(str(number).encode()).hexdigest(),
            status=Status.SUCCEEDED,
            started_at=now,
            finished_at=now,
            stored_result=stored,
        )
        for number in range(count)
    )
    groups = role_groups(organisation)
    for role, verb in ((Role.VIEWER, "view"), (Role.CONTRIBUTOR, "change")):
        permission = Permission.objects.get(codename=f"{verb}_evaluation")
        EvaluationGroupObjectPermission.objects.bulk_create(
            EvaluationGroupObjectPermission(
                permission=permission, group_id=groups[role], content_object=row
            )
            for row in rows
        )
    return rows


def page_row(what: str, client: Client, address: str, target: float) -> Row:
    """The server time of one page."""

    def ask() -> None:
        if client.get(address).status_code != 200:
            raise RuntimeError(f"{address} was not answered.")

    ask()  # what is loaded once in a process is loaded here
    seconds = fastest(ask, TIMES)
    return Row(
        what, f"{1000 * seconds:.0f} ms", "", "", f"≤ {1000 * target:.0f} ms", seconds <= target
    )


def size_row(what: str, client: Client, address: str) -> Row:
    """What a page sends of its own, compressed."""
    size = len(gzip.compress(client.get(address).content, 6)) / 1000
    return Row(what, f"{size:.0f} kB", "", "", f"≤ {SIZE_TARGET} kB", size <= SIZE_TARGET)


def measured(patients: int, count: int) -> list[Row]:
    """Every line, in a database that holds what is asked."""
    from django.db import connection
    from django.test import Client

    from portal.pagination import PER_PAGE
    from tests import factories

    by = factories.a_person(factories.an_organisation())
    stored = stored_result(patients)
    evaluation = evaluations(count, stored, by)[-1]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client()
    client.force_login(by)
    result = evaluation.get_absolute_url()
    people, rows = f"{patients:.0e}".replace("e+0", "e"), f"{count:,}"
    return [
        page_row(f"Result page, {people} patients, {SITES} sites", client, result, RESULT_TARGET),
        size_row("the same, its own data compressed", client, result),
        page_row(
            f"Table of all {len(stored.result.estimates)} estimates",
            client,
            f"{result}estimates/",
            RESULT_TARGET,
        ),
        *(
            page_row(f"{name}, {rows} evaluations", client, address, LIST_TARGET)
            for name, address in (
                ("Results", "/results/"),
                ("Results, last page", f"/ckd/results/?page={-(-count // PER_PAGE)}"),
                ("Overview of a use case", "/ckd/"),
                ("Datasets", "/ckd/datasets/"),
                ("Models", "/ckd/models/"),
            )
        ),
    ]


def in_a_database(work: Callable[[], Iterable[Row]]) -> list[Row]:
    """Do ``work`` in a database that is made for it and dropped afterwards."""
    import django

    django.setup()
    from django.conf import settings
    from django.test.utils import setup_databases, teardown_databases

    settings.ALLOWED_HOSTS = ["*"]
    settings.DEBUG = False
    made = setup_databases(verbosity=0, interactive=False)
    try:
        return list(work())
    finally:
        teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    patients_asked, evaluations_asked = map(int, sys.argv[1:])
    lines = in_a_database(lambda: measured(patients_asked, evaluations_asked))
    print(json.dumps([vars(line) for line in lines]))
