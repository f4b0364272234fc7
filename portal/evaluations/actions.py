"""Writes about evaluations: submit, finish, cancel, retry."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access.rule import Use, covering, needs_permit, permit_reasons, usable_by, use_reasons
from portal.access.vocabulary import Purpose
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.catalogue.models import Dataset, Table
from portal.evaluations.drawing import drawing_version
from portal.evaluations.models import (
    Drawing,
    Evaluation,
    EvaluationGroupObjectPermission,
    LogLine,
    StoredResult,
)
from portal.evaluations.telling import FAILED, FINISHED, tell_submitter
from portal.jobs.models import UNFINISHED, Status
from portal.jobs.tasks import wake
from portal.organisations.actions import administers
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty, Role, Verb
from portal.organisations.sharing import grant, grant_to_each, grant_to_owner, organisation_may
from portal.registry.models import ModelVersion
from portal.result import Result
from portal.usecase import Protocol, Task, package_of

if TYPE_CHECKING:
    from portal.access.models import Permit
    from portal.accounts.models import User
    from portal.comparisons.models import Comparison
    from portal.studies.models import Study


class SubmissionRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """An evaluation cannot be submitted; ``reasons`` says everything that is missing."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class Readiness:
    """What an evaluation would read, and all that is missing for it."""

    tables: dict[str, Table]
    reasons: list[str]


def readiness(*, dataset: Dataset, model_version: ModelVersion, task: Task) -> Readiness:
    """Gather the tables that an evaluation would read, and say everything that is missing."""
    reasons = []
    tables = dataset.current_tables(task)
    if model_version.status != ModelVersion.Status.RELEASED:
        reasons.append(_("%(version)s is not released, or no longer.") % {"version": model_version})
    for schema in task.missing_tables([*tables, "predictions"]):
        reasons.append(
            _("The dataset holds no table “%(table)s” yet; its holder uploads it on the "
              "dataset's page.") % {"table": _(schema.title)}
        )  # fmt: skip
    if model_version.model.use_case != dataset.use_case or model_version.model.task != task.slug:
        reasons.append(_("The model does another task than this dataset is evaluated for."))
    elif model_version.kind == ModelVersion.Kind.PREDICTIONS:
        given = dataset.tables.filter(task=task.slug, model_version=model_version)
        output = given.newest_first().first()
        if output is None:
            reasons.append(
                _("There are no predictions of %(version)s for this dataset yet; the dataset's "
                  "holder uploads them on the dataset's page.") % {"version": model_version}
            )  # fmt: skip
        else:
            tables[output.name] = output
    elif first := tables.get(task.tables[0].name):
        lacking = [name for name in model_version.input_names if name not in first.column_names]
        if lacking:
            reasons.append(
                _("The table “%(table)s” lacks what the model needs: %(columns)s.")
                % {"table": _(task.tables[0].title), "columns": ", ".join(lacking)}
            )
    return Readiness(tables, reasons)


def rights_reasons(use: Use, *, study: Study | None = None) -> list[str]:
    """What stands against the use, though the person who asks for it may do so elsewhere.

    Inside a study the answers to its invitations decide, whatever is shared beside them; where a
    dataset goes by permit, it wants one inside a study too.
    """
    if study is not None:
        reasons = study.rights_reasons(dataset=use.dataset, model_version=use.model_version)
        if needs_permit(use.dataset, use.organisation):
            reasons += permit_reasons(use)
        return reasons
    reasons = use_reasons(use)
    if not organisation_may(use.organisation, Verb.EVALUATE, use.model_version.model):
        reasons.append(
            _("The model is not shared with %(organisation)s for evaluations.")
            % {"organisation": use.organisation}
        )
    return reasons


def use_of(evaluation: Evaluation) -> Use:
    """What an evaluation does with its dataset, today."""
    return Use(
        organisation=evaluation.organisation,
        person=evaluation.submitted_by,
        dataset=evaluation.dataset,
        model_version=evaluation.model_version,
        purpose=Purpose(evaluation.purpose),
        day=timezone.localdate(),
    )


def permit_for(use: Use) -> Permit | None:
    """The permit that an evaluation records, where it needs one."""
    return covering(use) if needs_permit(use.dataset, use.organisation) else None


def standing_reasons(evaluation: Evaluation | Comparison) -> list[str]:
    """Why nothing is done for who asked: the organisation is suspended, or the person left it."""
    organisation = Organisation.objects.get(pk=evaluation.organisation_id)
    if organisation.is_suspended:
        return [
            _("%(organisation)s is suspended: nothing runs for it until that ends.")
            % {"organisation": organisation}
        ]
    person = get_user_model().objects.get(pk=evaluation.submitted_by_id)
    if Organisation.objects.where_member(person, Role.CONTRIBUTOR).contains(organisation):
        return []
    return [
        _("%(person)s no longer submits evaluations for %(organisation)s. Another contributor may "
          "try it again.") % {"person": person, "organisation": organisation}
    ]  # fmt: skip


def protocol_reasons(protocol: Protocol, tables: dict[str, Table], task: Task) -> list[str]:
    """What the protocol asks that the tables do not hold, or that the site does not give."""
    reasons = []
    for name, value in (
        ("smallest_count", protocol.smallest_count),
        ("minimum_events", protocol.minimum_events),
    ):
        if value < settings.SMALLEST_COUNT:
            reasons.append(
                _("“%(name)s” is %(value)d; this site shows nothing about fewer than %(least)d "
                  "people.") % {"name": name, "value": value, "least": settings.SMALLEST_COUNT}
            )  # fmt: skip
    first = tables.get(task.tables[0].name)
    if first is not None:
        unknown = [column for column in protocol.subgroups if column not in first.column_names]
        if unknown:
            reasons.append(
                _("There is no column %(columns)s to make subgroups of; there are: %(known)s.")
                % {"columns": ", ".join(unknown), "known": ", ".join(first.column_names)}
            )
    return reasons


def fingerprint(
    *, task: Task, use_case: str, model_version: ModelVersion, tables: dict[str, Table],
    protocol: Protocol,
) -> str:  # fmt: skip
    """SHA-256 of everything that decides the numbers: the same fingerprint, the same bytes."""
    source = {
        "use_case": use_case,
        "task": task.slug,
        "engine": task.engine,
        "artefact": model_version.artefact_sha256,
        "inputs": model_version.input_names if model_version.artefact_sha256 else [],
        "tables": {name: table.sha256 for name, table in sorted(tables.items())},
        "protocol": protocol.model_dump(mode="json"),
    }
    canonical = json.dumps(source, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def submit_evaluation(
    *,
    organisation: Organisation,
    dataset: Dataset,
    model_version: ModelVersion,
    task: Task,
    protocol: Protocol,
    by: User,
    study: Study | None = None,
    purpose: Purpose = Purpose.ALGORITHMS,
) -> tuple[Evaluation, bool]:
    """Submit an evaluation, or return the organisation's own one with the same fingerprint.

    Parameters
    ----------
    study : Study or None
        The study that asks. What its members accepted is enough, where no permit is needed, and
        only they see the result.
    purpose : Purpose
        What it is for; a permit is for one purpose.

    Returns
    -------
    evaluation : Evaluation
    is_new : bool

    Raises
    ------
    PermissionError
        If ``by`` may not act for the organisation, or not use the dataset or the model.
    SubmissionRefused
        With all that is missing.
    """
    if not Organisation.objects.where_member(by, Role.CONTRIBUTOR).contains(organisation):
        raise PermissionError("Only contributors of an organisation submit evaluations for it.")
    if study is None:
        _require_use(dataset, model_version, by)
    elif not study.is_coordinated_by(by) or study.organisation_id != organisation.pk:
        raise PermissionError("Only its coordinators submit the evaluations of a study.")
    use = Use(organisation, by, dataset, model_version, purpose, timezone.localdate())
    ready = readiness(dataset=dataset, model_version=model_version, task=task)
    reasons = [
        *rights_reasons(use, study=study),
        *ready.reasons,
        *protocol_reasons(protocol, ready.tables, task),
    ]
    if reasons:
        raise SubmissionRefused(reasons)
    mark = fingerprint(
        task=task,
        use_case=dataset.use_case,
        model_version=model_version,
        tables=ready.tables,
        protocol=protocol,
    )
    evaluation = Evaluation(
        use_case=dataset.use_case,
        task=task.slug,
        organisation=organisation,
        submitted_by=by,
        dataset=dataset,
        model_version=model_version,
        study=study,
        purpose=purpose,
        permit=permit_for(use),
        protocol=protocol.model_dump(mode="json"),
        engine=task.engine,
        fingerprint=mark,
    )
    same = Evaluation.objects.asking_the_same(evaluation)
    if found := same.first():
        return found, False
    try:
        with transaction.atomic():
            evaluation.save()
            evaluation.tables.set(ready.tables.values())
            _grant(evaluation)
            LogLine.write(evaluation, f"Submitted by {by} for {organisation}")
            record(by=by, organisation=organisation, verb=Act.SUBMITTED, obj=evaluation)
            _wake_on_commit(evaluation.pk)
    except IntegrityError:
        # Submitted twice at the same moment: the constraint let one through.
        return same.get(), False
    return evaluation, True


def _require_use(dataset: Dataset, model_version: ModelVersion, by: User) -> None:
    if not usable_by(by, Dataset.objects.filter(pk=dataset.pk)).exists():
        raise PermissionError("The dataset is not shared with you for evaluations.")
    if not ModelVersion.objects.evaluable_by(by).contains(model_version):
        raise PermissionError("The model version is not released, or not shared with you.")


def _grant(evaluation: Evaluation) -> None:
    """Let its organisation manage it, and those see it whom it concerns."""
    study = evaluation.study
    if study is None:
        grant_to_owner(evaluation, evaluation.organisation)
        # The holder always sees what was found in its data.
        grant(evaluation, Verb.VIEW, evaluation.dataset.organisation)
        return
    # What a study found is its participants' alone: nobody shares it any further.
    grant_to_owner(evaluation, evaluation.organisation, without=[Verb.SHARE])
    grant_to_each(evaluation, Verb.VIEW, study.participants())


def _wake_on_commit(pk: int) -> None:
    from portal.evaluations.tasks import run_evaluation  # which imports this module

    transaction.on_commit(lambda: wake(run_evaluation, pk))


def summarise(result: Result) -> str:
    """What lists show of a result: no curves, no subgroups."""
    overall = [estimate for estimate in result.estimates if estimate.subgroup is None]
    summary = result.model_copy(update={"curves": {}, "estimates": overall})
    return summary.model_dump_json(by_alias=True)


def save_result(
    *,
    evaluation: Evaluation,
    content: bytes,
    figures: dict[str, Any] | None = None,
    cases_sha256: str = "",
) -> StoredResult:
    """End a held evaluation with its result.

    Parameters
    ----------
    figures
        In English, as :func:`portal.evaluations.drawing.draw_figures` gives them.
    cases_sha256
        Of the stored table of cases, where there is one.

    Raises
    ------
    StaleWorkerError
        If the worker no longer holds the evaluation; nothing is written.
    """
    result = Result.model_validate_json(content)
    with transaction.atomic():
        stored, _created = StoredResult.objects.get_or_create(
            fingerprint=evaluation.fingerprint,
            defaults={
                "content": content,
                "sha256": hashlib.sha256(content).hexdigest(),
                "summary": summarise(result),
                "cases_sha256": cases_sha256,
            },
        )
        if figures is not None:
            Drawing.keep(
                stored_result=stored,
                language="en",
                version=drawing_version(package_of(evaluation.declared)),
                figures=figures,
            )
        finish_with(evaluation=evaluation, stored=stored)
    return stored


@transaction.atomic
def finish_with(*, evaluation: Evaluation, stored: StoredResult) -> None:
    """End a held evaluation with a result that is stored; raises as :func:`save_result`."""
    Evaluation.objects.finish(evaluation, Status.SUCCEEDED, stored_result=stored)
    LogLine.write(evaluation, "Succeeded")
    tell_submitter(evaluation, FINISHED)
    _tell_of_end(evaluation)


@transaction.atomic
def fail_evaluation(*, evaluation: Evaluation, sentence: str, detail: str = "") -> None:
    """End a held evaluation with the reason; raises as :func:`save_result`."""
    Evaluation.objects.finish(evaluation, Status.FAILED, failure=sentence, failure_detail=detail)
    LogLine.write(evaluation, f"Failed: {sentence}")
    tell_submitter(evaluation, FAILED)
    _tell_of_end(evaluation)


@transaction.atomic
def hand_back(*, evaluation: Evaluation) -> None:
    """Queue a held evaluation again because its worker stops; nothing if it is not held."""
    if Evaluation.objects.hand_back(evaluation):
        LogLine.write(evaluation, "Its worker was stopped; another takes it over")
        _wake_on_commit(evaluation.pk)


@transaction.atomic
def announce_given_up(pk: int) -> None:
    """Tell why an evaluation was given up, and wake those that waited for its result."""
    evaluation = Evaluation.objects.get(pk=pk)
    LogLine.write(evaluation, f"Failed: {evaluation.failure}")
    tell_submitter(evaluation, FAILED)
    _tell_of_end(evaluation)


def _tell_of_end(evaluation: Evaluation) -> None:
    """Wake evaluations that waited for this one's numbers, and its study: it may be the last."""
    waiting = Evaluation.objects.filter(fingerprint=evaluation.fingerprint, status=Status.QUEUED)
    for pk in waiting.values_list("pk", flat=True):
        _wake_on_commit(pk)
    _wake_study(evaluation)


def _wake_study(evaluation: Evaluation) -> None:
    from portal.studies.tasks import settle_study  # which imports this module

    if (study := evaluation.study_id) is not None:
        transaction.on_commit(lambda: wake(settle_study, study))


@transaction.atomic
def cancel_evaluation(*, evaluation: Evaluation, by: User) -> bool:
    """Cancel an evaluation that is not finished; its worker stops within seconds.

    Raises
    ------
    PermissionError
        If ``by`` is not a contributor of the submitting organisation.
    """
    _require_change(evaluation, by)
    if not Evaluation.objects.cancel(evaluation.pk):
        return False
    LogLine.write(evaluation, f"Cancelled by {by}")
    record(by=by, organisation=_acted_for(evaluation, by), verb=Act.CANCELLED, obj=evaluation)
    _tell_of_end(evaluation)
    return True


@transaction.atomic
def stop_under(number: str, why: str) -> int:
    """Cancel what waits and runs under the permit of that number; returns how many.

    Workers learn of it within seconds, and cannot write what they found.
    """
    stopped = 0
    unfinished = Evaluation.objects.filter(permit__number=number, status__in=UNFINISHED)
    for evaluation in unfinished.select_related("study"):
        if Evaluation.objects.cancel(evaluation.pk):
            LogLine.write(evaluation, f"Cancelled: {why}")
            record(by=None, organisation=None, verb=Act.CANCELLED, obj=evaluation, what=f": {why}")
            _tell_of_end(evaluation)
            stopped += 1
    return stopped


@transaction.atomic
def take_results_back(number: str, why: str) -> int:
    """Let the holders of the data alone see what was found under a permit; returns how many.

    What a study found stays with its participants: it was pooled, and may be published.
    """
    found = Evaluation.objects.filter(permit__number=number, status=Status.SUCCEEDED, study=None)
    given = EvaluationGroupObjectPermission.objects.filter(content_object__in=found)
    others = given.exclude(
        group__role_group__organisation=F("content_object__dataset__organisation")
    )
    hidden = list(found.filter(pk__in=others.values("content_object")))
    others.delete()
    for evaluation in hidden:
        LogLine.write(evaluation, f"Its result is hidden from the permit's holder: {why}")
        record(by=None, organisation=None, verb=Act.SHARED, obj=evaluation, what=f": {why}")
    return len(hidden)


@transaction.atomic
def retry_evaluation(*, evaluation: Evaluation, by: User) -> bool:
    """Queue a failed or cancelled evaluation again; ``by`` answers for it from now on.

    Of a site administrator, who runs jobs and submits none, it stays with who submitted it.

    Raises
    ------
    PermissionError
        If ``by`` is not a contributor of the submitting organisation, or has lost the right to
        use the dataset or the model meanwhile.
    SubmissionRefused
        If the organisation has asked for the same again meanwhile, or may no longer use the
        dataset or the model.
    """
    _require_change(evaluation, by)
    study = evaluation.study
    is_own = evaluation.may_be_managed_by(by)
    if not is_own and evaluation.model_version.status != ModelVersion.Status.RELEASED:
        raise SubmissionRefused([_("The model version is no longer released.")])
    if study is None:
        if is_own:
            _require_use(evaluation.dataset, evaluation.model_version, by)
    elif not study.cells.filter(evaluation=evaluation).exists():
        raise SubmissionRefused([_("Another evaluation has taken its place in the study.")])
    elif not study.take_up_again():
        raise SubmissionRefused([_("The study has ended; its evaluations are not tried again.")])
    use = use_of(evaluation)
    if is_own:
        use = replace(use, person=by)
    if reasons := rights_reasons(use, study=study):
        raise SubmissionRefused(reasons)
    try:
        with transaction.atomic():
            queued = Evaluation.objects.put_back(evaluation.pk)
            if queued:
                Evaluation.objects.filter(pk=evaluation.pk).update(
                    submitted_by=use.person, permit=permit_for(use)
                )
    except IntegrityError:
        found = Evaluation.objects.asking_the_same(evaluation).first()
        raise SubmissionRefused(
            [_("The same evaluation has been submitted meanwhile: %(address)s")
             % {"address": found.get_absolute_url() if found else ""}]
        ) from None  # fmt: skip
    if queued:
        LogLine.write(evaluation, f"Tried again by {by}")
        record(by=by, organisation=_acted_for(evaluation, by), verb=Act.RETRIED, obj=evaluation)
        _wake_on_commit(evaluation.pk)
    else:
        _wake_study(evaluation)
    return queued


def _require_change(evaluation: Evaluation, by: User) -> None:
    if not (evaluation.may_be_managed_by(by) or administers(by, Duty.RUN_JOBS)):
        raise PermissionError("Only contributors of the submitting organisation do that.")


def _acted_for(evaluation: Evaluation, by: User) -> Organisation | None:
    """The evaluation's organisation; none for a site administrator who is not of it."""
    return evaluation.organisation if evaluation.may_be_managed_by(by) else None
