"""Applications and permits of the demonstration: most granted, one of each other kind.

Each is asked for, looked at and decided by the people whose part that is, through the same actions
that the pages use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.access import applying, deciding, permits
from portal.access.models import Application, Permit, Review
from portal.access.models.review import months_after
from portal.access.vocabulary import Purpose
from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.demo.datasets import dataset_of
from portal.demo.entries import Showing
from portal.demo.partners import COORDINATING, decides_for, manager_of
from portal.organisations.models import Organisation
from portal.usecase import use_cases

MONTHS = 24
SAID: Mapping[str, Any] = {
    "intended_use": (
        "Released versions of a model are evaluated on each dataset under a protocol that is fixed "
        "beforehand. Only totals, averages and curves come out, with their intervals."
    ),
    "expected_benefit": (
        "Doctors and patients learn where a model holds, and where it does not, before it is used."
    ),
    "population": "Everybody in the datasets; nobody is left out.",
    "why_pseudonymised": (
        "Outcomes are linked to measurements of the same person over time, which anonymised data "
        "would not allow."
    ),
    "safeguards": (
        "No row leaves the environment; counts of few people are left out; every look at a single "
        "case is in the log. Nobody tries to find out who a person is."
    ),
    "ethics": "The data are simulated: no ethics committee is asked.",
    "funding": "The European Union, through the SHAIPED consortium (demonstration).",
}
SUMMARIES = {
    "ckd": (
        "We check whether equations that estimate the risk of kidney failure are right in several "
        "countries, so that doctors know when to trust them."
    ),
    "metastasis": (
        "We check how well programs find metastases on scans of the lungs and cancers on "
        "mammograms, on machines and in patients that they have not seen before."
    ),
    "heart-failure": (
        "We check whether alerts from pacemakers warn of heart failure in time, and how many of "
        "them come for nothing."
    ),
}


@dataclass(frozen=True)
class _Asked:
    """An application that the demonstration makes."""

    applicant: str
    title: str
    summary: str
    datasets: Sequence[Dataset]
    purpose: Purpose = Purpose.ALGORITHMS


def load_permits(shown: Mapping[str, Showing]) -> None:
    """Add the applications and permits that are missing."""
    for slug, showing in shown.items():
        name = use_cases()[slug].short_title
        members = [dataset for each in showing.datasets if (dataset := dataset_of(each))]
        settled = [
            dataset for each in showing.datasets if not each.waits and (dataset := dataset_of(each))
        ]
        _granted(
            _Asked(showing.lead, f"{name}: evaluation across countries", SUMMARIES[slug], members)
        )
        _granted(_Asked(COORDINATING, f"{name}: studies", SUMMARIES[slug], settled))
    if "ckd" in shown:
        _others(shown["ckd"])


def _others(kidney: Showing) -> None:
    """One application that waits, one that is refused, a draft, a permit that has ended."""
    found = {each.country: dataset for each in kidney.datasets if (dataset := dataset_of(each))}
    if not {"DE", "DK", "ES", "NL"} <= found.keys():
        return
    title = "Kidney failure in outpatient clinics"
    if application := _sent(_Asked(COORDINATING, title, SUMMARIES["ckd"], [found["DE"]])):
        review = application.reviews.get()
        deciding.ask(
            review=review,
            question="Will the results be compared with those of other countries?",
            by=decides_for("DE"),
        )
    holder = "erasmus-mc"
    title = "Teaching: survival with competing risks"
    teaching = _Asked(
        holder,
        title,
        "Students of medicine learn on simulated patients how a risk is estimated.",
        [found["ES"]],
        Purpose.EDUCATION,
    )
    if application := _sent(teaching):
        permit = _grant(application.reviews.get(), months=1, ago=120)
        permits.tell_outcome(
            permit=permit,
            title="Course notes: competing risks of kidney failure",
            url="https://example.org/course-notes",
            by=_writer(holder),
        )
    title = "Insurance tariffs by stage of kidney disease"
    tariffs = _Asked(
        "demonstration-site-belgium",
        title,
        "We would compute what people of each stage cost.",
        [found["DK"]],
        Purpose.DEVELOPMENT,
    )
    if application := _sent(tariffs):
        by = decides_for("DK")
        deciding.find_complete(review=application.reviews.get(), by=by)
        deciding.refuse(
            review=application.reviews.get(),
            reasons=(
                "Setting the price of an insurance for groups of people is a forbidden use "
                "(EHDS Article 54)."
            ),
            by=by,
        )
    title = "Albuminuria and the risk of kidney failure"
    if not Application.objects.filter(title=title).exists():
        applying.draft_application(
            organisation=Organisation.objects.get(slug="implicity"),
            title=title,
            datasets=[found["DK"], found["NL"]],
            by=_writer("implicity"),
        )


def _writer(slug: str) -> User:
    return manager_of(Organisation.objects.get(slug=slug))


def _sent(asked: _Asked) -> Application | None:
    """The application, sent; None where it was made before, or nothing goes by permit."""
    organisation = Organisation.objects.get(slug=asked.applicant)
    if Application.objects.filter(organisation=organisation, title=asked.title).exists():
        return None
    datasets = [one for one in asked.datasets if one.organisation_id != organisation.pk]
    if not datasets:
        return None
    by = _writer(asked.applicant)
    application = applying.draft_application(
        organisation=organisation, title=asked.title, datasets=datasets, by=by
    )
    people = [
        membership.user
        for membership in organisation.memberships.select_related("user")
        if membership.role != "viewer"
    ]
    applying.change_application(
        application=application,
        people=people,
        any_model_version=True,
        months=MONTHS,
        purpose=asked.purpose,
        summary=asked.summary,
        by=by,
        **SAID,
    )
    return applying.submit_application(application=application, by=by)


def _granted(asked: _Asked) -> None:
    if application := _sent(asked):
        for review in application.reviews.all():
            _grant(review, months=MONTHS)


def _grant(review: Review, *, months: int, ago: int = 0) -> Permit:
    by = decides_for(review.country)
    deciding.find_complete(review=review, by=by)
    first = timezone.localdate() - timedelta(days=ago)
    return deciding.grant(
        review=review,
        terms=deciding.Terms(
            valid_from=first,
            valid_until=months_after(first, months),
            datasets=[item.dataset for item in review.items.select_related("dataset")],
            conditions="Aggregate results only; the source of the data is named.",
            fees="None, for the demonstration.",
        ),
        reasons=(
            "The purpose is one of Article 53, the data are those that it needs, and the "
            "safeguards fit them."
        ),
        by=by,
    )
