"""The form of what a use case adds to a shared object, made from the fields of its model."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.postgres.fields import ArrayField, RangeField
from django.contrib.postgres.forms import RangeWidget
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.facts import Facts, label_of

LONGEST_ADDRESS = 500

YES_OR_NO = (("", _("Not stated")), ("yes", _("Yes")), ("no", _("No")))


class KeywordField(forms.CharField):
    """Words separated by commas."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return [word.strip() for word in text.split(",") if word.strip()]

    def run_validators(self, value: Any) -> None:
        super().run_validators(", ".join(value))


class AddressesField(forms.CharField):
    """Web addresses, one a line."""

    widget = forms.Textarea(attrs={"rows": 2})

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return list(dict.fromkeys(text.split()))

    def validate(self, value: Any) -> None:
        if len(value) > self.most:
            raise ValidationError(
                _("At most %(most)d addresses are taken; these are %(n)d.")
                % {"most": self.most, "n": len(value)}
            )
        for address in value:
            try:
                URLValidator(["http", "https"])(address)
            except ValidationError:
                raise ValidationError(
                    _("“%(address)s” is not a web address.") % {"address": address[:100]}
                ) from None
            if len(address) > LONGEST_ADDRESS:
                raise ValidationError(
                    _("An address is too long: at most %(n)d characters are taken.")
                    % {"n": LONGEST_ADDRESS}
                )

    def run_validators(self, value: Any) -> None:
        super().run_validators("\n".join(value))


class YesNoField(forms.TypedChoiceField):
    """Yes, no, or nothing stated."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=YES_OR_NO, coerce=lambda value: value == "yes", empty_value=None, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return {True: "yes", False: "no"}.get(value, value)


class SpanWidget(RangeWidget):
    """Two numbers, each with its own label."""

    template_name = "components/_span.html"

    def __init__(self) -> None:
        super().__init__(forms.NumberInput(attrs={"step": "any"}))


def _form_field(field: models.Field[Any, Any], **kwargs: Any) -> forms.Field | None:
    """The form field of one fact; nothing needs to be stated."""
    unit = cast("type[Facts]", field.model).units.get(field.name)
    label = label_of(field)
    kwargs["label"] = f"{label} ({unit})" if unit else label
    kwargs["help_text"] = field.help_text
    kwargs["required"] = False
    if isinstance(field, ArrayField):
        if choices := field.base_field.choices:
            return forms.MultipleChoiceField(
                choices=choices, widget=forms.CheckboxSelectMultiple, **kwargs
            )
        return KeywordField(**kwargs)
    if isinstance(field, models.BooleanField):
        return YesNoField(**kwargs)
    if isinstance(field, RangeField):
        kwargs["widget"] = SpanWidget()
    elif isinstance(field, models.TextField):
        kwargs["widget"] = forms.Textarea(attrs={"rows": 3})
    made: forms.Field | None = field.formfield(**kwargs)
    return made


def facts_form(model: type[Facts]) -> type[forms.ModelForm]:
    """The form of ``model``: a field for everything that can be stated."""
    return forms.modelform_factory(
        model,
        fields=[field.name for field in model.stated_fields()],
        formfield_callback=_form_field,
    )
