"""Public pages that are mostly words: what the project is, and how this site treats people."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.organisations.models import Organisation
from portal.showcase.models import HomeFigure
from portal.showcase.structured import consortium_data


@require_GET
def about(request: HttpRequest) -> HttpResponse:
    """What the consortium is for, who leads it, and what it asks."""
    context = {
        "section": "about",
        "figures": HomeFigure.objects.all(),
        "structured": consortium_data(request.build_absolute_uri),
    }
    return render(request, "showcase/about.html", context)


@require_GET
def access_explained(request: HttpRequest) -> HttpResponse:
    """The way of the European Health Data Space, and how far this site goes along it."""
    return render(request, "showcase/access_explained.html", {"section": "access"})


@require_GET
def accessibility(request: HttpRequest) -> HttpResponse:
    """What the site is tested against, and what is known to fall short."""
    return render(request, "showcase/accessibility.html", _contact())


@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """What is stored of visitors and of people who sign in."""
    context = _contact() | {"session_hours": settings.SESSION_COOKIE_AGE // 3600}
    return render(request, "showcase/privacy.html", context)


def _contact() -> dict[str, Any]:
    """Whom to write to: the address of this site's operator, else the coordinating partners."""
    coordinators = Organisation.objects.filter(kind=Organisation.Kind.COORDINATOR)
    return {"contact": settings.CONTACT_EMAIL, "coordinators": coordinators}
