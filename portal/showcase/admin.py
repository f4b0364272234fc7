"""The administration's pages of what is written for the public ones: by site administrators."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.forms import BaseInlineFormSet, ModelForm, ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts.people import signed_in
from portal.administration import SuperuserAdmin, runs_the_site
from portal.showcase.actions import delete_text, record_saved
from portal.showcase.models import HomeFigure, Milestone, News, NewsText


class RecordedAdmin(SuperuserAdmin):
    """Each saving and each deletion is a line of the log."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        before = self.model._default_manager.filter(pk=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        record_saved(obj, before=before, by=signed_in(request))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_text(obj, by=signed_in(request))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            delete_text(row, by=signed_in(request))


class NewsTextFormSet(BaseInlineFormSet):
    """The texts of a piece of news; what is published has one that every reader falls back to."""

    def clean(self) -> None:
        super().clean()
        given = {
            form.cleaned_data.get("language")
            for form in self.forms
            if getattr(form, "cleaned_data", None) and not form.cleaned_data.get("DELETE")
        }
        if self.instance.is_published and settings.LANGUAGE_CODE not in given:
            raise ValidationError(
                _(
                    "Published news needs a text in English, which everybody reads for whose "
                    "language there is none. Add it, or keep this as a draft."
                )
            )


class NewsTextInline(admin.StackedInline):
    """The texts, one a language."""

    model = NewsText
    formset = NewsTextFormSet
    extra = 1
    max_num = len(settings.LANGUAGES)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return runs_the_site(request)


@admin.register(News)
class NewsAdmin(RecordedAdmin):
    """News, in as many of the site's languages as there are texts."""

    list_display = ("title", "date", "status", "languages")
    list_filter = ("status", "texts__language")
    search_fields = ("slug", "texts__title")
    date_hierarchy = "date"
    inlines = (NewsTextInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        texts = Prefetch("texts", NewsText.objects.defer("body"))
        return super().get_queryset(request).prefetch_related(texts)

    @admin.display(description=gettext_lazy("title"), ordering="slug")
    def title(self, news: News) -> str:
        return str(news.text or news)

    @admin.display(description=gettext_lazy("languages"))
    def languages(self, news: News) -> str:
        return ", ".join(text.get_language_display() for text in news.texts.all())


@admin.register(Milestone)
class MilestoneAdmin(RecordedAdmin):
    """The steps of the project, as the page about it shows them."""

    list_display = ("title", "date", "is_done")
    list_filter = ("is_done",)
    search_fields = ("title",)


@admin.register(HomeFigure)
class HomeFigureAdmin(RecordedAdmin):
    """The numbers at the head of the home page."""

    list_display = ("__str__", "position")
    list_editable = ("position",)
