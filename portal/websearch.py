"""What a person types into a search box, as PostgreSQL looks for it.

The syntax is that of search engines: every word must be found, ``"several words"`` stand next to
each other, ``OR`` begins another alternative, ``-word`` must not be found. Other than in
PostgreSQL's own ``websearch_to_tsquery`` a word is found wherever another begins with it, so that
something is found while one is still typing. Accents and case make no difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery

from portal.pagination import LANGUAGE

ACCENTED = "àáâãäåāçčèéêëēěìíîïīñńňòóôõöøōřšśùúûüūůýÿžźż"
PLAIN = "aaaaaaacceeeeeeiiiiinnnooooooorssuuuuuuyyzzz"
ACCENTED, PLAIN = ACCENTED + ACCENTED.upper(), PLAIN + PLAIN.upper()
"""What ``translate`` in the database, and here, takes for what; each a single character."""

_WITHOUT_ACCENTS = str.maketrans(ACCENTED, PLAIN)
_TERM = re.compile(r'(?P<not>-?)"(?P<phrase>[^"]*)"?|(?P<word>\S+)')


def plain(text: str) -> str:
    """``text`` without accents, as the words that are searched are kept."""
    return text.translate(_WITHOUT_ACCENTS)


@dataclass(frozen=True)
class Term:
    """A word or a phrase that is looked for."""

    text: str
    is_phrase: bool = False
    is_excluded: bool = False

    @property
    def raw(self) -> str:
        """As ``to_tsquery`` reads it; a quoted text of several words is a phrase to it."""
        quoted = plain(self.text).replace("\\", " ").replace("'", "''")
        whole = self.is_phrase or self.is_excluded
        return f"{'!' if self.is_excluded else ''}'{quoted}'{'' if whole else ':*'}"


def alternatives(words: str) -> list[list[Term]]:
    """What is asked for: alternatives, of each of which every term must hold."""
    found: list[list[Term]] = [[]]
    for match in _TERM.finditer(words):
        word, phrase = match["word"], match["phrase"]
        if word is not None and word.upper() == "OR":
            found.append([])
            continue
        if word is not None:
            term = Term(word.lstrip("-").replace('"', " "), is_excluded=word.startswith("-"))
        else:
            term = Term(phrase, is_phrase=True, is_excluded=bool(match["not"]))
        if any(character.isalnum() for character in term.text):
            found[-1].append(term)
    return [terms for terms in found if terms]


def web_query(words: str) -> SearchQuery | None:
    """What finds the documents that ``words`` ask for; None where nothing is searched for.

    Signs without a letter or a digit alone find nothing, as they stand in no document.
    """
    if not words.strip():
        return None
    asked = alternatives(words)
    return _query(" | ".join(" & ".join(term.raw for term in terms) for terms in asked))


def any_of_the_words(words: str) -> SearchQuery | None:
    """What finds the texts that have any of the words and phrases, to show where they stand."""
    terms = [term for group in alternatives(words) for term in group if not term.is_excluded]
    return _query(" | ".join(dict.fromkeys(term.raw for term in terms))) if terms else None


def _query(raw: str) -> SearchQuery:
    return SearchQuery(raw, config=LANGUAGE, search_type="raw")
