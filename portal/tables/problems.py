"""What is wrong with a file, in words that a person can act on, in any language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 10
"""Rows that a problem lists."""

Value = str | int | float | Sequence[str]


def gettext_noop(message: str) -> str:
    """Mark ``message`` for the translators (portal.usecase has the same, but imports this)."""
    return message


_AND = gettext_noop("{some} and {last}")
_ONE_HOLDS = gettext_noop("row {rows} holds {found}")
_SOME_HOLD = gettext_noop("rows {rows} hold {found}")
_MANY_HOLD = gettext_noop("{count} rows break this; the first are rows {rows}, which hold {found}")
_ONE_DOES_NOT = gettext_noop("in row {rows} it does not")
_SOME_DO_NOT = gettext_noop("in rows {rows} it does not")
_MANY_DO_NOT = gettext_noop("in {count} rows it does not; the first are rows {rows}")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a table: the rule that it breaks, where, and what to do.

    The sentence is ``<template>; <rows and what they hold>. <hint>``. Templates are in English,
    filled by ``values`` after translation, so that the same problem reads in any language.
    """

    code: str
    """Stays the same when the words change: ``out-of-range``."""
    template: str
    """The rule, without a full stop: ``Column '{column}' must lie in [{minimum}, {maximum}]``."""
    values: Mapping[str, Value] = field(default_factory=dict)
    column: str | None = None
    rows: tuple[int, ...] = ()
    """The first ten data rows, counted from 1 after the header."""
    found: tuple[str, ...] = ()
    """What those rows hold, as a person would write it."""
    count: int = 0
    """How many rows break the rule."""
    hint: str = ""
    """What to do, as a template."""

    def __str__(self) -> str:
        return self.text()

    def text(self, translate: Callable[[str], str] = str) -> str:
        """The sentence, with every template passed through ``translate`` (gettext)."""
        values: dict[str, Any] = {"column": self.column}
        values.update((name, _written(value, translate)) for name, value in self.values.items())
        sentence = translate(self.template).format(**values)
        if self.rows:
            evidence = translate(self._evidence()).format(
                rows=_listed([f"{row:,}" for row in self.rows], translate),
                found=_listed(
                    self.found[:1] if len(set(self.found)) == 1 else self.found, translate
                ),
                count=f"{self.count:,}",
            )
            sentence = f"{sentence}; {evidence}"
        sentence += "."
        if self.hint:
            sentence = f"{sentence} {translate(self.hint).format(**values)}"
        return sentence

    def _evidence(self) -> str:
        if self.count > len(self.rows):
            return _MANY_HOLD if self.found else _MANY_DO_NOT
        if len(self.rows) == 1:
            return _ONE_HOLDS if self.found else _ONE_DOES_NOT
        return _SOME_HOLD if self.found else _SOME_DO_NOT

    def to_dict(self) -> dict[str, Any]:
        """The problem as JSON can hold it."""
        return {
            "code": self.code,
            "template": self.template,
            "values": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.values.items()
            },
            "column": None if self.column is None else printable(self.column),
            "rows": list(self.rows),
            "found": list(self.found),
            "count": self.count,
            "hint": self.hint,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Problem:
        """The problem that :meth:`to_dict` wrote."""
        return cls(
            code=stored["code"],
            template=stored["template"],
            values={
                name: tuple(value) if isinstance(value, list) else value
                for name, value in stored["values"].items()
            },
            column=stored["column"],
            rows=tuple(stored["rows"]),
            found=tuple(stored["found"]),
            count=stored["count"],
            hint=stored["hint"],
        )


class TableRefused(Exception):  # noqa: N818 (it says what happened, as Django's DoesNotExist does)
    """A file is not the table it should be; carries every problem at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def printable(text: str) -> str:
    """``text`` in signs that a page can show and a database can store."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def shown(value: object) -> str:
    """A cell as a message quotes it: text in quotes and shortened, numbers as they are."""
    if isinstance(value, str):
        value = printable(value)
        return f"'{value[:40]}…'" if len(value) > 40 else f"'{value}'"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def _written(value: Value, translate: Callable[[str], str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.10g}"
    return _listed(value, translate)


def _listed(parts: Sequence[str], translate: Callable[[str], str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return translate(_AND).format(some=", ".join(parts[:-1]), last=parts[-1])
