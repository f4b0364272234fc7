"""The recipe of usecases/README.md, followed to the letter with its own toy use case."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import usecases
from portal.result import Result
from usecases import evaluate

README = Path(usecases.__path__[0]) / "README.md"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the package ``usecases`` in which the recipe was followed."""
    blocks = re.findall(r"```python (\S+)\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert [name for name, _code in blocks] == [
        "toy/tables.py",
        "toy/evaluation.py",
        "toy/use_case.py",
    ]
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").touch()
    for name, code in blocks:
        (tmp_path / name).write_text(code)
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
