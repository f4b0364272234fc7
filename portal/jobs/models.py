"""A job: a row that a worker claims, holds by a lease, and finishes at most once.

The row is the truth; a message is only a wake-up. Every write of a worker names the fencing
token that its claim was given, so that a worker which lost its lease can change nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where a job stands."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")

    @property
    def is_final(self) -> bool:
        return self in FINAL


MOVES = [
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "queued"),
    ("failed", "queued"),
    ("cancelled", "queued"),
]
"""The only moves between states that the database lets a job make."""

FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
UNFINISHED = (Status.QUEUED, Status.RUNNING)

GAVE_UP = _(
    "The work stopped unexpectedly %(attempts)d times and was given up. Try again; if it "
    "happens again, tell the site's administrator when it happened."
)


class StaleWorkerError(Exception):
    """The worker no longer holds the job: it was cancelled, or its lease ran out."""


J = TypeVar("J", bound="Job")


class JobQuerySet(models.QuerySet[J]):
    """Jobs by what must happen to them, and the moves between states."""

    def claim(self, pk: int, *, worker: str) -> J | None:
        """Take a queued job: None when it is not queued (any more).

        One statement, so that of several workers one gets it; the new token shuts out the
        worker that may have held it before.
        """
        claimed = self.filter(pk=pk, status=Status.QUEUED).update(
            status=Status.RUNNING,
            worker=worker,
            attempts=models.F("attempts") + 1,
            token=models.F("token") + 1,
            started_at=Now(),
            lease_expires_at=Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS),
            stage="",
            fraction=0,
        )
        return self.get(pk=pk) if claimed else None

    def held_by(self, job: J) -> Self:
        """The row of ``job``, if the worker that claimed it still holds it."""
        return self.filter(pk=job.pk, status=Status.RUNNING, token=job.token)

    def heartbeat(self, job: J) -> bool:
        """Renew the lease and store the progress; False when the job is no longer held."""
        return bool(
            self.held_by(job).update(
                lease_expires_at=Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS),
                stage=job.stage,
                fraction=job.fraction,
            )
        )

    def finish(self, job: J, status: Status, **fields: Any) -> None:
        """Move a held job to a final state.

        Raises
        ------
        StaleWorkerError
            If the worker no longer holds it; nothing is written.
        """
        done = self.held_by(job).update(
            status=status,
            finished_at=Now(),
            lease_expires_at=None,
            fraction=1 if status == Status.SUCCEEDED else job.fraction,
            stage=job.stage,
            **fields,
        )
        if not done:
            raise StaleWorkerError(f"{self.model.__name__} {job.pk} is held by another worker.")

    def hand_back(self, job: J) -> bool:
        """Queue a held job again because its worker stops; this attempt does not count."""
        return bool(
            self.held_by(job).update(
                status=Status.QUEUED,
                attempts=models.F("attempts") - 1,
                woken_at=Now(),
                lease_expires_at=None,
                stage="",
                fraction=0,
            )
        )

    def cancel(self, pk: int) -> bool:
        """Cancel a job that is not finished; its worker learns of it at its next heartbeat."""
        return bool(
            self.filter(pk=pk, status__in=UNFINISHED).update(
                status=Status.CANCELLED, finished_at=Now(), lease_expires_at=None
            )
        )

    def put_back(self, pk: int) -> bool:
        """Queue a failed or cancelled job again, with its attempts counted from none."""
        return bool(
            self.filter(pk=pk, status__in=(Status.FAILED, Status.CANCELLED)).update(
                status=Status.QUEUED,
                attempts=0,
                woken_at=Now(),
                started_at=None,
                finished_at=None,
                failure="",
                failure_detail="",
                stage="",
                fraction=0,
            )
        )

    def lost(self) -> Self:
        """Running jobs whose lease ran out: their worker died or hangs."""
        return self.filter(status=Status.RUNNING, lease_expires_at__lt=Now())

    def overlooked(self) -> Self:
        """Queued jobs that nobody claimed for too long: their message may be lost."""
        too_long = timedelta(seconds=settings.JOB_QUEUED_TOO_LONG_SECONDS)
        return self.filter(status=Status.QUEUED, woken_at__lt=Now() - too_long)

    def give_up_lost(self) -> list[int]:
        """Fail lost jobs that used up their attempts, and return them."""
        lost = self.lost().filter(attempts__gte=settings.JOB_ATTEMPTS)
        return [
            pk
            for pk in lost.values_list("pk", flat=True)
            if lost.filter(pk=pk).update(
                status=Status.FAILED,
                finished_at=Now(),
                lease_expires_at=None,
                failure=str(GAVE_UP) % {"attempts": settings.JOB_ATTEMPTS},
            )
        ]

    def requeue_lost(self) -> list[int]:
        """Queue lost jobs again while they have attempts left, and return them."""
        lost = self.lost().filter(attempts__lt=settings.JOB_ATTEMPTS)
        return [
            pk
            for pk in lost.values_list("pk", flat=True)
            if lost.filter(pk=pk).update(
                status=Status.QUEUED, woken_at=Now(), lease_expires_at=None, stage="", fraction=0
            )
        ]

    def wake_overlooked(self, limit: int = 200) -> list[int]:
        """Mark overlooked jobs as woken now and return them, so that each is woken once."""
        waiting = self.overlooked().order_by("woken_at").values_list("pk", flat=True)
        woken = list(waiting[:limit])
        self.filter(pk__in=woken, status=Status.QUEUED).update(woken_at=Now())
        return woken


class Job(models.Model):
    """What all jobs have; each kind of job is a model of its own."""

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.PositiveIntegerField(default=0, help_text="Fencing token of the last claim.")
    worker = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(_("submitted"), db_default=Now(), editable=False)
    woken_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    stage = models.CharField(max_length=100, blank=True)
    fraction = models.FloatField(default=0)
    failure = models.TextField(blank=True, help_text="A sentence that the person can act on.")
    failure_detail = models.TextField(blank=True, help_text="For the administrator alone.")

    class Meta:
        abstract = True
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values), name="%(class)s_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status=Status.RUNNING, lease_expires_at__isnull=False)
                | (~models.Q(status=Status.RUNNING) & models.Q(lease_expires_at__isnull=True)),
                name="%(class)s_has_a_lease_while_running",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=FINAL, finished_at__isnull=False)
                | (~models.Q(status__in=FINAL) & models.Q(finished_at__isnull=True)),
                name="%(class)s_finished_at_when_final",
            ),
            models.CheckConstraint(
                condition=models.Q(started_at__isnull=False)
                | ~models.Q(status__in=(Status.RUNNING, Status.SUCCEEDED)),
                name="%(class)s_started_before_it_ran",
            ),
            models.CheckConstraint(
                condition=models.Q(status=Status.FAILED) ^ models.Q(failure=""),
                name="%(class)s_failure_has_a_sentence",
            ),
            models.CheckConstraint(
                condition=models.Q(attempts__lte=3), name="%(class)s_at_most_three_attempts"
            ),
            models.CheckConstraint(
                condition=models.Q(fraction__gte=0, fraction__lte=1),
                name="%(class)s_fraction_between_0_and_1",
            ),
        )

    objects: Any

    @property
    def state(self) -> Status:
        return Status(self.status)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def percent(self) -> int:
        return round(100 * self.fraction)
