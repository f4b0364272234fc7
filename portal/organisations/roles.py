"""Which role may do what: the one table that actions, pages and tests read."""

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """A person's role in one organisation; each includes the ones above it."""

    VIEWER = "viewer", _("Viewer")
    CONTRIBUTOR = "contributor", _("Contributor")
    MANAGER = "manager", _("Manager")


class ConsortiumRole(models.TextChoices):
    """What a person is across the consortium, beside their roles in organisations."""

    COORDINATOR = "coordinator", _("Coordinator")
    ACCESS_BODY = "access-body", _("Health data access body")
    AUDITOR = "auditor", _("Auditor")


class Verb(models.TextChoices):
    """What can be allowed on one object. Guardian's codename is ``<verb>_<model>``."""

    VIEW = "view", _("see")
    EVALUATE = "evaluate", _("use in evaluations")
    CHANGE = "change", _("change")
    SHARE = "share", _("share")


VERBS: Mapping[Role, tuple[Verb, ...]] = {
    Role.VIEWER: (Verb.VIEW,),
    Role.CONTRIBUTOR: (Verb.VIEW, Verb.EVALUATE, Verb.CHANGE),
    Role.MANAGER: (Verb.VIEW, Verb.EVALUATE, Verb.CHANGE, Verb.SHARE),
}
"""What a role may do with the objects of its own organisation."""

SHARED_WITH: Mapping[Verb, Role] = {Verb.VIEW: Role.VIEWER, Verb.EVALUATE: Role.CONTRIBUTOR}
"""What can be shared with another organisation, and the lowest role there that gets it."""


def included_roles(role: Role) -> tuple[Role, ...]:
    """``role`` and the roles that it includes."""
    order = list(Role)
    return tuple(order[: order.index(role) + 1])


def lowest_role(verb: Verb) -> Role:
    """The lowest role that may ``verb`` the objects of its own organisation."""
    return next(role for role in Role if verb in VERBS[role])
