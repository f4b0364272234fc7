"""The catalogue's search: the database's time for pages with all their facet counts.

Runs as a process of its own, like :mod:`tests.bench.pages`, in a database of thirty partners.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.bench.consortium import Sizes, catalogue, database_time, partners
from tests.bench.pages import in_a_database, rows_of_process
from tests.bench.rows import Row

if TYPE_CHECKING:
    from portal.accounts.models import User

DATASETS, VARIABLES = 5_000, 40
"""Datasets, and variables of each."""
LARGE_DICTIONARY = 2_000
TARGET, WRITE_TARGET = 0.06, 1.0
TIMES = 7
SUBJECTS = ["creatinine", "albumin", "sodium", "potassium", "urea", "glucose", "calcium"]
ASPECTS = ["baseline", "follow-up", "median", "first", "last", "rate", "blood", "urine"]

PAGES = (
    ("Datasets", "/datasets/"),
    ("Datasets of a use case, with its facets", "/ckd/datasets/"),
    ("Searched for a word in all", "/datasets/?q=cohort"),
    ("Searched for words of variables", "/datasets/?q=albumin+urine"),
    ("Searched for a rare code", "/datasets/?q=x1234"),
    ("Searched for a phrase or a word", "/datasets/?q=%22primary+care%22+OR+sodium+-dialysis"),
    ("Searched and filtered", "/datasets/?q=creatinine&use_case=ckd&country=DK&country=FR"),
    ("Searched, last page", "/datasets/?q=cohort&page=999"),
    ("Three variables × datasets", "/datasets/variables/?v=creatinine_1&v=albumin_2&v=sodium_3"),
    ("Variables found by a word", "/datasets/variables/?q=albumin"),
)


def search_rows(*, quick: bool) -> list[Row]:
    """Lines about the search, measured in another process."""
    return rows_of_process("tests.bench.searching", [100, 5] if quick else [DATASETS, VARIABLES])


def dictionaries(datasets: list[Any], variables: int, draw: random.Random) -> None:
    """Variables of every dataset, as many as asked for."""
    from portal.catalogue.models import Variable

    made = []
    for dataset in datasets:
        for position in range(variables):
            subject = draw.choice(SUBJECTS)
            made.append(
                Variable(
                    dataset=dataset,
                    position=position,
                    name=f"{subject}_{position}",
                    label=f"{subject.capitalize()}, {' '.join(draw.sample(ASPECTS, 3))}",
                    unit=draw.choice(["mg/g", "mg/mmol", "mL/min"]),
                    code=f"X{draw.randrange(10_000)}",
                )
            )
    Variable.objects.bulk_create(made, batch_size=10_000)


def page_row(what: str, client: Any, address: str) -> Row:
    """The least time of several answers in which the database worked, and on how many queries."""
    best, queries = float("inf"), 0
    for _ in range(TIMES + 1):  # the first one loads what is loaded once in a process
        with database_time() as spent:
            if client.get(address).status_code != 200:
                raise RuntimeError(f"{address} was not answered.")
        best, queries = min(best, sum(spent)), len(spent)
    return Row(
        what,
        f"{1000 * best:.0f} ms of the database in {queries} queries",
        "",
        "",
        f"≤ {1000 * TARGET:.0f} ms",
        best <= TARGET,
    )


def write_row(dataset: Any) -> Row:
    """How long a large dictionary takes to be written at once, with the words to find it by."""
    from portal.catalogue.models import Variable

    start = time.process_time()
    with database_time() as spent:
        Variable.objects.bulk_create(
            Variable(dataset=dataset, position=one, name=f"large_{one}", label=f"Measurement {one}")
            for one in range(LARGE_DICTIONARY)
        )
    seconds = time.process_time() - start + sum(spent)
    return Row(
        f"{LARGE_DICTIONARY:,} variables written at once",
        f"{seconds:.2f} s",
        "",
        "",
        f"≤ {WRITE_TARGET:.0f} s",
        seconds <= WRITE_TARGET,
    )


def built(sizes: Sizes, variables: int) -> tuple[User, Any]:
    """Make the catalogue; returns who asks, and a dataset."""
    from django.db import connection, transaction

    draw = random.Random(1)
    with transaction.atomic():
        organisations, people = partners(sizes, draw)
        datasets = catalogue(sizes, organisations, people[1], draw)
        dictionaries(datasets, variables, draw)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return people[0], datasets[0]


def measured(datasets: int, variables: int) -> list[Row]:
    """Every line, as a person of three organisations asks."""
    from django.test import Client

    person, dataset = built(Sizes(people=60, datasets=datasets), variables)
    client = Client()
    client.force_login(person)
    size = f"{datasets:,} datasets and {datasets * variables:,} variables"
    return [
        Row(f"Search in {size}", "", "", "", "", None),
        *(page_row(what, client, address) for what, address in PAGES),
        write_row(dataset),
    ]


if __name__ == "__main__":
    asked = [int(size) for size in sys.argv[1:]]
    lines = in_a_database(lambda: measured(*asked))
    print(json.dumps([vars(line) for line in lines]))
