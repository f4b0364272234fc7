"""Who is told that an evaluation has ended."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.utils.translation import gettext_noop

from portal.evaluations.models import Evaluation
from portal.notifications.actions import notify
from portal.notifications.addresses import page_of
from portal.notifications.kinds import Kind
from portal.organisations.models import Organisation

FINISHED = gettext_noop("The evaluation of %(model)s on “%(dataset)s” is finished.")
FAILED = gettext_noop("The evaluation of %(model)s on “%(dataset)s” has failed.")


def tell_submitter(evaluation: Evaluation, sentence: str) -> None:
    """Tell who submitted it, unless they left the organisation or lost sight of it meanwhile.

    The cells of a study are told of together, once it has finished.
    """
    if evaluation.study_id is not None:
        return
    person = get_user_model().objects.get(pk=evaluation.submitted_by_id)
    belongs = Organisation.objects.where_member(person).filter(pk=evaluation.organisation_id)
    seen = Evaluation.objects.visible_to(person).filter(pk=evaluation.pk)
    if not belongs.exists() or not seen.exists():
        return
    notify(
        to=[person],
        kind=Kind.EVALUATION_ENDED,
        sentence=sentence,
        words={"model": str(evaluation.model_version), "dataset": evaluation.dataset.title},
        url=page_of(evaluation),
    )
