"""The profile that a use case adds to its datasets."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.catalogue.actions import update_dataset
from portal.catalogue.models import Dataset
from portal.catalogue.profiles import profile_accessors, profile_model, profile_of
from portal.usecase import use_cases
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation())


def texts(dataset: Dataset) -> dict[str, str]:
    profile = profile_of(dataset)
    assert profile is not None
    return {fact.name: fact.text for fact in profile.facts()}


def test_each_use_case_declares_a_profile() -> None:
    for use_case in use_cases().values():
        model = profile_model(use_case)
        assert model is not None
        assert model.facets
        assert model.columns
    assert profile_accessors() == ["ckd_profile", "metastasis_profile", "heart_failure_profile"]


def test_what_is_stated_is_shown_in_words(person) -> None:
    dataset = factories.a_dataset(
        person, profile={"egfr": (15, 59.5), "albuminuria": True, "death_follow_up": False}
    )

    assert texts(dataset) == {
        "egfr": "15 to 59.5 mL/min/1.73 m²",
        "albuminuria": "yes",
        "dialysis_follow_up": "",
        "death_follow_up": "no",
        "median_follow_up": "",
    }
    profile = profile_of(dataset)
    assert profile is not None
    assert [fact.name for fact in profile.shown] == ["egfr"]


def test_lists_and_open_ranges_are_shown_in_words(person) -> None:
    images = factories.a_dataset(
        person,
        use_case="metastasis",
        profile={
            "modality": ["ct"],
            "vendors": ["Siemens", "GE"],
            "slice_thickness": (None, 2.5),
            "annotated_lesions": 1186,
        },
    )
    monitored = factories.a_dataset(
        person,
        use_case="heart-failure",
        profile={"device_family": ["icd", "crt"], "sensors": ["hrv", "impedance"]},
    )

    assert texts(images) == {
        "modality": "CT",
        "vendors": "Siemens, GE",
        "slice_thickness": "up to 2.5 mm",
        "annotated_lesions": "1,186",
        "readers": "",
    }
    assert texts(monitored)["device_family"] == "ICD, CRT"
    assert texts(monitored)["sensors"] == "Heart rate variability, Thoracic impedance"


def test_what_is_not_named_stays(person) -> None:
    dataset = factories.a_dataset(person, profile={"median_follow_up": 4.5})

    update_dataset(dataset=dataset, profile={"albuminuria": True}, by=person)
    update_dataset(dataset=dataset, title="Another", by=person)

    found = texts(Dataset.objects.get(pk=dataset.pk))
    assert found["median_follow_up"] == "4.5 years"
    assert found["albuminuria"] == "yes"


def test_a_value_that_does_not_fit_saves_nothing(person) -> None:
    with pytest.raises(ValidationError, match="median_follow_up"):
        factories.a_dataset(person, title="Refused", profile={"median_follow_up": -1})
    assert not Dataset.objects.filter(title="Refused").exists()


@pytest.mark.parametrize(
    ("use_case", "field", "value"),
    [("ckd", "median_follow_up", -1), ("heart-failure", "transmissions_a_day", -0.5)],
)
def test_the_database_refuses_what_cannot_be(person, use_case, field, value) -> None:
    dataset = factories.a_dataset(person, use_case=use_case, profile={field: 1})
    model = profile_model(dataset.declared)
    assert model is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        model._default_manager.filter(pk=dataset.pk).update(**{field: value})


def test_profiles_come_with_the_list_in_one_query(person, django_assert_num_queries) -> None:
    for _ in range(3):
        factories.a_dataset(person, profile={"egfr": (15, 60)})
    factories.a_dataset(person, use_case="metastasis")
    with django_assert_num_queries(1):
        rows = Dataset.objects.select_related(*profile_accessors()).order_by("id")
        assert [bool(profile_of(dataset)) for dataset in rows] == [True] * 4
