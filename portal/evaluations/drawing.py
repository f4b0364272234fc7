"""A Result's figures as its page sends them: drawn once, and kept with the result. No Django.

A figure follows from the Result, the reader's language and the code that draws it. The first two
are its key; of the code :func:`drawing_version` is the fingerprint, so that figures drawn by an
older version are drawn anew without anybody having to think of it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.figures import figure_json

if TYPE_CHECKING:
    from portal.result import Result
    from portal.usecase import Task, Translate

_IN_A_SCRIPT = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}
"""What must not stand in a script element as it is; in JSON the two are the same."""


def draw_figures(task: Task, result: Result, translate: Translate) -> dict[str, dict[str, Any]]:
    """Every figure of the task, by its slug.

    Returns
    -------
    dict
        ``{"height": pixels or None, "json": text that may stand in a script element}`` each.
    """
    drawn = {}
    for figure in task.figures:
        plain = figure_json(figure.draw(result, translate))
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        drawn[figure.slug] = {
            "height": plain["layout"].get("height"),
            "json": text.translate(_IN_A_SCRIPT),
        }
    return drawn


@functools.cache
def drawing_version(package: str) -> str:
    """SHA-256 of the code that draws the figures of a use case's ``package``.

    Raises
    ------
    ModuleNotFoundError
        If there is no such package.
    """
    import plotly

    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No package '{package}'.")
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    portal = Path(__file__).resolve().parents[1]
    paths = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    paths += [portal / "figures.py", portal / "marks.py", Path(__file__)]
    digest = hashlib.sha256(plotly.__version__.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
