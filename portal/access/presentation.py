"""What pages show of applications and permits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from portal.access.models import Application, Permit
from portal.access.rule import Reason
from portal.access.steps import STEPS, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

LISTED_APART = ("items", "attachments")
"""What an application's pages show as lists of their own."""


def linked(reason: str) -> str:
    """A sentence that says what is missing, with the link to where to ask for it."""
    if isinstance(reason, Reason) and reason.url:
        return format_html('{} <a href="{}">{}</a>', str(reason), reason.url, reason.link)
    return reason


def permit_address(user: User | AnonymousUser, permit: Permit | None) -> str:
    """Where ``user`` reads of a permit: its page, or its entry in the public register."""
    if permit is None:
        return ""
    if Permit.objects.visible_to(user).filter(number=permit.number).exists():
        return permit.get_absolute_url()
    return reverse("register-entry", kwargs={"number": permit.number})


@dataclass(frozen=True)
class Line:
    """What an application says in one of its fields."""

    label: str
    text: str
    """Empty where nothing is said yet."""


def sections(
    application: Application, people: Iterable[Any], model_versions: Iterable[Any]
) -> list[tuple[Step, list[Line]]]:
    """What an application says, step by step, but for its lists."""
    named = {
        "people": ", ".join(str(person) for person in people),
        "model_versions": ", ".join(str(version) for version in model_versions),
    }
    if application.any_model_version:
        named["model_versions"] = _("Any model version")
    skipped = {*LISTED_APART, "title", "any_model_version"}
    return [
        (
            step,
            [
                Line(label_of(name), named.get(name) or text_of(application, name))
                for name in step.fields
                if name not in skipped
            ],
        )
        for step in STEPS
    ]


def label_of(field: str) -> str:
    """What a field of applications is called, with a capital."""
    words = str(Application._meta.get_field(field).verbose_name)  # type: ignore[union-attr]
    return words[:1].upper() + words[1:]


def text_of(application: Application, field: str) -> str:
    """What a field says, as it is read."""
    value: Any = getattr(application, field)
    if field in ("people", "model_versions") or value is None:
        return ""
    if isinstance(value, date):
        return date_format(value, "j F Y")
    shown = getattr(application, f"get_{field}_display", None)
    return str(shown() if shown else value)
