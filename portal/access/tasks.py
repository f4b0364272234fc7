"""What time does to permits: their end, and the reminders before and after it."""

from __future__ import annotations

from django.utils import timezone

from portal.access import permits, reminders
from portal.celery import app


@app.task(name="portal.access.sweep_permits")
def sweep_permits() -> None:
    """Do what the end of permits involves; doing it twice does nothing."""
    permits.settle_ended(timezone.localdate())


@app.task(name="portal.access.remind")
def remind() -> None:
    """Remind people of what is near; each is told once."""
    reminders.remind(timezone.localdate())
