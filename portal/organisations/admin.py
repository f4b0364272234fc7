"""The administration's pages of organisations, their people, and roles across the consortium."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Count, QuerySet, URLField
from django.forms import (
    BaseInlineFormSet,
    BaseModelFormSet,
    ModelForm,
    Select,
    ValidationError,
)
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts.people import signed_in
from portal.administration import (
    OwnOrganisationAdmin,
    ReadOnlyAdmin,
    SuperuserAdmin,
    ask_first,
    managed,
    runs_the_site,
)
from portal.audit.actions import record
from portal.audit.acts import Act
from portal.organisations import actions, invitations
from portal.organisations.models import Appointment, Invitation, Membership, Organisation
from portal.organisations.people_views import send_invitation
from portal.organisations.roles import Role

# Groups mirror memberships; editing one by hand would only make them differ.
admin.site.unregister(Group)


class MembershipFormSet(BaseInlineFormSet):
    """The people of an organisation; refuses to leave it without a manager."""

    def clean(self) -> None:
        super().clean()
        before = any(_manages(form.instance.pk) for form in self.initial_forms)
        after = any(
            form.cleaned_data.get("role") == Role.MANAGER and not form.instance.is_suspended
            for form in self.forms
            if getattr(form, "cleaned_data", None) and not form.cleaned_data.get("DELETE")
        )
        if before and not after:
            raise ValidationError(str(actions.LastManagerError(self.instance)))


def _manages(membership: int) -> bool:
    held = Membership.objects.filter(pk=membership, role=Role.MANAGER, suspended_at=None)
    return held.exists()


class MembershipForm(ModelForm):
    """A line of the people. Whose line it is stays as it is; their role changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        person: Any = self.fields.get("user")
        if person is not None and self.instance.pk:
            person.disabled = True
            # One choice, or each line would fetch its own.
            person.widget = Select(choices=[(self.instance.user_id, str(self.instance.user))])


class MembershipInline(admin.TabularInline):
    """People and their roles. Who is not a superuser invites people instead of adding them."""

    view_on_site = False
    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    extra = 0
    autocomplete_fields = ("user",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user", "role", "suspended_at", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("suspended_at", "created_at")
        return fixed if runs_the_site(request) else ("user", *fixed)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "organisation")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _manages_it(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _manages_it(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _manages_it(request, obj)


def _manages_it(request: HttpRequest, organisation: Organisation | None) -> bool:
    """Whether the person manages it, or any where none is named."""
    if runs_the_site(request):
        return True
    mine = managed(request)
    return mine.exists() if organisation is None else mine.contains(organisation)


class SuspensionFilter(admin.SimpleListFilter):
    """Suspended, or not."""

    title = gettext_lazy("suspended")
    parameter_name = "suspended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("yes", _("Yes")), ("no", _("No")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("yes", "no"):
            return queryset.filter(suspended_at__isnull=self.value() == "no")
        return queryset


@admin.register(Organisation)
class OrganisationAdmin(OwnOrganisationAdmin):
    """Partners with their people; a partner's manager on the staff sees that one."""

    organisation_path = ""
    list_display = ("name", "kind", "country", "is_trusted_holder", "members", "suspended_at")
    list_filter = ("kind", "country", SuspensionFilter)
    search_fields = ("name", "slug")
    inlines = (MembershipInline,)
    formfield_overrides = {URLField: {"assume_scheme": "https"}}  # noqa: RUF012
    actions = ("suspend", "reinstate")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(people=Count("memberships"))

    @admin.display(description=gettext_lazy("members"), ordering="people")
    def members(self, organisation: Any) -> int:
        return int(organisation.people)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {"slug": ("name",)} if runs_the_site(request) else {}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if runs_the_site(request):
            return ("suspended_at",)
        return ("name", "slug", "kind", "country", "is_trusted_holder", "suspended_at")

    def get_actions(self, request: HttpRequest) -> Any:
        return super().get_actions(request) if runs_the_site(request) else {}

    def save_model(
        self, request: HttpRequest, obj: Organisation, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        actions.make_role_groups(obj)
        if not change:
            words = f"added the organisation “{obj}”"
            actions.record_about(obj, Act.ORGANISATION_ADDED, words, by=signed_in(request))
        elif form.changed_data:
            words = f"changed the organisation “{obj}”: {', '.join(form.changed_data)}"
            actions.record_about(obj, Act.ORGANISATION_CHANGED, words, by=signed_in(request))

    def save_formset(
        self, request: HttpRequest, form: ModelForm, formset: BaseModelFormSet, change: bool
    ) -> None:
        """Write through the actions: they check, record, and keep the groups in step."""
        by, organisation = signed_in(request), form.instance
        formset.save(commit=False)
        given = [*formset.new_objects, *(row for row, _changed in formset.changed_objects)]
        # Managers first, so that there is always one.
        for row in sorted(given, key=lambda row: row.role != Role.MANAGER):
            actions.set_membership(
                organisation=organisation, user=row.user, role=Role(row.role), by=by
            )
        for row in formset.deleted_objects:
            actions.end_membership(membership=row, by=by)
        formset.save_m2m()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its people's roles and invitations go with it, though nobody deletes them alone.

        All that is more than that is protected, whatever anybody may delete.
        """
        listed, counts, _lacking, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: Organisation) -> None:
        actions.delete_organisation(organisation=obj, by=signed_in(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Organisation]) -> None:
        for organisation in queryset:
            actions.delete_organisation(organisation=organisation, by=signed_in(request))

    @admin.action(description=gettext_lazy("Suspend…"))
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organisation]) -> Any:
        return ask_first(
            self,
            request,
            queryset,
            name="suspend",
            title=_("Suspend organisations?"),
            text=_(
                "At once nobody acts for them: their people see and do nothing through them, and "
                "what waits or runs for them is not started or delivered. What they share stays "
                "shared. You can end this at any time."
            ),
            act=lambda row: actions.suspend_organisation(organisation=row, by=signed_in(request)),
        )

    @admin.action(description=gettext_lazy("End the suspension"))
    def reinstate(self, request: HttpRequest, queryset: QuerySet[Organisation]) -> None:
        for organisation in queryset:
            actions.reinstate_organisation(organisation=organisation, by=signed_in(request))
        self.message_user(request, _("The suspension has ended."))


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Everybody's roles, to look through; suspended and ended here, given with the organisation."""

    list_display = ("user", "organisation", "role", "suspended_at", "created_at")
    list_filter = ("role", SuspensionFilter, "organisation")
    search_fields = ("user__full_name", "user__email", "organisation__name")
    list_select_related = ("user", "organisation")
    fields = ("user", "organisation", "role", "suspended_at", "created_at")
    actions = ("suspend", "reinstate", "end")

    @admin.action(description=gettext_lazy("Suspend…"))
    def suspend(self, request: HttpRequest, queryset: QuerySet[Membership]) -> Any:
        return ask_first(
            self,
            request,
            queryset.select_related("user", "organisation"),
            name="suspend",
            title=_("Suspend people?"),
            text=_("At once they see and do nothing for the organisation. You can end this."),
            act=lambda row: actions.suspend_membership(membership=row, by=signed_in(request)),
            refusals=(PermissionError, actions.LastManagerError),
        )

    @admin.action(description=gettext_lazy("End the suspension"))
    def reinstate(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset.select_related("user", "organisation"):
            actions.reinstate_membership(membership=membership, by=signed_in(request))
        self.message_user(request, _("The suspension has ended."))

    @admin.action(description=gettext_lazy("End the membership…"))
    def end(self, request: HttpRequest, queryset: QuerySet[Membership]) -> Any:
        return ask_first(
            self,
            request,
            queryset.select_related("user", "organisation"),
            name="end",
            title=_("End memberships?"),
            text=_(
                "They lose at once what they see and do there. Coming back needs an invitation."
            ),
            act=lambda row: actions.end_membership(membership=row, by=signed_in(request)),
            refusals=(PermissionError, actions.LastManagerError),
        )


class AnswerFilter(admin.SimpleListFilter):
    """What has become of an invitation."""

    title = gettext_lazy("answer")
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (
            ("open", _("Waiting")),
            ("expired", _("Expired")),
            ("accepted", _("Accepted")),
            ("withdrawn", _("Withdrawn")),
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        unanswered = queryset.filter(accepted_at=None, withdrawn_at=None)
        found = {
            "open": unanswered.filter(expires_at__gt=timezone.now()),
            "expired": unanswered.filter(expires_at__lte=timezone.now()),
            "accepted": queryset.filter(accepted_at__isnull=False),
            "withdrawn": queryset.filter(withdrawn_at__isnull=False),
        }
        return found.get(self.value() or "", queryset)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Letters and their answers: sent and withdrawn here, and never changed."""

    list_display = ("email", "organisation", "role", "invited_by", "created_at", "expires_at",
                    "accepted_at", "withdrawn_at")  # fmt: skip
    list_filter = (AnswerFilter, "role", "organisation")
    search_fields = ("email", "organisation__name")
    list_select_related = ("organisation", "invited_by")
    actions = ("withdraw",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ("email", "organisation", "role")
        found = ("invited_by", "created_at", "expires_at", "accepted_at", "accepted_by",
                 "withdrawn_at")  # fmt: skip
        return asked if obj is None else (*asked, *found)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.is_own(request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **named: Any) -> Any:
        if db_field.name == "organisation" and not runs_the_site(request):
            named["queryset"] = managed(request)
        return super().formfield_for_foreignkey(db_field, request, **named)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form; what is refused comes back with the reason, and as it was typed."""
        try:
            return super().add_view(request, form_url, extra_context)
        except invitations.InvitationRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            typed = {name: request.POST[name] for name in ("email", "organisation", "role")}
            return redirect(f"{request.path}?{urlencode(typed)}")

    def save_model(
        self, request: HttpRequest, obj: Invitation, form: ModelForm, change: bool
    ) -> None:
        """Invite, and send the letter once that is kept."""
        made, token = invitations.invite(
            organisation=obj.organisation, email=obj.email, role=Role(obj.role),
            by=signed_in(request),
        )  # fmt: skip
        obj.pk = made.pk
        transaction.on_commit(lambda: send_invitation(request, made, token))

    @admin.action(description=gettext_lazy("Withdraw…"))
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> Any:
        return ask_first(
            self,
            request,
            queryset.select_related("organisation"),
            name="withdraw",
            title=_("Withdraw invitations?"),
            text=_("Their links no longer work. Those that were answered stay as they are."),
            act=lambda row: invitations.withdraw(invitation=row, by=signed_in(request)),
        )


@admin.register(Appointment)
class AppointmentAdmin(SuperuserAdmin):
    """Roles across the consortium: given and ended, not changed."""

    list_display = ("user", "role", "country", "created_at")
    list_filter = ("role", "country")
    search_fields = ("user__full_name", "user__email")
    autocomplete_fields = ("user",)
    list_select_related = ("user",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Appointment, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        _record_appointment(request, obj, Act.APPOINTED, "appointed")

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Appointment) -> None:
        _record_appointment(request, obj, Act.APPOINTMENT_ENDED, "ended the appointment of")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        for appointment in queryset:
            self.delete_model(request, appointment)


def _record_appointment(
    request: HttpRequest, appointment: Appointment, verb: Act, words: str
) -> None:
    place = f" of {appointment.country}" if appointment.country else ""
    record(
        by=signed_in(request),
        organisation=None,
        verb=verb,
        obj=appointment,
        sentence=f"{words} {appointment.user} as {appointment.role}{place}",
    )
