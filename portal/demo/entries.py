"""What the demonstration puts on the site: the shape in which use cases list it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from portal.catalogue.vocabulary import HealthCategory

SYNTHETIC = "Synthetic: simulated by a program; no row comes from a person."

Described = tuple[str, str, str]
"""A variable's label, unit and code."""


@dataclass(frozen=True)
class Content:
    """What a simulated site holds."""

    tables: Mapping[str, Mapping[str, pl.DataFrame]]
    """Task -> table -> rows, in the order in which they must be uploaded."""
    profile: Mapping[str, Any]
    """Of the use case's dataset profile."""
    individuals: int
    records: int
    predictions: Mapping[str, Mapping[str, pl.DataFrame]] = field(default_factory=dict)
    """Task -> version of the model -> rows."""


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset of the demonstration."""

    use_case: str
    tasks: tuple[str, ...]
    holder: str
    """Address of the organisation."""
    country: str
    title: str
    description: str
    story: str
    keywords: tuple[str, ...]
    category: HealthCategory
    period: tuple[date, date]
    generator: str
    """Where the program is, for the provenance."""
    dictionary: Mapping[str, Described]
    """Of the columns that the schemas do not describe."""
    make: Callable[[int], Content]
    """What the site holds, by the seed of the random numbers."""
    about: Mapping[str, Any]
    """What HealthDCAT-AP knows of it beyond that: fields of the dataset."""
    waits: bool = False
    """Whether its evaluation is left to the visitor."""
    is_refused: bool = False
    """Whether the usual protocol cannot be applied to it; the evaluation says why."""


@dataclass(frozen=True)
class VersionEntry:
    """A version of a model."""

    version: str
    card: Mapping[str, Any]
    """Fields of the model version."""
    section: Mapping[str, Any]
    """Of the use case's section of the model card."""
    write: Callable[[Path], object] | None = None
    """Writes the artefact; None where predictions are made elsewhere."""


@dataclass(frozen=True)
class ModelEntry:
    """A model of the demonstration."""

    use_case: str
    task: str
    developer: str
    """Address of the organisation."""
    name: str
    description: str
    versions: tuple[VersionEntry, ...]


@dataclass(frozen=True)
class Showing:
    """What the demonstration shows of one use case."""

    lead: str
    """Address of the organisation that evaluates."""
    datasets: tuple[DatasetEntry, ...]
    models: tuple[ModelEntry, ...]
    protocols: Mapping[str, Mapping[str, Any]]
    """Task -> the fields of the protocol that differ from what is usual."""
