"""From a file to a form: descriptions of other catalogues, and data dictionaries as CSV."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from portal.catalogue.dcat import reading
from portal.catalogue.vocabulary import Datatype, LegalBasis
from portal.jobs.child import ChildFailed, ChildRefused, Limits, run_child

MOST_BYTES = 2 * 1024**2
LIMITS = Limits(memory_bytes=512 * 1024**2, cpu_seconds=15, wall_seconds=20, file_bytes=1024**2)
KINDS = {
    ".ttl": "turtle",
    ".turtle": "turtle",
    ".n3": "turtle",
    ".jsonld": "json-ld",
    ".json": "json-ld",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
}
"""What a file is, by the ending of its name."""


class NotReadable(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A file from which nothing can be read, with a sentence for the person."""


@dataclass(frozen=True)
class Imported:
    """What a file says, as far as it was understood."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the form, by name."""
    variables: list[dict[str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """What was not taken and why, in sentences."""

    @property
    def sentence(self) -> str:
        """How much was read."""
        parts = []
        if n := len(self.fields):
            parts.append(ngettext("%(n)d field", "%(n)d fields", n) % {"n": n})
        if n := len(self.variables):
            parts.append(ngettext("%(n)d variable", "%(n)d variables", n) % {"n": n})
        if not parts:
            return _("Nothing in the file was understood.")
        return _("Read from the file: %(what)s. Look it through, then save.") % {
            "what": ", ".join(parts)
        }


def read_file(file: UploadedFile) -> Imported:
    """What an uploaded file says.

    Raises
    ------
    NotReadable
        If nothing can be read from it.
    """
    most = {"most": filesizeformat(MOST_BYTES)}
    if getattr(file, "too_large", False) or (file.size or 0) > MOST_BYTES:
        raise NotReadable(_("The file is too large: at most %(most)s are taken.") % most)
    text = _text_of(file.read())
    kind = KINDS.get(Path(file.name or "").suffix.lower(), "")
    start = text.lstrip()[:200].lower()
    if start.startswith("<?xml") or start.startswith("<rdf:") or "<!doctype" in start:
        raise NotReadable(
            _("RDF/XML is not read. Save the description as Turtle (.ttl) or JSON-LD (.jsonld).")
        )
    if not kind:
        raise NotReadable(
            _("Choose a file of Turtle (.ttl), JSON-LD (.jsonld or .json), or a data dictionary "
              "as CSV (.csv).")
        )  # fmt: skip
    return _dictionary(text) if kind == "csv" else _graph(text, kind)


def _text_of(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotReadable(_("The file is not written in UTF-8. Save it in UTF-8.")) from None
    if "\x00" in text:
        raise NotReadable(_("The file is not written in UTF-8. Save it in UTF-8."))
    if not text.strip():
        raise NotReadable(_("The file is empty."))
    return text


def _graph(text: str, kind: str) -> Imported:
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        source = Path(folder) / "description"
        source.write_text(text, encoding="utf-8")
        try:
            reply = run_child(
                "portal.catalogue.dcat.reading",
                {"source": str(source), "kind": kind},
                limits=LIMITS,
                on_progress=lambda stage, fraction: None,
                keep_going=lambda: True,
                poll_seconds=0.2,
            )
        except ChildRefused as refusal:
            raise NotReadable(_refusal(refusal.message)) from None
        except ChildFailed:
            raise NotReadable(
                _("The file could not be read in the time and memory that are allowed for it.")
            ) from None
    fields = dict(reply["fields"])
    unread = [_sentence(*each) for each in reply["unread"]]
    _take_legal_basis(fields, unread)
    if reply["datasets"] > 1:
        unread.insert(
            0,
            _("The file describes %(n)d datasets; the one with the longest description was read.")
            % {"n": reply["datasets"]},
        )
    if reply["more"]:
        unread.append(_("And %(n)d more statements.") % {"n": reply["more"]})
    return Imported(fields, reply["variables"], unread)


def _refusal(message: str) -> str:
    word, _gap, line = message.partition(" ")
    if word == "no-dataset":
        return _("The file describes no dataset (dcat:Dataset).")
    if word == "deep":
        return _("The file is nested too deeply to be read.")
    if line:
        return _("The file cannot be read: look at line %(line)s.") % {"line": line}
    return _("The file cannot be read: it does not keep to the rules of its format.")


def _sentence(why: str, what: str, value: str) -> str:
    words = {"what": what, "value": value}
    if why == reading.SET_HERE:
        return _("%(what)s: %(value)s. The site states this itself.") % words
    if why == reading.FOREIGN:
        return _("%(what)s: %(value)s. This value has no counterpart here.") % words
    if why == reading.CUT:
        return _("%(what)s: %(value)s. It is too long, and the rest was left out.") % words
    if why == reading.NOT_ONE:
        return _("%(what)s: %(value)s. Only one is taken, and another one was.") % words
    if why == reading.REMOTE:
        return _("%(what)s: %(value)s. Nothing is fetched from elsewhere; what this explains could "
                 "not be read.") % words  # fmt: skip
    return _("%(what)s: %(value)s. The site does not know this property.") % words


def _take_legal_basis(fields: dict[str, Any], unread: list[str]) -> None:
    """What this site wrote itself it knows again; other words are told."""
    text = fields.pop("legal_basis", "")
    if not text:
        return
    with override("en"):
        known = {str(choice.label): choice.value for choice in LegalBasis}
    if text in known:
        fields["legal_basis"] = known[text]
    else:
        unread.append(_sentence(reading.FOREIGN, "dpv:hasLegalBasis", text[:200]))


HEADINGS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "variable", "column", "field", "variable name", "field name"),
    "label": ("label", "title", "meaning", "short description"),
    "description": ("description", "definition", "comment", "notes"),
    "datatype": ("datatype", "type", "data type", "format"),
    "unit": ("unit", "units"),
    "code": ("code", "coding", "terminology"),
}
"""What the columns of a data dictionary are called."""
LENGTHS = {"name": 100, "label": 200, "description": 500, "datatype": 60, "unit": 60, "code": 120}
TYPES: Mapping[str, Datatype] = {
    **{str(choice.value): choice for choice in Datatype},
    **dict.fromkeys(("text", "char", "character", "varchar", "str"), Datatype.STRING),
    **dict.fromkeys(("categorical", "factor", "enum", "coded", "nominal"), Datatype.CATEGORY),
    **dict.fromkeys(("int", "whole number", "count"), Datatype.INTEGER),
    **dict.fromkeys(("float", "double", "decimal", "numeric", "real", "num"), Datatype.NUMBER),
    **dict.fromkeys(("bool", "yes/no", "yes or no", "logical", "binary"), Datatype.BOOLEAN),
    **dict.fromkeys(("datetime", "timestamp", "time"), Datatype.DATE),
}
"""What people call types of variables."""


def _dictionary(text: str) -> Imported:
    """A data dictionary: a line a variable, under headings that say what is what."""
    lines = text.splitlines()
    separator = max(";,\t", key=lines[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error:
        raise NotReadable(
            _("The file cannot be read: it does not keep to the rules of its format.")
        ) from None
    places, unread = _headings(rows[0])
    if "name" not in places:
        raise NotReadable(
            _("The first line must name the columns, one of them “name”: name, label, description, "
              "type, unit, code.")
        )  # fmt: skip
    return Imported({}, *_variables(rows[1:], places, unread))


def _headings(row: Iterable[str]) -> tuple[dict[str, int], list[str]]:
    places: dict[str, int] = {}
    unread = []
    for place, heading in enumerate(row):
        words = heading.strip().lower().replace("_", " ")
        name = next((key for key, known in HEADINGS.items() if words in known), "")
        if name and name not in places:
            places[name] = place
        elif words:
            unread.append(_("The column “%(name)s” was not read.") % {"name": heading.strip()[:60]})
    return places, unread


def _variables(
    rows: Iterable[list[str]], places: Mapping[str, int], unread: list[str]
) -> tuple[list[dict[str, str]], list[str]]:
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        said = {
            name: " ".join(row[place].split())[: LENGTHS[name]] if place < len(row) else ""
            for name, place in places.items()
        }
        if not any(said.values()):
            continue
        if len(unread) >= reading.MOST_TOLD:
            break
        if not said["name"] or said["name"] in found:
            unread.append(
                _("Line %(line)d was not read: its name is missing, or stands above already.")
                % {"line": number}
            )
            continue
        if len(found) >= reading.MOST_VARIABLES:
            unread.append(
                _("Only the first %(n)d variables were read.") % {"n": reading.MOST_VARIABLES}
            )
            break
        kind = said.get("datatype", "").lower()
        if kind and kind not in TYPES:
            unread.append(
                _("Line %(line)d: the type “%(type)s” is not known; it was taken for text.")
                % {"line": number, "type": kind}
            )
        said["datatype"] = TYPES.get(kind, Datatype.STRING).value
        found[said["name"]] = said
    return list(found.values()), unread
