from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet, URLField
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest

from portal.accounts.models import User
from portal.accounts.people import signed_in
from portal.organisations import actions
from portal.organisations.models import Appointment, Membership, Organisation

# Groups mirror memberships; editing one by hand would only make them differ.
admin.site.unregister(Group)


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Organisation)
class OrganisationAdmin(admin.ModelAdmin):
    list_display = ("name", "kind", "country", "members")
    list_filter = ("kind", "country")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 - the admin's own idiom
    inlines = (MembershipInline,)
    formfield_overrides = {URLField: {"assume_scheme": "https"}}  # noqa: RUF012

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("memberships")

    @admin.display(description="members")
    def members(self, organisation: Organisation) -> int:
        return len(organisation.memberships.all())

    def save_model(
        self, request: HttpRequest, obj: Organisation, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        actions.make_role_groups(obj)

    def save_formset(
        self, request: HttpRequest, form: ModelForm, formset: BaseModelFormSet, change: bool
    ) -> None:
        # A membership can be given to another person: who had it must lose its groups as well.
        members = User.objects.filter(memberships__organisation=form.instance)
        before = set(members)
        super().save_formset(request, form, formset, change)
        for user in before | set(members.all()):
            actions.synchronise_groups(user)

    def delete_model(self, request: HttpRequest, obj: Organisation) -> None:
        actions.delete_organisation(organisation=obj, by=signed_in(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Organisation]) -> None:
        for organisation in queryset:
            actions.delete_organisation(organisation=organisation, by=signed_in(request))


@admin.register(Appointment)
class AppointmentAdmin(admin.ModelAdmin):
    list_display = ("user", "role", "country", "created_at")
    list_filter = ("role", "country")
    search_fields = ("user__full_name", "user__email")
    autocomplete_fields = ("user",)
    list_select_related = ("user",)
