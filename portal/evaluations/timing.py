"""How long an evaluation is likely to take."""

from __future__ import annotations

from django.db.models import Avg, F

from portal.evaluations.models import Evaluation
from portal.jobs.models import Status

RECENT = 20


def expected_seconds(evaluation: Evaluation) -> int | None:
    """The mean time of the task's recent successful evaluations; None before the first."""
    recent = Evaluation.objects.filter(
        use_case=evaluation.use_case,
        task=evaluation.task,
        status=Status.SUCCEEDED,
        started_at__isnull=False,
    ).order_by("-finished_at")[:RECENT]
    took = Evaluation.objects.filter(pk__in=recent.values("pk")).aggregate(
        mean=Avg(F("finished_at") - F("started_at"))
    )["mean"]
    return None if took is None else max(1, round(took.total_seconds()))
