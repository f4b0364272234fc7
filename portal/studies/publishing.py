"""Writes about published studies: publish once, add notices."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.studies.actions import StudyRefused, held_for, require_coordinator
from portal.studies.models import Notice, Publication, Study, StudyStatus
from portal.studies.report import Report, report_of

if TYPE_CHECKING:
    from portal.accounts.models import User


@transaction.atomic
def publish_study(*, study: Study, by: User) -> Publication:
    """Show everybody a frozen copy of a finished study's report.

    Raises
    ------
    PermissionError, StudyRefused
        If ``by`` does not coordinate it, it has not finished, or no cell gave a result.
    """
    held = held_for(study, by, StudyStatus.FINISHED)
    report = report_of(held, whole=True)
    if not report.choices:
        raise StudyRefused([_("No cell has a result; there is nothing to publish.")])
    content = report.to_json()
    publication = Publication(
        study=held,
        use_case=held.use_case,
        slug=_new_slug(held),
        title=held.title,
        finding=report.finding.title,
        summary=_summary(report),
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        published_by=by,
    )
    try:
        with transaction.atomic():
            publication.save()
    except IntegrityError as error:
        raise StudyRefused(
            [_("Another study with this title is being published. Try again.")]
        ) from error
    publication.refresh_from_db()
    held.status = StudyStatus.PUBLISHED
    held.save(update_fields=["status"])
    record(by=by, organisation=held.organisation, verb=Act.PUBLISHED, obj=held)
    return publication


def _new_slug(study: Study) -> str:
    """The title's words; with a number where another published study has them."""
    words = slugify(study.title)[:100].strip("-_") or "study"
    taken = set(
        Publication.objects.filter(use_case=study.use_case, slug__startswith=words).values_list(
            "slug", flat=True
        )
    )
    number, slug = 1, words
    while slug in taken:
        number += 1
        slug = f"{words}-{number}"
    return slug


def _summary(report: Report) -> dict[str, object]:
    """What a list shows of a publication."""
    return {
        "models": [model.label for model in report.models],
        "sites": len(report.sites),
        "countries": sorted({site.country for site in report.sites}),
        "coordinated_by": report.coordinated_by,
        "task_title": report.task_title,
        "is_synthetic": any(site.is_synthetic for site in report.sites),
    }


@transaction.atomic
def add_notice(*, publication: Publication, kind: str, text: str, by: User) -> Notice:
    """Say above a publication what must be known of it since; the publication stays as it is.

    Raises
    ------
    PermissionError
        If ``by`` does not coordinate the study.
    """
    require_coordinator(publication.study, by)
    notice = Notice(publication=publication, kind=kind, text=text.strip(), created_by=by)
    notice.full_clean()
    notice.save()
    study = publication.study
    record(by=by, organisation=study.organisation, verb=Act.NOTICE_ADDED, obj=study)
    return notice
