"""Forms of studies. They only validate; actions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.catalogue.forms import only_organisations_of
from portal.catalogue.models import Dataset
from portal.evaluations.protocols import PREFIX, as_text, protocol_fields, read_protocol
from portal.organisations.models import Organisation
from portal.registry.models import ModelVersion
from portal.studies.models import Notice, Study
from portal.usecase import Protocol, Task

if TYPE_CHECKING:
    from portal.accounts.models import User


class StudyForm(forms.Form):
    """What a study asks, and its protocol."""

    organisation = forms.ModelChoiceField(
        label=_("Coordinated by"),
        queryset=Organisation.objects.none(),
        help_text=_("The organisation that answers for the study."),
    )
    title = forms.CharField(label=_("Title"), max_length=200)
    question = forms.CharField(
        label=_("Question"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What the study is to find out, in one or two sentences."),
    )

    def __init__(
        self, *args: Any, user: User, task: Task, study: Study | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.task = task
        self.protocol: Protocol | None = None
        self.fields.update(protocol_fields(task.protocol))
        if study is None:
            only_organisations_of(self, user)
            return
        del self.fields["organisation"]
        known = {PREFIX + name: as_text(value) for name, value in study.protocol.items()}
        self.initial.update(known, title=study.title, question=study.question)

    @property
    def protocol_lines(self) -> list[forms.BoundField]:
        """The protocol's fields, to be shown apart."""
        return [field for field in self if field.name.startswith(PREFIX)]

    @property
    def subject_lines(self) -> list[forms.BoundField]:
        """What it is about."""
        return [field for field in self if not field.name.startswith(PREFIX)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.protocol, problems = read_protocol(self.task.protocol, cleaned)
        for name, problem in problems.items():
            self.add_error(name if name in self.fields else None, problem)
        return cleaned


class _DatasetChoice(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.title} · {obj.organisation}"


class _VersionChoice(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} · {obj.model.organisation}"


class MembersForm(forms.Form):
    """Who is invited: what the coordinator sees, and what is invited already."""

    datasets = _DatasetChoice(
        label=_("Datasets"),
        queryset=Dataset.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    model_versions = _VersionChoice(
        label=_("Model versions"),
        queryset=ModelVersion.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, user: User, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["datasets"].queryset = (  # type: ignore[attr-defined]
            Dataset.objects.visible_to(user)
            .of(study.declared)
            .select_related("organisation")
            .order_by("title")
        )
        self.fields["model_versions"].queryset = (  # type: ignore[attr-defined]
            ModelVersion.objects.visible_to(user)
            .filter(
                status=ModelVersion.Status.RELEASED,
                model__use_case=study.use_case,
                model__task=study.task,
            )
            .select_related("model__organisation")
            .order_by("model__name", "-created_at")
        )
        invited = study.invitations.all()
        self.initial["datasets"] = [found.dataset_id for found in invited if found.dataset_id]
        self.initial["model_versions"] = [
            found.model_version_id for found in invited if found.model_version_id
        ]


class AnswerForm(forms.Form):
    """Accept, or decline with a reason."""

    answer = forms.ChoiceField(choices=[("accept", _("Accept")), ("decline", _("Decline"))])
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class WithdrawalForm(forms.Form):
    """Why a study ends before it has finished."""

    reason = forms.CharField(
        label=_("Why it is withdrawn"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Those who take part read it."),
    )


class NoticeForm(forms.ModelForm):
    """What must be known of a publication since."""

    class Meta:
        model = Notice
        fields = ("kind", "text")
        widgets = {"text": forms.Textarea(attrs={"rows": 4})}  # noqa: RUF012
