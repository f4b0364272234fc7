"""Every dataset of the demonstration is described so well that it can be published, and valid."""

from __future__ import annotations

import polars as pl
import pytest

from portal.catalogue.completeness import completeness
from portal.catalogue.dcat import export
from portal.catalogue.models import Dataset
from portal.demo import datasets, showings
from portal.demo.entries import Content, DatasetEntry
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.usecase import use_cases
from tests import factories, shapes

pytestmark = pytest.mark.django_db

ENTRIES = [entry for shown in showings.SHOWINGS.values() for entry in shown.datasets]


def without_rows(entry: DatasetEntry) -> Content:
    """What the site holds, by its columns alone: nothing is simulated."""
    tables: dict[str, dict[str, pl.DataFrame]] = {}
    for slug in entry.tasks:
        for schema in use_cases()[entry.use_case].task(slug).reference_tables:
            names = [column.name for column in schema.columns] + list(entry.dictionary)
            columns = dict.fromkeys(names, pl.String)
            tables.setdefault(slug, {})[schema.name] = pl.DataFrame(schema=columns)
    return Content(tables=tables, profile={}, individuals=1_000, records=2_000)


def test_each_is_public_unless_it_waits_and_violates_no_shape() -> None:
    managers = {}
    for entry in ENTRIES:
        if entry.holder not in managers:
            holder = factories.an_organisation(entry.holder, country=entry.country)
            managers[entry.holder] = factories.a_person(holder, Role.MANAGER)
        factories.an_access_body(entry.country)
        by = managers[entry.holder]
        organisation = Organisation.objects.get(name=entry.holder)
        dataset = datasets._create(entry, without_rows(entry), organisation, by)
        assert Dataset.objects.get(pk=dataset.pk).is_public != entry.waits
        assert completeness(dataset).mandatory.percent == 100
        paths = [shapes.OWN]
        if shapes.STANDARDS:
            paths += shapes.of_level(dataset.access_rights)
        assert shapes.violations(export.dataset_graph(dataset), *paths) == [], entry.title
    assert sum(not entry.waits for entry in ENTRIES) > len(ENTRIES) / 2
