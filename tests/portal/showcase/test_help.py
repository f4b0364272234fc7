"""Help: what it says of tables is what the site checks, and of measures what is declared."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from portal.organisations.roles import MAY
from portal.showcase.preparing import example, prepared_tables
from portal.showcase.scales import LEFT, RIGHT, scale_of
from portal.tables import check_references, read_table
from portal.usecase import Measure, Task, use_cases

TASKS = [
    pytest.param(task, id=f"{use_case.slug}/{task.slug}")
    for use_case in use_cases().values()
    for task in use_case.tasks
]


@pytest.mark.parametrize("task", TASKS)
def test_the_site_accepts_every_example(task: Task, tmp_path: Path) -> None:
    tables = {}
    for schema in task.tables:
        path = tmp_path / f"{schema.name}.csv"
        path.write_text(example(schema))
        tables[schema.name] = read_table(path, schema)
        assert tables[schema.name].frame.height == 2
    check_references(tables, task.tables)


@pytest.mark.parametrize("task", TASKS)
def test_every_table_is_told_with_its_columns_and_the_holders_come_first(task: Task) -> None:
    told = prepared_tables(task)
    assert {table.name for table in told} == {schema.name for schema in task.tables}
    for table in told:
        schema = task.table(table.name)
        assert [column.name for column in table.columns] == [each.name for each in schema.columns]
    assert [table.is_from_model for table in told] == sorted(table.is_from_model for table in told)


@pytest.mark.parametrize("task", TASKS)
def test_every_measure_has_a_scale_on_which_its_labels_do_not_touch(task: Task) -> None:
    for measure in task.measures:
        scale = scale_of(measure)
        places = [mark.x for mark in scale.marks]
        assert places, measure.key
        assert places == sorted(places)
        assert all(LEFT <= place <= RIGHT for place in places)
        assert all(right - left >= 40 for left, right in itertools.pairwise(places))
        if measure.reference is not None:
            assert [mark.is_reference for mark in scale.marks].count(True) == 1, measure.key


def test_a_scale_ends_where_the_measure_does_and_goes_on_where_it_does_not() -> None:
    share = scale_of(Measure("x", "X", "X.", low=0, high=1, percent=True))
    assert [(mark.x, mark.label) for mark in share.marks] == [(LEFT, "0%"), (RIGHT, "100%")]
    assert not share.goes_on_left
    assert not share.goes_on_right
    free = scale_of(Measure("x", "X", "X.", reference=0))
    assert [(mark.x, mark.label) for mark in free.marks] == [((LEFT + RIGHT) // 2, "0")]
    assert free.goes_on_left
    assert free.goes_on_right


@pytest.mark.django_db
def test_the_pages_show_every_task_measure_and_role() -> None:
    client = Client()
    tables = client.get(reverse("help-tables")).content.decode()
    measures = client.get(reverse("help-measures")).content.decode()
    for use_case in use_cases().values():
        for task in use_case.tasks:
            for page in (tables, measures):
                assert f'id="{use_case.slug}-{task.slug}"' in page
    assert measures.count('class="scale"') == 1 + sum(
        len(task.measures) for use_case in use_cases().values() for task in use_case.tasks
    )
    help_page = client.get(reverse("help"))
    assert len(help_page.context["roles"]) == len(MAY)
    # A role that includes another says so, and tells only what comes on top.
    told = {
        str(label): (str(lower), len(more)) for label, lower, more in help_page.context["roles"]
    }
    assert len(told) == len(MAY)
    assert told["Manager"] == ("Contributor", 4)
    assert told["Viewer"][0] == ""
