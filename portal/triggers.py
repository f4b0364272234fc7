"""Conditions of the triggers by which the database itself keeps what must not change."""

import functools
import operator

import pgtrigger


def any_changed(*fields: str) -> pgtrigger.Q:
    """Holds where an update gives one of ``fields`` another value; combines with other ``Q``."""
    return functools.reduce(
        operator.or_,
        (pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")}) for name in fields),
    )
