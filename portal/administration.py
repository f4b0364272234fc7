"""What the administration's pages have in common: whose they are, and asking before acting.

A superuser manages everything there. A staff member who manages an organisation manages what is
that organisation's, and finds nothing else. Nobody sees health data: no table, prediction or
result is registered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy, ngettext

from portal.organisations.models import Organisation
from portal.organisations.roles import Duty
from portal.usecase import package_of, use_cases


class AdministrationSite(admin.AdminSite):
    """The administration, of which nobody but staff learns which addresses it has.

    There is one way in, the site's own page with its second factor and its rate limits, and one
    page for another password, which records it.
    """

    site_header = gettext_lazy("SHAIPED administration")
    site_title = gettext_lazy("SHAIPED administration")
    index_title = gettext_lazy("Administration")

    def get_urls(self) -> list[Any]:
        from portal.jobs.page import job_list  # whose kinds of jobs import this module

        elsewhere = ("view_on_site",)  # which leads to objects that the person may not see
        found = super().get_urls()
        return [
            path("jobs/", self.admin_view(job_list), name="jobs"),
            *(one for one in found if getattr(one, "name", "") not in elsewhere),
        ]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """The view for staff. To others every address is the same, whether it exists or not."""
        opened = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **named: Any) -> Any:
            if not self.has_permission(request):
                return self.closed(request)
            return opened(request, *args, **named)

        return update_wrapper(guarded, opened)

    def closed(self, request: HttpRequest) -> HttpResponse:
        """Ask visitors to sign in; who is signed in and not on the staff finds nothing."""
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(request.get_full_path())

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        index = reverse("admin:index")
        if self.has_permission(request):
            return redirect(index)
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(index)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The apps of the use cases by the names that people know."""
        titles = {
            package_of(one).rpartition(".")[2]: str(one.title) for one in use_cases().values()
        }
        found = super().get_app_list(request, app_label)
        for app in found:
            app["name"] = titles.get(app["app_label"], app["name"])
        return found

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account-detail")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "shows_jobs": shows_jobs(request)}


def runs_the_site(request: HttpRequest) -> bool:
    """Whether the person is a site administrator."""
    return bool(request.user.is_active and request.user.is_superuser)


def managed(request: HttpRequest) -> QuerySet[Organisation]:
    """The organisations whose matters the person manages in the administration."""
    if not request.user.is_staff:
        return Organisation.objects.none()
    return Organisation.objects.where_may(request.user, Duty.MANAGE_PEOPLE)


def shows_jobs(request: HttpRequest) -> bool:
    """Whether the person has jobs to look after: all of them, or those of their organisation."""
    return runs_the_site(request) or managed(request).exists()


class SuperuserAdmin(admin.ModelAdmin):
    """Pages for site administrators alone, whatever permissions somebody else was given."""

    view_on_site = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Nothing for others: what is not there and what is not theirs is answered alike."""
        rows = super().get_queryset(request)
        return rows if self.is_open(request) else rows.none()

    def is_open(self, request: HttpRequest) -> bool:
        """Whether the person has rows here."""
        return runs_the_site(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return runs_the_site(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return runs_the_site(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)


class OwnOrganisationAdmin(SuperuserAdmin):
    """Pages of which a manager on the staff gets the part of their own organisation."""

    organisation_path = "organisation"
    """From a row to its organisation; empty where the row is one."""

    def is_open(self, request: HttpRequest) -> bool:
        return True

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        if runs_the_site(request):
            return rows
        where = f"{self.organisation_path}__in" if self.organisation_path else "pk__in"
        return rows.filter(**{where: managed(request).values("pk")})

    def organisation_of(self, row: Any) -> Organisation:
        """Whose the row is."""
        for name in filter(None, self.organisation_path.split("__")):
            row = getattr(row, name)
        organisation: Organisation = row
        return organisation

    def is_own(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may act on ``obj``, or on any row where there is none."""
        if runs_the_site(request):
            return True
        if obj is None:
            return managed(request).exists()
        return self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.is_own(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_own(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_own(request, obj)


class NothingToEdit(admin.ModelAdmin):
    """Rows to look through."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(NothingToEdit, OwnOrganisationAdmin):
    """Rows to look through and act on, with nothing to edit."""


REFUSALS = (PermissionError, ValueError)


def ask_first(
    page: SuperuserAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    name: str,
    title: str,
    text: str,
    act: Callable[[Any], object],
    refusals: tuple[type[Exception], ...] = REFUSALS,
    back: str = "",
) -> HttpResponse | None:
    """Say what would be lost and ask; once that is answered, carry out ``act`` on each row.

    Parameters
    ----------
    name
        Of the action, as the list calls it.
    act
        Returns False where there was nothing to do; raises one of ``refusals`` with the reason.
    back
        The name of the page that it was asked for on; the list by default.
    """
    if request.POST.get("confirmed") == "yes":
        done = 0
        for row in rows:
            done += _carried_out(page, request, row, act, refusals)
        sentence = ngettext("Done for %(count)d.", "Done for %(count)d.", done) % {"count": done}
        page.message_user(request, sentence, messages.SUCCESS if done else messages.WARNING)
        return redirect(back) if back else None
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "text": text,
        "rows": [(row.pk, str(row)) for row in rows],
        "action": name,
        "checkbox": ACTION_CHECKBOX_NAME,
        "opts": page.opts,
        "back": back,
        "back_url": reverse(
            back or f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"
        ),
    }
    return TemplateResponse(request, "admin/ask_first.html", context)


def _carried_out(
    page: SuperuserAdmin,
    request: HttpRequest,
    row: Model,
    act: Callable[[Any], object],
    refusals: tuple[type[Exception], ...],
) -> bool:
    try:
        return act(row) is not False
    except refusals as refusal:
        page.message_user(request, f"{row}: {refusal}", messages.ERROR)
        return False
