"""The section of the model card that a use case adds, frozen like the version it belongs to."""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.core import checks
from django.db import models

from portal.facts import Facts, accessor, model_of
from portal.usecase import UseCase

FROZEN = "card_of_a_released_version_never_changes"

# A row that is being released meanwhile is waited for: FOR SHARE.
_REFUSE_UNLESS_DRAFT = """
    FOR is_draft IN
        SELECT status = 'draft' FROM registry_modelversion
        WHERE id IN ({versions}) FOR SHARE
    LOOP
        IF NOT is_draft THEN
            RAISE EXCEPTION 'The card of a released model version never changes (table %)',
                TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN {row};
"""


def _frozen(name: str, operation: pgtrigger.Operation, rows: tuple[str, ...]) -> pgtrigger.Trigger:
    versions = ", ".join(f"{row}.model_version_id" for row in rows)
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=operation,
        declare=[("is_draft", "BOOLEAN")],
        func=_REFUSE_UNLESS_DRAFT.format(versions=versions, row=rows[-1]),
    )


class ModelCardSection(Facts):
    """One row for a model version. A use case's ``models.py`` subclasses it once, or not at all.

    A ``Meta`` of the subclass must extend this one, or the triggers that keep a released
    version's card as it was are lost; a system check says so.
    """

    model_version = models.OneToOneField(
        "registry.ModelVersion",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="%(app_label)s_card",
        editable=False,
    )

    class Meta:
        abstract = True
        triggers = (
            _frozen("card_is_added_to_a_draft_only", pgtrigger.Insert, ("NEW",)),
            _frozen(FROZEN, pgtrigger.Update, ("OLD", "NEW")),
            _frozen("card_of_a_released_version_is_kept", pgtrigger.Delete, ("OLD",)),
        )

    def __str__(self) -> str:
        return str(self.model_version)

    @classmethod
    def _check_names(cls) -> list[checks.CheckMessage]:
        found = super()._check_names()
        if FROZEN not in {trigger.name for trigger in getattr(cls._meta, "triggers", ())}:
            found.append(
                checks.Error(
                    f"{cls.__name__} would change after its version is released.",
                    hint=f"Write class Meta(ModelCardSection.Meta) in {cls.__module__}.",
                    obj=cls,
                    id="facts.E004",
                )
            )
        return found


def card_model(use_case: UseCase) -> type[ModelCardSection] | None:
    """The section that the use case declares, or None."""
    found: type[ModelCardSection] | None = model_of(use_case, ModelCardSection)
    return found


def card_of(model_version: Any) -> ModelCardSection | None:
    """What the use case's section says of the version; None where nothing is stated."""
    model = card_model(model_version.model.declared)
    return None if model is None else getattr(model_version, accessor(model), None)
