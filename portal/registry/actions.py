"""Writes about models and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import store
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.catalogue.actions import new_slug
from portal.facts import save_facts
from portal.jobs.child import ChildFailed, ChildRefused, run_child
from portal.jobs.running import artefact_limits
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.organisations.sharing import grant_to_owner, may
from portal.registry.cards import card_model
from portal.registry.models import Model, ModelVersion
from portal.usecase import Task, UseCase

if TYPE_CHECKING:
    from portal.accounts.models import User


class ArtefactRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """The file is not an artefact that the portal runs; the message says why."""


def _require_change(model: Model, by: User) -> None:
    if not may(by, Verb.CHANGE, model):
        raise PermissionError("Only contributors of the developer change a model.")


def _require_release(model: Model, by: User) -> None:
    if not may(by, Verb.RELEASE, model):
        raise PermissionError("Only managers of the developer release and retire its versions.")


@transaction.atomic
def create_model(
    *, use_case: UseCase, task: Task, organisation: Organisation, by: User, **fields: Any
) -> Model:
    """Register a model; its organisation's roles get their permissions.

    Raises
    ------
    PermissionError
        If ``by`` is not a contributor of the organisation.
    """
    if not Organisation.objects.where_member(by, Role.CONTRIBUTOR).contains(organisation):
        raise PermissionError("Only contributors of the developer register its models.")
    model = Model(
        use_case=use_case.slug,
        task=task.slug,
        organisation=organisation,
        slug=new_slug(fields["name"]),
        created_by=by,
        **fields,
    )
    model.full_clean()
    model.save()
    grant_to_owner(model, organisation)
    record(by=by, organisation=organisation, verb=Act.ADDED, obj=model)
    return model


def check_artefact(path: Path, input_names: list[str]) -> dict[str, Any]:
    """What is in an ONNX file, found by opening it in a limited process.

    Raises
    ------
    ArtefactRefused
        With the reason, in a sentence for the person who uploaded it.
    """
    if path.stat().st_size > settings.MAX_ARTEFACT_BYTES:
        raise ArtefactRefused(
            _("The artefact has %(found).0f MB; at most %(allowed).0f MB are taken.")
            % {
                "found": path.stat().st_size / 1e6,
                "allowed": settings.MAX_ARTEFACT_BYTES / 1e6,
            }
        )
    try:
        return run_child(
            "portal.registry.artefact",
            {
                "path": str(path),
                "inputs": input_names,
                "maximum_bytes": settings.MAX_ARTEFACT_BYTES,
            },
            limits=artefact_limits(settings.ARTEFACT_CHECK_SECONDS),
            on_progress=lambda stage, fraction: None,
            keep_going=lambda: True,
        )
    except (ChildRefused, ChildFailed) as failure:
        raise ArtefactRefused(failure.message) from failure


@transaction.atomic
def save_version(
    *,
    version: ModelVersion,
    artefact: Path | None,
    facts: dict[str, Any] | None,
    card: Mapping[str, Any] | None = None,
    by: User,
) -> ModelVersion:
    """Save a draft, with a checked artefact if one came along.

    Parameters
    ----------
    facts
        What :func:`check_artefact` found.
    card
        Fields of the section of the model card that the use case declares.

    Raises
    ------
    PermissionError
        If ``by`` may not change the model, or the version is no draft.
    """
    _require_change(version.model, by)
    is_new = version.pk is None
    if is_new:
        version.created_by = by
    elif not ModelVersion.objects.select_for_update().get(pk=version.pk).is_draft:
        raise PermissionError("A released version never changes; make a new one.")
    if artefact is not None:
        version.artefact_sha256 = store.put(artefact, suffix="onnx")
        version.artefact_size = artefact.stat().st_size
        version.artefact_facts = facts or {}
    if version.kind == ModelVersion.Kind.PREDICTIONS:
        version.artefact_sha256, version.artefact_size, version.artefact_facts = "", None, {}
    version.full_clean()
    version.save()
    act = Act.ADDED if is_new else Act.CHANGED
    record(by=by, organisation=version.model.organisation, verb=act, obj=version)
    save_facts(card_model(version.model.declared), version, card or {})
    return version


@transaction.atomic
def release_version(*, version: ModelVersion, by: User) -> None:
    """Release a draft: from now on it can be evaluated and never changes.

    Raises
    ------
    PermissionError
        If ``by`` does not manage the developer.
    ValueError
        If it is no draft, or has no artefact where one is meant to run.
    """
    _require_release(version.model, by)
    locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
    if not locked.is_draft:
        raise ValueError(_("This version has been released already."))
    if locked.kind == ModelVersion.Kind.ARTEFACT and not locked.artefact_sha256:
        raise ValueError(_("Upload the artefact first: without it there is nothing to run."))
    locked.status = ModelVersion.Status.RELEASED
    locked.released_at = timezone.now()
    locked.save(update_fields=["status", "released_at"])
    record(by=by, organisation=locked.model.organisation, verb=Act.RELEASED, obj=locked)


@transaction.atomic
def retire_version(*, version: ModelVersion, by: User) -> None:
    """Retire a released version: its results stay, new evaluations are not taken.

    Raises
    ------
    PermissionError
        If ``by`` does not manage the developer.
    ValueError
        If it is not released.
    """
    _require_release(version.model, by)
    locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
    if locked.status != ModelVersion.Status.RELEASED:
        raise ValueError(_("Only a released version can be retired."))
    locked.status = ModelVersion.Status.RETIRED
    locked.retired_at = timezone.now()
    locked.save(update_fields=["status", "retired_at"])
    record(by=by, organisation=locked.model.organisation, verb=Act.RETIRED, obj=locked)
