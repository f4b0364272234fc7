"""Graphs as bytes: Turtle, JSON-LD and RDF/XML, one graph after the other.

Datasets that are written together are written one by one: no more than one graph is in memory,
however many there are. Turtle may repeat its prefixes, JSON-LD is a list of documents, and of
RDF/XML, which allows no such thing, the nodes alone are written between one pair of ends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import cast
from xml.sax.saxutils import escape, quoteattr

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import RDF, split_uri

from portal.catalogue.dcat.terms import PREFIXES


@dataclass(frozen=True)
class Format:
    """A way of writing graphs."""

    ending: str
    """Of the addresses that ask for it."""
    media_type: str
    label: str
    write: Callable[[Iterable[Graph]], Iterator[bytes]]


def _turtle(graphs: Iterable[Graph]) -> Iterator[bytes]:
    for graph in graphs:
        yield graph.serialize(format="turtle", encoding="utf-8")


def _json_ld(graphs: Iterable[Graph]) -> Iterator[bytes]:
    context = {prefix: str(namespace) for prefix, namespace in PREFIXES.items()}
    yield b"["
    for place, graph in enumerate(graphs):
        if place:
            yield b",\n"
        yield graph.serialize(format="json-ld", context=context, sort_keys=True, encoding="utf-8")
    yield b"]\n"


def _rdf_xml(graphs: Iterable[Graph]) -> Iterator[bytes]:
    names = "".join(
        f"\n  xmlns:{prefix}={quoteattr(str(namespace))}" for prefix, namespace in PREFIXES.items()
    )
    yield f'<?xml version="1.0" encoding="utf-8"?>\n<rdf:RDF{names}>\n'.encode()
    for graph in graphs:
        for subject, statements in groupby(_sorted(graph), key=lambda triple: triple[0]):
            yield f"<rdf:Description rdf:about={quoteattr(str(subject))}>\n".encode()
            yield "".join(_xml_of(what, value) for _subject, what, value in statements).encode()
            yield b"</rdf:Description>\n"
    yield b"</rdf:RDF>\n"


def _xml_of(what: URIRef, value: URIRef | Literal) -> str:
    """One statement; what XML cannot hold is left out of the text."""
    namespace, local = split_uri(str(what))
    name = f"{_PREFIX_OF[namespace]}:{local}"
    if isinstance(value, URIRef):
        return f"  <{name} rdf:resource={quoteattr(str(value))}/>\n"
    kind = ""
    if value.language:
        kind = f' xml:lang="{value.language}"'
    elif value.datatype:
        kind = f" rdf:datatype={quoteattr(str(value.datatype))}"
    return f"  <{name}{kind}>{escape(NOT_XML.sub('', str(value)))}</{name}>\n"


NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_PREFIX_OF: Mapping[str, str] = {str(namespace): prefix for prefix, namespace in PREFIXES.items()}


def _sorted(graph: Graph) -> list[tuple[URIRef, URIRef, URIRef | Literal]]:
    return sorted(
        cast("Iterable[tuple[URIRef, URIRef, URIRef | Literal]]", graph),
        key=lambda triple: (triple[0], triple[1] != RDF.type, triple[1], triple[2].n3()),
    )


def fingerprint(graphs: Iterable[Graph]) -> str:
    """The same for the same statements, in whichever process and order they were made."""
    digest = hashlib.sha256()
    for graph in graphs:
        for triple in _sorted(graph):
            digest.update(" ".join(term.n3() for term in triple).encode())
    return digest.hexdigest()


FORMATS: Mapping[str, Format] = {
    each.ending: each
    for each in (
        Format("ttl", "text/turtle", "Turtle", _turtle),
        Format("jsonld", "application/ld+json", "JSON-LD", _json_ld),
        Format("rdf", "application/rdf+xml", "RDF/XML", _rdf_xml),
    )
}
"""By the ending of their addresses; the first is taken where several are as welcome."""
