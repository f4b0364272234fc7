"""What the demonstration lists for each use case is complete and fits the use case."""

from __future__ import annotations

import functools

import pytest

from portal.catalogue.profiles import profile_model
from portal.demo.cohorts import SEED
from portal.demo.entries import Content, DatasetEntry
from portal.demo.partners import PARTNERS, PEOPLE
from portal.demo.showings import SHOWINGS
from portal.registry.cards import card_model
from portal.registry.models import ModelVersion
from portal.usecase import use_cases

DATASETS = [entry for shown in SHOWINGS.values() for entry in shown.datasets]
EVERY_DATASET = pytest.mark.parametrize("entry", DATASETS, ids=lambda entry: entry.title)


@functools.cache
def content(place: int) -> Content:
    return DATASETS[place].make(SEED)


def content_of(entry: DatasetEntry) -> Content:
    return content(DATASETS.index(entry))


def test_each_use_case_is_shown() -> None:
    assert list(SHOWINGS) == list(use_cases())


@pytest.mark.parametrize("slug", list(SHOWINGS))
def test_each_task_has_four_sites_with_results_one_that_waits_and_two_versions(slug: str) -> None:
    shown = SHOWINGS[slug]
    for task in use_cases()[slug].tasks:
        datasets = [entry for entry in shown.datasets if task.slug in entry.tasks]
        assert sum(not entry.waits and not entry.is_refused for entry in datasets) >= 4
        assert sum(entry.waits for entry in datasets) == 1
        versions = [len(model.versions) for model in shown.models if model.task == task.slug]
        assert versions == [2]


def test_partners_are_of_at_most_eleven_countries_and_made_up_ones_say_so() -> None:
    assert len({partner.country for partner in PARTNERS}) <= 11
    named = {
        *("Aarhus University Hospital", "Health Data Hub", "Centre Léon Bérard", "Institut Curie"),
        *("Erasmus MC", "Berlin Institute of Health at Charité", "Implicity"),
    }
    others = [partner for partner in PARTNERS if partner.name not in named]
    assert all(partner.name.startswith("Demonstration ") for partner in others)
    assert len(PARTNERS) - len(others) == len(named)


def test_everyone_named_is_a_partner() -> None:
    slugs = {partner.slug for partner in PARTNERS}
    assert {entry.holder for entry in DATASETS} <= slugs
    assert {person.partner for person in PEOPLE} - {None} <= slugs
    for shown in SHOWINGS.values():
        assert shown.lead in slugs
        assert {model.developer for model in shown.models} <= slugs


@EVERY_DATASET
def test_each_dataset_says_that_it_is_simulated_and_why_it_differs(entry: DatasetEntry) -> None:
    assert "(synthetic)" in entry.title
    assert entry.story


@EVERY_DATASET
def test_each_dataset_holds_the_tables_of_its_tasks_in_order(entry: DatasetEntry) -> None:
    held = content_of(entry)
    assert tuple(held.tables) == entry.tasks
    for slug, tables in held.tables.items():
        task = use_cases()[entry.use_case].task(slug)
        assert list(tables) == [schema.name for schema in task.reference_tables]
    for model in SHOWINGS[entry.use_case].models:
        if model.task in entry.tasks and model.versions[0].write is None:
            assert list(held.predictions[model.task]) == [each.version for each in model.versions]


@EVERY_DATASET
def test_each_column_is_described(entry: DatasetEntry) -> None:
    for slug, tables in content_of(entry).tables.items():
        for name, frame in tables.items():
            schema = use_cases()[entry.use_case].task(slug).table(name)
            described = {column.name for column in schema.columns} | set(entry.dictionary)
            assert set(frame.columns) <= described


@EVERY_DATASET
def test_each_profile_is_filled_in_but_for_what_does_not_apply(entry: DatasetEntry) -> None:
    model = profile_model(use_cases()[entry.use_case])
    assert model is not None
    fields = {field.name for field in model.stated_fields()}
    stated = content_of(entry).profile
    absent = fields - {name for name, value in stated.items() if value not in (None, "", [])}
    of_mammography = {"slice_thickness", "annotated_lesions"}
    assert absent <= (of_mammography if entry.tasks == ("mammography",) else set())
    assert set(stated) <= fields


@pytest.mark.parametrize("slug", list(SHOWINGS))
def test_protocols_and_model_cards_fit_what_the_use_case_declares(slug: str) -> None:
    shown, use_case = SHOWINGS[slug], use_cases()[slug]
    assert set(shown.protocols) == {task.slug for task in use_case.tasks}
    for name, fields in shown.protocols.items():
        use_case.task(name).protocol(**fields)
    section = card_model(use_case)
    assert section is not None
    known = {field.name for field in section.stated_fields()}
    for model in shown.models:
        for version in model.versions:
            assert set(version.section) <= known
            ModelVersion(version=version.version, **version.card)
