"""Writing the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import translation

from portal.audit.acts import Act
from portal.audit.models import Entry, type_of
from portal.audit.origin import current_address

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import Model

    from portal.accounts.models import User
    from portal.organisations.models import Organisation


def record(
    *,
    by: User | AnonymousUser | None,
    organisation: Organisation | None,
    verb: Act,
    obj: Model,
    sentence: str = "",
    what: str = "",
) -> Entry:
    """Record that ``by`` did something, in the transaction in which it is done.

    Parameters
    ----------
    by
        The person; None where the site itself acts.
    organisation
        The organisation that they act for; None for a role across the consortium or the site.
    verb
        What was done.
    obj
        What it was done to. An object without a key was deleted, or never was.
    sentence
        What was done, without who did it: "made Lena Brandt manager". By default the act and the
        object's name. Neither health data nor what people typed into forms belongs in it.
    what
        Added to the sentence that is made by default.
    """
    person: Any = by if by is not None and by.is_authenticated else None
    # One log in one language, whatever language the person reads.
    with translation.override(settings.LANGUAGE_CODE):
        label = str(obj)[:300]
        default = f"{Act(verb).label} the {obj._meta.verbose_name} “{label}”{what}"
        return Entry.objects.create(
            person=person,
            person_name=str(person)[:150] if person else "",
            person_email=person.email if person else "",
            organisation=organisation,
            organisation_name=str(organisation)[:200] if organisation else "",
            address=current_address(),
            verb=Act(verb),
            object_type=type_of(obj),
            object_id=str(obj.pk or ""),
            object_label=label,
            sentence=(sentence or default)[:1000],
        )
