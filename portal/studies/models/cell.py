"""Cells: one model version on one dataset, within a study."""

from __future__ import annotations

from typing import ClassVar, Self

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.catalogue.models import Dataset
from portal.evaluations.models import Evaluation
from portal.jobs.models import UNFINISHED
from portal.registry.models import ModelVersion
from portal.studies.models.study import Study
from portal.triggers import any_changed

MOST_CELLS = 120
"""As many as a start submits within one request; more is also more than a person reads."""


class CellQuerySet(models.QuerySet["Cell"]):
    """Cells, by how far they are."""

    def unfinished(self) -> Self:
        return self.filter(evaluation__status__in=UNFINISHED)

    def for_list(self) -> Self:
        """With what the grid shows of each, in one query: neither curves nor logs."""
        return self.select_related(
            "dataset__organisation",
            "model_version__model__organisation",
            "evaluation__stored_result",
        ).defer("evaluation__stored_result__content", "evaluation__failure_detail")


class Cell(models.Model):
    """One model version on one dataset within a study."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="cells")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    evaluation = models.OneToOneField(
        Evaluation, on_delete=models.PROTECT, null=True, blank=True, related_name="cell"
    )
    reasons = models.JSONField(
        default=list, blank=True, help_text="Why nothing could be evaluated, in sentences."
    )

    objects = CellQuerySet.as_manager()

    class Meta:
        verbose_name = _("cell")
        verbose_name_plural = _("cells")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["study", "model_version", "dataset"], name="cell_of_a_study_once"
            ),
            models.CheckConstraint(
                condition=models.Q(evaluation=None) ^ models.Q(reasons=[]),
                name="cell_has_an_evaluation_or_reasons",
            ),
        )
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="cell_stays_where_it_is",
                operation=pgtrigger.Update,
                condition=any_changed("study", "model_version", "dataset"),
            ),
            pgtrigger.Protect(name="cell_is_kept", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="cell_is_of_those_that_accepted",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=pgtrigger.Func(
                    """
                    IF (SELECT count(*) FROM studies_invitation
                        WHERE study_id = NEW.study_id AND status = 'accepted'
                        AND (dataset_id = NEW.dataset_id
                             OR model_version_id = NEW.model_version_id)) < 2
                    THEN
                        RAISE EXCEPTION
                            'pgtrigger: a cell is of a dataset and a version that take part';
                    END IF;
                    RETURN NEW;
                    """
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} · {self.dataset}"

    @property
    def status(self) -> str:
        """As a job's; without an evaluation it has failed, for its reasons."""
        return self.evaluation.status if self.evaluation else "failed"

    @property
    def is_final(self) -> bool:
        return self.evaluation is None or self.evaluation.is_final
