from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest

from portal.organisations import actions
from portal.organisations.models import Membership, Organisation

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
        super().save_formset(request, form, formset, change)
        changed = [*formset.new_objects, *(obj for obj, _ in formset.changed_objects)]
        for membership in [*changed, *formset.deleted_objects]:
            actions.synchronise_groups(membership.user)
