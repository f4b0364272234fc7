"""Writes about a person's own account."""

from __future__ import annotations

from datetime import timedelta

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.utils import timezone
from knox.models import get_digest_token
from knox.settings import CONSTANTS

from portal.accounts.models import ApiToken, User
from portal.audit.actions import record
from portal.audit.acts import Act


def record_change(*, sentence: str, by: User, verb: Act = Act.PERSON_CHANGED) -> None:
    """Record that ``by`` changed something about their account, or how they sign in."""
    record(by=by, organisation=None, verb=verb, obj=by, sentence=sentence)


@transaction.atomic
def rename(*, name: str, by: User) -> None:
    """Call ``by`` something else from now on; the log keeps what they were called."""
    by.full_name = name
    by.save(update_fields=["full_name"])
    record_change(sentence="changed their name", by=by)


def note_language(user: User, language: str) -> None:
    """Keep in which language ``user`` signs in: letters are written in it, if none is chosen."""
    if user.language_used != language:
        user.language_used = language
        user.save(update_fields=["language_used"])


@transaction.atomic
def create_token(*, name: str, scope: str, days: int, by: User) -> tuple[ApiToken, str]:
    """Make a token of ``by``, and the text that nobody sees a second time."""
    digest, text = get_digest_token()
    token = ApiToken.objects.create(
        user=by,
        name=name,
        scope=scope,
        expiry=timezone.now() + timedelta(days=days),
        digest=digest,
        token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH],
    )
    sentence = f"made the API token {token.token_key}… ({scope}, {days} days)"
    record_change(sentence=sentence, by=by, verb=Act.TOKEN_MADE)
    return token, text


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User) -> None:
    """End ``token``; the next request with it is refused."""
    token.delete()
    sentence = f"revoked the API token {token.token_key}…"
    record_change(sentence=sentence, by=by, verb=Act.TOKEN_REVOKED)


@transaction.atomic
def end_sessions(*, sessions: list[UserSession], by: User) -> None:
    """Sign ``by`` out where those sessions are."""
    get_adapter().end_sessions(sessions)
    if sessions:
        where = "one session" if len(sessions) == 1 else f"{len(sessions)} sessions"
        record_change(sentence=f"ended {where} elsewhere", by=by, verb=Act.SESSIONS_ENDED)


def record_refusal(*, person: User, because: str) -> None:
    """Record that somebody tried to sign in as ``person`` and was not let in.

    Who it was is not known, and so the site itself is what acted. What they typed is not kept.
    An address without an account leaves no line: it is no business of the log's, and lines that
    cannot be removed could be made without end. On one account the limit on attempts bounds them.
    """
    record(
        by=None,
        organisation=None,
        verb=Act.SIGN_IN_REFUSED,
        obj=person,
        sentence=f"refused a sign-in as {person}: {because}",
    )
