"""Reading settings from the environment, with messages that name what is wrong."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"", "0", "false", "no", "off"})
BROKER_CONNECT_SECONDS = 3


def flag(name: str, *, default: bool) -> bool:
    """The boolean in the environment variable ``name``."""
    text = os.environ.get(name)
    if text is None:
        return default
    if text.strip().lower() in TRUE:
        return True
    if text.strip().lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is '{text}'; expected 1 or 0.")


def number(name: str, *, default: int) -> int:
    """The whole number in the environment variable ``name``."""
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is '{text}'; expected a whole number.") from None


def words(name: str) -> list[str]:
    """The comma-separated words in the environment variable ``name``."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def missing(names: Sequence[str]) -> list[str]:
    """Those of ``names`` that the environment does not set."""
    return [name for name in names if not os.environ.get(name)]


def site_url(url: str, hosts: Sequence[str], *, https: bool, is_local: bool) -> str:
    """The site's address without a slash at its end; by default that of the first of ``hosts``."""
    if not url:
        port = f":{number('PORT', default=8000)}" if is_local else ""
        url = f"{'https' if https else 'http'}://{hosts[0]}{port}"
    parts = urlsplit(url)
    host = parts.hostname or "*"
    is_host = "*" not in host and not host.startswith(".")
    if parts.scheme not in ("http", "https") or not is_host or parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"SITE_URL is '{url}'; expected the site's address, like https://portal.example. "
            "Without it the first of ALLOWED_HOSTS is used."
        )
    return f"{parts.scheme}://{parts.netloc}"


def broker(url: str) -> tuple[str, dict[str, Any]]:
    """Celery's broker URL and transport options; ``filesystem:///folder`` names a folder."""
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss"):
        # Without it a person who submits waits for minutes on a broker that does not answer.
        return url, {"socket_connect_timeout": BROKER_CONNECT_SECONDS}
    if parts.scheme != "filesystem":
        return url, {}
    folder = unquote(parts.path)
    if not folder.startswith("/"):
        raise ImproperlyConfigured(
            f"CELERY_BROKER_URL is '{url}'; expected filesystem:///absolute/folder."
        )
    options = {
        "data_folder_in": f"{folder}/messages",
        "data_folder_out": f"{folder}/messages",
        "control_folder": f"{folder}/control",
    }
    for path in options.values():
        os.makedirs(path, mode=0o700, exist_ok=True)
    return "filesystem://", options


def cache(url: str) -> dict[str, Any]:
    """Django's default cache: Redis, or a table of the database; every process sees the same."""
    if not url:
        return {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "cache",
            # Beyond the default of 300, old attempts to sign in would be forgotten too soon.
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    if urlsplit(url).scheme not in ("redis", "rediss"):
        raise ImproperlyConfigured(f"CACHE_URL is '{url}'; expected redis://host/0, or nothing.")
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}


@dataclass(frozen=True)
class MailServer:
    """Where e-mail goes."""

    backend: str = "django.core.mail.backends.smtp.EmailBackend"
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mail_server(url: str) -> MailServer:
    """The mail server that EMAIL_URL names: ``smtp+tls://user:password@host:587``."""
    if url == "console:":
        return MailServer(backend="django.core.mail.backends.console.EmailBackend")
    parts = urlsplit(url)
    if parts.scheme not in MAIL_PORTS or not parts.hostname:
        raise ImproperlyConfigured(
            f"EMAIL_URL starts with '{parts.scheme}:'; expected smtp+tls://user:password@host:587, "
            "smtps://…, smtp://…, or console: to print e-mail."
        )
    return MailServer(
        host=parts.hostname,
        port=parts.port or MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+tls",
        tls=parts.scheme == "smtps",
    )
