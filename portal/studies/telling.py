"""Who is told what of a study: who is asked, that they answered, that it has finished."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from portal.jobs.models import Status
from portal.notifications.actions import no_longer_waits, notify
from portal.notifications.addresses import page_of
from portal.notifications.kinds import Kind
from portal.organisations.models import Organisation
from portal.organisations.roles import Duty, Role, consortium_roles, lowest_role
from portal.studies.models import Invitation, InvitationStatus, Study

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from portal.accounts.models import User

ASKED = gettext_noop("%(coordinator)s asks %(organisation)s to take part in “%(study)s”.")
ASKED_AGAIN = gettext_noop(
    "The protocol of “%(study)s” has changed: %(coordinator)s asks %(organisation)s once more to "
    "take part."
)
ACCEPTED = gettext_noop("%(organisation)s takes part in “%(study)s” with %(subject)s.")
DECLINED = gettext_noop("%(organisation)s does not take part in “%(study)s” with %(subject)s.")
SUCCEEDED = gettext_noop("The study “%(study)s” has finished: all its evaluations succeeded.")
PARTLY = gettext_noop(
    "The study “%(study)s” has finished. Evaluations without a result: %(missing)s of %(all)s."
)


def tell_asked(
    study: Study, organisations: Iterable[Organisation], *, by: User, sentence: str = ASKED
) -> None:
    """Tell the managers of each organisation that the study waits for their answer."""
    for organisation in organisations:
        managers = organisation.people_with(Role.MANAGER)
        notify(
            to=managers.exclude(pk=by.pk),
            kind=Kind.WAITING,
            sentence=sentence,
            words={
                "study": study.title,
                "organisation": organisation.name,
                "coordinator": study.organisation.name,
            },
            url=page_of(study),
        )


def waiting_organisations(study: Study) -> QuerySet[Organisation]:
    """Those that have not answered, each once."""
    waiting = study.invitations.filter(status=InvitationStatus.WAITING)
    return Organisation.objects.filter(pk__in=waiting.values("organisation"))


def tell_answer(invitation: Invitation, *, by: User) -> None:
    """Tell the study's coordinators; the reason for a refusal is on its page alone.

    Once an organisation has answered for all that it was asked for, it waits for none of its
    managers any more.
    """
    study, subject = invitation.study, invitation.subject
    organisation = invitation.organisation
    if not waiting_organisations(study).filter(pk=organisation.pk).exists():
        managers = organisation.people_with(Role.MANAGER)
        no_longer_waits(url=page_of(study), among=managers)
    notify(
        to=coordinators(study).exclude(pk=by.pk),
        kind=Kind.DECISION,
        sentence=ACCEPTED if invitation.status == InvitationStatus.ACCEPTED else DECLINED,
        words={
            "study": study.title,
            "organisation": organisation.name,
            "subject": str(subject),
        },
        url=page_of(study),
    )


def tell_nobody_is_asked(study: Study) -> None:
    """It has started or was withdrawn: no answer is waited for."""
    no_longer_waits(url=page_of(study))


def tell_finished(study: Study) -> None:
    """Tell the study's coordinators that every cell has ended, and how many found nothing."""
    count = study.cells.count()
    missing = count - study.cells.filter(evaluation__status=Status.SUCCEEDED).count()
    notify(
        to=coordinators(study),
        kind=Kind.EVALUATION_ENDED,
        sentence=PARTLY if missing else SUCCEEDED,
        words={"study": study.title, "missing": str(missing), "all": str(count)},
        url=page_of(study),
    )


def coordinators(study: Study) -> QuerySet[User]:
    """Those who may run the study, as :meth:`StudyQuerySet.coordinated_by` has it."""
    people = study.organisation.people_with(lowest_role(Duty.ADD))
    return people.filter(appointments__role__in=consortium_roles(Duty.LEAD_STUDIES)).distinct()
