"""Forms of the catalogue. They only validate; actions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from portal.catalogue.models import Dataset, Variable
from portal.catalogue.profiles import profile_model, profile_of
from portal.facts_form import KeywordField, facts_form
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.registry.models import ModelVersion
from portal.tables import TableSchema
from portal.usecase import Task, UseCase

if TYPE_CHECKING:
    from portal.accounts.models import User


class DatasetForm(forms.ModelForm):
    """The metadata of a dataset."""

    keyword = KeywordField(label=_("Keywords"), required=False, help_text=_("Separated by commas."))

    class Meta:
        model = Dataset
        fields = (
            "organisation",
            "title",
            "description",
            "keyword",
            "spatial",
            "health_category",
            "access_rights",
            "personal_data",
            "is_synthetic",
            "legal_basis",
            "temporal_start",
            "temporal_end",
            "number_of_records",
            "number_of_unique_individuals",
            "contact_name",
            "contact_email",
            "provenance",
        )
        widgets = {  # noqa: RUF012 - Django's own idiom
            "description": forms.Textarea(attrs={"rows": 5}),
            "provenance": forms.Textarea(attrs={"rows": 3}),
            "temporal_start": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "temporal_end": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["organisation"]
        else:
            only_organisations_of(self, user)


def profile_form(
    use_case: UseCase, dataset: Dataset | None, data: Any = None
) -> forms.ModelForm | None:
    """The form of what the use case adds to a dataset; None where it adds nothing."""
    model = profile_model(use_case)
    if model is None:
        return None
    instance = profile_of(dataset) if dataset else None
    return facts_form(model)(data, instance=instance, prefix="profile")


def only_organisations_of(form: forms.BaseForm, user: User) -> None:
    """Offer the organisations for which ``user`` may contribute, the first one chosen."""
    field = form.fields["organisation"]
    if not isinstance(field, forms.ModelChoiceField):
        raise TypeError("The field 'organisation' must be a choice of organisations.")
    offered = Organisation.objects.where_member(user, Role.CONTRIBUTOR)
    field.queryset = offered
    field.empty_label = None
    field.initial = offered.first  # asked where a form has no other to start from


class VariableForm(forms.ModelForm):
    """A line of the data dictionary."""

    class Meta:
        model = Variable
        fields = ("name", "label", "datatype", "unit", "code")


class BaseVariableFormSet(forms.BaseModelFormSet):
    """The data dictionary; refuses a name that stands twice."""

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        # Django would look among the lines of all datasets.
        form.fields["id"].queryset = self.queryset  # type: ignore[attr-defined]

    def clean(self) -> None:
        super().clean()
        if any("id" in form.errors for form in self.forms):
            raise ValidationError(
                _("The data dictionary was changed meanwhile. Reload the page and edit it there.")
            )
        seen: set[str] = set()
        for form in self.forms:
            data = getattr(form, "cleaned_data", {})
            name = data.get("name")
            if not name or data.get("DELETE"):
                continue
            if name in seen:
                raise ValidationError(
                    _("The variable “%(name)s” stands twice; each name is listed once.")
                    % {"name": name}
                )
            seen.add(name)


VariableFormSet = forms.modelformset_factory(
    Variable,
    form=VariableForm,
    formset=BaseVariableFormSet,
    extra=3,
    can_delete=True,
    absolute_max=2_500,
)


class UploadForm(forms.Form):
    """A file for one of the task's tables."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV (comma or semicolon, UTF-8, decimal point) or Parquet."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.parquet,.txt"}),
        allow_empty_file=True,
        max_length=None,
    )

    def __init__(
        self,
        *args: Any,
        schema: TableSchema,
        use_case: UseCase,
        task: Task,
        user: User,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if schema in task.output_tables:
            self.fields["model_version"] = forms.ModelChoiceField(
                label=_("Model version"),
                help_text=_("Which one said what is in the file."),
                queryset=ModelVersion.objects.evaluable_by(user)
                .filter(
                    model__use_case=use_case.slug,
                    model__task=task.slug,
                    kind=ModelVersion.Kind.PREDICTIONS,
                )
                .select_related("model"),
                empty_label=None,
            )
            self.order_fields(["model_version", "file"])

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if getattr(file, "too_large", False):
            raise ValidationError(
                _("The file is too large: at most %(most)s are taken.")
                % {"most": filesizeformat(settings.MAX_UPLOAD_BYTES)}
            )
        if not file.size:
            raise ValidationError(_("The file is empty: choose one with a header and rows."))
        return file
