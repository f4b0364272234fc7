"""What may import what: the rules of the layout, read from the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = ("evaluation", "figures", "findings", "tables", "use_case")
"""The modules of a use case that never import Django."""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, f"{package} holds no module"
    return found


def use_case_packages() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "usecases").glob("*/use_case.py"))


@pytest.mark.parametrize("path", modules("portal"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_portal_never_imports_a_use_case(path: Path) -> None:
    assert [name for name in imports(path) if name.split(".")[0] == "usecases"] == []


@pytest.mark.parametrize("package", use_case_packages())
def test_use_cases_never_import_each_other(package: str) -> None:
    others = {f"usecases.{other}" for other in use_case_packages() if other != package}
    for path in modules(f"usecases/{package}"):
        named = {".".join(name.split(".")[:2]) for name in imports(path)}
        assert not named & others, path


@pytest.mark.parametrize("package", use_case_packages())
def test_a_use_case_is_declared_without_django(package: str) -> None:
    code = (
        f"import sys, usecases.{package}.use_case, usecases.evaluate\n"
        "found = sorted(name for name in sys.modules if name.split('.')[0] == 'django')\n"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_engine_is_numpy_in_and_numbers_out() -> None:
    allowed = {"numpy", "scipy", "usecases"} | sys.stdlib_module_names
    for path in modules("usecases/statistics"):
        roots = {name.split(".")[0] for name in imports(path)}
        # Sorting borrows Polars' integer sort: its own docstring says why.
        assert roots <= allowed | ({"polars"} if path.name == "sorting.py" else set()), path


def test_what_runs_in_a_child_process_does_without_django() -> None:
    names = (
        "portal.jobs.child",
        "portal.catalogue.ingest",
        "portal.registry.artefact",
        "portal.registry.scoring",
        "portal.evaluations.computing",
    )
    code = (
        f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
        "sys.exit(int('django' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
