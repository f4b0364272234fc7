"""The dataset catalogue: metadata, data dictionary, and the tables held here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Greatest, Upper
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from portal.catalogue import vocabulary
from portal.catalogue import words as kept_words
from portal.catalogue.changes import DatasetChange, record_change
from portal.catalogue.description import CONSTRAINTS, Description
from portal.jobs.models import MOVES, Job, JobQuerySet
from portal.organisations.countries import COUNTRIES
from portal.organisations.models import Organisation
from portal.organisations.sharing import ShareableQuerySet
from portal.usecase import Task, UseCase, use_cases
from portal.websearch import web_query

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.catalogue.requirements import Missing

__all__ = ["Dataset", "DatasetChange", "DatasetWords", "Table", "Upload", "Variable"]


class DatasetQuerySet(ShareableQuerySet["Dataset"]):
    """Datasets, by where they belong and what they hold."""

    def of(self, use_case: UseCase) -> Self:
        return self.filter(use_case=use_case.slug)

    def matching(self, words: str) -> Self:
        """Datasets that the words find: in the title, keywords, description, the holder's name,
        or the variables; see :mod:`portal.websearch` for what can be asked."""
        query = web_query(words)
        return self if query is None else self.filter(words__document=query)

    def for_line(self) -> Self:
        """With what a line of an overview says, in one query."""
        return self.select_related("organisation").only(
            *("use_case", "slug", "title", "spatial", "number_of_unique_individuals"),
            *("is_synthetic", "organisation__name"),
        )


class Dataset(Description):
    """A catalogue entry. Its fields are named after HealthDCAT-AP's properties."""

    use_case = models.CharField(_("use case"), max_length=40)
    slug = models.SlugField(_("address"), max_length=120, unique=True)
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="datasets",
        verbose_name=_("holder"),
        help_text=_("The health data holder: who is responsible for the data (dct:publisher)."),
    )
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(
        _("description"), help_text=_("What is in it, of whom, and how it came to be.")
    )
    keyword = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("keywords"),
        default=list,
        blank=True,
        help_text=_("Separated by commas."),
    )
    access_rights = models.CharField(
        _("access rights"),
        max_length=12,
        choices=vocabulary.AccessRights,
        default=vocabulary.AccessRights.NON_PUBLIC,
    )
    health_category = models.CharField(
        _("health category"),
        max_length=1,
        choices=vocabulary.HealthCategory,
        default=vocabulary.HealthCategory.EHR,
        help_text=_("The category of electronic health data of EHDS Article 51."),
    )
    spatial = models.CharField(
        _("geography"), max_length=2, choices=COUNTRIES, help_text=_("Where the people live.")
    )
    temporal_start = models.DateField(_("period from"), null=True, blank=True)
    temporal_end = models.DateField(_("period to"), null=True, blank=True)
    number_of_records = models.PositiveBigIntegerField(_("records"), null=True, blank=True)
    number_of_unique_individuals = models.PositiveBigIntegerField(
        _("individuals"), null=True, blank=True
    )
    contact_name = models.CharField(_("contact"), max_length=120, blank=True)
    contact_email = models.EmailField(_("contact e-mail"), blank=True)
    personal_data = models.CharField(
        _("personal data"),
        max_length=20,
        choices=vocabulary.PersonalData,
        default=vocabulary.PersonalData.PSEUDONYMISED,
    )
    legal_basis = models.CharField(
        _("legal basis"), max_length=40, choices=vocabulary.LegalBasis, blank=True
    )
    provenance = models.TextField(
        _("provenance"), blank=True, help_text=_("Where the data come from and how they were made.")
    )
    is_synthetic = models.BooleanField(
        _("synthetic"), default=False, help_text=_("Simulated: describes no real person.")
    )
    is_public = models.BooleanField(
        _("public"),
        default=False,
        editable=False,
        help_text=_("Everybody reads the description, and nothing else."),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    issued = models.DateTimeField(_("added"), auto_now_add=True)
    modified = models.DateTimeField(_("changed"), auto_now=True)

    objects = DatasetQuerySet.as_manager()

    class Meta(Description.Meta):
        abstract = False
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        ordering = ("title", "id")
        permissions = (
            ("evaluate_dataset", "Can use the dataset in evaluations"),
            ("results_dataset", "Can see results on the dataset"),
            ("share_dataset", "Can share the dataset"),
        )
        indexes = (
            models.Index(fields=["use_case", "title", "id"], name="dataset_by_use_case"),
            models.Index(fields=["title", "id"], name="dataset_by_title"),
            models.Index(fields=["-modified", "-id"], name="dataset_by_change"),
            models.Index(
                models.F("number_of_unique_individuals").desc(nulls_last=True),
                "title",
                "id",
                name="dataset_by_people",
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(temporal_start=None)
                | models.Q(temporal_end=None)
                | models.Q(temporal_start__lte=models.F("temporal_end")),
                name="dataset_period_in_order",
                violation_error_message=_("The period ends before it begins."),
            ),
            *CONSTRAINTS,
        )
        triggers: ClassVar = kept_words.OF_DATASETS

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("dataset-detail", kwargs={"use_case": self.declared, "slug": self.slug})

    @property
    def declared(self) -> UseCase:
        """The use case that it belongs to."""
        return use_cases()[self.use_case]

    def missing(self) -> list[Missing]:
        """What must be stated before it is published."""
        from portal.catalogue.requirements import missing

        return missing(self)

    def before_public(self) -> None:
        """Refuse to be published while something is missing that its access level demands.

        Raises
        ------
        NotComplete
        """
        from portal.catalogue.requirements import NotComplete

        if lacking := self.missing():
            raise NotComplete(lacking)

    def after_public(self, *, public: bool, by: User) -> None:
        """Keep in its history that it was published, or is no longer public."""
        change = {"field": "is_public", "before": not public, "after": public}
        record_change(dataset=self, fields=[change], by=by)

    def current_tables(self, task: Task) -> dict[str, Table]:
        """The newest reference table of each name that the dataset holds for ``task``."""
        held = self.tables.filter(task=task.slug, model_version=None).newest_first()
        return {table.name: table for table in reversed(held)}

    @property
    def country_name(self) -> str:
        return str(dict(COUNTRIES).get(self.spatial, self.spatial))


class DatasetWords(models.Model):
    """The words by which a dataset is found: the database's own, written by triggers alone.

    Not a column of the dataset, which every page would fetch, and every save write back.
    """

    dataset = models.OneToOneField(
        Dataset, on_delete=models.CASCADE, primary_key=True, related_name="words"
    )
    document = SearchVectorField()

    class Meta:
        indexes = (GinIndex(fields=["document"], name="dataset_by_words"),)

    def __str__(self) -> str:
        return str(self.dataset)


class DatasetUserObjectPermission(UserObjectPermissionBase):
    """Grants to single persons: none are made; guardian wants the table."""

    content_object = models.ForeignKey(Dataset, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False


class DatasetGroupObjectPermission(GroupObjectPermissionBase):
    """Who may do what with one dataset."""

    content_object = models.ForeignKey(Dataset, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False


class Variable(models.Model):
    """A line of the data dictionary."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="variables")
    position = models.PositiveIntegerField(default=0)
    name = models.CharField(_("name"), max_length=100)
    label = models.CharField(_("label"), max_length=200, blank=True)
    description = models.CharField(
        _("description"),
        max_length=500,
        blank=True,
        db_default="",
        help_text=_("What the label leaves open: how and when it was measured."),
    )
    datatype = models.CharField(
        _("type"), max_length=20, choices=vocabulary.Datatype, default=vocabulary.Datatype.NUMBER
    )
    unit = models.CharField(_("unit"), max_length=60, blank=True)
    code = models.CharField(
        _("code"), max_length=120, blank=True, help_text=_("In a terminology: LOINC 33914-3.")
    )
    words = models.GeneratedField(
        expression=kept_words.words_of_fields("name", "label", "code"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("variable")
        verbose_name_plural = _("variables")
        ordering = ("position", "id")
        indexes = (
            GinIndex(fields=["words"], name="variable_by_words"),
            models.Index(Upper("name"), name="variable_by_name"),
            models.Index(Upper("code"), name="variable_by_code", condition=~models.Q(code="")),
        )
        triggers: ClassVar = kept_words.OF_VARIABLES
        constraints = (
            models.UniqueConstraint(
                fields=["dataset", "name"],
                name="variable_name_unique",
                violation_error_message=_("Two variables have the same name."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def mentions(self, words: str) -> bool:
        """Whether each of the words stands in its name, meaning, unit or code."""
        told = (self.name, self.label, self.description, self.unit, self.code)
        text = " ".join(told).casefold()
        return all(word.casefold() in text for word in words.split())


class TableQuerySet(models.QuerySet["Table"]):
    """Tables, by when they were given."""

    def newest_first(self) -> Self:
        """The one that is in force first: a table that is uploaded once more is the newest."""
        return self.annotate(
            given_at=Greatest("created_at", models.Max("uploads__finished_at"))
        ).order_by("-given_at", "-id")


class Table(models.Model):
    """An immutable, content-addressed Parquet file that passed its schema."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="tables")
    task = models.CharField(max_length=40)
    name = models.CharField(max_length=40, help_text="The name of its schema in the task.")
    model_version = models.ForeignKey(
        "registry.ModelVersion",
        on_delete=models.PROTECT,
        related_name="predictions",
        null=True,
        blank=True,
        help_text="Of a model's output: whose. Empty for a table of the holder's own.",
    )
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField(validators=[MinValueValidator(1)])
    size = models.PositiveBigIntegerField(help_text="Bytes of the Parquet file.")
    columns = models.JSONField(default=list)
    profile = models.JSONField(default=dict)
    references = models.JSONField(
        default=dict, help_text="SHA-256 of the tables that its ids were checked against."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TableQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["dataset", "task", "name", "model_version", "sha256"],
                nulls_distinct=False,
                name="table_stored_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(name="predictions") | models.Q(model_version__isnull=False),
                name="table_of_predictions_has_a_model_version",
            ),
            models.CheckConstraint(
                condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"), name="table_sha256_is_one"
            ),
        )
        triggers: ClassVar = [
            pgtrigger.Protect(name="table_never_changes", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} · {self.name}"

    @property
    def column_names(self) -> list[str]:
        return [column["name"] for column in self.columns]


class Upload(Job):
    """A file that arrived and becomes a table, or is refused with every problem at once."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="uploads")
    task = models.CharField(max_length=40)
    name = models.CharField(max_length=40)
    model_version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    file_name = models.CharField(max_length=200, help_text="As the person's computer called it.")
    stored_name = models.CharField(max_length=200, help_text="Where the file waits.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    problems = models.JSONField(default=list, blank=True)
    table = models.ForeignKey(
        Table, on_delete=models.SET_NULL, null=True, blank=True, related_name="uploads"
    )

    objects = JobQuerySet["Upload"].as_manager()

    class Meta(Job.Meta):
        abstract = False
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["status", "woken_at"], name="upload_by_status"),)
        triggers = (pgtrigger.FSM(name="upload_moves", field="status", transitions=MOVES),)

    def __str__(self) -> str:
        # Not the file's name: people put names into these, and this stands in the administration.
        return f"{self.name} → {self.dataset}"

    def get_absolute_url(self) -> str:
        return reverse(
            "upload-detail",
            kwargs={
                "use_case": self.dataset.declared,
                "slug": self.dataset.slug,
                "upload_id": self.pk,
            },
        )

    @property
    def declared_task(self) -> Task:
        return self.dataset.declared.task(self.task)
