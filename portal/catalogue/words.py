"""The words by which datasets are found, kept true by the database itself.

Whatever writes a dataset, its variables or its holder's name – a form, a bulk insert, SQL typed by
hand – fires a trigger, which calls one function that makes the datasets' documents anew. The
triggers are of whole statements: 2,000 variables that are written at once make one document.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.contrib.postgres.search import SearchVector
from django.db.models import F, Func, TextField, Value

from portal.pagination import LANGUAGE
from portal.websearch import ACCENTED, PLAIN

MOST_OF_DICTIONARY = 200_000
MOST_OF_DESCRIPTION = 50_000
"""Characters that are searched: PostgreSQL refuses documents of more than a megabyte."""


def without_accents(name: str) -> Func:
    """The text of a field without accents, in the database."""
    return Func(
        F(name), Value(ACCENTED), Value(PLAIN), function="translate", output_field=TextField()
    )


def words_of_fields(*names: str) -> SearchVector:
    """The words of the fields of a row."""
    return SearchVector(*(without_accents(name) for name in names), config=LANGUAGE)


def _vector(text: str, weight: str) -> str:
    plain = f"translate({text}, '{ACCENTED}', '{PLAIN}')"
    return f"setweight(to_tsvector('{LANGUAGE}', {plain}), '{weight}')"


# Made by a migration; whoever changes it writes one that makes it, and the documents, anew.
# The rows are locked first, in one order. Two who write variables of a dataset at once wait for
# each other there, and the second statement of the one who waited sees what the other wrote.
MAKE_DOCUMENTS = f"""
CREATE OR REPLACE FUNCTION catalogue_make_documents(keys bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM catalogue_dataset WHERE id = ANY (keys) ORDER BY id FOR NO KEY UPDATE;
    INSERT INTO catalogue_datasetwords (dataset_id, document)
    SELECT
        dataset.id,
        {_vector("dataset.title", "A")}
        || {_vector("array_to_string(dataset.keyword, ' ')", "B")}
        || {_vector("holder.name", "B")}
        || {_vector(f"left(dataset.description, {MOST_OF_DESCRIPTION})", "C")}
        || {_vector("coalesce(dictionary.words, '')", "D")}
    FROM catalogue_dataset AS dataset
    JOIN organisations_organisation AS holder ON holder.id = dataset.organisation_id
    LEFT JOIN LATERAL (
        SELECT left(
            string_agg(concat_ws(' ', name, label, code), ' ' ORDER BY position, id),
            {MOST_OF_DICTIONARY}
        ) AS words
        FROM catalogue_variable WHERE dataset_id = dataset.id
    ) AS dictionary ON true
    WHERE dataset.id = ANY (keys)
    ON CONFLICT (dataset_id) DO UPDATE SET document = excluded.document;
END;
$$;
"""  # noqa: S608 - our own names

HOLDER_RENAMED = """
CREATE OR REPLACE FUNCTION catalogue_holder_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalogue_make_documents(ARRAY(
        SELECT dataset.id FROM catalogue_dataset AS dataset
        JOIN new_rows ON new_rows.id = dataset.organisation_id
        JOIN old_rows ON old_rows.id = new_rows.id
        WHERE new_rows.name IS DISTINCT FROM old_rows.name
    ));
    RETURN NULL;
END;
$$;
CREATE TRIGGER catalogue_holder_renamed AFTER UPDATE ON organisations_organisation
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION catalogue_holder_renamed();
"""
"""Made by a migration: the organisations know nothing of the catalogue."""


def _after(operation: Any, name: str, keys: str, **tables: str) -> pgtrigger.Trigger:
    """After a statement, the documents of the datasets with ``keys`` are made anew."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables),
        func=f"PERFORM catalogue_make_documents(ARRAY({keys})); RETURN NULL;",
    )


OF_DATASETS: list[pgtrigger.Trigger] = [
    _after(pgtrigger.Insert, "dataset_added", "SELECT id FROM new_rows", new="new_rows"),
    _after(
        pgtrigger.Update,
        "dataset_said_otherwise",
        "SELECT new_rows.id FROM new_rows LEFT JOIN old_rows ON old_rows.id = new_rows.id "
        "WHERE (new_rows.title, new_rows.description, new_rows.keyword, new_rows.organisation_id) "
        "IS DISTINCT FROM "
        "(old_rows.title, old_rows.description, old_rows.keyword, old_rows.organisation_id)",
        old="old_rows",
        new="new_rows",
    ),
    pgtrigger.Trigger(
        name="dataset_removed",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Delete,
        referencing=pgtrigger.Referencing(old="old_rows"),
        func="DELETE FROM catalogue_datasetwords "
        "WHERE dataset_id IN (SELECT id FROM old_rows); RETURN NULL;",
    ),
]

_SAID = "SELECT dataset_id, name, label, code FROM"

OF_VARIABLES: list[pgtrigger.Trigger] = [
    _after(pgtrigger.Insert, "variable_added", "SELECT dataset_id FROM new_rows", new="new_rows"),
    _after(
        pgtrigger.Update,
        "variable_said_otherwise",
        f"SELECT dataset_id FROM ({_SAID} new_rows EXCEPT {_SAID} old_rows) AS now_said UNION "  # noqa: S608
        f"SELECT dataset_id FROM ({_SAID} old_rows EXCEPT {_SAID} new_rows) AS said",
        old="old_rows",
        new="new_rows",
    ),
    _after(pgtrigger.Delete, "variable_removed", "SELECT dataset_id FROM old_rows", old="old_rows"),
]
