"""What a study's results say over all sites, by model version."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from portal.jobs.models import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portal.registry.models import ModelVersion
    from portal.result import Result
    from portal.studies.models import Study
    from portal.usecase import Task

logger = logging.getLogger(__name__)


def pool_study(study: Study) -> dict[str, Any]:
    """The pooled estimates of each model version, by its key, as they are stored.

    Each holds ``estimates`` (see :class:`portal.result.Pooled`) and ``unavailable``, the sentence
    that says why there are none.
    """
    task = study.declared_task
    cells = (
        study.cells.filter(evaluation__status=Status.SUCCEEDED)
        .select_related("evaluation__stored_result", "model_version__model")
        .order_by("model_version_id", "id")
    )
    results: dict[ModelVersion, list[Result]] = {}
    for cell in cells:
        stored = cell.evaluation.stored_result if cell.evaluation else None
        if stored is not None:
            # Without curves: nothing is pooled of them, and they are most of the bytes.
            result = stored.result.model_copy(update={"curves": {}})
            results.setdefault(cell.model_version, []).append(result)
    return {str(version.pk): _pool(task, found, version) for version, found in results.items()}


def _pool(task: Task, results: Sequence[Result], version: ModelVersion) -> dict[str, Any]:
    nothing: dict[str, Any] = {"estimates": []}
    if task.pool is None:
        return nothing | {"unavailable": _("Results of this task are not pooled.")}
    if len(results) < 2:
        return nothing | {"unavailable": _("There is one site only; nothing is pooled.")}
    try:
        pooled = task.pool(results)
    except Exception:
        logger.exception("The results of %s could not be pooled.", version)
        return nothing | {
            "unavailable": _("The site failed to pool the results, which is its own fault; tell "
                             "its administrator.")
        }  # fmt: skip
    return {"estimates": [entry.model_dump(mode="json") for entry in pooled], "unavailable": ""}
