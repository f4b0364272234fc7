"""Comparisons of models on the same people: jobs, and what they found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.evaluations.models import Evaluation
from portal.jobs.models import MOVES, Job, JobQuerySet, Status
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.result import Comparison as ComparisonResult
from portal.usecase import Task, UseCase, use_cases

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class StoredComparison(models.Model):
    """The bytes of a comparison, by the fingerprint of what it was computed from."""

    fingerprint = models.CharField(max_length=64, unique=True)
    content = models.BinaryField(help_text="As JSON, exactly as the engine wrote it.")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="comparison_never_changes", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def comparison(self) -> ComparisonResult:
        return ComparisonResult.model_validate_json(bytes(self.content))


class Comparison(Job):
    """Several models on the tables that their evaluations share, run as a background job.

    It is found by its fingerprint, which follows from the evaluations and their order. Whoever may
    see all of these sees what it found, so that it is never shared by itself.
    """

    use_case = models.CharField(max_length=40)
    task = models.CharField(max_length=40)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="comparisons"
    )
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    evaluations = models.ManyToManyField(
        Evaluation, through="ComparedEvaluation", related_name="comparisons"
    )
    protocol = models.JSONField(help_text="Of the first evaluation.")
    engine = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64)
    stored_comparison = models.ForeignKey(
        StoredComparison, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs"
    )

    objects = JobQuerySet["Comparison"].as_manager()

    class Meta(Job.Meta):
        abstract = False
        verbose_name = _("comparison")
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["status", "woken_at"], name="comparison_by_status"),)
        constraints = (  # type: ignore[assignment]
            *Job.Meta.constraints,
            models.UniqueConstraint(fields=["fingerprint"], name="comparison_once"),
            models.CheckConstraint(
                condition=models.Q(status=Status.SUCCEEDED) ^ models.Q(stored_comparison=None),
                name="comparison_result_when_succeeded",
            ),
        )
        triggers = (pgtrigger.FSM(name="comparison_moves", field="status", transitions=MOVES),)

    def __str__(self) -> str:
        return str(_("Comparison of %(models)s")) % {
            "models": ", ".join(str(one.model_version) for one in self.in_order())
        }

    def get_absolute_url(self) -> str:
        references = ",".join(one.reference for one in self.in_order())
        address = reverse("comparison-detail", kwargs={"use_case": self.declared})
        return f"{address}?results={references}"

    def in_order(self) -> list[Evaluation]:
        """The evaluations, the one that the others are compared to first."""
        models.prefetch_related_objects([self], COMPARED)
        return [one.evaluation for one in self.comparedevaluation_set.all()]

    @property
    def declared(self) -> UseCase:
        return use_cases()[self.use_case]

    @property
    def declared_task(self) -> Task:
        return self.declared.task(self.task)

    def may_be_managed_by(self, user: User | AnonymousUser) -> bool:
        """Whether ``user`` may cancel it: contributors of the organisation that started it."""
        organisations = Organisation.objects.where_member(user, Role.CONTRIBUTOR)
        return organisations.filter(pk=self.organisation_id).exists()


class ComparedEvaluation(models.Model):
    """The place of an evaluation in a comparison, from 0."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE)
    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("comparison", "position")
        constraints = (
            models.UniqueConstraint(
                fields=["comparison", "position"], name="one_evaluation_in_a_place"
            ),
            models.UniqueConstraint(
                fields=["comparison", "evaluation"], name="an_evaluation_once_in_a_comparison"
            ),
        )

    def __str__(self) -> str:
        return f"{self.position}: {self.evaluation}"


COMPARED = models.Prefetch(
    "comparedevaluation_set",
    ComparedEvaluation.objects.select_related(
        "evaluation__dataset", "evaluation__model_version__model"
    ),
)
"""What a list of comparisons fetches beforehand, so that it can name each."""
