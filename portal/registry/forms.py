"""Forms of the registry. They only validate; actions write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from portal.catalogue.forms import only_organisations_of
from portal.facts_form import facts_form
from portal.registry.actions import ArtefactRefused, check_artefact
from portal.registry.cards import card_model, card_of
from portal.registry.models import Model, ModelVersion, not_run_here

if TYPE_CHECKING:
    from portal.accounts.models import User


class ModelForm(forms.ModelForm):
    """A new model."""

    class Meta:
        model = Model
        fields = ("organisation", "name", "description")
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}  # noqa: RUF012

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        only_organisations_of(self, user)


class InputForm(forms.Form):
    """One input that the model declares."""

    name = forms.RegexField(
        r"^[A-Za-z_][A-Za-z0-9_]*$",
        label=_("Column"),
        max_length=60,
        error_messages={"invalid": _("Letters, digits and underscores, starting with a letter.")},
    )
    label = forms.CharField(label=_("Meaning"), max_length=120)
    unit = forms.CharField(
        label=_("Unit"),
        max_length=40,
        required=False,
        help_text=_("Empty for a number without one."),
    )


class BaseInputFormSet(forms.BaseFormSet):
    """The inputs of an artefact, in its own order."""

    def clean(self) -> None:
        names = [
            form.cleaned_data["name"]
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE") and not form.errors
        ]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValidationError(
                _("Named twice: %(names)s.") % {"names": ", ".join(sorted(twice))}
            )


InputFormSet = forms.formset_factory(
    InputForm, formset=BaseInputFormSet, extra=4, can_delete=True, max_num=200
)


def declared_inputs(lines: forms.BaseFormSet) -> list[dict[str, str]]:
    """The inputs that valid lines declare, as they are stored."""
    return [
        {key: form.cleaned_data[key] for key in ("name", "label", "unit")}
        for form in lines.forms
        if form.cleaned_data.get("name") and not form.cleaned_data.get("DELETE")
    ]


class ModelVersionForm(forms.ModelForm):
    """A draft: its artefact, model card and regulatory facts."""

    artefact = forms.FileField(
        label=_("ONNX artefact"),
        required=False,
        help_text=_("Only ONNX, in one file. It is opened and tried before it is kept."),
        widget=forms.FileInput(attrs={"accept": ".onnx"}),
        allow_empty_file=True,
    )

    class Meta:
        model = ModelVersion
        fields = (
            "version",
            "kind",
            "artefact",
            "intended_purpose",
            "population",
            "output",
            "horizon",
            "training_data",
            "out_of_scope",
            "limitations",
            "licence",
            "mdr_class",
            "mdr_rule",
            "ce_status",
            "udi_di",
        )
        widgets = {  # noqa: RUF012 - Django's own idiom
            name: forms.Textarea(attrs={"rows": 3})
            for name in (
                "intended_purpose",
                "population",
                "training_data",
                "out_of_scope",
                "limitations",
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.facts: dict[str, Any] | None = None
        task = self.instance.model.declared_task
        if not task.runs_artefacts:
            del self.fields["artefact"]
            only = ModelVersion.Kind.PREDICTIONS
            self.fields["kind"] = forms.ChoiceField(
                label=_("how it is evaluated").capitalize(),
                choices=[(only.value, only.label)],
                help_text=not_run_here(task),
                error_messages={"invalid_choice": not_run_here(task)},
            )

    def _get_validation_exclusions(self) -> set[str]:
        # With the model, though it is no field: its versions differ in their numbers.
        return super()._get_validation_exclusions() - {"model"}  # type: ignore[misc]

    def clean_artefact(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data["artefact"]
        if file is None:
            return None
        if getattr(file, "too_large", False) or (file.size or 0) > settings.MAX_ARTEFACT_BYTES:
            raise ValidationError(
                _("The artefact is too large: at most %(most)s are taken.")
                % {"most": filesizeformat(settings.MAX_ARTEFACT_BYTES)}
            )
        return file

    def check_against(self, inputs: list[dict[str, str]]) -> bool:
        """Open the artefact and compare it with the declared inputs; adds what is wrong."""
        file = self.cleaned_data.get("artefact")
        kind = self.cleaned_data.get("kind")
        if kind == ModelVersion.Kind.PREDICTIONS:
            if file:
                self.add_error("artefact", _("A version of predictions only has no artefact."))
            return not self.errors
        if not inputs:
            self.add_error(None, _("Declare at least one input of the artefact."))
            return False
        names = [declared["name"] for declared in inputs]
        if file is None:
            if self.instance.artefact_sha256 and names != self.instance.input_names:
                self.add_error(
                    "artefact", _("The inputs changed: upload the artefact that takes them.")
                )
            return not self.errors
        try:
            self.facts = check_artefact(self.artefact_path(file), names)
        except ArtefactRefused as refusal:
            self.add_error("artefact", str(refusal))
        return not self.errors

    def artefact_path(self, file: UploadedFile) -> Path:
        """Where the uploaded file is on this machine."""
        if isinstance(file, TemporaryUploadedFile):
            return Path(file.temporary_file_path())
        raise TypeError("Uploads are streamed to disk: see settings.FILE_UPLOAD_HANDLERS.")


def card_form(version: ModelVersion, data: Any = None) -> forms.ModelForm | None:
    """The form of the section that the use case adds to the card; None where it adds nothing."""
    model = card_model(version.model.declared)
    if model is None:
        return None
    return facts_form(model)(data, instance=card_of(version) if version.pk else None, prefix="card")
