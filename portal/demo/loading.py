"""The demonstration consortium, put on the site through the same actions that people use.

Everything simulated says so: the datasets are marked synthetic, and so is each page that shows
them. Loading again adds only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.demo import heart_failure, kidney, metastasis, showings
from portal.demo.cohorts import SEED
from portal.demo.datasets import dataset_of, load_dataset
from portal.demo.entries import Showing
from portal.demo.hands import hands
from portal.demo.partners import load_partners, manager_of
from portal.demo.permits import load_permits
from portal.demo.public_texts import load_public_texts
from portal.demo.registry import load_model, versions_of
from portal.demo.studies import cells_to_run, finish_studies, start_studies
from portal.evaluations.actions import submit_evaluation
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from portal.notifications.actions import mark_all_read
from portal.notifications.kinds import Kind
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.sharing import share

Say = Callable[[str], object]


def load(say: Say, *, processes: int = 2) -> None:
    """Put the whole demonstration on the site; ``say`` hears what is being done."""
    shown = showings.shown()
    # Later there is little to do, and a table may be one that a visitor has uploaded.
    is_first = not Dataset.objects.exists()
    with hands(processes if is_first else 1, without_child=is_first) as workers:
        say("Partners and people")
        load_partners()
        load_public_texts()
        say("Models")
        workers.do(
            load_model, [(slug, at) for slug in shown for at, _ in enumerate(shown[slug].models)]
        )
        say("Datasets")
        workers.do(
            load_dataset,
            [(slug, at) for slug in shown for at, _ in enumerate(shown[slug].datasets)],
        )
        say("Applications and permits")
        load_permits(shown)
        say("Evaluations")
        evaluations = [pk for each in shown.values() for pk in _submitted(each)]
        workers.do(run_evaluation, evaluations)
        _check(evaluations)
        say("Studies")
        started = start_studies(shown)
        workers.do(run_evaluation, cells_to_run(started))
        finish_studies(started)
    if is_first:
        _mark_as_read()
    say("Example files")
    _example_files()


def _mark_as_read() -> None:
    """What was loaded is no news to whoever signs in to look around; what waits for them is."""
    for person in User.objects.filter(notifications__read_at=None).distinct():
        mark_all_read(by=person, kinds=(Kind.DECISION, Kind.EVALUATION_ENDED))


def _check(evaluations: list[int]) -> None:
    """Raise what went wrong, but for the datasets that are there to be refused."""
    refused = [
        each.title
        for shown in showings.SHOWINGS.values()
        for each in shown.datasets
        if each.is_refused
    ]
    failed = Evaluation.objects.filter(pk__in=evaluations, status=Status.FAILED)
    for evaluation in failed.exclude(dataset__title__in=refused):
        raise RuntimeError(f"{evaluation}: {evaluation.failure} {evaluation.failure_detail}")


def _submitted(shown: Showing) -> list[int]:
    """Submit what the use case's lead has not evaluated yet, and return it."""
    lead = Organisation.objects.get(slug=shown.lead)
    by = manager_of(lead)
    new = []
    for entry in shown.datasets:
        dataset = dataset_of(entry)
        if dataset is None or entry.waits:
            continue
        for task in entry.tasks:
            declared = dataset.declared.task(task)
            protocol = declared.protocol(**shown.protocols[task])
            for version in versions_of(shown, task):
                done = Evaluation.objects.filter(
                    dataset=dataset, model_version=version, organisation=lead
                )
                if done.exists():
                    continue
                evaluation, _ = submit_evaluation(
                    organisation=lead,
                    dataset=dataset,
                    model_version=version,
                    task=declared,
                    protocol=protocol,
                    by=by,
                )
                share(obj=evaluation, verbs=[Verb.VIEW], organisation=None, by=by)
                new.append(evaluation.pk)
    return new


def _example_files() -> None:
    """Small files for the visitor who wants to try an upload: of patients who are not here yet."""
    folder = settings.MEDIA_ROOT.parent / "examples"
    if (folder / "predictions.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for shown in (metastasis.SHOWING, heart_failure.SHOWING):
        for entry in shown.datasets:
            if entry.waits:
                content = entry.make(SEED + 1)
                for task in entry.tasks:
                    for name, frame in content.tables[task].items():
                        frame.write_csv(folder / f"{task}-{name}.csv")
                    newest = list(content.predictions[task].values())[-1]
                    newest.write_csv(folder / f"{task}-predictions.csv")
    kidney.example_files(folder)
