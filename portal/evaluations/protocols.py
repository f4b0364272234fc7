"""A protocol as a form: one text field for each of its fields, checked by the protocol itself."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.translation import gettext as _
from pydantic import ValidationError as Invalid
from pydantic.fields import FieldInfo

from portal.usecase import Protocol

PREFIX = "protocol_"


def _is_list(field: FieldInfo) -> bool:
    return str(field.annotation).startswith("tuple")


def as_text(value: Any) -> str:
    """A protocol's value as a person writes it: lists separated by commas."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def protocol_fields(protocol: type[Protocol]) -> dict[str, forms.Field]:
    """Form fields of a protocol's fields, those of the task itself first."""
    own = [name for name in protocol.model_fields if name not in Protocol.model_fields]
    shared = [name for name in Protocol.model_fields if name in protocol.model_fields]
    fields: dict[str, forms.Field] = {}
    for name in [*own, *shared]:
        declared = protocol.model_fields[name]
        fields[PREFIX + name] = forms.CharField(
            label=_(name.replace("_", " ").capitalize()),
            help_text=_(declared.description or ""),
            initial=as_text(declared.get_default(call_default_factory=True)),
            required=False,
        )
    return fields


def read_protocol(
    protocol: type[Protocol], cleaned: dict[str, Any]
) -> tuple[Protocol | None, dict[str, str]]:
    """The protocol that a form's values make, or what is wrong with each field.

    An empty field means the default.
    """
    values: dict[str, Any] = {}
    for name, declared in protocol.model_fields.items():
        text = (cleaned.get(PREFIX + name) or "").strip()
        if not text:
            continue
        if _is_list(declared):
            values[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        else:
            values[name] = text
    try:
        return protocol.model_validate(values), {}
    except Invalid as invalid:
        problems: dict[str, str] = {}
        for error in invalid.errors():
            name = str(error["loc"][0]) if error["loc"] else ""
            # A validator's own sentence, without pydantic's "Value error, " before it.
            own = error.get("ctx", {}).get("error") if error["type"] == "value_error" else None
            problems[PREFIX + name if name else NON_FIELD_ERRORS] = str(own or error["msg"])
        return None, problems
