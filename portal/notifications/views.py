"""Pages of what a person was told, and of how they want to be told it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.people import signed_in
from portal.notifications import actions
from portal.notifications.forms import PreferencesForm
from portal.notifications.models import Notification
from portal.pagination import page_of


@login_required
@require_GET
def notification_list(request: HttpRequest) -> HttpResponse:
    """What the person was told, the newest first; all of it, or what they have not read."""
    mine = Notification.objects.of(signed_in(request))
    shows_unread = request.GET.get("show") == "unread"
    context = {
        "section": "notifications",
        "shows_unread": shows_unread,
        "has_unread": mine.unread().exists(),
        "page": page_of(request, mine.unread() if shows_unread else mine),
    }
    return render(request, "notifications/notification_list.html", context)


def _own(request: HttpRequest, notification_id: int) -> Notification:
    mine = Notification.objects.of(signed_in(request))
    return get_object_or_404(mine, pk=notification_id)


@login_required
@require_POST
def notification_open(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark one as read, and go where it leads."""
    notification = _own(request, notification_id)
    actions.mark_read(notification=notification)
    return redirect(notification.address)


@login_required
@require_POST
def notification_read(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark one as read, and stay on the page of the list."""
    actions.mark_read(notification=_own(request, notification_id))
    return _back_to_list(request)


@login_required
@require_POST
def notification_read_all(request: HttpRequest) -> HttpResponse:
    """Mark all as read."""
    count = actions.mark_all_read(by=signed_in(request))
    if count:
        said = ngettext("%(count)d is marked as read.", "%(count)d are marked as read.", count)
        messages.success(request, said % {"count": count})
    return redirect("notification-list")


def _back_to_list(request: HttpRequest) -> HttpResponse:
    query = request.GET.urlencode()
    return redirect(reverse("notification-list") + (f"?{query}" if query else ""))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notification_preferences(request: HttpRequest) -> HttpResponse:
    """Which kinds come by e-mail too, and in which language."""
    user = signed_in(request)
    form = PreferencesForm(request.POST or None, person=user)
    if request.method == "POST" and form.is_valid():
        actions.prefer(**form.preferences, by=user)
        messages.success(request, _("Saved. Letters follow it from now on."))
        return redirect("notification-preferences")
    context = {"section": "notifications", "form": form}
    return render(request, "notifications/notification_preferences.html", context)
