"""Forms of those who decide, and of holders that are asked. They only validate; actions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.access.deciding import Terms
from portal.access.models import Permit, Review
from portal.access.models.application import LONGEST
from portal.access.models.review import months_after
from portal.access.vocabulary import Environment
from portal.catalogue.models import Dataset
from portal.organisations.models import Organisation
from portal.registry.models import ModelVersion

if TYPE_CHECKING:
    from datetime import date


def _text(label: Any, help_text: Any = "", *, required: bool = True, rows: int = 4) -> Any:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


def _day(label: Any, help_text: Any = "") -> Any:
    return forms.DateField(
        label=label,
        help_text=help_text,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class _Datasets(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.title} · {obj.organisation}"


class _Versions(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} · {obj.model.organisation}"


class GrantForm(forms.Form):
    """What is granted, until when and under which conditions, and why."""

    datasets = _Datasets(
        label=_("Datasets"),
        queryset=Dataset.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Those that are granted."),
    )
    people = forms.ModelMultipleChoiceField(
        label=_("People with access"),
        queryset=get_user_model().objects.none(),
        widget=forms.CheckboxSelectMultiple,
    )
    valid_from = _day(_("From"))
    valid_until = _day(_("To"), _("The last day on which it allows anything."))
    environment = forms.ChoiceField(label=_("Where"), choices=Environment, widget=forms.RadioSelect)
    conditions = _text(
        _("Conditions"), _("What the holder of the permit must keep to."), required=False
    )
    fees = _text(_("Fees"), _("What is paid to whom; empty for none."), required=False, rows=2)
    keeps_results = forms.BooleanField(
        label=_("Results stay with the permit’s holder after its end"),
        help_text=_("Aggregate results alone; rows are seen by nobody once the permit has ended."),
        initial=True,
        required=False,
    )
    reasons = _text(_("Reasons of the decision"), _("The applicant and the holders read them."))

    def __init__(self, *args: Any, review: Review, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        application = review.application
        datasets, people = self.fields["datasets"], self.fields["people"]
        datasets.queryset = Dataset.objects.filter(  # type: ignore[attr-defined]
            pk__in=review.items.values("dataset")
        ).select_related("organisation")
        people.queryset = application.people.order_by("full_name")  # type: ignore[attr-defined]
        today = timezone.localdate()
        self.initial.update(
            {
                "datasets": [item.dataset_id for item in review.items.all()],
                "people": [person.pk for person in application.people.all()],
                "valid_from": today,
                "valid_until": months_after(today, application.months or 12),
                "environment": application.environment,
            }
        )

    def terms(self) -> Terms:
        """What the form grants."""
        given = self.cleaned_data
        return Terms(
            valid_from=given["valid_from"],
            valid_until=given["valid_until"],
            datasets=list(given["datasets"]),
            environment=Environment(given["environment"]),
            conditions=given["conditions"],
            fees=given["fees"],
            keeps_results=given["keeps_results"],
            people=list(given["people"]),
        )


class OpinionForm(forms.Form):
    """What a holder thinks of an application for its data."""

    organisation = forms.ModelChoiceField(
        label=_("For"), queryset=Organisation.objects.none(), empty_label=None
    )
    is_in_favour = forms.TypedChoiceField(
        label=_("Opinion"),
        choices=[("yes", _("In favour")), ("no", _("Against"))],
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
    )
    text = _text(
        _("Reasons"), _("The access body reads it now, the applicant once there is a decision.")
    )

    def __init__(self, *args: Any, holders: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = holders  # type: ignore[attr-defined]
        self.initial["organisation"] = holders.first()


class ExtendPermitForm(forms.Form):
    """Until when a permit is extended."""

    valid_until = _day(_("New last day"))

    def __init__(self, *args: Any, until: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["valid_until"].widget.attrs["min"] = until.isoformat()


class AmendForm(forms.Form):
    """What changes in a new version of a permit."""

    people = forms.ModelMultipleChoiceField(
        label=_("People with access"),
        queryset=get_user_model().objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    added = forms.EmailField(
        label=_("Add a person"),
        required=False,
        help_text=_("The e-mail address of a member of the permit’s holder."),
    )
    any_model_version = forms.BooleanField(
        label=_("Any model version"),
        required=False,
        help_text=_("Every version that is released now or later, instead of those named."),
    )
    model_versions = _Versions(
        label=_("Model versions"),
        queryset=ModelVersion.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    conditions = _text(_("Conditions"), required=False)

    def __init__(self, *args: Any, permit: Permit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        application = permit.review.application
        self.members = get_user_model().objects.filter(
            pk__in=permit.organisation.memberships.in_force().values("user"), is_active=True
        )
        # Whoever else belongs to the organisation is its own matter.
        known = Q(pk__in=permit.people.values("pk")) | Q(pk__in=application.people.values("pk"))
        people, versions = self.fields["people"], self.fields["model_versions"]
        people.queryset = self.members.filter(known).order_by("full_name")  # type: ignore[attr-defined]
        named = Q(pk__in=permit.model_versions.values("pk"))
        asked = Q(pk__in=application.model_versions.values("pk"))
        versions.queryset = (  # type: ignore[attr-defined]
            ModelVersion.objects.filter(named | asked)
            .select_related("model__organisation")
            .order_by("model__name", "-created_at")
        )
        self.initial.update(
            {
                "people": [person.pk for person in permit.people.all()],
                "any_model_version": permit.any_model_version,
                "model_versions": [version.pk for version in permit.model_versions.all()],
                "conditions": permit.conditions,
            }
        )

    def clean_added(self) -> Any:
        """The person at that address, if they belong to the permit's holder."""
        address = self.cleaned_data["added"]
        if not address:
            return None
        person = self.members.filter(email__iexact=address).first()
        if person is None:
            raise forms.ValidationError(
                _("Nobody with this address belongs to the permit’s holder.")
            )
        return person


class OutcomeForm(forms.Form):
    """What came of a permit."""

    title = forms.CharField(label=_("Title"), max_length=300)
    url = forms.URLField(
        label=_("Address"),
        max_length=500,
        assume_scheme="https",
        help_text=_("Where everybody can read it: https://…"),
    )
