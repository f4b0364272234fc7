"""What changed from one submission of an application to the next, or one version of a permit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from portal.access.models import Application, Permit, Submission
from portal.access.presentation import label_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

DATES = ("period_start", "period_end")
SKIPPED = ("reference", "organisation")
"""What no applicant changes."""


@dataclass(frozen=True)
class Change:
    """A field that says something else than before."""

    label: str
    was: str
    now: str


def of_submissions(
    submissions: Iterable[Submission], shown: Collection[str]
) -> list[tuple[Submission, list[Change]]]:
    """Each submission with what it changed; of datasets, those whose slug is ``shown``."""
    before: Mapping[str, Any] = {}
    found = []
    for submission in submissions:
        now = submission.content
        changes = _between(before, now, shown) if before else []
        found.append((submission, changes))
        before = now
    return found


def _between(
    before: Mapping[str, Any], now: Mapping[str, Any], shown: Collection[str]
) -> list[Change]:
    labels = {"datasets": _("Variables"), "attachments": _("Documents")}
    changes = []
    for name in now:
        was, says = (_said(name, content.get(name), shown) for content in (before, now))
        if name not in SKIPPED and was != says:
            changes.append(Change(labels.get(name) or label_of(name), was, says))
    return changes


def _said(name: str, value: Any, shown: Collection[str]) -> str:
    """What a submission says in a field, as it is read."""
    if name == "datasets":
        return "\n".join(
            f"{one['dataset']}: {', '.join(one['variables']) or _('all variables')}"
            for one in value or ()
            if one["dataset"] in shown
        )
    if name == "attachments":
        return "\n".join(one["name"] for one in value or ())
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in DATES:
        day = parse_date(value or "")
        return date_format(day, "j F Y") if day else ""
    choices = dict(Application._meta.get_field(name).flatchoices or ())  # type: ignore[union-attr]
    return str(choices.get(value, "" if value is None else value))


def of_versions(versions: Iterable[Permit]) -> list[tuple[Permit, list[Change]]]:
    """Each version of a permit, the first one first, with what it changed."""
    found: list[tuple[Permit, list[Change]]] = []
    before: dict[str, str] = {}
    for permit in versions:
        now = _says(permit)
        changes = [
            Change(label, before[label], text)
            for label, text in now.items()
            if before and before[label] != text
        ]
        found.append((permit, changes))
        before = now
    return found


def _says(permit: Permit) -> dict[str, str]:
    """What may change from one version of a permit to the next."""
    people = [str(one.person) for one in permit.permitted_people.all()]
    return {
        _("Last day"): date_format(permit.valid_until, "j F Y"),
        _("People with access"): ", ".join(sorted(people)),
        _("Model versions"): model_versions_of(permit),
        _("Conditions"): permit.conditions,
    }


def model_versions_of(permit: Permit) -> str:
    """The model versions that a permit names, in words."""
    if permit.any_model_version:
        return _("Any model version")
    named = [str(one.model_version) for one in permit.permitted_model_versions.all()]
    return ", ".join(sorted(named))
