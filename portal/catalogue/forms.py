"""Forms of the catalogue. They only validate; actions write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.template.defaultfilters import filesizeformat
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from portal.catalogue.description import MOST_VALUES
from portal.catalogue.models import Dataset, Variable
from portal.catalogue.profiles import profile_model, profile_of
from portal.catalogue.requirements import NotComplete
from portal.facts_form import AddressesField, KeywordField, facts_form
from portal.organisations.forms import HttpsField
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.registry.models import ModelVersion
from portal.tables import TableSchema
from portal.usecase import Task, UseCase

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from portal.accounts.models import User


@dataclass(frozen=True)
class Group:
    """Fields of the form that belong together."""

    key: str
    title: StrPromise
    names: tuple[str, ...]
    is_folded: bool = True
    """Whether its fields show only when somebody asks for them."""


NEEDED, AFTER_PROFILE = "needed", "meaning"
"""The first group, and the one before which what the use case adds is asked."""

GROUPS = (
    Group(
        NEEDED,
        _("What every description needs"),
        (
            "organisation", "title", "description", "keyword", "spatial", "health_category",
            "dataset_type", "access_rights", "personal_data", "is_synthetic", "provenance",
            "contact_name", "contact_email", "has_structured_data",
        ),
        is_folded=False,
    ),
    Group(
        "size",
        _("Who is in it, how much, and when"),
        (
            "number_of_unique_individuals", "number_of_records", "temporal_start", "temporal_end",
            "population_coverage", "min_typical_age", "max_typical_age", "accrual_periodicity",
            "temporal_resolution",
        ),
        is_folded=False,
    ),
    Group(
        AFTER_PROFILE,
        _("What it is about, in the words of catalogues"),
        (
            "health_theme", "coding_systems", "code_values", "conforms_to", "languages",
            "alternative",
        ),
    ),
    Group(
        "rights",
        _("Personal data and rights"),
        (
            "legal_basis", "purpose", "personal_data_categories", "retention_start",
            "retention_end",
        ),
    ),
    Group(
        "more",
        _("Where to read more"),
        (
            "landing_page", "documentation", "analytics", "sample", "quality_certificate",
            "publications", "sources", "relations",
        ),
    ),
    Group(
        "versions",
        _("Versions"),
        ("series", "version_label", "version_notes", "previous_version"),
    ),
)  # fmt: skip
"""The form from top to bottom: what must be stated to publish comes first."""


def _field_of(field: Any, **kwargs: Any) -> forms.Field | None:
    """A field of the form; lists are chosen from by boxes, or written as their kind wants it."""
    if isinstance(field, ArrayField):
        given: dict[str, Any] = {
            "label": capfirst(field.verbose_name),
            "help_text": field.help_text,
            "required": False,
        }
        if choices := field.base_field.choices:
            boxes = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(choices=choices, widget=boxes, **given)
        if isinstance(field.base_field, models.URLField):
            return AddressesField(most=MOST_VALUES, **given)
        return KeywordField(**given)
    if isinstance(field, models.URLField):
        kwargs["form_class"] = HttpsField
    elif isinstance(field, models.DateField):
        kwargs["widget"] = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    elif isinstance(field, models.TextField):
        kwargs["widget"] = forms.Textarea(attrs={"rows": 5 if field.name == "description" else 3})
    made: forms.Field | None = field.formfield(**kwargs)
    return made


class DatasetForm(forms.ModelForm):
    """The metadata of a dataset."""

    class Meta:
        model = Dataset
        fields = tuple(name for group in GROUPS for name in group.names)
        formfield_callback = _field_of

    def __init__(self, *args: Any, user: User, use_case: UseCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        earlier = Dataset.objects.allowing(user, Verb.CHANGE).of(use_case).order_by("title", "id")
        if self.instance.pk:
            del self.fields["organisation"]
            holder = self.instance.organisation_id
            earlier = earlier.filter(organisation=holder).exclude(pk=self.instance.pk)
        else:
            only_organisations_of(self, user)
        previous: Any = self.fields["previous_version"]
        previous.queryset = earlier
        previous.empty_label = _("None: it is the first")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        previous = data.get("previous_version")
        chosen = data.get("organisation")
        holder = chosen.pk if chosen else self.instance.organisation_id
        if previous is not None and previous.organisation_id != holder:
            self.add_error("previous_version", _("It is a dataset of another holder."))
        return data

    @property
    def groups(self) -> list[tuple[Group, list[forms.BoundField], bool]]:
        """Each group with its fields, and whether it stands open: where something is stated in it,
        or is wrong."""
        found = []
        for group in GROUPS:
            fields = [self[name] for name in group.names if name in self.fields]
            is_open = not group.is_folded or any(
                field.errors or field.value() not in (None, "", []) for field in fields
            )
            found.append((group, fields, is_open))
        return found

    def refuse(self, error: NotComplete) -> None:
        """Say at each field what a public dataset may not lack; the rest above the form."""
        for one in error.missing:
            self.add_error(one.field if one.field in self.fields else None, one.sentence)


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
        fields = ("name", "label", "datatype", "unit", "code", "description")


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


EXTRA_VARIABLES = "variables"
"""Prefix of the data dictionary's forms."""


class DescriptionFileForm(forms.Form):
    """A file from which the form of a dataset is filled in."""

    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "A description of HealthDCAT-AP as Turtle or JSON-LD, or a data dictionary as CSV with "
            "the columns name, label, description, type, unit, code. In UTF-8."
        ),
        widget=forms.ClearableFileInput(
            attrs={"accept": ".ttl,.turtle,.n3,.jsonld,.json,.csv,.tsv,.txt"}
        ),
        allow_empty_file=True,
        max_length=None,
    )


VariableFormSet = forms.modelformset_factory(
    Variable,
    form=VariableForm,
    formset=BaseVariableFormSet,
    extra=3,
    can_delete=True,
    max_num=2_000,
    absolute_max=2_500,
)


def variable_forms(
    dataset: Dataset | None, data: Any = None, brought: Sequence[Mapping[str, str]] = ()
) -> BaseVariableFormSet:
    """The lines of the data dictionary, with those that a file brought along.

    A variable that is there already is shown with what the file says of it; nothing is kept until
    the form is saved.
    """
    held = dataset.variables.all() if dataset else Variable.objects.none()
    by_name = {variable.name: variable for variable in held}
    new = []
    for said in brought:
        known = by_name.get(said["name"])
        if known is None:
            new.append(dict(said))
            continue
        for name, text in said.items():
            if text:
                setattr(known, name, text)
    made: Any = VariableFormSet(data, queryset=held, prefix=EXTRA_VARIABLES, initial=new or None)
    made.extra += len(new)
    return cast("BaseVariableFormSet", made)


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
