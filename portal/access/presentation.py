"""What pages show of applications and permits."""

from __future__ import annotations

from django.utils.html import format_html

from portal.access.rule import Reason


def linked(reason: str) -> str:
    """A sentence that says what is missing, with the link to where to ask for it."""
    if isinstance(reason, Reason) and reason.url:
        return format_html('{} <a href="{}">{}</a>', str(reason), reason.url, reason.link)
    return reason
