"""Help: how to prepare tables, what the measures mean, who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_GET

from portal.organisations.roles import MAY, Role, included_roles
from portal.showcase.preparing import prepared_tables
from portal.showcase.scales import scale_of
from portal.usecase import use_cases

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@require_GET
def help_index(request: HttpRequest) -> HttpResponse:
    """Where to read what, the roles, and what is often asked."""
    return render(request, "showcase/help.html", {"section": "help", "roles": _roles()})


def _roles() -> list[tuple[StrPromise | str, StrPromise | str, list[Any]]]:
    """Each role, the one that it includes, and what it may do beyond that."""
    found = []
    for role, given in MAY.items():
        lower = included_roles(role)[:-1] if isinstance(role, Role) else ()
        before = MAY[lower[-1]] if lower else ()
        more = [one.in_words for one in given if one not in before]
        found.append((role.label, lower[-1].label if lower else "", more))
    return found


@require_GET
def help_tables(request: HttpRequest) -> HttpResponse:
    """How to prepare the tables of each task."""
    found = [
        (use_case, [(task, prepared_tables(task)) for task in use_case.tasks])
        for use_case in use_cases().values()
    ]
    context = {
        "section": "help",
        "found": found,
        "largest": filesizeformat(settings.MAX_UPLOAD_BYTES),
    }
    return render(request, "showcase/help_tables.html", context)


@require_GET
def help_measures(request: HttpRequest) -> HttpResponse:
    """What each measure means, with its scale."""
    found = [
        (
            use_case,
            [
                (task, [(measure, scale_of(measure)) for measure in task.measures])
                for task in use_case.tasks
            ],
        )
        for use_case in use_cases().values()
    ]
    context = {"section": "help", "found": found, "smallest": settings.SMALLEST_COUNT}
    return render(request, "showcase/help_measures.html", context)
