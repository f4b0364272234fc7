"""Datasets × variables: who has what, as far as one may see it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.catalogue.matrix import MOST_VARIABLES, same_unit
from portal.catalogue.models import Variable
from portal.organisations.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation(), Role.MANAGER)


def client_of(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def holds(person, title: str, **variables: str):
    """A dataset with variables, each "unit" or "unit|code"."""
    dataset = factories.a_dataset(person, title=title)
    Variable.objects.bulk_create(
        Variable(
            dataset=dataset,
            name=name,
            label=f"What {name} is",
            unit=given.split("|")[0],
            code=given.partition("|")[2],
        )
        for name, given in variables.items()
    )
    return dataset


@pytest.fixture
def shelf(person) -> None:
    holds(person, "One", age="years")
    holds(person, "All", age="years", eGFR="mL/min/1.73 m²|LOINC 33914-3", uacr="mg/g")
    holds(person, "Other", egfr="ml/min/1.73m2", uacr="mg/mmol")
    holds(person, "Named otherwise", filtration="mL/s|LOINC 33914-3")


def shown(response) -> dict[str, list[str]]:
    """Each dataset's cells: "+" with what is said beside it, or "-"."""
    return {
        line.dataset.title: [
            "+" + ",".join([*cell.names, *cell.other_units]) if cell.variables else "-"
            for cell in line.cells
        ]
        for line in response.context["matrix"].lines
    }


def test_datasets_that_have_most_come_first_with_what_differs(person, shelf) -> None:
    client, address = client_of(person), reverse("variable-matrix")
    page = client.get(address, {"v": ["AGE", "egfr", "uacr"]})
    found = shown(page)
    assert found == {
        "All": ["+", "+", "+"],
        "Other": ["-", "+", "+mg/mmol"],
        "One": ["+", "-", "-"],
    }
    assert list(found) == ["All", "Other", "One"]
    assert "in mg/mmol" in page.content.decode()
    assert list(shown(client.get(address, {"v": ["egfr", "uacr"], "whole": "1"}))) == [
        "All",
        "Other",
    ]
    # By a code, whatever the variable is called there.
    by_code = shown(client.get(address, {"v": ["loinc 33914-3"]}))
    assert by_code == {"All": ["+eGFR"], "Named otherwise": ["+filtration,mL/s"]}


def test_variables_are_searched_by_name_meaning_and_code(person, shelf) -> None:
    client, address = client_of(person), reverse("variable-matrix")

    def offers(**asked: object) -> list[str]:
        return [one.text for one in client.get(address, asked).context["offered"]]

    assert offers(q="egf") == ["eGFR"]
    assert offers(q="what uacr") == ["uacr"]
    assert offers(q="33914-3") == ["LOINC 33914-3", "eGFR", "filtration"]
    assert offers(q="uacr", v="UACR") == []
    assert offers() == offers(q="nothing") == []


def test_only_what_one_may_see_is_told(person, shelf) -> None:
    other = client_of(factories.a_person(factories.an_organisation()))
    for client in (other, Client()):
        page = client.get(reverse("variable-matrix"), {"v": "eGFR", "q": "age"})
        assert (page.context["offered"], shown(page)) == ([], {})
        assert page.context["matrix"].wanted[0].unit == ""  # nor in which unit others give it


def test_the_address_is_not_trusted(person, shelf) -> None:
    client, address = client_of(person), reverse("variable-matrix")
    many = client.get(address, {"v": [f"v{number}" for number in range(500)]})
    assert len(many.context["matrix"].wanted) == MOST_VARIABLES
    for strange in ("\x00", "' OR 1=1", "<script>", "%", "é" * 5000, "  "):
        page = client.get(address, {"v": strange, "q": strange, "use_case": strange, "page": "x"})
        assert page.status_code == 200
        assert '<script>"' not in page.content.decode()


def test_as_many_queries_for_many_as_for_few(person, shelf) -> None:
    client, address = client_of(person), reverse("variable-matrix")
    asked = {"v": ["age", "egfr"], "q": "what"}

    def queries() -> int:
        client.get(address, asked)
        with CaptureQueriesContext(connection) as captured:
            client.get(address, asked)
        return len(captured)

    few = queries()
    for number in range(25):
        holds(person, f"More {number}", age="years", egfr="mL/min")
    assert queries() == few <= 12
    page = client.get(address, asked).context["matrix"].page
    assert (len(page), page.paginator.count) == (20, 28)


def test_a_model_version_leads_to_the_datasets_that_have_its_inputs(person, shelf) -> None:
    inputs = [
        {"name": "age", "label": "Age", "unit": "years"},
        {"name": "uacr", "label": "Albuminuria", "unit": "mg/mmol"},
    ]
    version = factories.a_version(person, inputs=inputs)
    where = {
        "use_case": "ckd",
        "slug": version.model.slug,
        "version": version.version,
    }
    address = reverse("model-version-datasets", kwargs=where)
    client = client_of(person)
    assert address in client.get(version.get_absolute_url()).content.decode()
    page = client.get(address)
    assert shown(page) == {"All": ["+", "+mg/g"], "One": ["+", "-"], "Other": ["-", "+"]}
    assert [[one.text for one in line.missing] for line in page.context["matrix"].lines] == [
        [],
        ["uacr"],
        ["age"],
    ]
    assert list(shown(client.get(address, {"whole": "1"}))) == ["All"]
    assert (
        client_of(factories.a_person(factories.an_organisation())).get(address).status_code == 404
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mL/min/1.73 m²", "ml/min/1.73m2", True),
        ("mL/min/1.73m^2", "mL/min/(1.73 m²)", True),
        ("µmol/L", "μmol/l", True),
        ("mg/g (divide mg/mmol by 0.113)", "mg/g", True),
        ("mg/g", "mg/mmol", False),
        ("", "mg/g", False),
    ],
)
def test_units_are_the_same_however_they_are_spelled(one: str, other: str, same: bool) -> None:
    assert same_unit(one, other) is same
