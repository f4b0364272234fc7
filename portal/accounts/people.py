"""Who is asking."""

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from portal.accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """The person who is signed in; for views that only signed-in people reach."""
    if isinstance(request.user, AnonymousUser):
        raise PermissionDenied
    return request.user
