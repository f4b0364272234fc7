"""Studies for tests, made through the site's own actions; no worker is started."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass

from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.evaluations.actions import fail_evaluation, save_result
from portal.evaluations.tasks import claim
from portal.organisations.roles import Verb
from portal.organisations.sharing import share
from portal.registry.models import ModelVersion
from portal.studies import actions, running
from portal.studies.models import Cell, InvitationStatus, Study
from portal.tables import LoadedTable
from portal.usecase import no_progress
from tests import factories


@functools.cache
def content(seed: int) -> bytes:
    """A Result as the engine writes it, another for each seed."""
    task = factories.a_use_case().task("binary")
    cohort, predictions = factories.cohort_frame(seed=seed)
    tables = {
        "cohort": LoadedTable(cohort, "0" * 64),
        "predictions": LoadedTable(predictions, "1" * 64),
    }
    return task.evaluate(tables, task.protocol(bootstrap_replicates=100), no_progress).to_json()


@dataclass
class Partners:
    """A coordinator, a developer of models, and holders of data that share nothing for use."""

    coordinator: User
    developer: User
    holders: list[User]
    versions: list[ModelVersion]
    datasets: list[Dataset]


def partners(*, versions: int = 2, sites: int = 3) -> Partners:
    """Organisations whose datasets and models the coordinator may see, and not evaluate."""
    coordinator = factories.a_coordinator()
    organisation = coordinator.memberships.get().organisation
    developer = factories.a_person(factories.an_organisation(), role="manager")
    made = [factories.a_version(developer) for _ in range(versions)]
    holders = [
        factories.a_person(factories.an_organisation(), role="manager") for _ in range(sites)
    ]
    datasets = [factories.a_dataset(holder) for holder in holders]
    for seed, (dataset, holder) in enumerate(zip(datasets, holders, strict=True), start=1):
        cohort, predictions = factories.cohort_frame(seed=seed)
        factories.a_table(dataset, cohort, holder)
        for version in made:
            factories.a_table(
                dataset, predictions, holder, name="predictions", model_version=version
            )
        share(obj=dataset, verbs=[Verb.VIEW], organisation=organisation, by=holder)
    for version in made:
        share(obj=version.model, verbs=[Verb.VIEW], organisation=organisation, by=developer)
    return Partners(coordinator, developer, holders, made, datasets)


def a_draft(by: User, **fields: str) -> Study:
    """A study without members."""
    task = factories.a_use_case().task("binary")
    fields.setdefault("title", "Do kidney risk models travel?")
    fields.setdefault("question", "Does each model rank patients of other countries as well?")
    return actions.create_study(
        use_case=factories.a_use_case(),
        task=task,
        organisation=by.memberships.get().organisation,
        protocol=task.protocol(bootstrap_replicates=100),
        by=by,
        **fields,
    )


def an_inviting_study(found: Partners) -> Study:
    """A study that waits for everybody's answer."""
    study = a_draft(found.coordinator)
    actions.invite(
        study=study, datasets=found.datasets, model_versions=found.versions, by=found.coordinator
    )
    actions.send_invitations(study=study, by=found.coordinator)
    study.refresh_from_db()
    return study


def accept(study: Study, people: Collection[User]) -> None:
    """Let ``people`` accept whatever waits for them."""
    for person in people:
        waiting = study.invitations.filter(
            status=InvitationStatus.WAITING, organisation__memberships__user=person
        )
        for invitation in waiting:
            actions.answer_invitation(invitation=invitation, accept=True, by=person)


def a_running_study(found: Partners) -> Study:
    """A study of which every cell is queued."""
    study = an_inviting_study(found)
    accept(study, [found.developer, *found.holders])
    return running.start_study(study=study, by=found.coordinator)


def finish_cell(cell: Cell, *, failure: str = "") -> None:
    """End a queued cell with a result, another for each dataset and version, or fail it."""
    assert cell.evaluation is not None
    held = claim(cell.evaluation.pk)
    assert held is not None
    if failure:
        fail_evaluation(evaluation=held, sentence=failure)
    else:
        seed = 1 + (3 * cell.dataset_id + cell.model_version_id) % 7
        save_result(evaluation=held, content=content(seed))


def a_finished_study(found: Partners, *, failures: int = 0) -> Study:
    """A study with a result in every cell but the last ``failures``."""
    study = a_running_study(found)
    cells = list(study.cells.select_related("evaluation"))
    for number, cell in enumerate(cells):
        failed = number >= len(cells) - failures
        finish_cell(cell, failure="The cohort has too few events." if failed else "")
    assert running.settle(study.pk)
    study.refresh_from_db()
    return study
