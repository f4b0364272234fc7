"""What a search found, and why."""

from __future__ import annotations

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchRank
from django.db.models import F, OuterRef, QuerySet, Value
from django.db.models.functions import JSONObject

from portal.catalogue.models import Dataset, DatasetQuerySet, Variable
from portal.websearch import any_of_the_words, web_query

MOST_SHOWN = 5
"""Variables of a dataset that a result says were found."""


def ranked(datasets: QuerySet[Dataset], words: str) -> QuerySet[Dataset]:
    """``datasets`` with ``rank``: a word in the title counts most, then in keywords and the
    holder's name, in the description, in the variables."""
    query = web_query(words)
    rank = Value(0.0) if query is None else SearchRank(F("words__document"), query)
    return datasets.annotate(rank=rank)


def with_variables_found(words: str) -> DatasetQuerySet:
    """Datasets with ``variables_found``: the variables in which any of the words stands."""
    datasets = Dataset.objects.all()
    query = any_of_the_words(words)
    if query is None:
        return datasets
    found = Variable.objects.filter(dataset=OuterRef("pk"), words=query)
    lines = found.order_by("position", "id").values(line=JSONObject(name="name", label="label"))
    return datasets.annotate(variables_found=ArraySubquery(lines[:MOST_SHOWN]))
