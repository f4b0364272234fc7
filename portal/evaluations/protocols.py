"""A protocol as a form: one text field for each of its fields, checked by the protocol itself."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
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


def field_name(protocol: type[Protocol], name: str) -> str:
    """A field of a protocol in words, also one that the protocol no longer has."""
    field = protocol.model_fields.get(name)
    if field is not None and field.title:
        return _(field.title)
    return name.replace("_", " ").capitalize()


def protocol_fields(protocol: type[Protocol]) -> dict[str, forms.Field]:
    """Form fields of a protocol's fields, those of the task itself first."""
    own = [name for name in protocol.model_fields if name not in Protocol.model_fields]
    shared = [name for name in Protocol.model_fields if name in protocol.model_fields]
    fields: dict[str, forms.Field] = {}
    for name in [*own, *shared]:
        declared = protocol.model_fields[name]
        fields[PREFIX + name] = forms.CharField(
            label=field_name(protocol, name),
            help_text=_(declared.description) if declared.description else "",
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
            problems.setdefault(PREFIX + name if name else NON_FIELD_ERRORS, _sentence(dict(error)))
        return None, problems


WORDS = {
    "float_parsing": _lazy("“%(input)s” is not a number; write it as in 0.05."),
    "int_parsing": _lazy("“%(input)s” is not a whole number."),
    "int_from_float": _lazy("“%(input)s” is not a whole number."),
    "greater_than": _lazy("“%(input)s” must be above %(gt)s."),
    "greater_than_equal": _lazy("“%(input)s” must be %(ge)s or more."),
    "less_than": _lazy("“%(input)s” must be below %(lt)s."),
    "less_than_equal": _lazy("“%(input)s” must be %(le)s or less."),
    "too_short": _lazy("Give at least %(min_length)s."),
    "too_long": _lazy("Give at most %(max_length)s."),
}
"""What is wrong, by pydantic's name for it."""


def _sentence(error: dict[str, Any]) -> str:
    """A pydantic error as a person reads it."""
    given = error.get("ctx", {})
    if error["type"] == "value_error":  # a validator's own sentence
        return str(given["error"])
    words = WORDS.get(error["type"])
    return str(words) % {"input": error["input"], **given} if words else error["msg"]
