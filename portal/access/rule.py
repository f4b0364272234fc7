"""The rule: who may use which dataset, for what, with which model, on which day.

A dataset of one's own needs no permit, nor does one that is open to everybody. Any other needs a
data permit that covers all of it: organisation, person, dataset, model version, purpose and day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from portal.access.models import Permit
from portal.access.states import PermitStatus
from portal.access.vocabulary import Environment, Purpose
from portal.catalogue.models import Dataset
from portal.catalogue.vocabulary import AccessRights
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.sharing import organisation_may

if TYPE_CHECKING:
    from datetime import date

    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet

    from portal.accounts.models import User
    from portal.registry.models import ModelVersion


@dataclass(frozen=True)
class Use:
    """What somebody wants to do with a dataset."""

    organisation: Organisation
    person: User
    dataset: Dataset
    model_version: ModelVersion
    purpose: Purpose
    day: date


class Reason(str):
    """A sentence that says what is missing, and where to ask for it."""

    url: str
    link: str
    """The words of the link."""

    def __new__(cls, sentence: str, url: str = "", link: str = "") -> Reason:
        reason = super().__new__(cls, sentence)
        reason.url, reason.link = url, link
        return reason


def needs_permit(dataset: Dataset, organisation: Organisation) -> bool:
    """Whether ``organisation`` uses the dataset by permit alone."""
    is_open = dataset.access_rights == AccessRights.PUBLIC
    return not is_open and dataset.organisation_id != organisation.pk


def covering(use: Use) -> Permit | None:
    """The permit that allows ``use``; of several the one that lasts longest."""
    found = (
        Permit.objects.in_force(use.day)
        .filter(
            Q(any_model_version=True)
            | Q(permitted_model_versions__model_version=use.model_version),
            organisation=use.organisation,
            purpose=use.purpose,
            environment=Environment.HERE,
            permitted_datasets__dataset=use.dataset,
            permitted_people__person=use.person,
        )
        .order_by("-valid_until", "-pk")
    )
    return found.first()


def is_named(user: User | AnonymousUser, number: str) -> bool:
    """Whether the permit of that number, in its present version, lets ``user`` at data today."""
    if not user.is_authenticated or not user.is_active:
        return False
    found = Permit.objects.in_force(timezone.localdate()).of_person(user)
    return found.filter(number=number, environment=Environment.HERE).exists()


def shortfalls(permit: Permit, use: Use) -> list[str]:
    """What a permit on the dataset lacks for ``use``, each as the end of a sentence about it."""
    found = []
    if permit.status == PermitStatus.REVOKED:
        found.append(_("was revoked: %(reason)s") % {"reason": permit.status_reason})
    elif permit.status == PermitStatus.SUSPENDED:
        found.append(_("is suspended: %(reason)s") % {"reason": permit.status_reason})
    if use.day < permit.valid_from:
        found.append(_("begins on %(day)s") % {"day": date_format(permit.valid_from, "j F Y")})
    if use.day > permit.valid_until:
        found.append(_("ended on %(day)s") % {"day": date_format(permit.valid_until, "j F Y")})
    if use.purpose != permit.purpose:
        found.append(
            _("is for another purpose (%(purpose)s)") % {"purpose": permit.get_purpose_display()}
        )
    if not permit.people.filter(pk=use.person.pk).exists():
        found.append(_("does not name %(person)s") % {"person": use.person})
    is_named = permit.model_versions.filter(pk=use.model_version.pk).exists()
    if not (permit.any_model_version or is_named):
        found.append(_("does not name %(version)s") % {"version": use.model_version})
    if permit.environment != Environment.HERE:
        found.append(_("lets the data be used at the holder's site only"))
    return found


def permit_reasons(use: Use) -> list[str]:
    """What is missing for ``use``: nothing, a permit, or what the closest permit does not say."""
    if covering(use) is not None:
        return []
    held = Permit.objects.current().filter(
        organisation=use.organisation, permitted_datasets__dataset=use.dataset
    )
    closest = min(
        ((permit, shortfalls(permit, use)) for permit in held),
        key=lambda pair: (len(pair[1]), -pair[0].pk),
        default=None,
    )
    if closest is None:
        return [
            Reason(
                _("%(organisation)s has no data permit for “%(dataset)s”.")
                % {"organisation": use.organisation, "dataset": use.dataset},
                reverse("access-ask", kwargs={"slug": use.dataset.slug}),
                _("Ask for access"),
            )
        ]
    permit, lacks = closest
    return [
        Reason(
            _("The data permit %(number)s %(what)s.") % {"number": permit.number, "what": what},
            permit.get_absolute_url(),
            _("See the permit"),
        )
        for what in lacks
    ]


def use_reasons(use: Use) -> list[str]:
    """Why the organisation may not use the dataset so; nothing if it may."""
    if needs_permit(use.dataset, use.organisation):
        return permit_reasons(use)
    if not organisation_may(use.organisation, Verb.EVALUATE, use.dataset):
        return [
            _("The dataset is not shared with %(organisation)s for evaluations.")
            % {"organisation": use.organisation}
        ]
    return []


def usable_by(user: User, datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """The datasets that ``user`` may submit evaluations for, or learn what is missing for it.

    Those of their own or shared with them, those that are seen and go by permit, and those that a
    permit of theirs names, whether or not the holder still shows them.
    """
    by_permit = ~Q(access_rights=AccessRights.PUBLIC)
    permits = Permit.objects.in_force(timezone.localdate()).of_person(user)
    seen = Dataset.objects.visible_to(user)
    return datasets.filter(
        Q(pk__in=Dataset.objects.keys_allowing(user, Verb.EVALUATE))
        | by_permit & (Q(pk__in=seen.values("pk")) | Q(pk__in=permits.values("datasets")))
    )
