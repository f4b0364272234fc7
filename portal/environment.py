"""Reading settings from the environment, with messages that name what is wrong."""

import os
from collections.abc import Sequence
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
