"""Fixtures that all tests may use."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from django.utils import translation
from pytest_socket import socket_allow_hosts

from portal.jobs.running import without_child
from tests import factories
from tests.database import prepare_template

REFERENCE_DATA = Path(
    os.environ.get("SHAIPED_REFERENCE_DATA")
    or Path(__file__).resolve().parents[2] / "shared" / "data"
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    if settings.configured:
        shutil.rmtree(Path(settings.MEDIA_ROOT).parent, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_blocker) -> None:
    """Every process copies its database from one that has been migrated."""
    with django_db_blocker.unblock():
        prepare_template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """At the end every session is ended, or one left behind holds the database.

    Killed workers leave one, and so does the browser's event loop, in which Django opens a
    connection of its own. Asked from another database, so that no session is our own.
    """
    yield
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [connection.settings_dict["NAME"]],
        )


EMPTY = """
DO $$
DECLARE
    one text;
    filled text[] := '{}';
    found boolean;
BEGIN
    FOR one IN
        SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT IN
            ('django_migrations', 'django_content_type', 'auth_permission')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO found;
        IF found THEN
            filled := filled || one;
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', one);
        END IF;
    END LOOP;
    FOREACH one IN ARRAY filled LOOP
        EXECUTE format('DELETE FROM %s', one);
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    FOREACH one IN ARRAY filled LOOP
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', one);
    END LOOP;
END $$
"""
"""Deletes the rows of the tables that have any, without the triggers that refuse it.

Their owner takes the triggers off for that moment, which a site need not be.
"""


@pytest.fixture(autouse=True, scope="session")
def _a_test_database_is_emptied() -> Iterator[None]:
    """Tests that commit empty the database at their end: quicker than Django does it.

    Django truncates each of a hundred tables, which makes each of their files anew, and then
    writes the kinds of objects and the permissions again, which no test changes.
    """

    def empty(self: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            cursor.execute(EMPTY)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture
def reference_data() -> Path:
    """The folder of real inputs with known answers; the test is skipped where it is absent."""
    if not REFERENCE_DATA.is_dir():
        pytest.skip(f"the reference data are not at {REFERENCE_DATA}")
    return REFERENCE_DATA


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not on PATH"
        if os.environ.get("CI"):
            pytest.fail(f"{message}, and CI must not skip for want of it")
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """The Chromium on PATH."""
    return _program("chromium")


@pytest.fixture(scope="session")
def redis_server() -> str:
    """The redis-server on PATH."""
    return _program("redis-server")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Rate limits, used codes and the language of another test are forgotten."""
    cache.clear()
    translation.deactivate()


@pytest.fixture
def media(settings, tmp_path) -> Path:
    """A folder of stored files for one test alone."""
    folder = tmp_path / "media"
    for name, value in factories.files_in(folder).items():
        setattr(settings, name, value)
    return folder


@pytest.fixture
def in_this_process() -> Iterator[None]:
    """Jobs work here: the start of a child takes longer than most of what is tested with it."""
    with without_child():
        yield
