"""The steps in which an application is written, and which field stands in which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from portal.access import applying

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from portal.access.models import Application


@dataclass(frozen=True)
class Step:
    """A page of the form."""

    slug: str
    title: StrPromise
    lead: StrPromise
    """The question that it answers."""
    fields: tuple[str, ...]


STEPS = (
    Step("data", _("Data"), _("Which datasets, and which of their variables?"), ("items",)),
    Step(
        "purpose",
        _("Purpose"),
        _("What are the data for, and who benefits?"),
        ("title", "purpose", "summary", "intended_use", "expected_benefit"),
    ),
    Step(
        "population",
        _("Population"),
        _("Whose data, from when, and in which form?"),
        (
            "population", "period_start", "period_end", "identifiability", "why_pseudonymised",
            "brought_along",
        ),
    ),
    Step(
        "people",
        _("People and models"),
        _("Who works with the data, and which models are evaluated on them?"),
        ("people", "model_versions", "any_model_version"),
    ),
    Step(
        "how",
        _("Where and how long"),
        _("Where are the data used, for how long, and how are they protected?"),
        ("environment", "months", "safeguards", "tools"),
    ),
    Step(
        "ethics",
        _("Ethics and documents"),
        _("Who approved the work, and who pays for it?"),
        ("ethics", "funding", "attachments"),
    ),
)  # fmt: skip

CHECK = Step("check", _("Check and send"), _("Is everything as it should be?"), ())

EVERY_STEP = (*STEPS, CHECK)


def step_of(field: str) -> Step:
    """The step in which a field is filled in."""
    return next((step for step in STEPS if field in step.fields), CHECK)


def step_after(step: Step) -> Step:
    """The next step; the last one has itself."""
    place = EVERY_STEP.index(step)
    return EVERY_STEP[min(place + 1, len(EVERY_STEP) - 1)]


def gaps_by_step(application: Application) -> list[tuple[Step, list[applying.Gap]]]:
    """Each step with what it still lacks."""
    found = applying.gaps(application)
    return [(step, [gap for gap in found if step_of(gap.field) == step]) for step in STEPS]
