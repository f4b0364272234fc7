"""The catalogue's search: what words find, in which order, and that its documents stay true."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.test import Client

from portal.catalogue import actions
from portal.catalogue.models import Dataset, DatasetWords, Variable
from portal.organisations.models import Organisation
from portal.organisations.roles import Role
from portal.websearch import ACCENTED, PLAIN, plain
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return factories.a_person(factories.an_organisation("Hôpital de Lyon"), Role.MANAGER)


def browse(person, **asked: object):
    client = Client()
    client.force_login(person)
    return client.get("/datasets/", asked)


def titles(response) -> list[str]:
    return [dataset.title for dataset in response.context["page"]]


def has(dataset: Dataset, *given: tuple[str, str, str]) -> None:
    Variable.objects.bulk_create(
        Variable(dataset=dataset, position=number, name=name, label=label, code=code)
        for number, (name, label, code) in enumerate(given)
    )


@pytest.fixture
def shelf(person) -> dict[str, Dataset]:
    """Four datasets in which "kidney" stands in a different place each."""
    made = {
        "Kidney cohort": {"description": "People of a city."},
        "Cohort B": {"description": "Of people on dialysis.", "keyword": ["kidney disease"]},
        "Cohort C": {"description": "Its people have a kidney each."},
        "Cohort D": {"description": "Région de l'Est, 2020."},
    }
    found = {
        title: factories.a_dataset(person, title=title, **given) for title, given in made.items()
    }
    has(
        found["Cohort D"],
        ("egfr", "Glomerular filtration of the kidney", "LOINC 33914-3"),
        ("uacr", "Urine albumin to creatinine ratio", "LOINC 9318-7"),
    )
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # A word in the title counts more than in a keyword, the description, a variable.
        ("kidney", ["Kidney cohort", "Cohort B", "Cohort C", "Cohort D"]),
        ("kidn", ["Kidney cohort", "Cohort B", "Cohort C", "Cohort D"]),
        ("kidney dialysis", ["Cohort B"]),
        ("dialysis OR region", ["Cohort B", "Cohort D"]),
        ("kidney -dialysis -city", ["Cohort C", "Cohort D"]),
        ('"kidney disease"', ["Cohort B"]),
        ('"disease kidney"', []),
        ('kidney -"kidney disease" -city', ["Cohort C", "Cohort D"]),
        ('"urine albumin', ["Cohort D"]),
        ("albumin glomer", ["Cohort D"]),
        ("EGFR", ["Cohort D"]),
        ("33914-3", ["Cohort D"]),
        ("région", ["Cohort D"]),
        ("regi", ["Cohort D"]),
        ("hopital dialysis", ["Cohort B"]),
        ("OR dialysis OR", ["Cohort B"]),
        ("dialysis & | ! ( ) <-> :*", ["Cohort B"]),
        ("'; DROP TABLE catalogue_dataset", []),
        ("\\ ' %", []),
        ('"', []),
    ],
)
def test_words_find_and_rank(person, shelf, words: str, expected: list[str]) -> None:
    response = browse(person, q=words)
    assert titles(response) == expected
    assert response.context["found"].total == len(expected)


def test_relevance_is_an_order_of_what_was_searched_for(person, shelf) -> None:
    assert [key for key, _label in browse(person).context["sorts"]] == ["title", "newest", "people"]
    searched = browse(person, q="kidney", sort="title")
    assert searched.context["sorts"][0][0] == "relevance"
    assert titles(searched) == ["Cohort B", "Cohort C", "Cohort D", "Kidney cohort"]
    assert titles(browse(person, sort="relevance"))[0] == "Cohort B"  # by title: nothing is sought


def test_a_result_says_which_variables_were_found(person, shelf) -> None:
    has(shelf["Cohort C"], ("<b>albumin</b>", "<script>albumin</script>", ""))
    page = browse(person, q="albumin").content.decode()
    assert "Urine albumin to creatinine ratio <code>uacr</code>" in page
    assert "Glomerular" not in page
    assert "<script>albumin" not in page
    assert "&lt;script&gt;albumin&lt;/script&gt; <code>&lt;b&gt;albumin&lt;/b&gt;</code>" in page


def test_accents_make_no_difference_here_as_there() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT translate(%s, %s, %s)", [ACCENTED, ACCENTED, PLAIN])
        assert cursor.fetchone() == (plain(ACCENTED),)


def stale() -> list[int]:
    """The datasets whose document is not what making it anew gives; all are looked at."""
    kept = dict(DatasetWords.objects.values_list("dataset", "document"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT catalogue_make_documents(ARRAY(SELECT id::bigint FROM catalogue_dataset))"
        )
    anew = dict(DatasetWords.objects.values_list("dataset", "document"))
    return sorted(key for key in kept.keys() | anew.keys() if kept.get(key) != anew.get(key))


def finds(words: str) -> list[str]:
    return sorted(Dataset.objects.matching(words).values_list("title", flat=True))


def test_every_way_of_writing_keeps_the_words_true(person, shelf) -> None:
    first, second = shelf["Cohort B"], shelf["Cohort C"]

    def sql(statement: str, *given: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, given)

    def of_the_form() -> None:
        lines = [Variable(name="lithium"), Variable(name="urea", label="Urée")]
        actions.replace_variables(dataset=first, variables=lines, by=person)

    holder = Organisation.objects.filter(pk=first.organisation_id)
    ways = [
        (lambda: Variable.objects.create(dataset=first, name="sodium"), "sodium", ["Cohort B"]),
        (lambda: has(second, ("zinc", "", ""), ("iron", "", "X9")), "iron x9", ["Cohort C"]),
        (lambda: second.variables.update(label="Metal"), "zinc metal", ["Cohort C"]),
        (lambda: second.variables.filter(name="iron").update(dataset=first), "iron", ["Cohort B"]),
        (lambda: second.variables.all().delete(), "zinc", []),
        (of_the_form, "lithium uree", ["Cohort B"]),
        (lambda: None, "sodium", []),
        (
            lambda: sql(
                "INSERT INTO catalogue_variable (dataset_id, position, name, label, datatype, unit,"
                " code) SELECT id, 0, 'copper', '', 'number', '', '' FROM catalogue_dataset"
            ),
            "copper",
            sorted(shelf),
        ),
        (lambda: sql("UPDATE catalogue_variable SET name = 'gold'||id"), "gold", sorted(shelf)),
        (lambda: sql("UPDATE catalogue_variable SET id = id + 100000"), "gold", sorted(shelf)),
        (lambda: sql("DELETE FROM catalogue_variable"), "gold", []),
        (lambda: Dataset.objects.filter(pk=first.pk).update(title="Argon"), "argon", ["Argon"]),
        (lambda: Dataset.objects.update(keyword=["neon"]), "neon argon", ["Argon"]),
        (lambda: holder.update(name="Aarhus"), "aarhus argon", ["Argon"]),
        (lambda: None, "lyon", []),
        (lambda: second.delete(), "neon cohort", ["Cohort D", "Kidney cohort"]),
    ]
    for number, (write, words, expected) in enumerate(ways):
        write()
        assert finds(words) == expected, number
        assert stale() == [], number
    assert DatasetWords.objects.count() == Dataset.objects.count() == 3


def test_a_save_of_what_was_read_before_takes_nothing_back(person, shelf) -> None:
    read_before = Dataset.objects.get(title="Cohort B")
    has(shelf["Cohort B"], ("sodium", "", ""))
    read_before.save()
    assert finds("sodium") == ["Cohort B"]


def test_the_largest_texts_are_searched_and_refuse_nothing(person) -> None:
    dataset = factories.a_dataset(person, title="Large", description="ʘéß " * 300_000)
    has(
        dataset,
        *(
            (f"v{number}", f"{number:x}ö" * 30, f"c {number}-{number + 7}")
            for number in range(2000)
        ),
    )
    assert finds("v1") == ["Large"]
    assert stale() == []


@pytest.mark.django_db(transaction=True)
def test_two_who_write_at_once_both_count(person) -> None:
    dataset = factories.a_dataset(person, title="Shared")
    waits, wrote = threading.Event(), threading.Event()

    def other() -> None:
        try:
            waits.wait(10)
            Variable.objects.create(dataset_id=dataset.pk, name="second")
            wrote.set()
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    with transaction.atomic():
        Variable.objects.create(dataset=dataset, name="first")
        waits.set()
        assert not wrote.wait(0.5)  # waits for us
    thread.join(10)
    assert finds("first second") == ["Shared"]
