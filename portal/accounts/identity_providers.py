"""Partners' identity providers: what the environment says about them.

A provider is believed about the e-mail domains that it is given, and about no other: with thirty
partners, one partner's server must not be able to sign in as another partner's people.
"""

from __future__ import annotations

import json
from typing import Annotated

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

WELL_KNOWN = "/.well-known/openid-configuration"
Domain = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[a-zA-Z0-9.-]+\.[a-zA-Z]+$")]


class IdentityProviderConfiguration(BaseModel):
    """One OpenID Connect provider, as the environment describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    """In addresses: /account/providers/<id>/."""
    name: str = Field(min_length=1)
    discovery_url: str = Field(
        pattern=rf"^(https://.+|http://(localhost|127\.0\.0\.1)(:\d+)?.*){WELL_KNOWN}$"
    )
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)
    email_domains: tuple[Domain, ...] = Field(min_length=1)
    """The domains whose people this provider vouches for."""
    creates_accounts: bool = False
    """Whether someone of these domains who has no account yet gets one."""

    @property
    def issuer(self) -> str:
        return self.discovery_url.removesuffix(WELL_KNOWN)

    def vouches_for(self, email: str) -> bool:
        """Whether ``email`` is of a domain of this provider; of a subdomain is not enough."""
        return email.rpartition("@")[2].lower() in self.email_domains


PROVIDERS = TypeAdapter(tuple[IdentityProviderConfiguration, ...])


def identity_providers(text: str) -> tuple[IdentityProviderConfiguration, ...]:
    """Read the JSON list in ``IDENTITY_PROVIDERS``; nothing means that there are none.

    Raises
    ------
    ImproperlyConfigured
        With every problem at once, and never with the secret.
    """
    if not text.strip():
        return ()
    try:
        found = PROVIDERS.validate_python(json.loads(text))
    except json.JSONDecodeError as error:
        raise ImproperlyConfigured(f"IDENTITY_PROVIDERS is not JSON: {error}.") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        )
        raise ImproperlyConfigured(
            f"IDENTITY_PROVIDERS is a list of providers (README, 'Production'): {problems}."
        ) from None
    if len({provider.id for provider in found}) < len(found):
        raise ImproperlyConfigured("IDENTITY_PROVIDERS names two providers with the same id.")
    return found
