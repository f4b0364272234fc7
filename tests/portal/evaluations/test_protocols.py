"""A protocol as people write it, and what a site never gives away."""

import pytest

from portal.evaluations.actions import SubmissionRefused
from portal.evaluations.protocols import PREFIX, protocol_fields, read_protocol
from tests import factories


@pytest.fixture
def protocol(settings):
    return factories.a_use_case().task("binary").protocol


def test_an_empty_field_means_the_usual_value(protocol):
    read, problems = read_protocol(protocol, {PREFIX + name: "" for name in protocol.model_fields})
    assert (read, problems) == (protocol(), {})


def test_the_form_offers_every_field_of_the_protocol_with_its_usual_value(protocol):
    fields = protocol_fields(protocol)
    assert set(fields) == {PREFIX + name for name in protocol.model_fields}
    given = {name: field.initial for name, field in fields.items()}
    assert read_protocol(protocol, given) == (protocol(), {})


def test_lists_are_separated_by_commas(protocol):
    read, _ = read_protocol(
        protocol, {PREFIX + "thresholds": "0.3, 0.1", PREFIX + "subgroups": "sex,stage"}
    )
    assert read.thresholds == (0.1, 0.3)
    assert read.subgroups == ("sex", "stage")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("thresholds", "1.5"),
        ("thresholds", "5%"),
        ("thresholds", "much"),
        ("bootstrap_replicates", "7"),
        ("bootstrap_replicates", "200000"),
        ("minimum_events", "2.5"),
        ("seed", "-1"),
    ],
)
def test_a_wrong_value_is_said_at_its_own_field_and_named(protocol, name, text):
    read, problems = read_protocol(protocol, {PREFIX + name: text})
    assert read is None
    assert list(problems) == [PREFIX + name]
    assert text in problems[PREFIX + name]
    assert "Input should" not in problems[PREFIX + name]


@pytest.mark.parametrize("name", ["smallest_count", "minimum_events"])
@pytest.mark.django_db
def test_a_protocol_cannot_ask_for_smaller_counts_than_the_site_gives(media, name):
    person = factories.a_person(factories.an_organisation())
    version = factories.a_version(person)
    dataset = factories.a_ready_dataset(person, version)
    with pytest.raises(SubmissionRefused, match="fewer than 10 people"):
        factories.an_evaluation(person, dataset, version, **{name: 9})


@pytest.mark.django_db
def test_a_subgroup_that_the_table_does_not_have_is_refused_with_those_it_has(media):
    person = factories.a_person(factories.an_organisation())
    version = factories.a_version(person)
    dataset = factories.a_ready_dataset(person, version)
    with pytest.raises(SubmissionRefused, match=r"no column colour.*site"):
        factories.an_evaluation(person, dataset, version, subgroups=("colour",))
