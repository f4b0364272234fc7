"""How a published study is cited: a sentence for a reader, an entry for BibTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from portal.studies.models import Publication
    from portal.studies.report import Report

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
"""What means something else to BibTeX than it does to a reader."""


def authors(report: Report) -> list[str]:
    """The organisations that take part, the coordinating one first."""
    ordered = sorted(report.partners, key=lambda partner: not partner.coordinates)
    return list(dict.fromkeys(partner.name for partner in ordered))


def citation(publication: Publication, report: Report, address: str) -> str:
    """One sentence that names the study, and says so where it has been retracted."""
    published = localtime(publication.published_at)
    text = _("%(authors)s (%(year)s). “%(title)s”, SHAIPED, %(date)s. %(address)s") % {
        "authors": ", ".join(authors(report)),
        "year": published.year,
        "title": report.title,
        "date": date_format(published, "j F Y"),
        "address": address,
    }
    return f"{_('[Retracted]')} {text}" if publication.is_retracted else text


def bibtex(publication: Publication, report: Report, address: str) -> str:
    """The entry, in the English of BibTeX; its key is made of the address, which stays."""
    published = localtime(publication.published_at)
    note = f"SHA-256 of the report: {publication.sha256}"
    if publication.is_retracted:
        note = f"Retracted. {note}"
    fields = {
        "author": " and ".join(f"{{{escaped(name)}}}" for name in authors(report)),
        "title": f"{{{escaped(report.title)}}}",
        "howpublished": "SHAIPED",
        "year": f"{published:%Y}",
        "month": f"{published:%B}".lower()[:3],
        "url": address,
        "note": note,
    }
    lines = [
        f"  {name} = {value}," if name == "month" else f"  {name} = {{{value}}},"
        for name, value in fields.items()
    ]
    key = f"shaiped-{publication.use_case}-{publication.slug}"
    return "\n".join([f"@misc{{{key},", *lines, "}", ""])


def escaped(text: str) -> str:
    """``text`` as BibTeX prints it unchanged."""
    return "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))
