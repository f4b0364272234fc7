"""Every list of a consortium of thirty partners: what a person waits for, and what it costs.

Runs as a process of its own, like :mod:`tests.bench.pages`. A list's time is the time of this
process's processor and the time in which the database worked on its queries: what a quiet machine
takes, also where this one is shared.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.pages import LIST_TARGET, in_a_database, rows_of_process
from tests.bench.rows import Row

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.organisations.models import Organisation

ORGANISATIONS, PEOPLE, DATASETS, MODELS, EVALUATIONS = 30, 300, 5_000, 500, 20_000
TIMES = 7
WORDS = ["dialysis", "registry", "primary care", "transplant", "cohort", "hospital", "follow-up"]


def consortium_rows(*, quick: bool) -> list[Row]:
    """Lines about the lists, measured in another process."""
    sizes = [5, 20, 100, 20, 200] if quick else []
    return rows_of_process("tests.bench.consortium", sizes)


@dataclass(frozen=True)
class Sizes:
    """How much there is."""

    organisations: int = ORGANISATIONS
    people: int = PEOPLE
    datasets: int = DATASETS
    models: int = MODELS
    evaluations: int = EVALUATIONS


def partners(sizes: Sizes, draw: random.Random) -> tuple[list[Organisation], list[User]]:
    """Organisations, and their people; every tenth person belongs to three of them."""
    from portal.organisations.actions import set_membership
    from portal.organisations.countries import COUNTRIES
    from portal.organisations.roles import Role
    from tests import factories

    countries = [code for code, _name in COUNTRIES]
    found = [
        factories.an_organisation(country=draw.choice(countries))
        for _ in range(sizes.organisations)
    ]
    people = []
    for number in range(sizes.people):
        own = found[number % len(found)]
        role = Role.MANAGER if number < len(found) else draw.choice(list(Role))
        person = factories.a_person(own, role)
        if number % 10 == 0:
            for other in draw.sample([one for one in found if one != own], 2):
                set_membership(
                    organisation=other, user=person, role=draw.choice(list(Role)), by=None
                )
        people.append(person)
    return found, people


class Grants:
    """Who may do what with objects of one kind, written all at once."""

    def __init__(self, model: type[Any], draw: random.Random) -> None:
        from django.contrib.auth.models import Permission
        from django.contrib.contenttypes.models import ContentType
        from guardian.utils import get_group_obj_perms_model

        from portal.organisations.models import RoleGroup

        kind = ContentType.objects.get_for_model(model)
        self.keys = dict(Permission.objects.filter(content_type=kind).values_list("codename", "pk"))
        self.groups = {
            (organisation, role): group
            for organisation, role, group in RoleGroup.objects.values_list(
                "organisation", "role", "group"
            )
        }
        self.rows: Any = get_group_obj_perms_model(model)
        self.name, self.draw = model._meta.model_name, draw

    def write(self, objects: list[Any], *, shared: bool = True) -> None:
        """Give owners theirs; a fifth is the consortium's, two fifths are named partners'."""
        from portal.organisations.roles import SHARED_WITH, VERBS, Role, lowest_role

        organisations = sorted({one for one, _role in self.groups if one})
        made = []
        for one in objects:
            given = {
                (self.groups[one.organisation_id, role], verb)
                for role in Role
                for verb in VERBS[role]
                if lowest_role(verb) == role
            }
            chance = self.draw.random()
            targets: list[int | None] = []
            if shared and chance < 0.2:
                targets = [None]
            elif shared and chance < 0.6:
                targets = list(self.draw.sample(organisations, min(4, len(organisations))))
            for target in targets:
                given |= {
                    (self.groups[target, role], verb)
                    for verb, role in SHARED_WITH.items()
                    if self.draw.random() < 0.7 and (target, role) in self.groups
                }
            for group, verb in given:
                key = self.keys.get(f"{verb}_{self.name}")
                if key:
                    made.append(self.rows(content_object=one, group_id=group, permission_id=key))
        self.rows._default_manager.bulk_create(made, batch_size=5_000, ignore_conflicts=True)


def catalogue(
    sizes: Sizes, organisations: list[Organisation], by: User, draw: random.Random
) -> list[Any]:
    """Datasets of all use cases with their profiles."""
    from portal.catalogue.models import Dataset
    from portal.catalogue.profiles import profile_model
    from portal.usecase import use_cases

    declared = list(use_cases().values())
    made = Dataset.objects.bulk_create(
        Dataset(
            use_case=draw.choice(declared).slug,
            slug=f"dataset-{number}",
            organisation=draw.choice(organisations),
            title=f"{draw.choice(WORDS).capitalize()} {number}",
            description=" ".join(draw.choices(WORDS, k=40)),
            keyword=draw.sample(WORDS, 3),
            spatial=draw.choice(organisations).country,
            number_of_unique_individuals=draw.randrange(10**6),
            created_by=by,
        )
        for number in range(sizes.datasets)
    )
    for use_case in declared:
        if profile := profile_model(use_case):
            facets = {name: profile._meta.get_field(name) for name in profile.facets}
            choices = {name: list(one.choices) for name, one in facets.items() if one.choices}
            profile._default_manager.bulk_create(
                profile(
                    dataset=dataset,
                    **{name: draw.choice(values)[0] for name, values in choices.items()},
                )
                for dataset in made
                if dataset.use_case == use_case.slug
            )
    Grants(Dataset, draw).write(made)
    return made


def registry(
    sizes: Sizes, organisations: list[Organisation], by: User, draw: random.Random
) -> list[Any]:
    """Models with a released version each; returns the versions."""
    from django.utils import timezone

    from portal.registry.models import Model, ModelVersion
    from portal.usecase import use_cases

    declared = list(use_cases().values())
    made = []
    for number in range(sizes.models):
        use_case = draw.choice(declared)
        made.append(
            Model(
                use_case=use_case.slug,
                task=draw.choice(use_case.tasks).slug,
                slug=f"model-{number}",
                organisation=draw.choice(organisations),
                name=f"Model {number}",
                description=" ".join(draw.choices(WORDS, k=20)),
                created_by=by,
            )
        )
    made = Model.objects.bulk_create(made)
    Grants(Model, draw).write(made)
    return ModelVersion.objects.bulk_create(
        ModelVersion(
            model=model,
            version="1.0.0",
            status=ModelVersion.Status.RELEASED,
            kind=ModelVersion.Kind.PREDICTIONS,
            intended_purpose="x",
            population="x",
            output="x",
            training_data="x",
            created_by=by,
            released_at=timezone.now(),
        )
        for model in made
    )


def evaluations(
    sizes: Sizes, datasets: list[Any], versions: list[Any], by: User, draw: random.Random
) -> None:
    """Evaluations of models on datasets of their use case, nine of ten with a result."""
    from datetime import timedelta

    from django.utils import timezone

    from portal.evaluations.models import Evaluation
    from portal.jobs.models import Status
    from tests.every_task import NAMES, evaluated

    now = timezone.now()
    like = {name: evaluated(by, name) for name in NAMES}
    of_use_case: dict[str, list[Any]] = {}
    for dataset in datasets:
        of_use_case.setdefault(dataset.use_case, []).append(dataset)
    made = []
    for number in range(sizes.evaluations):
        version = draw.choice(versions)
        dataset = draw.choice(of_use_case[version.model.use_case])
        succeeded = draw.random() < 0.9
        example = like[f"{version.model.use_case}/{version.model.task}"]
        made.append(
            Evaluation(
                use_case=version.model.use_case,
                task=version.model.task,
                organisation=draw.choice((dataset, version.model)).organisation,
                submitted_by=by,
                dataset=dataset,
                model_version=version,
                protocol=example.protocol,
                engine="bench",
                fingerprint=hashlib.sha256(str(number).encode()).hexdigest(),
                status=Status.SUCCEEDED if succeeded else Status.FAILED,
                started_at=now,
                finished_at=now + timedelta(seconds=30),
                failure="" if succeeded else "The cohort has too few events.",
                stored_result=example.stored_result if succeeded else None,
            )
        )
    made = Evaluation.objects.bulk_create(made, batch_size=5_000)
    Grants(Evaluation, draw).write(made)


@contextmanager
def database_time() -> Iterator[list[float]]:
    """Seconds that the database worked on each query: of its own processor time, where told."""
    from django.db import connection

    connection.ensure_connection()
    told = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")

    def now() -> float:
        return int(told.read_text().split()[0]) / 1e9 if told.exists() else time.perf_counter()

    spent: list[float] = []

    def timed(execute: Callable[..., Any], *rest: Any) -> Any:
        start = now()
        try:
            return execute(*rest)
        finally:
            spent.append(now() - start)

    with connection.execute_wrapper(timed):
        yield spent


LISTS = (
    ("Datasets of all", "/datasets/"),
    ("Datasets", "/ckd/datasets/"),
    ("Datasets, searched", "/ckd/datasets/?q=dialysis+cohort"),
    ("Datasets, most people first, last page", "/datasets/?sort=people&page=999"),
    ("Models of all", "/models/"),
    ("Models", "/ckd/models/"),
    ("Results of all", "/results/"),
    ("Results", "/ckd/results/"),
    ("Results, last page", "/results/?page=9999"),
    ("Results, failed", "/results/?status=failed"),
    ("Overview of a use case", "/ckd/"),
    ("Start", "/"),
    ("My work", "/my-work/"),
    ("Studies", "/ckd/studies/"),
    ("Organisations", "/organisations/"),
    ("Submission of an evaluation", "/ckd/results/new/binary/"),
)


def list_rows(who: str, person: User, *, may_submit: bool) -> list[Row]:
    """A line for each list, as ``person`` asks for it."""
    from django.test import Client

    client = Client()
    client.force_login(person)
    return [
        list_row(f"{name}, {who}", client, address)
        for name, address in LISTS
        if may_submit or not address.endswith("/new/binary/")
    ]


def list_row(what: str, client: Any, address: str) -> Row:
    """The fastest of several answers: of the processor's time and the database's together."""
    best, queries = (float("inf"), 0.0, 0.0), 0
    for _ in range(TIMES + 1):  # the first one loads what is loaded once in a process
        start = time.process_time()
        with database_time() as spent:
            if client.get(address).status_code != 200:
                raise RuntimeError(f"{address} was not answered.")
        here = time.process_time() - start
        best, queries = min(best, (here + sum(spent), here, sum(spent))), len(spent)
    total, here, database = (1000 * seconds for seconds in best)
    return Row(
        what,
        f"{total:.0f} ms ({here:.0f} here, {database:.0f} in {queries} queries)",
        "",
        "",
        f"≤ {1000 * LIST_TARGET:.0f} ms",
        total <= 1000 * LIST_TARGET,
    )


def built(sizes: Sizes) -> dict[str, tuple[User, bool]]:
    """Make the consortium; returns who asks, and whether they may submit evaluations."""
    from django.db import connection, transaction

    from portal.organisations.roles import Role
    from tests import factories

    draw = random.Random(1)
    with transaction.atomic():
        organisations, people = partners(sizes, draw)
        by = people[1]  # of one organisation, which they manage
        datasets = catalogue(sizes, organisations, by, draw)
        versions = registry(sizes, organisations, by, draw)
        evaluations(sizes, datasets, versions, by, draw)
        viewer = factories.a_person(organisations[1], Role.VIEWER)
        administrator = factories.a_person(is_staff=True, is_superuser=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {
        "viewer": (viewer, False),
        "person of three organisations": (people[0], True),
        "site administrator": (administrator, False),
    }


def measured(sizes: Sizes) -> list[Row]:
    """Every line."""
    people = built(sizes)
    size = f"{sizes.datasets:,} datasets and {sizes.evaluations:,} evaluations"
    return [
        Row(f"Lists of {sizes.organisations} partners, {size}", "", "", "", "", None),
        *(
            row
            for who, (person, may_submit) in people.items()
            for row in list_rows(who, person, may_submit=may_submit)
        ),
    ]


if __name__ == "__main__":
    given = Sizes(*map(int, sys.argv[1:]))
    lines = in_a_database(lambda: measured(given))
    print(json.dumps([vars(line) for line in lines]))
