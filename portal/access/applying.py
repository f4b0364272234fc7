"""What the applicant does: draft an application, complete and send it, answer, withdraw."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from portal.access import telling
from portal.access.documents import kind_of
from portal.access.models import Application, Attachment, Item, Message, Review, Submission
from portal.access.rule import needs_permit
from portal.access.states import UNDECIDED, ApplicationStatus, ReviewStatus
from portal.access.vocabulary import Identifiability
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.catalogue.actions import shown_file_name
from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty, Verb
from portal.organisations.sharing import organisation_may
from portal.registry.models import ModelVersion

if TYPE_CHECKING:
    from portal.accounts.models import User

MOST_DATASETS = 50
MOST_PEOPLE = 100
MOST_VERSIONS = 100
MOST_ATTACHMENTS = 10
TEXTS = (
    "summary", "intended_use", "expected_benefit", "population", "safeguards", "ethics", "funding",
)  # fmt: skip
"""The texts that an application is not sent without."""


class AccessRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """That cannot be done now; ``reasons`` says everything that stands against it."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class Gap:
    """Something that an application lacks."""

    field: str
    """The field of the application, or "items"."""
    sentence: str


def _require_writer(organisation: Organisation, by: User) -> None:
    if not Organisation.objects.where_may(by, Duty.ASK_ACCESS).contains(organisation):
        raise PermissionError("Only contributors of the applicant do that.")


def _open_for_writing(application: Application, by: User) -> Application:
    """The application, locked, if it may be changed now.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not write for its organisation, or it is with the bodies that decide.
    """
    _require_writer(application.organisation, by)
    held = Application.objects.locked().get(pk=application.pk)
    if not held.may_be_changed:
        raise AccessRefused([_("The application was sent; it changes only when it is returned.")])
    return held


@transaction.atomic
def draft_application(
    *, organisation: Organisation, title: str, datasets: Iterable[Dataset], by: User
) -> Application:
    """Begin an application of ``organisation`` for ``datasets``, with ``by`` as its first person.

    Raises
    ------
    PermissionError
        If ``by`` does not contribute to the organisation, or may not see a dataset.
    AccessRefused
        If a dataset needs no permit.
    """
    _require_writer(organisation, by)
    application = Application(organisation=organisation, title=title.strip(), created_by=by)
    application.full_clean()
    application.save()
    application.people.add(by)
    _choose(application, {dataset: [] for dataset in datasets}, by)
    record(by=by, organisation=organisation, verb=Act.ADDED, obj=application)
    return application


@transaction.atomic
def choose_datasets(
    *, application: Application, chosen: Mapping[Dataset, Collection[str]], by: User
) -> None:
    """Make ``chosen`` the datasets that it asks for, each with the names of its variables.

    Raises
    ------
    PermissionError, AccessRefused
        If a dataset is not seen, needs no permit or lacks a variable; or as for any change.
    """
    held = _open_for_writing(application, by)
    if held.submitted_at and set(chosen) != set(held.datasets.all()):
        raise AccessRefused(
            [_("The datasets of an application that was sent stay; withdraw it to ask for others.")]
        )
    _choose(held, chosen, by)
    held.save(update_fields=["changed_at"])


def _choose(application: Application, chosen: Mapping[Dataset, Collection[str]], by: User) -> None:
    seen = Dataset.objects.visible_to(by).filter(pk__in=[dataset.pk for dataset in chosen])
    kept = {item.dataset_id for item in application.items.all()}
    if {dataset.pk for dataset in chosen} - set(seen.values_list("pk", flat=True)) - kept:
        raise PermissionError("Only what one may see is asked for.")
    reasons = []
    if len(chosen) > MOST_DATASETS:
        reasons.append(
            _("An application asks for at most %(most)d datasets.") % {"most": MOST_DATASETS}
        )
    for dataset, names in chosen.items():
        if not needs_permit(dataset, application.organisation):
            reasons.append(
                _("%(organisation)s uses “%(dataset)s” without a permit.")
                % {"organisation": application.organisation, "dataset": dataset}
            )
        known = set(dataset.variables.filter(name__in=names).values_list("name", flat=True))
        if unknown := sorted(set(names) - known):
            reasons.append(
                _("“%(dataset)s” has no variable %(names)s.")
                % {"dataset": dataset, "names": ", ".join(unknown)}
            )
    if reasons:
        raise AccessRefused(reasons)
    application.items.exclude(dataset__in=chosen).delete()
    for dataset, names in chosen.items():
        Item.objects.update_or_create(
            application=application, dataset=dataset, defaults={"variables": sorted(set(names))}
        )


@transaction.atomic
def change_application(
    *,
    application: Application,
    people: Collection[User] | None = None,
    model_versions: Collection[ModelVersion] | None = None,
    by: User,
    **fields: Any,
) -> Application:
    """Save a part of an application; what is not given stays.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not write for its organisation; if it cannot be changed now; if a person
        is not of the applicant, or a model version not seen.
    """
    held = _open_for_writing(application, by)
    members = set(held.organisation.memberships.values_list("user", flat=True))
    strangers = [person for person in people or () if person.pk not in members]
    if strangers or len(people or ()) > MOST_PEOPLE:
        raise AccessRefused(
            [
                _("%(person)s does not belong to %(organisation)s.")
                % {"person": person, "organisation": held.organisation}
                for person in strangers
            ]
            or [_("An application names at most %(most)d people.") % {"most": MOST_PEOPLE}]
        )
    versions = [version.pk for version in model_versions or ()]
    if ModelVersion.objects.visible_to(by).filter(pk__in=versions).count() < len(versions):
        raise PermissionError("Only what one may see is named.")
    if len(versions) > MOST_VERSIONS:
        raise AccessRefused(
            [_("An application names at most %(most)d versions.") % {"most": MOST_VERSIONS}]
        )
    for name, value in fields.items():
        setattr(held, name, value)
    held.full_clean()
    held.save()
    if people is not None:
        held.people.set(people)
    if model_versions is not None:
        held.model_versions.set(model_versions)
    return held


@transaction.atomic
def attach(*, application: Application, file: UploadedFile, by: User) -> Attachment:
    """Keep a document with the application.

    Raises
    ------
    PermissionError, AccessRefused
        As for any change; or if there are too many, or its bytes are not of a kind that is taken.
    """
    held = _open_for_writing(application, by)
    if held.attachments.count() >= MOST_ATTACHMENTS:
        raise AccessRefused(
            [_("An application has at most %(most)d documents.") % {"most": MOST_ATTACHMENTS}]
        )
    content_type, problem = kind_of(file)
    if problem:
        raise AccessRefused([problem])
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    stored_name = default_storage.save(f"applications/{get_random_string(32)}", file)
    return Attachment.objects.create(
        application=held,
        file_name=shown_file_name(file.name or ""),
        stored_name=stored_name,
        content_type=content_type,
        size=file.size or 0,
        sha256=digest.hexdigest(),
        created_by=by,
    )


@transaction.atomic
def detach(*, attachment: Attachment, by: User) -> None:
    """Remove a document; raises as any change does."""
    held = _open_for_writing(attachment.application, by)
    if held.submitted_at and attachment.created_at < held.submitted_at:
        raise AccessRefused([_("What was sent with the application stays with it.")])
    name = attachment.stored_name
    attachment.delete()
    transaction.on_commit(lambda: default_storage.delete(name))


def gaps(application: Application) -> list[Gap]:
    """Everything that the application lacks before it can be sent."""
    found = []
    if not application.items.exists():
        found.append(Gap("items", _("Choose at least one dataset.")))
    for name in TEXTS:
        if not getattr(application, name).strip():
            label = Application._meta.get_field(name).verbose_name  # type: ignore[union-attr]
            found.append(Gap(name, _("Fill in “%(field)s”.") % {"field": label}))
    is_pseudonymised = application.identifiability == Identifiability.PSEUDONYMISED
    if is_pseudonymised and not application.why_pseudonymised.strip():
        found.append(Gap("why_pseudonymised", _("Say why anonymised data would not do.")))
    if application.months is None:
        found.append(Gap("months", _("Say for how many months the data are needed.")))
    if not application.people.exists():
        found.append(Gap("people", _("Name at least one person who will have access.")))
    if not application.any_model_version and not application.model_versions.exists():
        found.append(Gap("model_versions", _("Name a model version, or ask for any.")))
    found += [
        Gap("items", _("“%(dataset)s” is no longer offered: take it out.") % {"dataset": dataset})
        for dataset in withdrawn_datasets(application)
        if application.submitted_at is None
    ]
    return found


def withdrawn_datasets(application: Application) -> list[Dataset]:
    """The datasets that the applicant no longer sees: the holder withdrew them meanwhile."""
    return [
        dataset
        for dataset in application.datasets.all()
        if not dataset.is_public
        and not organisation_may(application.organisation, Verb.VIEW, dataset)
    ]


def duplicates(application: Application) -> list[Application]:
    """Applications of the same organisation for the same use that are under way.

    The same use is the same purpose with one of the same datasets and of the same models.
    """
    same_models = Q(any_model_version=True) | Q(model_versions__in=application.model_versions.all())
    if application.any_model_version:
        same_models = Q()
    found = Application.objects.filter(
        organisation=application.organisation,
        purpose=application.purpose,
        status=ApplicationStatus.SUBMITTED,
        datasets__in=application.datasets.all(),
    ).filter(same_models)
    return list(found.exclude(pk=application.pk).distinct())


@transaction.atomic
def submit_application(*, application: Application, by: User) -> Application:
    """Send an application to everybody who decides on a part of it; or send it again.

    Raises
    ------
    PermissionError
        If ``by`` does not write for its organisation.
    AccessRefused
        With everything that is missing, or what the same was asked with already.
    """
    held = _open_for_writing(application, by)
    # Two of the same organisation that are sent at once wait for each other here.
    Organisation.objects.select_for_update(no_key=True).get(pk=held.organisation_id)
    reasons = [gap.sentence for gap in gaps(held)]
    reasons += [
        _("%(organisation)s has asked for the same use already: “%(title)s”.")
        % {"organisation": held.organisation, "title": other}
        for other in duplicates(held)
    ]
    if reasons:
        raise AccessRefused(reasons)
    is_first = held.submitted_at is None
    if is_first:
        _open_reviews(held)
        held.status, held.submitted_at = ApplicationStatus.SUBMITTED, Now()
        held.save(update_fields=["status", "submitted_at", "changed_at"])
        reviews = list(held.reviews.all())
    else:
        reviews = list(held.reviews.locked().filter(status=ReviewStatus.RETURNED))
        for review in reviews:
            review.status, review.received_at = ReviewStatus.RECEIVED, Now()
            review.save(update_fields=["status", "received_at"])
    held.refresh_from_db()
    Submission.objects.create(
        application=held,
        number=held.submissions.count() + 1,
        content=content_of(held),
        created_by=by,
    )
    again = "" if is_first else " again"
    record(by=by, organisation=held.organisation, verb=Act.APPLIED, obj=held, what=again)
    telling.arrived(held, reviews)
    return held


def _open_reviews(application: Application) -> None:
    """One review for each access body, and one for each trusted holder."""
    for item in application.items.select_related("dataset__organisation"):
        owner = item.dataset.organisation
        item.review, _created = Review.objects.get_or_create(
            application=application,
            country=owner.country,
            holder=owner if owner.is_trusted_holder else None,
        )
        item.save(update_fields=["review"])


def content_of(application: Application) -> dict[str, Any]:
    """What the application says, in English and as it stands, for the record."""
    skipped = {"id", "status", "created_by", "created_at", "changed_at", "submitted_at", "ended_at"}
    told = {
        field.name: getattr(application, field.attname)
        for field in application._meta.concrete_fields
        if field.name not in skipped
    }
    told = {name: value if isinstance(value, (int, bool)) else str(value or "")
            for name, value in told.items()}  # fmt: skip
    return told | {
        "datasets": [
            {"dataset": item.dataset.slug, "variables": item.variables}
            for item in application.items.select_related("dataset")
        ],
        "people": sorted(str(person) for person in application.people.all()),
        "model_versions": sorted(
            str(version) for version in application.model_versions.select_related("model")
        ),
        "attachments": [
            {"name": one.file_name, "sha256": one.sha256} for one in application.attachments.all()
        ],
    }


@transaction.atomic
def withdraw_application(*, application: Application, by: User) -> None:
    """End an application that is not decided everywhere.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not write for its organisation, or it has ended.
    """
    _require_writer(application.organisation, by)
    held = Application.objects.locked().get(pk=application.pk)
    if held.ended_at is not None:
        raise AccessRefused([_("The application has ended.")])
    open_reviews = list(held.reviews.locked().filter(status__in=UNDECIDED))
    for review in open_reviews:
        review.status = ReviewStatus.WITHDRAWN
        review.save(update_fields=["status"])
    held.status, held.ended_at = ApplicationStatus.WITHDRAWN, Now()
    held.save(update_fields=["status", "ended_at", "changed_at"])
    record(by=by, organisation=held.organisation, verb=Act.WITHDRAWN, obj=held)
    telling.withdrawn(held, open_reviews)


@transaction.atomic
def answer(*, review: Review, text: str, by: User) -> Message:
    """Answer on the record what the body asked.

    Raises
    ------
    PermissionError, AccessRefused
        If ``by`` does not write for the applicant, or the review has ended.
    """
    _require_writer(review.application.organisation, by)
    held = Review.objects.locked().get(pk=review.pk)
    if held.state not in UNDECIDED:
        raise AccessRefused([_("There is a decision already.")])
    message = Message.objects.create(
        review=held, kind=Message.Kind.ANSWER, text=text.strip(), created_by=by
    )
    record(
        by=by, organisation=review.application.organisation, verb=Act.ANSWERED,
        obj=review.application,
    )  # fmt: skip
    telling.answered(held)
    return message
