"""Reading a description that somebody else's catalogue wrote, in a child process. No settings.

The file may be anything: it is read within limits of time and memory, nothing that it names is
fetched, and what is not understood is told. RDF/XML is not read at all: XML can be made to grow.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rdflib import BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.namespace import DCTERMS, FOAF, RDF, RDFS, SKOS
from rdflib.term import Node

from portal.catalogue import vocabulary
from portal.catalogue.dcat import terms
from portal.catalogue.dcat.terms import (
    ADMS,
    CSVW,
    DCAT,
    DCATAP,
    DPV,
    DQV,
    GEODCATAP,
    HEALTH,
    OA,
    SCHEMA,
    VCARD,
    value_of,
)
from portal.jobs.child import Refused

MOST_VARIABLES = 2_000
MOST_TOLD = 200
"""Things that were not understood: a longer list nobody reads."""
DEEPEST = 60
"""Of nested JSON."""
LONGEST_ADDRESS = 500
MOST_VALUES = 50

UNKNOWN, FOREIGN, SET_HERE, CUT, NOT_ONE = "unknown", "foreign", "set-here", "cut", "not-one"
REMOTE = "remote"
"""Why something was not taken; the parent has the sentences."""

TEXTS: Mapping[str, tuple[URIRef, int]] = {
    "title": (DCTERMS.title, 200),
    "description": (DCTERMS.description, 20_000),
    "alternative": (DCTERMS.alternative, 200),
    "population_coverage": (HEALTH.populationCoverage, 2_000),
    "version_label": (DCAT.version, 40),
    "version_notes": (ADMS.versionNotes, 2_000),
}
NUMBERS: Mapping[str, tuple[URIRef, int]] = {
    "number_of_records": (HEALTH.numberOfRecords, 2**63 - 1),
    "number_of_unique_individuals": (HEALTH.numberOfUniqueIndividuals, 2**63 - 1),
    "min_typical_age": (HEALTH.minTypicalAge, 32_767),
    "max_typical_age": (HEALTH.maxTypicalAge, 32_767),
}
CONCEPTS: Mapping[str, tuple[URIRef, Any, bool]] = {
    "access_rights": (DCTERMS.accessRights, vocabulary.AccessRights, False),
    "health_category": (HEALTH.healthCategory, vocabulary.HealthCategory, False),
    "dataset_type": (DCTERMS.type, vocabulary.DatasetType, False),
    "accrual_periodicity": (DCTERMS.accrualPeriodicity, vocabulary.Frequency, False),
    "health_theme": (HEALTH.healthTheme, vocabulary.HealthTheme, True),
    "coding_systems": (HEALTH.hasCodingSystem, vocabulary.CodingSystem, True),
    "conforms_to": (DCTERMS.conformsTo, vocabulary.Standard, True),
    "languages": (DCTERMS.language, vocabulary.Language, True),
    "personal_data_categories": (DPV.hasPersonalData, vocabulary.PersonalDataCategory, True),
}
"""The property, its vocabulary, and whether several values are taken."""
ADDRESSES: Mapping[str, tuple[URIRef, bool]] = {
    "landing_page": (DCAT.landingPage, False),
    "documentation": (FOAF.page, False),
    "publications": (DCTERMS.isReferencedBy, True),
    "sources": (DCTERMS.source, True),
    "relations": (DCTERMS.relation, True),
}
NODES: Mapping[str, tuple[URIRef, tuple[URIRef, ...], int]] = {
    "provenance": (DCTERMS.provenance, (RDFS.label, DCTERMS.description), 20_000),
    "purpose": (DPV.hasPurpose, (DCTERMS.description, RDFS.label, SKOS.prefLabel), 2_000),
    "legal_basis": (DPV.hasLegalBasis, (DCTERMS.description, RDFS.label), 2_000),
    "series": (DCAT.inSeries, (DCTERMS.title, RDFS.label), 200),
}
"""A property whose value is a node that says it in words, or the words themselves."""
ELSEWHERE: Mapping[str, tuple[URIRef, URIRef]] = {
    "analytics": (HEALTH.analytics, DCAT.accessURL),
    "sample": (ADMS.sample, DCAT.accessURL),
    "quality_certificate": (DQV.hasQualityAnnotation, OA.hasBody),
}
"""A property whose value is a node that says where the thing is."""
PERIODS: Mapping[tuple[str, str], URIRef] = {
    ("temporal_start", "temporal_end"): DCTERMS.temporal,
    ("retention_start", "retention_end"): HEALTH.retentionPeriod,
}
STATED_BY_THE_SITE = frozenset(
    {
        DCTERMS.publisher, DCTERMS.identifier, DCTERMS.issued, DCTERMS.modified, DCTERMS.creator,
        ADMS.identifier, DCATAP.applicableLegislation, DCAT.distribution, GEODCATAP.custodian,
        HEALTH.hdab, DCAT.previousVersion,
    }
)  # fmt: skip
"""What the site knows itself, or is nobody's to bring along."""
SILENT = frozenset({RDF.type, DCAT.theme})
DATATYPES: Mapping[str, str] = {
    **dict.fromkeys(("integer", "int", "long", "short", "byte", "nonNegativeInteger",
                     "positiveInteger"), vocabulary.Datatype.INTEGER.value),
    **dict.fromkeys(("number", "decimal", "double", "float"), vocabulary.Datatype.NUMBER.value),
    "boolean": vocabulary.Datatype.BOOLEAN.value,
    **dict.fromkeys(("date", "dateTime", "datetime"), vocabulary.Datatype.DATE.value),
}  # fmt: skip
"""CSVW's types as ours; any other is text."""


def main(request: Mapping[str, Any], progress: Callable[[str, float], None]) -> dict[str, Any]:
    """Read the file at ``request["source"]``, of the kind "turtle" or "json-ld".

    Returns
    -------
    dict
        ``{"fields", "variables", "unread": [[why, what, value]], "datasets"}``.
    """
    text = Path(request["source"]).read_text(encoding="utf-8-sig")
    unread: list[list[str]] = []
    graph = _parsed(text, request["kind"], unread)
    datasets = set(graph.subjects(RDF.type, DCAT.Dataset))
    distinct = sorted(datasets, key=lambda node: (-len(list(graph.predicates(node))), node))
    if not distinct:
        raise Refused("no-dataset")
    found = _Reading(graph, distinct[0], unread)
    return {
        "fields": found.fields,
        "variables": found.variables,
        "unread": unread[:MOST_TOLD],
        "more": max(0, len(unread) - MOST_TOLD),
        "datasets": len(distinct),
    }


def _parsed(text: str, kind: str, unread: list[list[str]]) -> Graph:
    graph = Graph(bind_namespaces="none")
    try:
        if kind == "json-ld":
            document = _without_remote(json.loads(text), unread)
            text = json.dumps(document)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rdflib's own, and odd literals
            graph.parse(data=text, format=kind, publicID="urn:file")
    except (MemoryError, Refused):
        raise
    except Exception as error:
        line = re.search(r"\bline (\d+)", str(error))
        raise Refused(f"syntax {line[1] if line else ''}".strip()) from error
    return graph


def _without_remote(value: Any, unread: list[list[str]], depth: int = 0) -> Any:
    """``value`` without the contexts that would have to be fetched: nothing ever is."""
    if depth > DEEPEST:
        raise Refused("deep")
    if isinstance(value, list):
        return [_without_remote(one, unread, depth + 1) for one in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "@context":
            kept[key] = _local_contexts(inner, unread, depth)
        elif key == "@import":
            unread.append([REMOTE, "@import", str(inner)[:200]])
        else:
            kept[key] = _without_remote(inner, unread, depth + 1)
    return kept


def _local_contexts(context: Any, unread: list[list[str]], depth: int) -> list[Any]:
    found = []
    for one in context if isinstance(context, list) else [context]:
        if isinstance(one, str):
            unread.append([REMOTE, "@context", one[:200]])
        elif isinstance(one, dict):
            found.append(_without_remote(one, unread, depth + 1))
    return found


class _Reading:
    """One dataset of a graph, on its way into the fields of a form."""

    def __init__(self, graph: Graph, node: Node, unread: list[list[str]]) -> None:
        self.graph = graph
        self.node = node
        self.unread = unread
        self.fields: dict[str, Any] = {}
        self.variables: list[dict[str, str]] = []
        self.read: set[Node] = set(SILENT)
        self._texts()
        self._numbers()
        self._concepts()
        self._addresses()
        self._nodes()
        self._periods()
        self._contact()
        self._others()
        self._dictionary()
        self._what_is_left()

    def values(self, what: URIRef) -> list[Node]:
        """The values of a property, in an order that stays."""
        self.read.add(what)
        return sorted(set(self.graph.objects(self.node, what)), key=_order)

    def tell(self, why: str, what: Node, value: object) -> None:
        self.unread.append([why, self.name_of(what), _clean(str(value))[:200]])

    def name_of(self, what: Node) -> str:
        for prefix, namespace in terms.PREFIXES.items():
            if str(what).startswith(str(namespace)):
                return f"{prefix}:{str(what).removeprefix(str(namespace))}"
        return str(what)[:200]

    def text(self, what: URIRef, values: Iterable[Node], most: int) -> str:
        """The words among ``values``: in English, or in no language, or in any."""
        found = [one for one in values if isinstance(one, Literal)]
        ranks = {"en": 0, "": 1}
        found.sort(key=lambda one: (ranks.get((one.language or "")[:2].lower(), 2), _order(one)))
        if not found:
            return ""
        text = _clean(str(found[0]), lines=most > LONGEST_ADDRESS).strip()
        if len(text) > most:
            self.tell(CUT, what, text[:60])
        return text[:most].strip()

    def state(self, name: str, value: Any) -> None:
        if value not in (None, "", []):
            self.fields[name] = value

    def first(self, what: URIRef, values: list[Any]) -> Any:
        """The one value that is taken; the others are told."""
        for other in values[1:]:
            self.tell(NOT_ONE, what, other)
        return values[0] if values else None

    def _texts(self) -> None:
        for name, (what, most) in TEXTS.items():
            values = self.values(what)
            self.state(name, self.text(what, values, most))
            for value in values:
                if not isinstance(value, Literal):
                    self.tell(FOREIGN, what, value)
        words = [_clean(str(one)).strip() for one in self.values(DCAT.keyword)]
        kept = list(dict.fromkeys(word.replace(",", " ")[:60].strip() for word in words if word))
        self.state("keyword", kept[:MOST_VALUES])
        codes = [_clean(str(one)).strip() for one in self.values(HEALTH.hasCodeValues)]
        self.state(
            "code_values", [one[:60].replace(",", " ") for one in codes if one][:MOST_VALUES]
        )

    def _numbers(self) -> None:
        for name, (what, most) in NUMBERS.items():
            found = []
            for value in self.values(what):
                number = re.fullmatch(r"\+?0*(\d{1,19})(\.0*)?", str(value).strip())
                if number and int(number[1]) <= most:
                    found.append(int(number[1]))
                else:
                    self.tell(FOREIGN, what, value)
            self.state(name, self.first(what, found))

    def _concepts(self) -> None:
        for name, (what, kind, many) in CONCEPTS.items():
            found = []
            for value in self.values(what):
                known = value_of(kind, str(value))
                if known is None:
                    self.tell(FOREIGN, what, self.called(value))
                else:
                    found.append(known)
            self.state(name, list(dict.fromkeys(found)) if many else self.first(what, found))
        places = []
        for value in self.values(DCTERMS.spatial):
            place = terms.country_of(str(value))
            places += [place] if place else []
            if place is None:
                self.tell(FOREIGN, DCTERMS.spatial, self.called(value))
        self.state("spatial", self.first(DCTERMS.spatial, places))

    def called(self, node: Node) -> str:
        """What a node is called, for whoever reads the list."""
        if isinstance(node, BNode):
            for what in (SKOS.prefLabel, RDFS.label, DCTERMS.title, DCTERMS.description):
                for label in self.graph.objects(node, what):
                    return str(label)
            return "[…]"
        return str(node)

    def _addresses(self) -> None:
        for name, (what, many) in ADDRESSES.items():
            found = list(self.web_addresses(what, self.values(what)))
            self.state(name, found[:MOST_VALUES] if many else self.first(what, found))

    def web_addresses(self, what: URIRef, values: Iterable[Node]) -> Iterator[str]:
        for value in values:
            text = str(value).strip()
            if re.fullmatch(r"https?://[^\s<>\"]+", text) and len(text) <= LONGEST_ADDRESS:
                yield text
            else:
                self.tell(FOREIGN, what, self.called(value))

    def _nodes(self) -> None:
        for name, (what, labels, most) in NODES.items():
            found = []
            for value in self.values(what):
                words = [value]
                if not isinstance(value, Literal):
                    words = [one for label in labels for one in self.graph.objects(value, label)]
                text = self.text(what, words, most)
                if text:
                    found.append(text)
                else:
                    self.tell(FOREIGN, what, self.called(value))
            self.state(name, self.first(what, found))
        for name, (what, where) in ELSEWHERE.items():
            nodes = [one for value in self.values(what) for one in self.graph.objects(value, where)]
            found = list(self.web_addresses(what, sorted(nodes, key=_order)))
            self.state(name, self.first(what, found))

    def _periods(self) -> None:
        for (start, end), what in PERIODS.items():
            nodes = self.values(what)
            node = self.first(what, [self.called(one) for one in nodes]) and nodes[0]
            if not nodes:
                continue
            for name, which in ((start, DCAT.startDate), (end, DCAT.endDate)):
                for value in self.graph.objects(node, which):
                    day = _day(str(value))
                    if day is None:
                        self.tell(FOREIGN, what, value)
                    self.state(name, day)
            days = [self.fields.get(name) for name in (start, end)]
            if all(days) and days[0] > days[1]:  # type: ignore[operator]
                self.tell(FOREIGN, what, " – ".join(str(self.fields.pop(n)) for n in (start, end)))

    def _contact(self) -> None:
        nodes = self.values(DCAT.contactPoint)
        for node in nodes[1:]:
            self.tell(NOT_ONE, DCAT.contactPoint, self.called(node))
        for node in nodes[:1]:
            names = list(self.graph.objects(node, VCARD.fn))
            self.state("contact_name", self.text(VCARD.fn, names, 120))
            for mail in sorted(self.graph.objects(node, VCARD.hasEmail), key=_order)[:1]:
                text = str(mail).removeprefix("mailto:").strip()
                if re.fullmatch(r"[^@\s<>]{1,64}@[^@\s<>]{1,180}", text):
                    self.state("contact_email", text)
                else:
                    self.tell(FOREIGN, VCARD.hasEmail, mail)
            if "contact_email" not in self.fields:
                for page in self.graph.objects(node, VCARD.hasURL):
                    self.tell(FOREIGN, VCARD.hasURL, page)

    def _others(self) -> None:
        for value in self.values(HEALTH.hasStructuredData):
            said = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
            if said is None:
                self.tell(FOREIGN, HEALTH.hasStructuredData, value)
            else:
                self.fields["has_structured_data"] = said
        steps = [str(value) for value in self.values(DCAT.temporalResolution)]
        step = self.first(DCAT.temporalResolution, steps)
        if step in vocabulary.TemporalResolution.values:
            self.state("temporal_resolution", step)
        elif step:
            self.tell(FOREIGN, DCAT.temporalResolution, step)
        ages = [self.fields.get(name) for name in ("min_typical_age", "max_typical_age")]
        if None not in ages and ages[0] > ages[1]:  # type: ignore[operator]
            self.tell(FOREIGN, HEALTH.maxTypicalAge, self.fields.pop("max_typical_age"))

    def _dictionary(self) -> None:
        seen: set[str] = set()
        for group in self.values(HEALTH.hasVariables):
            for table in self.members(group, CSVW.table):
                for column in self.members(table, CSVW.column):
                    variable = self._variable(column)
                    if not variable["name"] or variable["name"] in seen:
                        self.tell(NOT_ONE, CSVW.column, variable["name"] or self.called(column))
                    elif len(seen) >= MOST_VARIABLES:
                        self.tell(CUT, CSVW.column, variable["name"])
                    else:
                        seen.add(variable["name"])
                        self.variables.append(variable)

    def members(self, node: Node, what: URIRef) -> list[Node]:
        """The values of a property, those of lists one by one."""
        found: list[Node] = []
        for value in sorted(self.graph.objects(node, what), key=_order):
            if (value, RDF.first, None) in self.graph:
                found += list(Collection(self.graph, value))[: MOST_VARIABLES + 1]
            else:
                found.append(value)
        return found

    def _variable(self, node: Node) -> dict[str, str]:
        def said(what: URIRef, most: int) -> str:
            return self.text(what, self.graph.objects(node, what), most)

        label, description = said(CSVW.title, 200), said(DCTERMS.description, 500)
        kind = said(CSVW.datatype, 60).rsplit("#", 1)[-1]
        return {
            "name": said(CSVW.name, 100),
            "label": label or description[:200],
            "description": "" if description == label else description,
            "datatype": DATATYPES.get(kind, vocabulary.Datatype.STRING.value),
            "unit": said(SCHEMA.unitText, 60),
            "code": said(SKOS.notation, 120),
        }

    def _what_is_left(self) -> None:
        for what, value in sorted(self.graph.predicate_objects(self.node), key=_order_of_pair):
            if what in STATED_BY_THE_SITE:
                self.tell(SET_HERE, what, self.called(value))
            elif what not in self.read:
                self.tell(UNKNOWN, what, self.called(value))


def _order(node: Node) -> tuple[Any, ...]:
    """Numbers within addresses count as numbers: variable-10 comes after variable-9."""
    parts = re.split(r"(\d{1,18})", str(node)[:500])
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def _order_of_pair(pair: tuple[Node, Node]) -> tuple[str, tuple[Any, ...]]:
    return str(pair[0]), _order(pair[1])


def _day(text: str) -> str | None:
    """The day at the beginning of a date or a moment."""
    try:
        return date.fromisoformat(text.strip()[:10]).isoformat()
    except ValueError:
        return None


def _clean(text: str, *, lines: bool = False) -> str:
    """``text`` with spaces for what cannot be shown; its lines are kept where there may be some."""
    kept = "\n\t" if lines else ""
    return "".join(one if one.isprintable() or one in kept else " " for one in text)
