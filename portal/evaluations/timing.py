"""How long an evaluation is likely to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Avg, F
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.evaluations.models import Evaluation
from portal.jobs.models import Status

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

RECENT = 20


def expected_seconds(evaluation: Evaluation, user: User | AnonymousUser) -> int | None:
    """The mean time of the task's recent successes that ``user`` may see; None before the first.

    Those of others would tell how large their data are.
    """
    recent = (
        Evaluation.objects.visible_to(user)
        .filter(
            use_case=evaluation.use_case,
            task=evaluation.task,
            status=Status.SUCCEEDED,
            started_at__isnull=False,
        )
        .order_by("-finished_at")[:RECENT]
    )
    took = Evaluation.objects.filter(pk__in=recent.values("pk")).aggregate(
        mean=Avg(F("finished_at") - F("started_at"))
    )["mean"]
    return None if took is None else max(1, round(took.total_seconds()))


def elapsed_seconds(evaluation: Evaluation) -> int | None:
    """How long the present attempt has run, or ran; None before the first."""
    if evaluation.started_at is None:
        return None
    end = evaluation.finished_at or timezone.now()
    return max(0, round((end - evaluation.started_at).total_seconds()))


def duration(seconds: int | None) -> str:
    """Seconds as a person reads them: "45 s", "3 min 20 s"; empty for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return _("%(seconds)d s") % {"seconds": rest}
    return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
