"""The official shapes of HealthDCAT-AP and DCAT-AP, where this machine has them, and our own."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pyshacl
import pytest
from rdflib import Graph
from rdflib.namespace import SH

ROOT = Path(__file__).resolve().parents[1]
OWN = ROOT / "tests" / "portal" / "catalogue" / "mandatory.ttl"


def _standards() -> Path | None:
    """Beside the reference data: ``<shared>/data`` and ``<shared>/standards``."""
    data = os.environ.get("SHAIPED_REFERENCE_DATA") or ROOT.parent / "shared" / "data"
    found = Path(data).parent / "standards" / "healthdcat-ap"
    return found if found.is_dir() else None


STANDARDS = _standards()
needs_standards = pytest.mark.skipif(
    STANDARDS is None, reason="the official shapes are not beside the reference data"
)


def official(name: str) -> Path:
    """A file of the standards' folder."""
    assert STANDARDS is not None
    return STANDARDS / name


def of_level(access_rights: str) -> list[Path]:
    """The official shapes of an access level, and those of DCAT-AP 3.0.1 with its vocabularies."""
    level = access_rights.lower().replace("_", "-")
    return [
        official(f"shapes/{level}-shapes.ttl"),
        official("dcat-ap-3.0.1/html__shacl__shapes.ttl"),
        official("dcat-ap-3.0.1/html__shacl__range.ttl"),
        official("controlled-vocabularies/mdr-vocabularies.shape.ttl"),
    ]


@functools.cache
def shapes(path: Path) -> Graph:
    """Shapes as pySHACL takes them: a property shape without a path is a shape of its node."""
    graph = Graph().parse(path)
    for owner, found in list(graph.subject_objects(SH.property)):
        if (found, SH.path, None) in graph or (found, SH["or"], None) not in graph:
            continue
        choices = graph.value(found, SH["or"])
        graph.remove((owner, SH.property, found))
        graph.remove((found, None, None))
        graph.add((owner, SH["or"], choices))
    return graph


@functools.cache
def _background() -> Graph:
    return Graph().parse(official("vocab/background.ttl"))


def violations(graph: Graph, *paths: Path, alone: bool = False) -> list[str]:
    """What ``graph`` violates of the shapes in each of ``paths``.

    ``alone``: without being told what the authorities' tables hold.
    """
    known = graph if alone or STANDARDS is None else graph + _background()
    found = []
    for path in paths:
        _conforms, report, _text = pyshacl.validate(known, shacl_graph=shapes(path))
        for result in report.subjects(SH.resultSeverity, SH.Violation):
            said = [
                str(report.value(result, what))
                for what in (SH.focusNode, SH.resultPath, SH.resultMessage)
            ]
            found.append(f"{path.name}: {' | '.join(said)}")
    return sorted(found)
