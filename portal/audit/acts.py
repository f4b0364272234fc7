"""What is recorded: the whole list, in the words of the log."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Act(TextChoices):
    """Something that a person did; each is recorded where it is done."""

    # Organisations and their people
    ORGANISATION_ADDED = "organisation-added", _("added an organisation")
    ORGANISATION_CHANGED = "organisation-changed", _("changed an organisation")
    ORGANISATION_SUSPENDED = "organisation-suspended", _("suspended an organisation")
    ORGANISATION_REINSTATED = "organisation-reinstated", _("reinstated an organisation")
    ORGANISATION_DELETED = "organisation-deleted", _("deleted an organisation")
    MEMBER_ADDED = "member-added", _("added a member")
    ROLE_CHANGED = "role-changed", _("changed a role")
    MEMBER_SUSPENDED = "member-suspended", _("suspended a member")
    MEMBER_REINSTATED = "member-reinstated", _("reinstated a member")
    MEMBER_REMOVED = "member-removed", _("ended a membership")
    INVITED = "invited", _("invited somebody")
    INVITED_AGAIN = "invited-again", _("sent an invitation again")
    INVITATION_WITHDRAWN = "invitation-withdrawn", _("withdrew an invitation")
    INVITATION_ACCEPTED = "invitation-accepted", _("accepted an invitation")
    # People, and their roles across the consortium and the site
    APPOINTED = "appointed", _("gave a role across the consortium")
    APPOINTMENT_ENDED = "appointment-ended", _("ended a role across the consortium")
    PERSON_ADDED = "person-added", _("added a person")
    PERSON_CHANGED = "person-changed", _("changed a person's account")
    PERSON_DEACTIVATED = "person-deactivated", _("deactivated a person")
    PERSON_ACTIVATED = "person-activated", _("activated a person")
    # How people sign in
    SIGNED_IN = "signed-in", _("signed in")
    SIGNED_OUT = "signed-out", _("signed out")
    SIGN_IN_REFUSED = "sign-in-refused", _("refused a sign-in")
    SESSIONS_ENDED = "sessions-ended", _("ended sessions elsewhere")
    PASSWORD_CHANGED = "password-changed", _("changed a password")
    FACTOR_ADDED = "factor-added", _("added a second factor")
    FACTOR_REMOVED = "factor-removed", _("removed a second factor")
    TOKEN_MADE = "token-made", _("made an API token")
    TOKEN_REVOKED = "token-revoked", _("revoked an API token")
    # Objects
    ADDED = "added", _("added")
    CHANGED = "changed", _("changed")
    UPLOADED = "uploaded", _("uploaded a table to")
    SHARED = "shared", _("changed the sharing of")
    RELEASED = "released", _("released")
    RETIRED = "retired", _("retired")
    PUBLISHED = "published", _("published")
    DELETED = "deleted", _("deleted")
    # Studies
    ASKED = "asked", _("sent the invitations to")
    TOOK_PART = "took-part", _("accepted to take part in")
    DECLINED = "declined", _("declined to take part in")
    STARTED = "started", _("started")
    WITHDRAWN = "withdrawn", _("withdrew")
    NOTICE_ADDED = "notice-added", _("added a notice to")
    # Access to data
    APPLIED = "applied", _("sent")
    RETURNED = "returned", _("returned for completion")
    FOUND_COMPLETE = "found-complete", _("found complete")
    QUESTIONED = "questioned", _("asked a question about")
    ANSWERED = "answered", _("answered a question about")
    GAVE_OPINION = "gave-opinion", _("gave an opinion on")
    EXTENDED = "extended", _("extended the time of")
    GRANTED = "granted", _("granted")
    REFUSED = "refused", _("refused")
    ISSUED = "issued", _("issued")
    SUSPENDED = "suspended", _("suspended")
    REINSTATED = "reinstated", _("put in force again")
    REVOKED = "revoked", _("revoked")
    REPLACED = "replaced", _("issued a new version of")
    # Jobs, and what comes out
    SUBMITTED = "submitted", _("submitted")
    CANCELLED = "cancelled", _("cancelled")
    RETRIED = "retried", _("tried again")
    DOWNLOADED = "downloaded", _("downloaded")
    CASES_SEEN = "cases-seen", _("looked at single cases of")
