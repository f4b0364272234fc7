"""The forms of datasets and model versions, with what the use case adds to them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from portal.catalogue.models import Dataset, Variable
from portal.catalogue.profiles import profile_of
from portal.registry.models import ModelVersion
from tests import factories

pytestmark = pytest.mark.django_db

DATASET = {
    "title": "Scans of Lyon",
    "description": "CT of the chest.",
    "spatial": "FR",
    "health_category": "h",
    "access_rights": "NON_PUBLIC",
    "personal_data": "pseudonymised",
}


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def client(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def create(client: Client, use_case: str, **fields: object):
    organisation = Dataset._meta.get_field("organisation").remote_field.model.objects.first()
    address = reverse("dataset-create", kwargs={"use_case": use_case})
    return client.post(address, DATASET | {"organisation": organisation.pk} | fields)


def stated(dataset: Dataset) -> dict[str, str]:
    profile = profile_of(dataset)
    assert profile is not None
    return {fact.name: fact.text for fact in profile.facts() if fact.text}


def test_the_profile_is_described_with_the_dataset(client) -> None:
    response = create(
        client,
        "metastasis",
        **{
            "profile-modality": ["ct", "tomosynthesis"],
            "profile-vendors": "Siemens, GE",
            "profile-slice_thickness_0": "0.6",
            "profile-slice_thickness_1": "2.5",
            "profile-annotated_lesions": "1186",
        },
    )
    dataset = Dataset.objects.get()
    assert response["Location"] == dataset.get_absolute_url()
    assert stated(dataset) == {
        "modality": "CT, Tomosynthesis",
        "vendors": "Siemens, GE",
        "slice_thickness": "0.6 to 2.5 mm",
        "annotated_lesions": "1,186",
    }
    page = client.get(dataset.get_absolute_url()).content.decode()
    assert "Image set" in page
    assert "0.6 to 2.5 mm" in page

    edit = reverse("dataset-edit", kwargs={"use_case": "metastasis", "slug": dataset.slug})
    page = client.get(edit).content.decode()
    assert 'value="0.6"' in page
    assert "Siemens, GE" in page
    sent = DATASET | {
        "variables-TOTAL_FORMS": "0",
        "variables-INITIAL_FORMS": "0",
        "profile-modality": "ct",
    }
    assert client.post(edit, sent).status_code == 302
    assert stated(Dataset.objects.get()) == {"modality": "CT"}


def test_yes_no_and_nothing_stated_are_told_apart(client) -> None:
    create(client, "ckd", **{"profile-albuminuria": "no", "profile-death_follow_up": "yes"})
    assert stated(Dataset.objects.get()) == {"albuminuria": "no", "death_follow_up": "yes"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"profile-egfr_0": "60", "profile-egfr_1": "15"}, "must not exceed"),
        ({"profile-median_follow_up": "-1"}, "greater than or equal to 0"),
        ({"profile-median_follow_up": "long"}, "Enter a number"),
        ({"profile-albuminuria": "perhaps"}, "not one of the available choices"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_saved(client, fields, words) -> None:
    response = create(client, "ckd", **fields)
    assert response.status_code == 200
    page = response.content.decode()
    assert words in page
    assert "Nothing was saved yet" in page
    assert not Dataset.objects.exists()


def test_the_data_dictionary_is_searched(person, client) -> None:
    dataset = factories.a_dataset(person)
    for name, label in (("acr", "Albumin-creatinine ratio"), ("egfr", "Filtration"), ("age", "")):
        Variable.objects.create(dataset=dataset, name=name, label=label)
    address = dataset.get_absolute_url()
    assert "3 variables." in client.get(address).content.decode()

    page = client.get(address, {"variable": "ALBUMIN ratio"}).content.decode()
    assert "<code>acr</code>" in page
    assert "<code>egfr</code>" not in page
    assert "1 of 3 variables" in page
    fragment = client.get(address, {"variable": "nothing"}, headers={"hx-request": "true"})
    assert "0 of 3 variables" in fragment.content.decode()
    assert "<html" not in fragment.content.decode()


def test_a_released_version_shows_the_section_of_its_use_case(person, client) -> None:
    model = factories.a_model(person, use_case="heart-failure", task="alerts")
    version = factories.a_version(
        person,
        model,
        card={"sensors_needed": ["hrv"], "claimed_burden": 1.5, "claimed_sensitivity": 70},
    )
    page = client.get(version.get_absolute_url()).content.decode()
    assert "Alert algorithm" in page
    assert "Heart rate variability" in page
    assert "1.5 per patient-year" in page
    assert "<dd>70%</dd>" in page
    assert page.count("Not stated.") >= 3
    assert ModelVersion.objects.get().status == "released"
