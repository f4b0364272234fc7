"""The studies of the demonstration, each as far as it shows something."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.demo.datasets import dataset_of
from portal.demo.entries import Showing
from portal.demo.partners import COORDINATING, coordinator, manager_of
from portal.demo.registry import versions_of
from portal.organisations.models import Organisation
from portal.studies.actions import answer_invitation, create_study, invite, send_invitations
from portal.studies.models import Cell, Study
from portal.studies.publishing import publish_study
from portal.studies.running import settle, start_study
from portal.usecase import use_cases


class Until(enum.Enum):
    """How far a study is taken."""

    INVITING = "inviting"
    """Holders of datasets that wait have not answered."""
    RUNNING = "running"
    """Its cells are left to the worker."""
    FINISHED = "finished"
    """The coordinator may publish it."""
    PUBLISHED = "published"
    """Everybody sees a frozen copy of it."""


_ENDED = (Until.FINISHED, Until.PUBLISHED)


@dataclass(frozen=True)
class StudyEntry:
    """A study of the demonstration."""

    use_case: str
    task: str
    title: str
    question: str
    until: Until
    protocol: Mapping[str, Any] = field(default_factory=dict)
    """The fields that differ from those of the use case's evaluations."""


STUDIES = (
    StudyEntry(
        use_case="ckd",
        task="survival",
        title="The kidney failure equation in four countries",
        question=(
            "Does the Kidney Failure Risk Equation hold where many die before kidney failure, and "
            "which of its two baselines fits Europe?"
        ),
        until=Until.PUBLISHED,
    ),
    StudyEntry(
        use_case="metastasis",
        task="mammography",
        title="A mammography score on machines that it knows and on others",
        question=(
            "Does the score find as many cancers as the reader in screening, in dense breasts, in "
            "a cancer centre and on machines of another vendor?"
        ),
        until=Until.PUBLISHED,
    ),
    StudyEntry(
        use_case="heart-failure",
        task="alerts",
        title="Heart failure alerts in four clinics",
        question=(
            "How many events do alerts come before, and how many alerts come for nothing, where "
            "patients, sensors and transmissions differ?"
        ),
        until=Until.PUBLISHED,
    ),
    StudyEntry(
        use_case="metastasis",
        task="lung-ct",
        title="Lesions of the lungs on thin and on thick slices",
        question="Which lesions does the detector miss, on which scanners?",
        until=Until.FINISHED,
    ),
    StudyEntry(
        use_case="ckd",
        task="binary",
        title="The kidney failure equation by sex, diabetes and stage",
        question="Is there a group of patients in which the equation is wrong?",
        until=Until.RUNNING,
        protocol={"subgroups": ("sex", "diabetes", "stage"), "bootstrap_replicates": 2000},
    ),
    StudyEntry(
        use_case="heart-failure",
        task="alerts",
        title="Heart failure alerts with a window of two weeks",
        question="How many warnings come early enough to see the patient, and no earlier?",
        until=Until.INVITING,
        protocol={"window": 14},
    ),
    StudyEntry(
        use_case="ckd",
        task="binary",
        title="The kidney failure equation in outpatient clinics",
        question="Does the equation understate the risk of people who are seen in a clinic?",
        until=Until.INVITING,
        protocol={"subgroups": ("sex", "diabetes")},
    ),
)


def start_studies(shown: Mapping[str, Showing]) -> list[tuple[StudyEntry, Study]]:
    """Make the studies that are missing, and start those that are meant to run; return the new."""
    organisation = Organisation.objects.get(slug=COORDINATING)
    made = set(Study.objects.filter(organisation=organisation).values_list("title", flat=True))
    new = []
    for entry in STUDIES:
        if entry.use_case not in shown or entry.title in made:
            continue
        by = coordinator()
        study = _begin(entry, shown[entry.use_case], organisation, by)
        if entry.until is not Until.INVITING:
            start_study(study=study, by=by)
        new.append((entry, study))
    return new


def _begin(entry: StudyEntry, showing: Showing, organisation: Organisation, by: User) -> Study:
    """Draft a study, invite, and answer for those who take part."""
    use_case = use_cases()[entry.use_case]
    task = use_case.task(entry.task)
    study = create_study(
        use_case=use_case,
        task=task,
        organisation=organisation,
        title=entry.title,
        question=entry.question,
        protocol=task.protocol(**{**showing.protocols[entry.task], **entry.protocol}),
        by=by,
    )
    members, asked = _datasets(entry, showing)
    versions = versions_of(showing, entry.task)
    invite(study=study, datasets=[*members, *asked], model_versions=versions, by=by)
    send_invitations(study=study, by=by)
    for invitation in study.invitations.filter(status="waiting").exclude(dataset__in=asked):
        who = manager_of(invitation.organisation)
        answer_invitation(invitation=invitation, accept=True, by=who)
    return study


def _datasets(entry: StudyEntry, showing: Showing) -> tuple[list[Dataset], list[Dataset]]:
    """The datasets that take part, and those whose holder has not answered yet."""
    members, asked = [], []
    for each in showing.datasets:
        if entry.task not in each.tasks or (dataset := dataset_of(each)) is None:
            continue
        if not each.waits:
            members.append(dataset)
        elif entry.until is Until.INVITING:
            asked.append(dataset)
    return members, asked


def cells_to_run(started: list[tuple[StudyEntry, Study]]) -> list[int]:
    """The evaluations of the studies that are to be finished."""
    finished = [study for entry, study in started if entry.until in _ENDED]
    cells = Cell.objects.filter(study__in=finished).exclude(evaluation=None)
    return list(cells.values_list("evaluation", flat=True))


def finish_studies(started: list[tuple[StudyEntry, Study]]) -> None:
    """Finish the studies whose cells have ended, and publish some of them."""
    for entry, study in started:
        if entry.until in _ENDED and not settle(study.pk):
            raise RuntimeError(f"{study}: not all of its cells have ended.")
        if entry.until is Until.PUBLISHED:
            publish_study(study=study, by=coordinator())
