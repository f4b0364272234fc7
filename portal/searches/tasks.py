"""Looking, from time to time, for what is new in the searches that people keep."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from portal.celery import app
from portal.searches.actions import look
from portal.searches.models import SavedSearch

LOOK_AGAIN_AFTER = timedelta(minutes=15)
MOST_LOOKED = 100
"""In one run; those that wait longest come first, so that all have their turn."""


@app.task(name="portal.searches.look_for_new")
def look_for_new() -> None:
    """Tell people of datasets that are new in their searches."""
    due = SavedSearch.objects.due(before=Now() - LOOK_AGAIN_AFTER)
    for pk in list(due.values_list("pk", flat=True)[:MOST_LOOKED]):
        look(pk=pk)
