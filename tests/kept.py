"""What takes long to make, kept for many tests that each change it and leave no change behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.test import override_settings

from tests import factories


@contextmanager
def kept(folder: Path, django_db_blocker: Any) -> Iterator[None]:
    """A transaction, and a folder of files, that last for the tests of a file.

    Each test is a savepoint within it, so that the connection stays open until the last of them.
    Not for a file with tests that commit.
    """
    files = override_settings(**factories.files_in(folder))
    kept_open = mock.patch.object(connection, "close")
    with django_db_blocker.unblock(), transaction.atomic(), files, kept_open:
        yield
        transaction.set_rollback(True)


def keep_files(settings: Any, folder: Path) -> None:
    """Let one test use the files of ``folder``, whatever a test before it had set."""
    for name, value in factories.files_in(folder).items():
        setattr(settings, name, value)
