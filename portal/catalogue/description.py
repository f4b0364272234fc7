"""What HealthDCAT-AP knows about a dataset beyond the fields that every entry has from the start.

A field's comment names the property that it is exported as. None of them must be stated to save a
dataset; what its access level makes mandatory is asked for when it is published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.catalogue import vocabulary

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

MOST_VALUES = 50
"""Of a list: more is a file, not a description."""


def several(
    label: str | StrPromise, choices: type[models.TextChoices], help_text: str | StrPromise = ""
) -> Any:
    """A field that holds any of ``choices``."""
    longest = max(len(value) for value in choices.values)
    return ArrayField(
        models.CharField(max_length=longest, choices=choices),
        verbose_name=label,
        default=list,
        blank=True,
        help_text=help_text,
    )


def addresses(label: str | StrPromise, help_text: str | StrPromise) -> Any:
    """A field that holds web addresses."""
    return ArrayField(
        models.URLField(max_length=500),
        verbose_name=label,
        default=list,
        blank=True,
        size=MOST_VALUES,
        help_text=help_text,
    )


class Description(models.Model):
    """Fields of :class:`~portal.catalogue.models.Dataset`."""

    alternative = models.CharField(  # dct:alternative
        _("other title"),
        max_length=200,
        blank=True,
        help_text=_("Another name that it is known by."),
    )
    dataset_type = models.CharField(  # dct:type
        _("kind of data"), max_length=20, choices=vocabulary.DatasetType, blank=True
    )
    health_theme = several(_("health themes"), vocabulary.HealthTheme)  # healthdcatap:healthTheme
    has_structured_data = models.BooleanField(  # healthdcatap:hasStructuredData
        _("structured"),
        default=True,
        help_text=_("The data are tables with variables, which the data dictionary lists."),
    )
    population_coverage = models.TextField(  # healthdcatap:populationCoverage
        _("population"),
        blank=True,
        max_length=2000,
        help_text=_("Who is in the data: which people, from where, chosen how."),
    )
    min_typical_age = models.PositiveSmallIntegerField(  # healthdcatap:minTypicalAge
        _("youngest age"), null=True, blank=True, help_text=_("Typical, in years.")
    )
    max_typical_age = models.PositiveSmallIntegerField(  # healthdcatap:maxTypicalAge
        _("oldest age"), null=True, blank=True, help_text=_("Typical, in years.")
    )
    personal_data_categories = several(  # dpv:hasPersonalData
        _("what it says about people"), vocabulary.PersonalDataCategory
    )
    coding_systems = several(_("coding systems"), vocabulary.CodingSystem)  # hasCodingSystem
    code_values = ArrayField(  # healthdcatap:hasCodeValues
        models.CharField(max_length=60),
        verbose_name=_("codes"),
        default=list,
        blank=True,
        size=MOST_VALUES,
        help_text=_("That say what it is about, separated by commas: N18.3, N18.4."),
    )
    conforms_to = several(_("standards"), vocabulary.Standard)  # dct:conformsTo
    languages = several(_("languages"), vocabulary.Language)  # dct:language
    accrual_periodicity = models.CharField(  # dct:accrualPeriodicity
        _("how often data are added"), max_length=12, choices=vocabulary.Frequency, blank=True
    )
    temporal_resolution = models.CharField(  # dcat:temporalResolution
        _("smallest step in time"),
        max_length=4,
        choices=vocabulary.TemporalResolution,
        blank=True,
    )
    retention_start = models.DateField(_("kept from"), null=True, blank=True)
    retention_end = models.DateField(  # both: healthdcatap:retentionPeriod
        _("kept until"), null=True, blank=True, help_text=_("When the data must be deleted.")
    )
    purpose = models.TextField(  # dpv:hasPurpose
        _("purpose"),
        blank=True,
        max_length=2000,
        help_text=_("Why the data were collected, and what they may be used for."),
    )
    landing_page = models.URLField(  # dcat:landingPage
        _("its own page"), max_length=500, blank=True, help_text=_("Of the holder, on the web.")
    )
    documentation = models.URLField(  # foaf:page
        _("documentation"), max_length=500, blank=True, help_text=_("A manual or a data guide.")
    )
    analytics = models.URLField(  # healthdcatap:analytics
        _("reports"), max_length=500, blank=True, help_text=_("Aggregate figures from the data.")
    )
    sample = models.URLField(  # adms:sample
        _("sample"), max_length=500, blank=True, help_text=_("A few simulated rows to look at.")
    )
    quality_certificate = models.URLField(  # dqv:hasQualityAnnotation
        _("quality certificate"),
        max_length=500,
        blank=True,
        help_text=_("Who checked the quality of the data, and what they found."),
    )
    publications = addresses(  # dct:isReferencedBy
        _("publications"), _("Addresses of papers that used it, one a line.")
    )
    sources = addresses(  # dct:source
        _("sources"), _("Addresses of datasets that it was made from, one a line.")
    )
    relations = addresses(  # dct:relation
        _("related"), _("Addresses of anything else that belongs to it, one a line.")
    )
    series = models.CharField(  # dcat:inSeries
        _("series"),
        max_length=200,
        blank=True,
        help_text=_("The same words for each of your datasets that belongs to the series."),
    )
    version_label = models.CharField(  # dcat:version
        _("version"), max_length=40, blank=True, help_text=_("As you call it: 2026, or 1.2.0.")
    )
    version_notes = models.TextField(  # adms:versionNotes
        _("what is new"), blank=True, max_length=2000
    )
    previous_version = models.ForeignKey(  # dcat:previousVersion
        "catalogue.Dataset",
        on_delete=models.PROTECT,
        related_name="next_versions",
        verbose_name=_("previous version"),
        null=True,
        blank=True,
    )

    class Meta:
        abstract = True


CONSTRAINTS = (
    models.CheckConstraint(
        condition=models.Q(min_typical_age=None)
        | models.Q(max_typical_age=None)
        | models.Q(min_typical_age__lte=models.F("max_typical_age")),
        name="dataset_ages_in_order",
        violation_error_message=_("The youngest age is above the oldest one."),
    ),
    models.CheckConstraint(
        condition=models.Q(retention_start=None)
        | models.Q(retention_end=None)
        | models.Q(retention_start__lte=models.F("retention_end")),
        name="dataset_retention_in_order",
        violation_error_message=_("The data are no longer kept before they are kept."),
    ),
    models.CheckConstraint(
        condition=models.Q(previous_version=None) | ~models.Q(previous_version=models.F("id")),
        name="dataset_is_not_its_own_previous_version",
        violation_error_message=_("A dataset is not its own previous version."),
    ),
)
"""Of the fields above, for the table that has them."""
