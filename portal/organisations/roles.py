"""Which role may do what: the one table that actions, pages, the admin and tests read."""

from collections.abc import Mapping
from typing import Any

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


class SiteRole(models.TextChoices):
    """Who runs the site: Django's superusers."""

    ADMINISTRATOR = "administrator", _("Site administrator")


class Verb(models.TextChoices):
    """What can be allowed on one object. Guardian's codename is ``<verb>_<model>``."""

    VIEW = "view", _("see")
    RESULTS = "results", _("see results on it")
    EVALUATE = "evaluate", _("use in evaluations")
    CHANGE = "change", _("change")
    RELEASE = "release", _("release and retire")
    SHARE = "share", _("share")

    @property
    def in_words(self) -> Any:
        """What it means for who has a role, for the page that shows the table."""
        return MEANINGS[self]


MEANINGS = {
    Verb.VIEW: _("see the organisation's datasets, models and evaluations"),
    Verb.RESULTS: _("see results, where those of the dataset and of the model are both open to it"),
    Verb.EVALUATE: _("use its datasets and models in evaluations"),
    Verb.CHANGE: _("change them, upload tables, cancel and retry evaluations"),
    Verb.RELEASE: _("release and retire versions of its models"),
    Verb.SHARE: _("share what it owns, and end that"),
}


class Duty(models.TextChoices):
    """What a role may do that is not about one object that can be shared."""

    ADD = "add", _("add datasets and models, submit evaluations for the organisation")
    SEE_PEOPLE = "see-people", _("see who belongs to the organisation, and its history")
    ASK_ACCESS = "ask-access", _("apply for access to data of others for the organisation")
    ANSWER_ACCESS = (
        "answer-access",
        _("give its opinion on applications for its data; decide, where it is a trusted holder"),
    )
    MANAGE_PEOPLE = "manage-people", _("invite people, give roles, suspend, end memberships")
    LEAD_STUDIES = "lead-studies", _("lead studies and publish them")
    DECIDE_ACCESS = "decide-access", _("decide on access to data of its country")
    READ_LOG = "read-log", _("read and export who did what; change nothing")
    ADMINISTER = "administer", _("add and suspend organisations and people, give roles")
    RUN_JOBS = "run-jobs", _("see all jobs and why they failed; retry and cancel them")

    @property
    def in_words(self) -> Any:
        return self.label


AnyRole = Role | ConsortiumRole | SiteRole

_VIEWER = (Verb.VIEW, Verb.RESULTS, Duty.SEE_PEOPLE)
_CONTRIBUTOR = (*_VIEWER, Verb.EVALUATE, Verb.CHANGE, Duty.ADD, Duty.ASK_ACCESS)
_MANAGER = (
    *(*_CONTRIBUTOR, Verb.RELEASE, Verb.SHARE),
    *(Duty.ANSWER_ACCESS, Duty.MANAGE_PEOPLE),
)

MAY: Mapping[AnyRole, tuple[Verb | Duty, ...]] = {
    # In an organisation, about that organisation and the objects that it owns
    Role.VIEWER: _VIEWER,
    Role.CONTRIBUTOR: _CONTRIBUTOR,
    Role.MANAGER: _MANAGER,
    # Across the consortium; none of these shows an object that is not shared with the person
    ConsortiumRole.COORDINATOR: (Duty.LEAD_STUDIES,),
    ConsortiumRole.ACCESS_BODY: (Duty.DECIDE_ACCESS,),
    ConsortiumRole.AUDITOR: (Duty.READ_LOG,),
    SiteRole.ADMINISTRATOR: (Duty.ADMINISTER, Duty.RUN_JOBS),
}

VERBS: Mapping[Role, tuple[Verb, ...]] = {
    role: tuple(verb for verb in MAY[role] if isinstance(verb, Verb)) for role in Role
}
"""What a role may do with the objects of its own organisation."""

SHARED_WITH: Mapping[Verb, Role] = {
    Verb.VIEW: Role.VIEWER,
    Verb.RESULTS: Role.VIEWER,
    Verb.EVALUATE: Role.CONTRIBUTOR,
}
"""What can be shared with another organisation, and the lowest role there that gets it."""


def included_roles(role: Role) -> tuple[Role, ...]:
    """``role`` and the roles that it includes."""
    order = list(Role)
    return tuple(order[: order.index(role) + 1])


def lowest_role(permission: Verb | Duty) -> Role:
    """The lowest role in an organisation that may do this there.

    Raises
    ------
    LookupError
        If no role in an organisation may.
    """
    for role in Role:
        if permission in MAY[role]:
            return role
    raise LookupError(f"No role in an organisation may '{permission.value}'.")


def consortium_roles(duty: Duty) -> tuple[ConsortiumRole, ...]:
    """The roles across the consortium that may do this."""
    return tuple(role for role in ConsortiumRole if duty in MAY[role])
