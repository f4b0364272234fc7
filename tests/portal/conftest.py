"""What takes longest to make, made once for the tests of a file: a world, and a tenant."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.test import override_settings

from portal.accounts.identity_providers import identity_providers
from tests import factories
from tests.tenants import Tenant, a_tenant, fill
from tests.world import PROVIDER, World, a_world


@contextmanager
def _kept(folder: Path, django_db_blocker: Any) -> Iterator[None]:
    """A transaction, and a folder of files, that last for many tests.

    Each test is a savepoint within it, so that the connection stays open until the last of them.
    """
    files = override_settings(**factories.files_in(folder))
    kept_open = mock.patch.object(connection, "close")
    with django_db_blocker.unblock(), transaction.atomic(), files, kept_open:
        yield
        transaction.set_rollback(True)


def _keep_files(settings: Any, folder: Path) -> None:
    for name, value in factories.files_in(folder).items():
        setattr(settings, name, value)


@pytest.fixture(scope="module")
def _made_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[World, Path]]:
    """The world and the folder of its files: nearly all of a test's time would go into it."""
    folder = tmp_path_factory.mktemp("world")
    with _kept(folder, django_db_blocker):
        yield a_world(), folder


@pytest.fixture
def world(_made_once: tuple[World, Path], db: None, settings: Any) -> World:
    """The world as it was made, whatever another test did with it."""
    made, folder = _made_once
    settings.IDENTITY_PROVIDERS = identity_providers(json.dumps([PROVIDER]))
    _keep_files(settings, folder)
    return copy.deepcopy(made)


@pytest.fixture(scope="module")
def _tenant_made_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[Tenant, Path]]:
    folder = tmp_path_factory.mktemp("tenant")
    with _kept(folder, django_db_blocker):
        tenant = a_tenant("osmium")
        fill(tenant, publishes=True)
        yield tenant, folder


@pytest.fixture
def ours(_tenant_made_once: tuple[Tenant, Path], db: None, settings: Any) -> Tenant:
    """An organisation that has one of everything, all of it marked with "osmium"."""
    made, folder = _tenant_made_once
    _keep_files(settings, folder)
    return copy.deepcopy(made)
