"""The recipe of usecases/README.md, followed to the letter with its own toy use case."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from django.db import connection

import usecases
from portal.result import Result
from usecases import evaluate

ROOT = Path(usecases.__path__[0]).parent
README = ROOT / "usecases" / "README.md"
WALK = Path(__file__).with_name("toy_site.py")


FILES = [
    "toy/tables.py",
    "toy/evaluation.py",
    "toy/use_case.py",
    "toy/models.py",
    "toy/admin.py",
    "toy/templates/toy/catalogue/dataset_list.html",
]


def follow_the_recipe(folder: Path) -> None:
    """Make the toy's files in ``folder``, as the README has them."""
    blocks = re.findall(r"```\w+ (\S+)\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert [name for name, _code in blocks] == FILES
    for name, code in [("toy/__init__.py", ""), *blocks]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the package ``usecases`` in which the recipe was followed."""
    follow_the_recipe(tmp_path)
    monkeypatch.setattr(usecases, "__path__", [*usecases.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("usecases.toy")]:
        del sys.modules[name]
    usecases.__dict__.pop("toy", None)


def test_the_recipe_makes_a_use_case_that_evaluates(toy: Path) -> None:
    rows = [(f"e{number}", number % 2, int(number % 2 == 1 or number == 4)) for number in range(40)]
    (toy / "exams.csv").write_text(
        "exam_id,finding\n" + "".join(f"{name},{finding}\n" for name, finding, _call in rows)
    )
    (toy / "calls.csv").write_text(
        "exam_id,call\n" + "".join(f"{name},{call}\n" for name, _finding, call in rows)
    )

    code = evaluate.main(
        [
            "toy/calls",
            *("--table", f"exams={toy / 'exams.csv'}"),
            *("--table", f"predictions={toy / 'calls.csv'}"),
            *("--out", str(toy / "result.json")),
        ]
    )

    assert code == 0
    result = Result.model_validate_json((toy / "result.json").read_bytes())
    assert result.estimate("accuracy").value == 39 / 40
    task = evaluate.tasks()["toy/calls"]
    assert task.find(result, str).title == "Better than a coin"


def test_the_toy_is_listed_beside_the_others(toy: Path) -> None:
    assert set(evaluate.tasks()) >= {"ckd/binary", "toy/calls"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the site to which the recipe added the toy: a folder, and a line in settings."""
    folder = tmp_path / "site"
    for name in ("portal", "usecases", "templates", "static"):
        shutil.copytree(ROOT / name, folder / name)
    for path in (ROOT / "manage.py", WALK):
        shutil.copy(path, folder / path.name)
    follow_the_recipe(folder / "usecases")
    settings = folder / "portal" / "settings.py"
    last = '    "usecases.heart_failure",\n'
    text = settings.read_text()
    assert text.count(last) == 1
    settings.write_text(text.replace(last, f'{last}    "usecases.toy",\n'))
    return folder


@pytest.fixture
def database(django_db_setup: None, django_db_blocker) -> Iterator[str]:
    """The address of a database beside the one of the tests, with all migrations but the toy's."""
    found = connection.settings_dict
    name = f"{found['NAME']}_toy"
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{found["TEST"]["TEMPLATE"]}"')
        person = f"{quote(found['USER'])}:{quote(found['PASSWORD'])}@"
        host = f"{found['HOST']}:{found['PORT']}".rstrip(":")
        options = {key: value for key, value in found["OPTIONS"].items() if key == "host"}
        yield f"postgresql://{person}{host}/{name}?{urlencode(options)}"
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_the_site_takes_the_toy_from_upload_to_result(site: Path, database: str) -> None:
    before = {path: path.read_bytes() for path in (site / "portal").rglob("*.py")}
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DJANGO_SETTINGS_MODULE", "MEDIA_ROOT", "CELERY_BROKER_URL", "PYTHONPATH")
    } | {"DEBUG": "1", "DATABASE_URL": database, "LOG_LEVEL": "WARNING"}

    def run(*command: str) -> None:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=site,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("manage.py", "makemigrations", "toy", "-n", "profile_and_model_card", "-v", "0")
    run("manage.py", "migrate", "-v", "0")
    run(WALK.name)  # which also checks that there is nothing more to migrate

    assert (site / "usecases/toy/migrations/0001_profile_and_model_card.py").exists()
    assert {path: path.read_bytes() for path in (site / "portal").rglob("*.py")} == before
