"""Every text in every language: nothing untranslated, nothing fuzzy, and the same page in each."""

from __future__ import annotations

import functools
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from babel.messages.extract import extract_python
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from django.utils.translation.template import templatize

from portal.usecase import use_cases
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "portal", *sorted(path.parent for path in ROOT.glob("usecases/*/locale"))]
LANGUAGES = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{[\w:.]*\}|</?[a-z][^>]*>")


def catalogues(language: str) -> Iterator[Path]:
    for folder in FOLDERS:
        yield folder / "locale" / language / "LC_MESSAGES" / "django.po"


@functools.cache
def translated(language: str) -> dict[tuple[str, str], polib.POEntry]:
    """Every entry that is translated, by its context and its text."""
    return {
        (entry.msgctxt or "", entry.msgid): entry
        for path in catalogues(language)
        for entry in polib.pofile(str(path))
        if entry.translated()
    }


def _source(path: Path) -> str:
    text = path.read_text()
    # In brackets, as the lines of a template are indented like no program.
    return f"(\n{templatize(text)}\n)" if path.suffix == ".html" else text


def used() -> Iterator[tuple[str, str, str]]:
    """Where a text is used, its context, and the text."""
    for folder in ("portal", "usecases", "templates"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".py", ".html") or "migrations" in path.parts:
                continue
            file = io.BytesIO(_source(path).encode())
            for line, function, texts, _comments in extract_python(file, KEYWORDS, [], {}):
                given = texts if isinstance(texts, tuple) else (texts,)
                has_context = function is not None and "pgettext" in function
                if given[int(has_context)]:
                    context = given[0] if has_context else ""
                    yield f"{path.relative_to(ROOT)}:{line}", context, given[int(has_context)]


def declared() -> Iterator[tuple[str, str, str]]:
    """Texts that are put together from what a use case declares."""
    for use_case in use_cases().values():
        for task in use_case.tasks:
            where = f"{use_case.slug}/{task.slug}"
            for field in task.protocol.model_fields.values():
                assert field.title, (where, field)
                assert field.description, (where, field)
                yield where, "", field.title
                yield where, "", field.description
            drawn = {key for figure in task.figures for key in figure.curves}
            assert drawn <= set(task.curves), (where, drawn - set(task.curves))
            for name in task.curves.values():
                yield where, "", name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    found = translated(language)
    texts = [*used(), *declared()]
    assert len(texts) > 2000
    missing = {text: where for where, context, text in texts if (context, text) not in found}
    assert not missing, f"{len(missing)} of {language}, the first: {list(missing.items())[:20]}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_fuzzy_obsolete_or_without_its_placeholders(language: str) -> None:
    for path in catalogues(language):
        for entry in polib.pofile(str(path)):
            assert not entry.fuzzy, (path, entry.msgid)
            assert not entry.obsolete, (path, entry.msgid)
            wanted = [sorted(PLACEHOLDER.findall(entry.msgid))]
            if entry.msgid_plural:
                wanted.append(sorted(PLACEHOLDER.findall(entry.msgid_plural)))
            for text in entry.msgstr_plural.values() or [entry.msgstr]:
                assert sorted(PLACEHOLDER.findall(text)) in wanted, (path, entry.msgid, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    for path in catalogues(language):
        with path.with_suffix(".mo").open("rb") as file:
            compiled = gettext.GNUTranslations(file)
        for entry in polib.pofile(str(path)):
            if entry.msgid_plural:
                continue
            found = (
                compiled.pgettext(entry.msgctxt, entry.msgid)
                if entry.msgctxt
                else compiled.gettext(entry.msgid)
            )
            assert found == entry.msgstr, (path, entry.msgid)


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_the_address_says_the_language_and_the_switch_stays_on_the_page(
    db: None, media: Path, language: str
) -> None:
    person = factories.a_person(factories.an_organisation())
    dataset = factories.a_dataset(person)
    client = Client()
    client.force_login(person)
    with override(language):
        address = dataset.get_absolute_url()
    assert address.startswith(f"/{language}/") == (language != "en")
    page = client.get(address, {"tab": "1"}).content.decode()
    assert f'<html lang="{language}">' in page
    for other, _name in settings.LANGUAGES:
        with override(other):
            there = dataset.get_absolute_url()
        assert f'href="{there}?tab=1" hreflang="{other}"' in page
        assert f'<link rel="alternate" hreflang="{other}" href="http://testserver{there}">' in page
    english = address.removeprefix(f"/{language}")
    assert f'hreflang="x-default" href="http://testserver{english}"' in page


def test_what_programs_ask_for_has_one_address() -> None:
    for name in ("healthz", "api-me"):
        with override("fr"):
            assert not reverse(name).startswith("/fr/")
