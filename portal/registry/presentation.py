"""What a list shows of a model: its newest version, and where it was evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Prefetch

from portal.evaluations.models import Evaluation
from portal.facts import accessor
from portal.registry.cards import ModelCardSection, card_model, card_of
from portal.registry.models import Model, ModelVersion
from portal.usecase import use_cases

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


@dataclass(frozen=True)
class Results:
    """How often the versions of a model were evaluated, and on how many datasets."""

    evaluations: int
    datasets: int


@dataclass(frozen=True)
class ListedModel:
    """A row of the registry's list."""

    model: Model
    version: ModelVersion | None
    """The newest one that is released or retired."""
    card: ModelCardSection | None
    results: Results | None


def told_versions() -> Prefetch:
    """The versions that everyone who sees a model is told of, newest first, with their cards."""
    declared = (card_model(use_case) for use_case in use_cases().values())
    sections = [accessor(model) for model in declared if model is not None]
    versions = ModelVersion.objects.told().select_related(*sections).order_by("-released_at", "-id")
    return Prefetch("versions", queryset=versions, to_attr="told_versions")


def results_of(models: Iterable[Model], user: User | AnonymousUser) -> dict[int, Results]:
    """The results of each of ``models`` that ``user`` may see, by the model's key."""
    seen = Evaluation.objects.visible_to(user).succeeded()
    rows = (
        seen.filter(model_version__model__in=list(models))
        .order_by()
        .values_list("model_version__model")
        .annotate(Count("pk"), Count("dataset", distinct=True))
    )
    return {pk: Results(evaluations, datasets) for pk, evaluations, datasets in rows}


def listed_model(model: Model, results: Mapping[int, Results]) -> ListedModel:
    """A row of the list; the model comes with its versions from :func:`told_versions`."""
    versions: list[ModelVersion] = model.told_versions  # type: ignore[attr-defined]
    version = versions[0] if versions else None
    if version is not None:
        version.model = model
    return ListedModel(model, version, card_of(version) if version else None, results.get(model.pk))
