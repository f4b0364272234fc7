"""The world of the access matrices, made once for each of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.test import override_settings

from portal.accounts.identity_providers import identity_providers
from tests import factories
from tests.world import PROVIDER, World, a_world


@pytest.fixture(scope="module")
def _made_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[World, Path]]:
    """The world and the folder of its files: nearly all of a test's time would go into it.

    Each test is a savepoint within its transaction, so that the connection stays open until the
    last of them.
    """
    folder = tmp_path_factory.mktemp("world")
    files = override_settings(**factories.files_in(folder))
    kept_open = mock.patch.object(connection, "close")
    with django_db_blocker.unblock(), transaction.atomic(), files, kept_open:
        yield a_world(), folder
        transaction.set_rollback(True)


@pytest.fixture
def world(_made_once: tuple[World, Path], db: None, settings: Any) -> World:
    """The world as it was made, whatever another test did with it."""
    made, folder = _made_once
    settings.IDENTITY_PROVIDERS = identity_providers(json.dumps([PROVIDER]))
    for name, value in factories.files_in(folder).items():
        setattr(settings, name, value)
    return copy.deepcopy(made)
