"""Forms in which applications are written. They only validate; actions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.applying import TEXTS
from portal.access.models import Application
from portal.catalogue.forms import only_organisations_of
from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation
from portal.registry.models import ModelVersion

if TYPE_CHECKING:
    from portal.accounts.models import User

NEEDED = {*TEXTS, "why_pseudonymised", "months", "people", "model_versions"}
"""Fields that a draft may leave empty, and that an application is not sent without."""
ROWS = {"summary": 6, "intended_use": 6}


class BeginForm(forms.Form):
    """For whom an application is begun, and what it is called."""

    organisation = forms.ModelChoiceField(
        label=_("Applicant"),
        queryset=Organisation.objects.none(),
        help_text=_("The organisation that answers for what is done with the data."),
    )
    title = forms.CharField(
        label=_("Title"),
        max_length=200,
        help_text=_("What the work is about, in a few words; you can change it later."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        only_organisations_of(self, user)


class _Drafted(forms.BaseForm):
    """A part of a draft: what is needed before it is sent is not called optional."""

    def mark_needed(self) -> None:
        for name in NEEDED & set(self.fields):
            self.fields[name].required = False
            self.fields[name].is_needed_later = True  # type: ignore[attr-defined]


class DataForm(_Drafted, forms.Form):
    """Which datasets an application asks for, and which of their variables."""

    def __init__(
        self, *args: Any, application: Application, basket: list[Dataset], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.items = list(
            application.items.select_related("dataset__organisation").prefetch_related(
                "dataset__variables"
            )
        )
        for item in self.items:
            known = [(one.name, _named(one)) for one in item.dataset.variables.all()]
            self.fields[_variables_of(item.dataset)] = forms.MultipleChoiceField(
                label=_("Variables"),
                choices=known,
                initial=item.variables,
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )
        mine = {item.dataset_id for item in self.items}
        offered = [one.pk for one in basket if one.pk not in mine]
        if offered and application.submitted_at is None:
            self.fields["added"] = forms.ModelMultipleChoiceField(
                label=_("Add from your basket"),
                queryset=Dataset.objects.filter(pk__in=offered),
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )

    def lines(self) -> list[tuple[Any, forms.BoundField]]:
        """Each dataset with the field of its variables."""
        return [(item, self[_variables_of(item.dataset)]) for item in self.items]

    def chosen(self, without: str = "") -> dict[Dataset, list[str]]:
        """The datasets with their variables, but for the one whose key is ``without``."""
        found = {
            item.dataset: self.cleaned_data[_variables_of(item.dataset)]
            for item in self.items
            if str(item.dataset_id) != without
        }
        return found | {one: [] for one in self.cleaned_data.get("added", ())}


def _variables_of(dataset: Dataset) -> str:
    return f"variables-{dataset.pk}"


def _named(variable: Any) -> str:
    return f"{variable.name} · {variable.label}" if variable.label else variable.name


class _PartForm(_Drafted, forms.ModelForm):
    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mark_needed()
        for name, field in self.fields.items():
            if isinstance(field.widget, forms.Textarea):
                field.widget.attrs["rows"] = ROWS.get(name, 4)


class PurposeForm(_PartForm):
    class Meta:
        model = Application
        fields = ("title", "purpose", "summary", "intended_use", "expected_benefit")


class PopulationForm(_PartForm):
    class Meta:
        model = Application
        fields = (
            "population", "period_start", "period_end", "identifiability", "why_pseudonymised",
            "brought_along",
        )  # fmt: skip
        widgets: ClassVar = {
            "period_start": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "period_end": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "identifiability": forms.RadioSelect,
        }


class HowForm(_PartForm):
    class Meta:
        model = Application
        fields = ("environment", "months", "safeguards", "tools")
        widgets: ClassVar = {"environment": forms.RadioSelect}


class EthicsForm(_PartForm):
    document = forms.FileField(
        label=_("Add a document"),
        required=False,
        help_text=_("PDF, PNG, JPEG, text, .docx or .odt, of at most 10 MB."),
    )

    class Meta:
        model = Application
        fields = ("ethics", "funding")


class _Person(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.full_name} · {obj.email}"


class _Version(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} · {obj.model.organisation}"


class PeopleForm(_Drafted, forms.Form):
    """Who will have access, and with which models."""

    people = _Person(
        label=_("People with access"),
        queryset=get_user_model().objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Members of the applicant. Nobody else opens a page that shows rows."),
    )
    any_model_version = forms.BooleanField(
        label=_("Any model version"),
        required=False,
        help_text=_("Every version that is released now or later, instead of those named."),
    )
    model_versions = _Version(
        label=_("Model versions"),
        queryset=ModelVersion.objects.none(),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, user: User, instance: Application, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mark_needed()
        people: Any = self.fields["people"]
        members = instance.organisation.memberships.in_force().values("user")
        people.queryset = get_user_model().objects.filter(pk__in=members, is_active=True)
        people.queryset = people.queryset.order_by("full_name", "pk")
        versions: Any = self.fields["model_versions"]
        versions.queryset = (
            ModelVersion.objects.visible_to(user)
            .filter(Q(status=ModelVersion.Status.RELEASED) | Q(applications=instance))
            .distinct()
            .select_related("model__organisation")
            .order_by("model__name", "-created_at")
        )
        self.initial.update(
            {
                "people": [one.pk for one in instance.people.all()],
                "any_model_version": instance.any_model_version,
                "model_versions": [one.pk for one in instance.model_versions.all()],
            }
        )


PARTS: dict[str, type[Any]] = {
    "purpose": PurposeForm,
    "population": PopulationForm,
    "people": PeopleForm,
    "how": HowForm,
    "ethics": EthicsForm,
}
"""The form of each step but that of the data, by its slug."""
