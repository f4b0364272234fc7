"""What applications and permits choose from."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Purpose(models.TextChoices):
    """For what electronic health data may be reused, by the letters of EHDS Article 53(1)."""

    PUBLIC_HEALTH = "a", _("Public or occupational health, in the public interest")
    POLICY = "b", _("Policy and regulation, to support public bodies")
    STATISTICS = "c", _("Official statistics")
    EDUCATION = "d", _("Education and teaching in health and care")
    RESEARCH = "e", _("Scientific research on health and care")
    DEVELOPMENT = "e-i", _("Research: development and innovation of products and services")
    ALGORITHMS = "e-ii", _("Research: training, testing and evaluation of algorithms")
    CARE = "f", _("Better care and treatment, from the data of other people")


PUBLIC_BODIES_ONLY = (Purpose.PUBLIC_HEALTH, Purpose.POLICY, Purpose.STATISTICS)
"""The purposes that Article 53(2) keeps for public bodies, and for those who work for them."""


class Environment(models.TextChoices):
    """Where the data are computed on: a secure processing environment, EHDS Article 73."""

    HERE = "here", _("On this site")
    HOLDER = "holder", _("At the holder's site only")


class Identifiability(models.TextChoices):
    """How much the data that are asked for say about a person."""

    ANONYMISED = "anonymised", _("Anonymised")
    PSEUDONYMISED = "pseudonymised", _("Pseudonymised")
