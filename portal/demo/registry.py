"""The models of the demonstration, registered and released as their developers do it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.conf import settings

from portal.accounts.models import User
from portal.demo import showings
from portal.demo.entries import ModelEntry, Showing, VersionEntry
from portal.demo.partners import manager_of
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.organisations.sharing import share
from portal.registry.actions import check_artefact, create_model, release_version, save_version
from portal.registry.models import Model, ModelVersion
from portal.usecase import use_cases


def load_model(which: tuple[str, int]) -> None:
    """Register a model and release its versions, where that has not been done."""
    slug, place = which
    entry = showings.SHOWINGS[slug].models[place]
    use_case = use_cases()[entry.use_case]
    organisation = Organisation.objects.get(slug=entry.developer)
    by = manager_of(organisation)
    model = model_of(entry)
    if model is None:
        model = create_model(
            use_case=use_case,
            task=use_case.task(entry.task),
            organisation=organisation,
            by=by,
            name=entry.name,
            description=entry.description,
        )
        share(obj=model, verbs=[Verb.VIEW, Verb.EVALUATE], organisation=None, by=by)
    for version in entry.versions:
        _load_version(model, version, by)


def model_of(entry: ModelEntry) -> Model | None:
    return Model.objects.filter(name=entry.name, organisation__slug=entry.developer).first()


def _load_version(model: Model, entry: VersionEntry, by: User) -> None:
    version = ModelVersion.objects.filter(model=model, version=entry.version).first()
    if version is None:
        kind = ModelVersion.Kind.ARTEFACT if entry.write else ModelVersion.Kind.PREDICTIONS
        version = ModelVersion(model=model, version=entry.version, kind=kind, **entry.card)
        with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
            path, facts = None, None
            if entry.write:
                path = Path(folder) / "artefact.onnx"
                entry.write(path)
                facts = check_artefact(path, version.input_names)
            save_version(version=version, artefact=path, facts=facts, card=entry.section, by=by)
    if version.is_draft:
        release_version(version=version, by=by)


def versions_of(shown: Showing, task: str) -> list[ModelVersion]:
    """The versions of the models that do ``task``, in the order in which they were released."""
    models = [model.pk for entry in shown.models if (model := model_of(entry))]
    found = ModelVersion.objects.filter(model__in=models, model__task=task)
    return list(found.order_by("model", "pk"))
