"""Applications, reviews and permits that tests need, through the site's own actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from portal.access import applying, deciding
from portal.access.models import Application, Permit, Review
from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.catalogue.vocabulary import AccessRights
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import ConsortiumRole, Verb
from portal.organisations.sharing import share
from portal.registry.models import ModelVersion
from tests import factories

TEXTS = dict.fromkeys(applying.TEXTS, "As the protocol says.") | {
    "why_pseudonymised": "Dates of single people are needed.",
}


def a_closed_dataset(by: User | None = None, **fields: Any) -> Dataset:
    """A dataset that goes by permit, which everyone in the consortium sees."""
    holder = factories.an_organisation(country=fields.pop("country", "DK"))
    by = by or factories.a_manager_of(holder)
    dataset = factories.a_dataset(by, access_rights=AccessRights.NON_PUBLIC, **fields)
    manager = factories.a_manager_of(dataset.organisation)
    share(obj=dataset, verbs=[Verb.VIEW], organisation=None, by=manager)
    return dataset


def an_access_body(country: str = "DK") -> User:
    """Someone who decides for the access body of a country."""
    held = Appointment.objects.filter(role=ConsortiumRole.ACCESS_BODY, country=country).first()
    return held.user if held else factories.appointed(ConsortiumRole.ACCESS_BODY, country)


def a_draft(by: User, *datasets: Dataset, **fields: Any) -> Application:
    """A complete application that was not sent."""
    application = applying.draft_application(
        organisation=by.memberships.get().organisation,
        title=fields.pop("title", "External validation of a kidney model"),
        datasets=datasets,
        by=by,
    )
    people: Sequence[User] | None = fields.pop("people", None)
    versions: Sequence[ModelVersion] | None = fields.pop("model_versions", None)
    fields.setdefault("any_model_version", not versions)
    return applying.change_application(
        application=application,
        people=people,
        model_versions=versions,
        by=by,
        **{**TEXTS, "months": 24, **fields},
    )


def an_application(by: User, *datasets: Dataset, **fields: Any) -> Application:
    """An application that was sent."""
    return applying.submit_application(application=a_draft(by, *datasets, **fields), by=by)


def terms_for(review: Review, **fields: Any) -> deciding.Terms:
    today = timezone.localdate()
    datasets = [item.dataset for item in review.items.select_related("dataset")]
    return deciding.Terms(
        **{
            "valid_from": today,
            "valid_until": today + timedelta(days=365),
            "datasets": datasets,
            **fields,
        }
    )


def granted(review: Review, **fields: Any) -> Permit:
    """The permit of a review that was received."""
    by = an_access_body(review.country)
    deciding.find_complete(review=review, by=by)
    return deciding.grant(
        review=review, terms=terms_for(review, **fields), reasons="In the public interest.", by=by
    )


def a_permit(by: User, dataset: Dataset, **fields: Any) -> Permit:
    """A permit for ``by``'s organisation, who is named in it; ``fields`` of both its steps."""
    asked = {
        name: fields.pop(name)
        for name in ("people", "model_versions", "purpose", "any_model_version", "months")
        if name in fields
    }
    application = an_application(by, dataset, **asked)
    return granted(application.reviews.get(), **fields)


def day(offset: int) -> date:
    """A day from today."""
    return timezone.localdate() + timedelta(days=offset)


def the_holder(dataset: Dataset) -> User:
    return factories.a_manager_of(dataset.organisation)


def organisation_of(user: User) -> Organisation:
    return user.memberships.get().organisation
