"""Forms of evaluations. They only validate; actions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.rule import usable_by
from portal.access.vocabulary import Purpose
from portal.catalogue.forms import only_organisations_of
from portal.catalogue.models import Dataset
from portal.evaluations.protocols import PREFIX, protocol_fields, read_protocol
from portal.organisations.models import Organisation
from portal.registry.models import ModelVersion
from portal.usecase import Protocol, Task, UseCase

if TYPE_CHECKING:
    from portal.accounts.models import User


class SubmissionForm(forms.Form):
    """A model version, a dataset and a protocol."""

    organisation = forms.ModelChoiceField(
        label=_("On behalf of"), queryset=Organisation.objects.none()
    )
    model_version = forms.ModelChoiceField(
        label=_("Model version"), queryset=ModelVersion.objects.none(), empty_label=_("Choose…")
    )
    dataset = forms.ModelChoiceField(
        label=_("Dataset"), queryset=Dataset.objects.none(), empty_label=_("Choose…")
    )
    purpose = forms.ChoiceField(
        label=_("Purpose"),
        choices=Purpose,
        initial=Purpose.ALGORITHMS,
        required=False,
        help_text=_("What it is for: a data permit is for one purpose."),
    )

    def __init__(
        self, *args: Any, user: User, use_case: UseCase, task: Task, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.task = task
        self.protocol: Protocol | None = None
        only_organisations_of(self, user)
        versions = (
            ModelVersion.objects.evaluable_by(user)
            .filter(model__use_case=use_case.slug, model__task=task.slug)
            .select_related("model")
            .order_by("model__name", "-created_at")
        )
        datasets = usable_by(user, Dataset.objects.of(use_case)).order_by("title")
        if not self.is_bound:  # nothing is chosen yet: of hundreds, the names alone are shown
            versions, datasets = versions.only("version", "model__name"), datasets.only("title")
        self.fields["model_version"].queryset = versions  # type: ignore[attr-defined]
        self.fields["dataset"].queryset = datasets  # type: ignore[attr-defined]
        self.fields.update(protocol_fields(task.protocol))

    @property
    def protocol_lines(self) -> list[forms.BoundField]:
        """The protocol's fields, to be shown apart."""
        return [field for field in self if field.name.startswith(PREFIX)]

    @property
    def subject_lines(self) -> list[forms.BoundField]:
        """What is evaluated on what, and for whom."""
        return [field for field in self if not field.name.startswith(PREFIX)]

    def clean_purpose(self) -> Purpose:
        return Purpose(self.cleaned_data["purpose"] or Purpose.ALGORITHMS)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.protocol, problems = read_protocol(self.task.protocol, cleaned)
        for name, problem in problems.items():
            self.add_error(name if name in self.fields else None, problem)
        return cleaned
