"""The model registry: models, their released versions, and the artefacts that run."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.sharing import ShareableQuerySet
from portal.pagination import LANGUAGE, beginning_with
from portal.triggers import any_changed
from portal.usecase import Task, UseCase, use_cases

SEMANTIC_VERSION = (
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$"
)
"""https://semver.org/spec/v2.0.0.html"""


class ModelQuerySet(ShareableQuerySet["Model"]):
    """Models, by where they belong."""

    def of(self, use_case: UseCase) -> Self:
        return self.filter(use_case=use_case.slug)

    def matching(self, words: str) -> Self:
        """Models that each of the words is found in: at the beginning of a word of the name or
        the description, or within the developer's name."""
        found = self
        for word in words.split():
            found = found.filter(
                models.Q(document=beginning_with(word))
                | models.Q(organisation__name__icontains=word)
            )
        return found

    def for_line(self) -> Self:
        """With what a line of an overview says, in one query."""
        named = self.select_related("organisation")
        return named.only("use_case", "slug", "name", "organisation__name")


class Model(models.Model):
    """An AI model, whatever its version."""

    use_case = models.CharField(_("use case"), max_length=40)
    task = models.CharField(_("task"), max_length=40)
    slug = models.SlugField(_("address"), max_length=120, unique=True)
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="models",
        verbose_name=_("developer"),
        help_text=_("The organisation that answers for the model."),
    )
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), help_text=_("What it does, in two sentences."))
    is_public = models.BooleanField(
        _("public"),
        default=False,
        editable=False,
        help_text=_("Everybody reads the model cards, and nothing else."),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    document = models.GeneratedField(
        expression=SearchVector("name", "description", config=LANGUAGE),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ModelQuerySet.as_manager()

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ("name", "id")
        permissions = (
            ("evaluate_model", "Can use the model in evaluations"),
            ("results_model", "Can see results on the model"),
            ("release_model", "Can release and retire versions of the model"),
            ("share_model", "Can share the model"),
        )
        indexes = (
            models.Index(fields=["use_case", "name", "id"], name="model_by_use_case"),
            models.Index(fields=["name", "id"], name="model_by_name"),
            models.Index(fields=["-created_at", "-id"], name="model_by_age"),
            GinIndex(fields=["document"], name="model_by_words"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("model-detail", kwargs={"use_case": self.declared, "slug": self.slug})

    @property
    def declared(self) -> UseCase:
        """The use case that it belongs to."""
        return use_cases()[self.use_case]

    @property
    def declared_task(self) -> Task:
        return self.declared.task(self.task)


class ModelUserObjectPermission(UserObjectPermissionBase):
    """Grants to single persons: none are made; guardian wants the table."""

    content_object = models.ForeignKey(Model, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False


class ModelGroupObjectPermission(GroupObjectPermissionBase):
    """Who may do what with one model and its versions."""

    content_object = models.ForeignKey(Model, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Versions, by what can be done with them."""

    def visible_to(self, user: Any) -> Self:
        """Released and retired versions of models that ``user`` may see, and drafts they change."""
        return self.filter(
            models.Q(model__in=Model.objects.visible_to(user))
            & (
                ~models.Q(status=ModelVersion.Status.DRAFT)
                | models.Q(model__in=Model.objects.allowing(user, Verb.CHANGE))
            )
        )

    def told(self) -> Self:
        """Versions that everyone who sees their model is told of: all but drafts."""
        return self.exclude(status=ModelVersion.Status.DRAFT)

    def evaluable_by(self, user: Any) -> Self:
        """Released versions that ``user`` may use in an evaluation."""
        return self.filter(
            status=ModelVersion.Status.RELEASED,
            model__in=Model.objects.allowing(user, Verb.EVALUATE),
        )


def not_run_here(task: Task) -> str:
    """Why no artefact is taken for models of ``task``."""
    return gettext(
        "Models of this task are not run here: an artefact gives one number for each row of the "
        "table “%(table)s”, and this task needs more. Choose “Predictions only”; the holder of a "
        "dataset uploads what the model said."
    ) % {"table": gettext(task.tables[0].title)}


FROZEN = (
    "model", "version", "kind", "artefact_sha256", "artefact_size", "artefact_facts",
    "intended_purpose", "population", "inputs", "output", "horizon", "out_of_scope",
    "training_data", "limitations", "licence", "mdr_class", "mdr_rule", "ce_status", "udi_di",
    "created_by", "created_at", "released_at",
)  # fmt: skip
"""What never changes once a version is released."""


class ModelVersion(models.Model):
    """One state of a model with its artefact, model card and regulatory facts."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RELEASED = "released", _("Released")
        RETIRED = "retired", _("Retired")

    class Kind(models.TextChoices):
        ARTEFACT = "artefact", _("ONNX artefact, run here")
        PREDICTIONS = "predictions", _("Predictions only, made elsewhere")

    class DeviceClass(models.TextChoices):
        NOT_A_DEVICE = "none", _("Not a medical device (research use)")
        CLASS_I = "I", _("Class I")
        CLASS_IIA = "IIa", _("Class IIa")
        CLASS_IIB = "IIb", _("Class IIb")
        CLASS_III = "III", _("Class III")

    class Marking(models.TextChoices):
        NONE = "none", _("Not CE-marked")
        APPLIED = "applied", _("Under conformity assessment")
        MARKED = "marked", _("CE-marked")

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(
        _("version"),
        max_length=60,
        validators=[
            RegexValidator(
                SEMANTIC_VERSION, _("Write a semantic version: three numbers, such as 2.1.0.")
            )
        ],
        help_text=_("Semantic version, such as 2.1.0."),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    kind = models.CharField(_("how it is evaluated"), max_length=12, choices=Kind)
    artefact_sha256 = models.CharField(max_length=64, blank=True)
    artefact_size = models.PositiveBigIntegerField(null=True, blank=True)
    artefact_facts = models.JSONField(default=dict, blank=True)

    # The model card
    intended_purpose = models.TextField(
        _("intended purpose"), help_text=_("What for, by whom, in which setting.")
    )
    population = models.TextField(
        _("intended population"), help_text=_("For whom it was made: age, disease, setting.")
    )
    inputs = models.JSONField(_("inputs"), default=list, blank=True)
    output = models.CharField(
        _("output"), max_length=200, help_text=_("What the number that it gives means.")
    )
    horizon = models.FloatField(
        _("horizon (years)"), null=True, blank=True, help_text=_("How far ahead it looks.")
    )
    out_of_scope = models.TextField(_("out-of-scope use"), blank=True)
    training_data = models.TextField(_("training data"))
    limitations = models.TextField(_("limitations"), blank=True)
    licence = models.CharField(_("licence"), max_length=100, blank=True)

    # Regulatory facts
    mdr_class = models.CharField(
        _("MDR class"), max_length=5, choices=DeviceClass, default=DeviceClass.NOT_A_DEVICE
    )
    mdr_rule = models.CharField(
        _("MDR rule"), max_length=40, blank=True, help_text=_("Annex VIII: “Rule 11”.")
    )
    ce_status = models.CharField(
        _("CE marking"), max_length=10, choices=Marking, default=Marking.NONE
    )
    udi_di = models.CharField(
        _("UDI-DI"), max_length=60, blank=True, help_text=_("Device identifier, if there is one.")
    )

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ("model", "-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["model", "version"],
                name="model_version_unique",
                violation_error_message=_("This model already has that version."),
            ),
            models.CheckConstraint(
                condition=models.Q(version__regex=SEMANTIC_VERSION.replace(r"\d", "[0-9]")),
                name="model_version_is_semantic",
            ),
            models.CheckConstraint(
                condition=models.Q(status="draft", released_at=None)
                | (~models.Q(status="draft") & models.Q(released_at__isnull=False)),
                name="model_version_released_at_when_released",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="predictions") | models.Q(artefact_sha256=""),
                name="model_version_predictions_have_no_artefact",
            ),
            models.CheckConstraint(
                condition=models.Q(status="draft")
                | ~models.Q(kind="artefact")
                | models.Q(artefact_sha256__regex=r"^[0-9a-f]{64}$"),
                name="model_version_released_with_its_artefact",
            ),
        )
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="released_version_never_changes",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__status="draft") & any_changed(*FROZEN),
            ),
            pgtrigger.Protect(
                name="released_version_is_kept",
                operation=pgtrigger.Delete,
                condition=~pgtrigger.Q(old__status="draft"),
            ),
            pgtrigger.FSM(
                name="model_version_moves_forward",
                field="status",
                transitions=[("draft", "released"), ("released", "retired")],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} {self.version}"

    def get_absolute_url(self) -> str:
        return reverse(
            "model-version-detail",
            kwargs={
                "use_case": self.model.declared,
                "slug": self.model.slug,
                "version": self.version,
            },
        )

    def clean(self) -> None:
        super().clean()
        if self.kind == self.Kind.ARTEFACT and not self.model.declared_task.runs_artefacts:
            raise ValidationError({"kind": not_run_here(self.model.declared_task)})

    @property
    def input_names(self) -> list[str]:
        return [declared["name"] for declared in self.inputs]

    @property
    def is_draft(self) -> bool:
        return self.status == self.Status.DRAFT
