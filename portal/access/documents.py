"""Which documents an application takes: told by their bytes, whatever their name says."""

from __future__ import annotations

import codecs
import zipfile
from typing import TYPE_CHECKING

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

MOST_BYTES = 10 * 1024**2
PDF, PNG, JPEG, TEXT = "application/pdf", "image/png", "image/jpeg", "text/plain"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
SIGNATURES = ((b"%PDF-", PDF), (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG))
HEAD = 4096
"""Bytes by which a file is known."""
MOST_PARTS = 10_000
"""Of a file that is a zip archive: more are not looked through."""


def kind_of(file: UploadedFile) -> tuple[str, str]:
    """The media type of a document, or else the sentence why it is not taken.

    Text documents with macros are not taken: they are programs.
    """
    if not file.size:
        return "", _("The file is empty.")
    if file.size > MOST_BYTES:
        return "", _("The file is too large: at most %(most)s are taken.") % {
            "most": filesizeformat(MOST_BYTES)
        }
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind, ""
    found = _archived(file) if head.startswith(b"PK\x03\x04") else _text(head)
    if found:
        return found, ""
    return "", _("The file is none of those that are taken: PDF, PNG, JPEG, text, .docx, .odt.")


def _archived(file: UploadedFile) -> str:
    """Which text document a zip archive is; "" for any other."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist()[:MOST_PARTS])
            if any("vbaproject" in name.lower() or name.startswith("Basic/") for name in names):
                return ""
            if "word/document.xml" in names and "[Content_Types].xml" in names:
                return WORD
            if "mimetype" in names and "content.xml" in names:
                with archive.open("mimetype") as declared:
                    return ODT if declared.read(100) == ODT.encode() else ""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        return ""
    finally:
        file.seek(0)
    return ""


def _text(head: bytes) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        # A character may be cut in two where the head ends.
        words = decoder.decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return ""
    printable = all(character.isprintable() or character in "\r\n\t\f\ufeff" for character in words)
    return TEXT if printable else ""
