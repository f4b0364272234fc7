"""What is particular to remote monitoring of implanted devices, and to its alert algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.catalogue.profiles import Band, DatasetProfile
from portal.registry.cards import ModelCardSection

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class DeviceFamily(models.TextChoices):
    """Kinds of implanted devices."""

    PACEMAKER = "pacemaker", _("Pacemaker")
    ICD = "icd", _("ICD")
    CRT = "crt", _("CRT")


class Sensor(models.TextChoices):
    """What devices measure and transmit."""

    ACTIVITY = "activity", _("Activity")
    IMPEDANCE = "impedance", _("Thoracic impedance")
    HEART_RATE = "heart-rate", _("Heart rate")
    HRV = "hrv", _("Heart rate variability")
    AF_BURDEN = "af-burden", _("AT/AF burden")
    VENTRICULAR = "ventricular", _("Ventricular arrhythmia")
    PACING = "pacing", _("Share of pacing")
    HEART_SOUNDS = "heart-sounds", _("Heart sounds")
    RESPIRATION = "respiration", _("Respiration")


def _families() -> ArrayField:
    return ArrayField(
        models.CharField(max_length=20, choices=DeviceFamily),
        verbose_name=_("device family"),
        default=list,
        blank=True,
    )


def _manufacturers() -> ArrayField:
    return ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("manufacturer"),
        default=list,
        blank=True,
        help_text=_("Separated by commas."),
    )


def _sensors(words: StrPromise) -> ArrayField:
    return ArrayField(
        models.CharField(max_length=20, choices=Sensor),
        verbose_name=words,
        default=list,
        blank=True,
    )


class MonitoredCohort(DatasetProfile):
    """Which devices report, what they measure, and how events were established."""

    device_family = _families()
    manufacturer = _manufacturers()
    sensors = _sensors(_("sensors"))
    transmissions_a_day = models.FloatField(
        _("transmissions a day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("By each device, on average: 1 is daily."),
    )
    adjudicated_events = models.PositiveIntegerField(
        _("adjudicated events"),
        null=True,
        blank=True,
        help_text=_("Hospital stays for heart failure that clinicians confirmed."),
    )

    facets = ("device_family", "manufacturer", "sensors", "transmissions_a_day")
    columns = ("device_family", "adjudicated_events", "transmissions_a_day")
    bands: ClassVar = {
        "transmissions_a_day": (
            Band("less", _("less than daily"), high=0.9),
            Band("daily", _("about daily"), low=0.9, high=1.1),
            Band("more", _("more than daily"), low=1.1),
        ),
    }

    class Meta(DatasetProfile.Meta):
        verbose_name = _("monitored cohort")
        verbose_name_plural = _("monitored cohorts")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(transmissions_a_day=None) | models.Q(transmissions_a_day__gte=0),
                name="monitored_cohort_transmissions_not_negative",
            ),
        )


class AlertModelCard(ModelCardSection):
    """Which devices an alert algorithm works with, and what alerts its maker promises."""

    device_family = _families()
    manufacturer = _manufacturers()
    sensors_needed = _sensors(_("sensors needed"))
    warm_up = models.PositiveSmallIntegerField(
        _("days before the first score"),
        null=True,
        blank=True,
        help_text=_("How much of a patient's record it needs."),
    )
    alert_threshold = models.FloatField(_("recommended alert threshold"), null=True, blank=True)
    recovery_threshold = models.FloatField(
        _("recommended recovery threshold"), null=True, blank=True
    )
    claimed_burden = models.FloatField(
        _("alert burden claimed"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Unexplained alerts, by the maker's own account."),
    )
    claimed_sensitivity = models.FloatField(
        _("sensitivity claimed"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("Events that an alert comes before, by the maker's own account."),
    )

    columns = ("device_family", "claimed_burden")
    units: ClassVar = {"claimed_burden": _("per patient-year"), "claimed_sensitivity": "%"}

    class Meta(ModelCardSection.Meta):
        verbose_name = _("alert algorithm")
        verbose_name_plural = _("alert algorithms")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(claimed_burden=None) | models.Q(claimed_burden__gte=0),
                name="alert_algorithm_burden_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(claimed_sensitivity=None)
                | models.Q(claimed_sensitivity__gte=0, claimed_sensitivity__lte=100),
                name="alert_algorithm_sensitivity_is_a_percentage",
            ),
        )
