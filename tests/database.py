"""One database with every migration, of which each process of a test run takes a copy."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]


def prepare_template() -> None:
    """Have the test database made from a template, made here unless it is of this very code.

    Applying all migrations takes ten seconds and more, copying a database less than one. Whoever
    comes first makes it; the others wait.
    """
    name = settings.TEMPLATE_OF_DATABASES
    connection.settings_dict["TEST"]["TEMPLATE"] = name
    made_of = _fingerprint()
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [name],
        )
        if cursor.fetchone() != (made_of,):
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{name}"')
            _migrate(name)
            cursor.execute(f"COMMENT ON DATABASE \"{name}\" IS '{made_of}'")
        cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])


def _migrate(name: str) -> None:
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def _fingerprint() -> str:
    """What the migrations and all that they call are made of, and the libraries with theirs."""
    made_of = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for folder in ("portal", "usecases"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            made_of.update(f"{path.relative_to(ROOT)}\n".encode())
            made_of.update(path.read_bytes())
    return made_of.hexdigest()
