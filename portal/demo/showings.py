"""What the demonstration shows of each use case."""

from __future__ import annotations

from collections.abc import Mapping

from portal.demo import heart_failure, kidney, metastasis
from portal.demo.entries import Showing
from portal.usecase import use_cases

SHOWINGS: Mapping[str, Showing] = {
    "ckd": kidney.SHOWING,
    "metastasis": metastasis.SHOWING,
    "heart-failure": heart_failure.SHOWING,
}


def shown() -> dict[str, Showing]:
    """That of the use cases that the site has switched on."""
    return {slug: showing for slug, showing in SHOWINGS.items() if slug in use_cases()}
