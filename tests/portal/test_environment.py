"""Settings from the environment, and what is said about wrong ones."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import environment


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "starttls", "tls"),
    [
        ("smtp://mail.example", "mail.example", 25, "", "", False, False),
        ("smtp+tls://me%40x:a%2Fb@mail.example", "mail.example", 587, "me@x", "a/b", True, False),
        ("smtps://mail.example:2465", "mail.example", 2465, "", "", False, True),
    ],
)
def test_a_mail_server_by_its_address(
    url: str, host: str, port: int, user: str, password: str, starttls: bool, tls: bool
) -> None:
    found = environment.mail_server(url)
    assert found.backend.endswith("smtp.EmailBackend")
    assert (found.host, found.port, found.user) == (host, port, user)
    assert (found.password, found.starttls, found.tls) == (password, starttls, tls)


def test_letters_can_be_printed() -> None:
    assert "console" in environment.mail_server("console:").backend


@pytest.mark.parametrize("url", ["http://mail.example", "mail.example", "smtp://", ""])
def test_a_mail_server_that_is_none_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as refused:
        environment.mail_server(url)
    assert "expected smtp" in str(refused.value)


def test_letters_lead_to_the_first_host_unless_the_address_is_named() -> None:
    hosts = ["portal.example", "localhost"]
    assert environment.site_url("", hosts, https=True, is_local=False) == "https://portal.example"
    assert environment.site_url("", ["127.0.0.1"], https=False, is_local=True).startswith(
        "http://127.0.0.1:"
    )
    given = environment.site_url("https://x.example:8443/", hosts, https=False, is_local=False)
    assert given == "https://x.example:8443"


@pytest.mark.parametrize("url", ["", "x.example", "https://", "https://x.example/portal"])
def test_an_address_that_letters_cannot_lead_to_is_named(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SITE_URL is .*; expected"):
        environment.site_url(url, [".example"], https=True, is_local=False)


def test_the_cache_is_shared_by_all_processes() -> None:
    assert environment.cache("")["BACKEND"].endswith("DatabaseCache")
    redis = environment.cache("rediss://cache.example/1")
    assert redis["BACKEND"].endswith("RedisCache")
    assert redis["LOCATION"] == "rediss://cache.example/1"
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL"):
        environment.cache("locmem://")
