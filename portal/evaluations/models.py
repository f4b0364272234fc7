"""Evaluations and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from portal.access.vocabulary import Purpose
from portal.catalogue.models import Dataset, Table
from portal.jobs.models import MOVES, Job, JobQuerySet, Status
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.sharing import (
    ShareableQuerySet,
    groups_of,
    groups_of_the_consortium,
    may,
)
from portal.registry.models import Model, ModelVersion
from portal.result import Result
from portal.triggers import any_changed
from portal.usecase import Task, UseCase, use_cases

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


def new_reference() -> str:
    """The address of an evaluation: short, and not to be guessed."""
    return get_random_string(12, "23456789abcdefghjkmnpqrstuvwxyz")


class StoredResult(models.Model):
    """The bytes of a Result, by the fingerprint of what it was computed from."""

    fingerprint = models.CharField(max_length=64, unique=True)
    content = models.BinaryField(help_text="The Result as JSON, exactly as the engine wrote it.")
    sha256 = models.CharField(max_length=64)
    summary = models.TextField(
        help_text="The Result without curves and subgroups, as JSON: read where many are listed."
    )
    cases_sha256 = models.CharField(
        max_length=64,
        blank=True,
        help_text="The table of cases, which the holder of the data alone sees.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="result_never_changes", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def result(self) -> Result:
        return Result.model_validate_json(bytes(self.content))


class Drawing(models.Model):
    """The figures of a Result in one language, kept so that no page draws them again.

    Whatever it holds follows from the Result and the code: it may be thrown away at any time.
    """

    stored_result = models.ForeignKey(
        StoredResult, on_delete=models.CASCADE, related_name="drawings"
    )
    language = models.CharField(max_length=16)
    version = models.CharField(max_length=64, help_text="Fingerprint of the code that drew them.")
    figures = models.JSONField(help_text="By slug: the height, and what the browser draws.")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["stored_result", "language"], name="drawing_once_in_a_language"
            ),
        )

    def __str__(self) -> str:
        return f"{self.stored_result} ({self.language})"

    @classmethod
    def keep(
        cls, *, stored_result: StoredResult, language: str, version: str, figures: dict[str, Any]
    ) -> None:
        """Store figures in the place of older ones."""
        cls.objects.update_or_create(
            stored_result=stored_result,
            language=language,
            defaults={"version": version, "figures": figures},
        )


NAMED = (
    *("reference", "use_case", "dataset__title"),
    *("model_version__version", "model_version__model__name"),
)
"""What an evaluation is called, and where it is."""

LISTED = (
    *NAMED,
    *("task", "status", "stage", "fraction", "failure", "created_at", "finished_at"),
    *("organisation__name", "dataset__is_synthetic", "model_version__created_at"),
    *("model_version__model__slug", "model_version__model__use_case", "stored_result__summary"),
)
"""What a row of a list shows: of five tables with a hundred columns, few."""

SHOWN = (
    *LISTED,
    *("attempts", "started_at", "protocol", "fingerprint", "study", "permit"),
    *("submitted_by__full_name", "submitted_by__email", "dataset__slug", "dataset__use_case"),
    *("dataset__organisation", "stored_result__content", "stored_result__sha256"),
    "stored_result__cases_sha256",
)
"""What an evaluation's own page shows."""


class EvaluationQuerySet(ShareableQuerySet["Evaluation"], JobQuerySet["Evaluation"]):  # type: ignore[override]
    """Evaluations, by where they belong and how far they are."""

    def of(self, use_case: UseCase) -> Self:
        return self.filter(use_case=use_case.slug)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those that are shared with ``user``, and results that both owners opened to them.

        Whoever may see the results of the dataset and those of the model sees what was found with
        the two, whoever asked; not before it was found, and nothing of a study.
        """
        return self._seen_or_open(groups_of(user))

    def in_the_consortium(self) -> Self:
        """Those that everyone in the consortium sees, by either way."""
        return self._seen_or_open(groups_of_the_consortium())

    def _seen_or_open(self, groups: models.QuerySet[Any, Any]) -> Self:
        seen = self.keys_granted(Verb.VIEW, groups)
        datasets = Dataset.objects.keys_granted(Verb.RESULTS, groups)
        registered = Model.objects.keys_granted(Verb.RESULTS, groups)
        versions = ModelVersion.objects.filter(model__in=registered).order_by()
        return self.filter(
            models.Exists(seen.filter(content_object=models.OuterRef("pk")))
            | models.Q(
                status=Status.SUCCEEDED,
                study=None,
                dataset__in=datasets,
                model_version__in=versions.values("pk"),
            )
        )

    def succeeded(self) -> Self:
        return self.filter(status=Status.SUCCEEDED)

    def comparable_with(self, evaluation: Evaluation) -> Self:
        """Other results of its task on the same dataset, or of the same model version."""
        same = models.Q(dataset=evaluation.dataset) | models.Q(
            model_version=evaluation.model_version
        )
        found = self.succeeded().filter(same, use_case=evaluation.use_case, task=evaluation.task)
        return found.exclude(pk=evaluation.pk)

    def asking_the_same(self, evaluation: Evaluation) -> Self:
        """Evaluations by which the same organisation asked, or asks, the same question."""
        return self.filter(
            organisation=evaluation.organisation,
            dataset=evaluation.dataset,
            model_version=evaluation.model_version,
            fingerprint=evaluation.fingerprint,
            study=evaluation.study,
        ).exclude(status__in=(Status.FAILED, Status.CANCELLED))

    def for_naming(self) -> Self:
        """With what a link to it says, in one query."""
        return self.select_related("dataset", "model_version__model").only(*NAMED)

    def for_list(self) -> Self:
        """With what a row of a list shows, in one query."""
        return self.select_related(
            "organisation", "dataset", "model_version__model", "stored_result"
        ).only(*LISTED)

    def for_page(self) -> Self:
        """With what its own page shows, in one query."""
        return self.select_related(
            "organisation", "submitted_by", "dataset", "model_version__model", "stored_result"
        ).only(*SHOWN)


class Evaluation(Job):
    """One model version on one dataset under one protocol, run as a background job."""

    reference = models.CharField(max_length=20, unique=True, default=new_reference, editable=False)
    use_case = models.CharField(max_length=40)
    task = models.CharField(max_length=40)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="evaluations"
    )
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="evaluations")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="evaluations"
    )
    study = models.ForeignKey(
        "studies.Study",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="evaluations",
        help_text="The study that asks; what it found stays inside until that is published.",
    )
    purpose = models.CharField(
        max_length=4, choices=Purpose, default=Purpose.ALGORITHMS, help_text="What it is for."
    )
    permit = models.ForeignKey(
        "access.Permit",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="evaluations",
        help_text="That it ran under, where it needed one.",
    )
    tables = models.ManyToManyField(
        Table, related_name="evaluations", help_text="What it reads; with predictions if stored."
    )
    protocol = models.JSONField()
    engine = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64, db_index=True)
    stored_result = models.ForeignKey(
        StoredResult,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="evaluations",
    )

    objects = EvaluationQuerySet.as_manager()

    class Meta(Job.Meta):
        abstract = False
        ordering = ("-created_at", "-id")
        permissions = (("share_evaluation", "Can share the evaluation"),)
        indexes = (
            models.Index(fields=["use_case", "-created_at", "-id"], name="evaluation_by_use_case"),
            models.Index(fields=["-created_at", "-id"], name="evaluation_by_date"),
            models.Index(fields=["status", "woken_at"], name="evaluation_by_status"),
        )
        constraints = (  # type: ignore[assignment]
            *Job.Meta.constraints,
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=models.Q(status=Status.RUNNING),
                name="evaluation_fingerprint_runs_once",
            ),
            models.UniqueConstraint(
                fields=["organisation", "dataset", "model_version", "fingerprint", "study"],
                condition=models.Q(status__in=(Status.QUEUED, Status.RUNNING, Status.SUCCEEDED)),
                nulls_distinct=False,
                name="evaluation_asked_once_by_an_organisation",
            ),
            models.CheckConstraint(
                condition=models.Q(status=Status.SUCCEEDED) ^ models.Q(stored_result=None),
                name="evaluation_result_when_succeeded",
            ),
            models.CheckConstraint(
                condition=models.Q(fingerprint__regex=r"^[0-9a-f]{64}$"),
                name="evaluation_fingerprint_is_a_sha256",
            ),
        )
        triggers = (
            pgtrigger.FSM(name="evaluation_moves", field="status", transitions=MOVES),
            pgtrigger.Protect(
                name="evaluation_stays_in_its_study",
                operation=pgtrigger.Update,
                condition=any_changed("study"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.model_version} · {self.dataset}"

    def get_absolute_url(self) -> str:
        return reverse(
            "evaluation-detail", kwargs={"use_case": self.declared, "reference": self.reference}
        )

    @property
    def declared(self) -> UseCase:
        """The use case that it belongs to."""
        return use_cases()[self.use_case]

    @property
    def declared_task(self) -> Task:
        return self.declared.task(self.task)

    @property
    def summary(self) -> Result | None:
        """The result without its curves and subgroups, or None before there is one."""
        if self.stored_result is None:
            return None
        return Result.model_validate_json(self.stored_result.summary)

    def may_be_managed_by(self, user: User | AnonymousUser) -> bool:
        """Whether ``user`` may cancel and retry it: contributors of the submitting organisation.

        Of a study, its coordinators alone.
        """
        if self.study is not None and not self.study.is_coordinated_by(user):
            return False
        return may(user, Verb.CHANGE, self)


class EvaluationUserObjectPermission(UserObjectPermissionBase):
    """Grants to single persons: none are made; guardian wants the table."""

    content_object = models.ForeignKey(Evaluation, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False


class EvaluationGroupObjectPermission(GroupObjectPermissionBase):
    """Who may do what with one evaluation."""

    content_object = models.ForeignKey(Evaluation, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False


class LogLine(models.Model):
    """What happened to an evaluation, in a line that its people read."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="log")
    attempt = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField(auto_now_add=True)
    text = models.CharField(max_length=500)

    class Meta:
        verbose_name = _("log line")
        ordering = ("at", "id")

    def __str__(self) -> str:
        return self.text

    @classmethod
    def write(cls, evaluation: Evaluation, text: str, **fields: Any) -> None:
        """Add a line to the evaluation's log."""
        cls.objects.create(
            evaluation=evaluation, attempt=evaluation.attempts, text=text[:500], **fields
        )
