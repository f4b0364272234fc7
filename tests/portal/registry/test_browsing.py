"""The registry's list, and how a model did at a glance."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from portal.evaluations.actions import save_result
from portal.evaluations.models import Evaluation
from portal.evaluations.tasks import claim
from portal.facets import Filtered
from portal.organisations import sharing
from portal.organisations.roles import Verb
from portal.registry.models import ModelVersion
from portal.registry.performance import Glance
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(media):
    return factories.a_person(factories.an_organisation("Developer"))


def client_of(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def browse(person, use_case: str = "", **asked: object):
    address = reverse("model-list", kwargs={"use_case": use_case}) if use_case else "/models/"
    return client_of(person).get(address, asked)


def names(response) -> list[str]:
    return [entry.model.name for entry in response.context["entries"]]


def counts(response) -> dict[str, dict[str, int]]:
    found: Filtered = response.context["found"]
    return {
        facet.key: {option.label: option.count for option in (*facet.options, *facet.more)}
        for facet in found.facets
    }


@pytest.fixture
def models(person) -> None:
    kidney = factories.a_model(person, name="Equation")
    factories.a_version(person, kidney, ce_status="marked")
    factories.a_version(person, kidney, version="2.0.0", released=False, ce_status="applied")
    years = factories.a_model(person, name="In years", task="survival")
    factories.a_version(person, years, card={"predicted_event": "failure"})
    scans = factories.a_model(person, use_case="metastasis", task="lung-ct", name="Nodules")
    factories.a_version(person, scans)
    factories.a_model(person, use_case="metastasis", task="mammography", name="No version")


def test_facets_count_models_by_what_their_versions_are(person, models) -> None:
    everywhere = counts(browse(person))
    assert everywhere["use_case"] == {"Kidney": 2, "Metastasis": 2}
    assert everywhere["developer"] == {"Developer": 4}
    assert everywhere["kind"] == {"Predictions only, made elsewhere": 3}
    # A draft is its developer's own matter: nothing is under conformity assessment yet.
    assert everywhere["marking"] == {"Not CE-marked": 2, "CE-marked": 1}
    assert sum(everywhere["task"].values()) == 4

    kidney = counts(browse(person, "ckd"))
    assert "use_case" not in kidney
    assert list(kidney["task"].values()) == [1, 1]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"marking": "marked"}, ["Equation"]),
        ({"marking": "applied"}, []),
        ({"kind": "predictions", "use_case": "ckd"}, ["Equation", "In years"]),
        ({"kind": "artefact"}, []),
        ({"task": ["ckd/survival", "metastasis/lung-ct"]}, ["In years", "Nodules"]),
        ({"task": "ckd/nothing"}, ["Equation", "In years", "No version", "Nodules"]),
        ({"q": "develop equ"}, ["Equation"]),
        ({"developer": "Nobody"}, []),
    ],
)
def test_the_address_filters(person, models, asked, expected) -> None:
    assert names(browse(person, **asked)) == expected


def test_a_row_tells_of_the_newest_version_and_its_card(person, models) -> None:
    page = browse(person, "ckd").content.decode()
    assert "Version 1.0.0" in page
    assert "2.0.0" not in page
    assert "Kidney failure, or eGFR below 15" in page
    assert "Not released yet" in browse(person, "metastasis").content.decode()


def test_two_developers_count_their_own(person, models) -> None:
    other = factories.a_person(factories.an_organisation("Other"))
    version = factories.a_version(other)
    assert counts(browse(other))["developer"] == {"Other": 1}
    assert "Developer" not in browse(other).context["found"].facets[2].options[0].label
    sharing.grant(version.model, Verb.VIEW, None)
    assert counts(browse(person))["developer"] == {"Developer": 4, "Other": 1}
    assert counts(Client().get("/models/")) == {}


def with_auroc(person, dataset, version, value: float) -> Evaluation:
    """A finished evaluation whose AUROC is ``value``, within 0.02; the seed tells it apart."""
    evaluation = factories.an_evaluation(person, dataset, version, seed=round(1000 * value))
    held = claim(evaluation.pk)
    assert held is not None
    result = json.loads(factories.result_content())
    for estimate in result["estimates"]:
        if estimate["measure"] == "auroc" and estimate["subgroup"] is None:
            estimate |= {"value": value, "lower": value - 0.02, "upper": value + 0.02}
    save_result(evaluation=held, content=json.dumps(result).encode())
    evaluation.refresh_from_db()
    return evaluation


@pytest.fixture
def evaluated(person) -> list[ModelVersion]:
    """Two versions of a model on three datasets; one pair was evaluated twice, one never."""
    model = factories.a_model(person)
    old = factories.a_version(person, model)
    new = factories.a_version(person, model, version="1.1.0")
    for title, values in (("Aarhus", (0.8, 0.82)), ("Berlin", (0.7, None)), ("Cork", (0.6, 0.9))):
        dataset = factories.a_ready_dataset(person, old, title=title, is_synthetic=title == "Cork")
        factories.a_table(
            dataset,
            factories.cohort_frame()[1],
            person,
            name="predictions",
            model_version=new,
        )
        for version, value in zip((old, new), values, strict=True):
            if value is not None:
                with_auroc(person, dataset, version, value - 0.05)
                with_auroc(person, dataset, version, value)
    return [old, new]


def glance_of(response) -> Glance:
    found = response.context["glance"]
    assert isinstance(found, Glance)
    return found


def lines(found: Glance) -> list[tuple[str, list[tuple[str, int, str]]]]:
    return [
        (
            group.version.version,
            [(line.drawn.label, line.series, line.drawn.text) for line in group.lines],
        )
        for group in found.versions
    ]


def test_a_model_shows_a_line_for_each_site_and_version(person, evaluated) -> None:
    response = client_of(person).get(evaluated[0].model.get_absolute_url())
    assert lines(glance_of(response)) == [
        (
            "1.1.0",
            [
                ("Aarhus", 1, "0.820 (0.800 to 0.840)"),
                ("Cork (synthetic)", 3, "0.900 (0.880 to 0.920)"),
            ],
        ),
        (
            "1.0.0",
            [
                ("Aarhus", 1, "0.800 (0.780 to 0.820)"),
                ("Berlin", 2, "0.700 (0.680 to 0.720)"),
                ("Cork (synthetic)", 3, "0.600 (0.580 to 0.620)"),
            ],
        ),
    ]
    page = response.content.decode()
    assert page.count('class="dot"') == 5
    assert "0.900 (0.880 to 0.920)" in page


def test_a_version_shows_its_own_lines_in_the_same_colours(person, evaluated) -> None:
    old, new = evaluated
    found = lines(glance_of(client_of(person).get(new.get_absolute_url())))
    assert [(version, [line[:2] for line in group]) for version, group in found] == [
        ("1.1.0", [("Aarhus", 1), ("Cork (synthetic)", 3)])
    ]
    unused = factories.a_version(person, old.model, version="2.0.0")
    assert client_of(person).get(unused.get_absolute_url()).context["glance"] is None


def test_nobody_sees_a_line_of_an_evaluation_that_is_not_theirs(person, evaluated) -> None:
    other = factories.a_person(factories.an_organisation("Other"))
    model = evaluated[0].model
    sharing.grant(model, Verb.VIEW, other.memberships.get().organisation)
    response = client_of(other).get(model.get_absolute_url())
    assert response.context["glance"] is None
    assert "Aarhus" not in response.content.decode()

    shared = Evaluation.objects.filter(dataset__title="Berlin").first()
    assert shared is not None
    sharing.grant(shared, Verb.VIEW, other.memberships.get().organisation)
    response = client_of(other).get(model.get_absolute_url())
    assert [line[:2] for _version, group in lines(glance_of(response)) for line in group] == [
        ("Berlin", 1)
    ]
    row = browse(other).context["entries"][0]
    assert (row.results.evaluations, row.results.datasets) == (1, 1)
    own = browse(person).context["entries"][0]
    assert (own.results.evaluations, own.results.datasets) == (10, 3)


def test_a_use_case_without_a_section_works(person, monkeypatch) -> None:
    for module in ("actions", "cards", "forms", "presentation"):
        monkeypatch.setattr(f"portal.registry.{module}.card_model", lambda use_case: None)
    version = factories.a_version(person, released=False)
    client = client_of(person)
    assert client.get(version.get_absolute_url()).context["card"] is None
    edit = reverse(
        "model-version-edit",
        kwargs={"use_case": "ckd", "slug": version.model.slug, "version": version.version},
    )
    assert "Kidney model" not in client.get(edit).content.decode()
    assert names(browse(person, "ckd")) == [version.model.name]
    with pytest.raises(ValueError, match="Nothing takes these facts"):
        factories.a_version(person, version.model, version="2.0.0", card={"approach": "equation"})
