"""From which request, and from which address, something is done."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
"""The request that is being answered; none in a worker, a command or a test of an action."""


@contextlib.contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """Within it, what is done is done at the wish of ``request``."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def address_of(request: HttpRequest) -> str | None:
    """The address that the request came from.

    Behind a proxy it is what the proxy itself added: the last of the addresses that the header
    holds. Those before it are what the visitor says.
    """
    given = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        given = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1] or given
    try:
        return str(ipaddress.ip_address(given.strip()))
    except ValueError:  # a socket of this machine has none
        return None


def current_address() -> str | None:
    """The address behind what is being done, where there is one."""
    request = _request.get()
    return address_of(request) if request is not None else None
