"""The catalogue's list: facets and their counts, filters in the address, order, completeness."""

from __future__ import annotations

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.catalogue import requirements
from portal.catalogue.completeness import completeness, completeness_of_all
from portal.catalogue.models import Dataset, Variable
from portal.facets import Filtered
from portal.organisations import sharing
from portal.organisations.roles import Verb
from tests import factories

pytestmark = pytest.mark.django_db

IMAGES = {"use_case": "metastasis", "spatial": "FR"}


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation("Lyon"))


def client_of(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def browse(person, use_case: str = "", **asked: object):
    address = reverse("dataset-list", kwargs={"use_case": use_case}) if use_case else "/datasets/"
    return client_of(person).get(address, asked)


def titles(response) -> list[str]:
    return [dataset.title for dataset in response.context["page"]]


def counts(response) -> dict[str, dict[str, int]]:
    found: Filtered = response.context["found"]
    return {
        facet.key: {option.label: option.count for option in (*facet.options, *facet.more)}
        for facet in found.facets
    }


@pytest.fixture
def images(person) -> None:
    for title, modality, vendors, thickness, country in (
        ("Scans A", ["ct"], ["Siemens", "GE"], (0.6, 1.25), "FR"),
        ("Scans B", ["ct"], ["GE"], (1, 5), "DE"),
        ("Exams C", ["mammography", "tomosynthesis"], ["Hologic"], None, "FR"),
    ):
        factories.a_dataset(
            person,
            use_case="metastasis",
            title=title,
            spatial=country,
            profile={"modality": modality, "vendors": vendors, "slice_thickness": thickness},
        )
    factories.a_dataset(person, title="Kidneys", profile={"egfr": (10, 44), "albuminuria": False})


def test_every_facet_counts_what_one_may_see(person, images) -> None:
    found = counts(browse(person, "metastasis"))
    assert found["modality"] == {"CT": 2, "Mammography": 1, "Tomosynthesis": 1}
    assert found["vendors"] == {"GE": 2, "Hologic": 1, "Siemens": 1}
    assert found["slice_thickness"] == {
        "under 1.5 mm": 2,
        "1.5 to under 3 mm": 1,
        "3 mm and more": 1,
    }
    assert found["country"] == {"France": 2, "Germany": 1}
    assert found["holder"] == {"Lyon": 3}
    assert "use_case" not in found

    everywhere = counts(browse(person))
    assert everywhere["use_case"] == {"Kidney": 1, "Metastasis": 3}
    assert "modality" not in everywhere


def test_numbers_and_yes_or_no_are_facets(person, images) -> None:
    found = counts(browse(person, "ckd"))
    assert found["egfr"] == {"30 to 44 (G3b)": 1, "15 to 29 (G4)": 1, "below 15 (G5)": 1}
    assert found["albuminuria"] == {"No": 1}
    # Nobody said anything about the follow-up.
    assert not found.keys() & {"dialysis_follow_up", "death_follow_up", "median_follow_up"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"modality": "ct"}, ["Scans A", "Scans B"]),
        ({"modality": ["ct", "tomosynthesis"]}, ["Exams C", "Scans A", "Scans B"]),
        ({"modality": "ct", "country": "FR"}, ["Scans A"]),
        ({"vendors": "GE", "slice_thickness": "thick"}, ["Scans B"]),
        ({"slice_thickness": "thin"}, ["Scans A", "Scans B"]),
        ({"holder": "Lyon", "q": "exams"}, ["Exams C"]),
        ({"holder": "Nobody"}, []),
        ({"q": "lyo scans"}, ["Scans A", "Scans B"]),
        # What a facet cannot have is as if it were not asked.
        ({"modality": "x-ray", "country": "\x00"}, ["Exams C", "Scans A", "Scans B"]),
        ({"access": "'; DROP TABLE"}, ["Exams C", "Scans A", "Scans B"]),
        ({"vendors": "%s", "q": "\\'%"}, []),
    ],
)
def test_the_address_filters(person, images, asked, expected) -> None:
    response = browse(person, "metastasis", **asked)
    assert titles(response) == expected
    assert response.context["found"].total == len(expected)


def test_a_facet_counts_what_one_would_see_after_ticking_another_value(person, images) -> None:
    found = counts(browse(person, "metastasis", modality="ct", country="FR"))
    assert found["modality"] == {"CT": 1, "Mammography": 1, "Tomosynthesis": 1}
    assert found["country"] == {"France": 1, "Germany": 1}
    assert found["vendors"] == {"GE": 1, "Siemens": 1}


def test_each_choice_can_be_taken_back(person, images) -> None:
    response = browse(person, "metastasis", modality=["ct", "mammography"], country="FR", q="a")
    found: Filtered = response.context["found"]
    assert [(chip.title, chip.label) for chip in found.chips] == [
        ("Modality", "CT"),
        ("Modality", "Mammography"),
        ("Country", "France"),
    ]
    assert found.chips[0].url == "?modality=mammography&country=FR&q=a"
    assert found.without_chips == "?q=a"
    page = response.content.decode()
    assert 'value="ct" checked' in page


def test_the_order_is_chosen_in_the_address(person) -> None:
    for title, people in (("B", 10), ("A", None), ("C", 300)):
        factories.a_dataset(person, title=title, number_of_unique_individuals=people)
    assert titles(browse(person)) == ["A", "B", "C"]
    assert titles(browse(person, sort="people")) == ["C", "B", "A"]
    assert titles(browse(person, sort="newest")) == ["C", "A", "B"]
    assert titles(browse(person, sort="nonsense")) == ["A", "B", "C"]


def test_two_organisations_count_their_own(person, images) -> None:
    other = factories.a_person(factories.an_organisation("Aarhus"))
    factories.a_dataset(
        other, use_case="metastasis", title="Own", profile={"vendors": ["Canon"]}, spatial="DK"
    )
    found = counts(browse(other, "metastasis"))
    assert found["holder"] == {"Aarhus": 1}
    assert found["vendors"] == {"Canon": 1}
    assert found["country"] == {"Denmark": 1}
    assert "modality" not in found
    assert "Lyon" not in browse(other).content.decode()
    # Asking for what one may not see finds nothing, and says no more.
    refused = browse(other, "metastasis", holder="Lyon", vendors="GE")
    assert titles(refused) == []
    assert counts(refused)["holder"] == {"Lyon": 0}

    shared = factories.a_dataset(
        person, title="Shared", use_case="metastasis", profile={"modality": ["ct"]}
    )
    for verb in (Verb.VIEW,):
        sharing.grant(shared, verb, None)
    found = counts(browse(other, "metastasis"))
    assert found["holder"] == {"Aarhus": 1, "Lyon": 1}
    assert found["modality"] == {"CT": 1}
    assert counts(Client().get("/datasets/")) == {}


def test_the_list_has_as_many_queries_however_many_facets_are_chosen(person, images) -> None:
    client = client_of(person)

    def queries(**asked: object) -> int:
        address = reverse("dataset-list", kwargs={"use_case": "metastasis"})
        client.get(address, asked)
        with CaptureQueriesContext(connection) as captured:
            client.get(address, asked)
        return len(captured)

    plain = queries()
    assert plain <= 10  # the bell of what one was told among them
    assert queries(modality="ct", country=["FR", "DE"], vendors="GE", q="scans") == plain


def test_completeness_says_what_is_missing(person) -> None:
    level = {"access_rights": "NON_PUBLIC"}
    bare = factories.a_dataset(person, **level)
    found = completeness(bare)
    assert {"Provenance", "Data dictionary"} <= set(found.mandatory.missing)
    assert {"eGFR", "Median follow-up", "Health themes"} <= set(found.recommended.missing)
    assert found.missing == found.mandatory.missing + found.recommended.missing

    publishable = completeness(factories.complete(factories.a_dataset(person)))
    assert publishable.mandatory.percent == 100
    assert publishable.recommended.missing

    full = factories.a_dataset(
        person,
        **level,
        **fully_described(),
        profile={
            "egfr": (15, 60),
            "albuminuria": False,
            "dialysis_follow_up": True,
            "death_follow_up": False,
            "median_follow_up": 0,
        },
    )
    assert completeness(full).missing == ["Data dictionary"]
    assert completeness(full).percent < 100
    line = Variable.objects.create(dataset=full, name="age")
    assert completeness(full).missing == ["Labels of the variables"]
    line.label = "Age"
    line.save()
    assert completeness(full).percent == 100
    assert "100% described" in browse(person).content.decode()
    whole = completeness_of_all([bare, full])
    assert whole.mandatory.missing == [bare.title]
    assert whole.filled == completeness(bare).filled + completeness(full).filled


def fully_described() -> dict[str, object]:
    """Something for each field that is mandatory or recommended."""
    names = {*requirements.NON_PUBLIC, *requirements.RECOMMENDED}
    values: dict[str, object] = {}
    for name in {*names, *requirements.RECOMMENDED_NON_PUBLIC} - {"spatial"}:
        field = Dataset._meta.get_field(name)
        if isinstance(field, ArrayField):
            first = field.base_field.choices
            values[name] = [first[0][0] if first else "https://example.org/"]
        elif isinstance(field, models.DateField):
            values[name] = "2020-01-01"
        elif isinstance(field, models.IntegerField):
            values[name] = 1
        elif isinstance(field, models.URLField):
            values[name] = "https://example.org/"
        else:
            values[name] = field.choices[0][0] if field.choices else "office@example.org"
    return values


def test_what_does_not_apply_is_not_missing(person) -> None:
    exams = factories.a_dataset(
        person, use_case="metastasis", profile={"modality": ["mammography"]}
    )
    assert "Slice thickness" not in completeness(exams).missing
    scans = factories.a_dataset(person, use_case="metastasis", profile={"modality": ["ct"]})
    assert "Slice thickness" in completeness(scans).missing


def test_a_list_of_no_use_case_profile_works(person, monkeypatch) -> None:
    for module in ("portal.catalogue.facets", "portal.catalogue.profiles"):
        monkeypatch.setattr(f"{module}.profile_model", lambda use_case: None)
    dataset = factories.a_dataset(person, title="Plain")
    response = browse(person, "ckd")
    assert titles(response) == ["Plain"]
    assert set(counts(response)) == {"country", "holder", "access", "category"}
    assert client_of(person).get(dataset.get_absolute_url()).status_code == 200
