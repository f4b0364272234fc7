"""What is particular to kidney cohorts, and to models of kidney disease."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import DecimalRangeField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.catalogue.profiles import Band, DatasetProfile
from portal.registry.cards import ModelCardSection


class KidneyCohort(DatasetProfile):
    """Whom a cohort holds, and how far it was followed."""

    egfr = DecimalRangeField(
        _("eGFR"),
        null=True,
        blank=True,
        default_bounds="[]",
        help_text=_("Of the people at the start: the lowest and the highest."),
    )
    albuminuria = models.BooleanField(
        _("albuminuria"),
        null=True,
        blank=True,
        help_text=_("Whether it was measured: models that need it run only then."),
    )
    dialysis_follow_up = models.BooleanField(
        _("followed to dialysis"),
        null=True,
        blank=True,
        help_text=_("Whether dialysis and transplantation are known."),
    )
    death_follow_up = models.BooleanField(
        _("followed to death"),
        null=True,
        blank=True,
        help_text=_("Whether deaths are known: without them risks are overstated."),
    )
    median_follow_up = models.FloatField(
        _("median follow-up"), null=True, blank=True, validators=[MinValueValidator(0)]
    )

    facets = ("egfr", "albuminuria", "dialysis_follow_up", "death_follow_up", "median_follow_up")
    columns = ("egfr", "median_follow_up")
    units: ClassVar = {"egfr": _("mL/min/1.73 m²"), "median_follow_up": _("years")}
    bands: ClassVar = {
        "egfr": (
            Band("g1-g2", _("60 and above (G1, G2)"), low=60),
            Band("g3a", _("45 to 59 (G3a)"), low=45, high=60),
            Band("g3b", _("30 to 44 (G3b)"), low=30, high=45),
            Band("g4", _("15 to 29 (G4)"), low=15, high=30),
            Band("g5", _("below 15 (G5)"), high=15),
        ),
        "median_follow_up": (
            Band("under-2", _("under 2 years"), high=2),
            Band("2-to-5", _("2 to 5 years"), low=2, high=5),
            Band("over-5", _("5 years and more"), low=5),
        ),
    }

    class Meta(DatasetProfile.Meta):
        verbose_name = _("kidney cohort")
        verbose_name_plural = _("kidney cohorts")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(median_follow_up=None) | models.Q(median_follow_up__gte=0),
                name="kidney_cohort_follow_up_not_negative",
            ),
        )


class KidneyModelCard(ModelCardSection):
    """What a model of kidney disease predicts, of whom, and from which laboratory."""

    class Approach(models.TextChoices):
        EQUATION = "equation", _("Published equation")
        RECALIBRATED = "recalibrated", _("Published equation, recalibrated")
        LEARNED = "learned", _("Learned from data")

    class PredictedEvent(models.TextChoices):
        REPLACEMENT = "replacement", _("Kidney failure: dialysis or transplantation")
        FAILURE = "failure", _("Kidney failure, or eGFR below 15")
        DECLINE = "decline", _("Decline of eGFR by 40% or more")
        NEW_DISEASE = "new-disease", _("New chronic kidney disease")
        ACUTE_INJURY = "acute-injury", _("Acute kidney injury")
        OTHER = "other", _("Another event")

    class Deaths(models.TextChoices):
        COMPETING = "competing", _("Death is a competing event")
        CENSORED = "censored", _("Deaths are censored")
        COMBINED = "combined", _("Death counts as the event")
        NO_HORIZON = "no-horizon", _("No horizon: deaths play no part")

    class EgfrEquation(models.TextChoices):
        CKD_EPI_2021 = "ckd-epi-2021", "CKD-EPI 2021"
        CKD_EPI_2009 = "ckd-epi-2009", "CKD-EPI 2009"
        EKFC = "ekfc", "EKFC"
        MDRD = "mdrd", "MDRD"
        ANY = "any", _("Any equation")

    class Albuminuria(models.TextChoices):
        RATIO = "albumin-creatinine", _("Albumin-creatinine ratio")
        PROTEIN = "protein-creatinine", _("Protein-creatinine ratio")
        DIPSTICK = "dipstick", _("Dipstick")
        NOT_NEEDED = "not-needed", _("Not needed")

    approach = models.CharField(_("kind of model"), max_length=20, choices=Approach, blank=True)
    predicted_event = models.CharField(
        _("predicted event"), max_length=20, choices=PredictedEvent, blank=True
    )
    deaths = models.CharField(
        _("deaths before the event"), max_length=20, choices=Deaths, blank=True
    )
    egfr_equation = models.CharField(_("eGFR by"), max_length=20, choices=EgfrEquation, blank=True)
    albuminuria = models.CharField(
        _("albuminuria by"), max_length=20, choices=Albuminuria, blank=True
    )
    laboratory = models.TextField(
        _("laboratory methods"),
        blank=True,
        help_text=_("What else the laboratory must do: creatinine traceable to IDMS."),
    )
    calibrated_for = models.CharField(
        _("calibrated for"),
        max_length=120,
        blank=True,
        help_text=_("The region or population whose risks it gives."),
    )

    columns = ("predicted_event", "approach")

    class Meta(ModelCardSection.Meta):
        verbose_name = _("kidney model")
        verbose_name_plural = _("kidney models")
