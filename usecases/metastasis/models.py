"""What is particular to sets of images, and to models that look for metastases and cancer."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField, DecimalRangeField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.catalogue.profiles import Band, DatasetProfile
from portal.registry.cards import ModelCardSection


class Modality(models.TextChoices):
    """How images were taken."""

    CT = "ct", _("CT")
    MAMMOGRAPHY = "mammography", _("Mammography")
    TOMOSYNTHESIS = "tomosynthesis", _("Tomosynthesis")


class ImageSet(DatasetProfile):
    """How images were taken, and how they were read."""

    modality = ArrayField(
        models.CharField(max_length=20, choices=Modality),
        verbose_name=_("modality"),
        default=list,
        blank=True,
    )
    vendors = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("vendors"),
        default=list,
        blank=True,
        help_text=_("Makers of the scanners, separated by commas."),
    )
    slice_thickness = DecimalRangeField(
        _("slice thickness"),
        null=True,
        blank=True,
        default_bounds="[]",
        help_text=_("Of CT and tomosynthesis: the thinnest and the thickest."),
    )
    annotated_lesions = models.PositiveIntegerField(_("annotated lesions"), null=True, blank=True)
    readers = models.PositiveSmallIntegerField(
        _("readers"), null=True, blank=True, help_text=_("How many people read each case.")
    )

    facets = ("modality", "vendors", "slice_thickness", "readers")
    columns = ("modality", "annotated_lesions", "readers", "slice_thickness")
    units: ClassVar = {"slice_thickness": "mm"}
    bands: ClassVar = {
        "slice_thickness": (
            Band("thin", _("under 1.5 mm"), high=1.5),
            Band("medium", _("1.5 to under 3 mm"), low=1.5, high=3),
            Band("thick", _("3 mm and more"), low=3),
        ),
        "readers": (
            Band("one", _("one reader"), low=1, high=2),
            Band("two", _("two readers"), low=2, high=3),
            Band("more", _("three and more"), low=3),
        ),
    }

    class Meta(DatasetProfile.Meta):
        verbose_name = _("image set")
        verbose_name_plural = _("image sets")

    def applies(self, name: str) -> bool:
        return name != "slice_thickness" or self.modality != [Modality.MAMMOGRAPHY]


class ImagingModelCard(ModelCardSection):
    """Which images a model takes, what it finds in them, and what a reader does with it."""

    class Lesion(models.TextChoices):
        SOLID = "solid", _("Solid nodules")
        PART_SOLID = "part-solid", _("Part-solid nodules")
        GROUND_GLASS = "ground-glass", _("Ground-glass nodules")
        MASS = "mass", _("Masses")
        CALCIFICATION = "calcification", _("Microcalcifications")
        DISTORTION = "distortion", _("Architectural distortions")
        ASYMMETRY = "asymmetry", _("Asymmetries")

    class ReaderRole(models.TextChoices):
        CONCURRENT = "concurrent", _("Shown while a reader reads")
        SECOND = "second", _("Shown after a reader has read")
        TRIAGE = "triage", _("Orders or sorts out exams before they are read")
        ALONE = "alone", _("Reads alone, in place of a reader")

    modality = ArrayField(
        models.CharField(max_length=20, choices=Modality),
        verbose_name=_("modality"),
        default=list,
        blank=True,
    )
    slice_thickness = DecimalRangeField(
        _("slice thickness that it takes"),
        null=True,
        blank=True,
        default_bounds="[]",
        help_text=_("The thinnest and the thickest."),
    )
    lesion_types = ArrayField(
        models.CharField(max_length=20, choices=Lesion),
        verbose_name=_("what it finds"),
        default=list,
        blank=True,
    )
    smallest_lesion = models.FloatField(
        _("smallest lesion"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("The diameter from which on it is meant to find lesions."),
    )
    reader_role = models.CharField(
        _("beside the reader"), max_length=20, choices=ReaderRole, blank=True
    )
    trained_on_vendors = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("vendors trained on"),
        default=list,
        blank=True,
        help_text=_("Makers of the scanners, separated by commas."),
    )

    columns = ("modality", "reader_role")
    units: ClassVar = {"slice_thickness": "mm", "smallest_lesion": "mm"}

    class Meta(ModelCardSection.Meta):
        verbose_name = _("imaging model")
        verbose_name_plural = _("imaging models")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(smallest_lesion=None) | models.Q(smallest_lesion__gte=0),
                name="imaging_model_smallest_lesion_not_negative",
            ),
        )
