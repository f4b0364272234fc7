"""What takes longest to make, made once for the tests of a file: a world, and a tenant."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.accounts.identity_providers import identity_providers
from tests.kept import keep_files, kept
from tests.tenants import Tenant, a_tenant, fill
from tests.world import PROVIDER, World, a_world


@pytest.fixture(scope="module")
def _made_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[World, Path]]:
    """The world and the folder of its files: nearly all of a test's time would go into it."""
    folder = tmp_path_factory.mktemp("world")
    with kept(folder, django_db_blocker):
        yield a_world(), folder


@pytest.fixture
def world(_made_once: tuple[World, Path], db: None, settings: Any) -> World:
    """The world as it was made, whatever another test did with it."""
    made, folder = _made_once
    settings.IDENTITY_PROVIDERS = identity_providers(json.dumps([PROVIDER]))
    keep_files(settings, folder)
    return copy.deepcopy(made)


@pytest.fixture(scope="module")
def _tenant_made_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[Tenant, Path]]:
    folder = tmp_path_factory.mktemp("tenant")
    with kept(folder, django_db_blocker):
        tenant = a_tenant("osmium")
        fill(tenant, publishes=True)
        yield tenant, folder


@pytest.fixture
def ours(_tenant_made_once: tuple[Tenant, Path], db: None, settings: Any) -> Tenant:
    """An organisation that has one of everything, all of it marked with "osmium"."""
    made, folder = _tenant_made_once
    keep_files(settings, folder)
    return copy.deepcopy(made)
