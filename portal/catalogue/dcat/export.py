"""A public dataset as a graph of HealthDCAT-AP.

Everything in it stands on the dataset's public page. Each node has an address of its own, below
that of the dataset: graphs that are read together do not mix, and the same description gives the
same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.utils.encoding import iri_to_uri
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import override
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF, RDF, RDFS, SKOS, XSD

from portal.catalogue import vocabulary
from portal.catalogue.dcat import terms
from portal.catalogue.dcat.terms import (
    ADMS,
    CSVW,
    CV,
    DCAT,
    DCATAP,
    DPV,
    DQV,
    ELI,
    GEODCATAP,
    HEALTH,
    OA,
    SCHEMA,
    VCARD,
    concept,
)
from portal.catalogue.models import Dataset, Variable
from portal.notifications.addresses import absolute, page, page_of
from portal.organisations.models import Organisation

if TYPE_CHECKING:
    from django.db.models import TextChoices

    from portal.studies.models import Publication

LANGUAGE = "en"
"""Of the descriptions: what a holder writes is in English, whatever language the page is in."""

KINDS_OF_AGENTS = {
    Organisation.Kind.HOSPITAL: terms.HEALTHCARE_PROVIDER,
    Organisation.Kind.ACCESS_BODY: terms.NATIONAL_AUTHORITY,
}
"""The kinds of organisation that the authority table of publishers has a word for."""


@dataclass(frozen=True)
class Surroundings:
    """What the graphs of several datasets need, fetched for all of them at once."""

    access_bodies: Mapping[str, Organisation] = field(default_factory=dict)
    """By country."""
    publications: Mapping[int, Sequence[Publication]] = field(default_factory=dict)
    """Published studies, by the dataset that they used."""


def for_export(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """``datasets`` with what their graphs need, in as many queries for many as for one."""
    return datasets.select_related("organisation", "previous_version").prefetch_related(
        Prefetch("variables", Variable.objects.order_by("position", "id"))
    )


def surroundings_of(datasets: Iterable[Dataset]) -> Surroundings:
    """What the graphs of ``datasets`` need beside themselves."""
    shown = list(datasets)
    countries = {dataset.organisation.country for dataset in shown}
    return Surroundings(Organisation.objects.access_bodies_of(countries), publications_on(shown))


def publications_on(datasets: Iterable[Dataset]) -> dict[int, list[Publication]]:
    """The published studies that found something on each of ``datasets``, the oldest first."""
    from portal.jobs.models import Status
    from portal.studies.models import Cell, Notice, Publication

    used = (
        Cell.objects.filter(
            dataset__in=[dataset.pk for dataset in datasets],
            study__publication__isnull=False,
            evaluation__status=Status.SUCCEEDED,
        )
        .exclude(study__publication__notices__kind=Notice.Kind.RETRACTION)
        .values_list("dataset_id", "study__publication")
        .distinct()
    )
    pairs = list(used)
    known = Publication.objects.defer("content").in_bulk({key for _dataset, key in pairs})
    found: dict[int, list[Publication]] = {}
    for dataset, key in sorted(pairs):
        found.setdefault(dataset, []).append(known[key])
    return found


def address_of(dataset: Dataset) -> str:
    """Where the dataset is, for good: its page without a language."""
    return absolute(page_of(dataset), settings.LANGUAGE_CODE)


def site_address(name: str, **places: Any) -> str:
    """The whole address of a page of this site."""
    return absolute(page(name, **places), settings.LANGUAGE_CODE)


def dataset_graph(dataset: Dataset, around: Surroundings | None = None) -> Graph:
    """The graph of one dataset (see :func:`for_export`)."""
    with override(LANGUAGE):
        return _Describing(dataset, around or surroundings_of([dataset])).graph


class _Describing:
    """One dataset, on its way into a graph."""

    def __init__(self, dataset: Dataset, around: Surroundings) -> None:
        self.dataset = dataset
        self.around = around
        self.graph = terms.empty_graph()
        self.node = URIRef(address_of(dataset))
        self._what_it_is()
        self._who_is_in_it()
        self._rights()
        self._agents()
        self._links()
        self._versions()
        self._quality()
        self._dictionary()

    # Ways of saying

    def say(self, what: URIRef, value: Any, of: URIRef | None = None) -> None:
        """One statement, where there is anything to state."""
        if value not in (None, ""):
            self.graph.add((of or self.node, what, value))

    def words(self, what: URIRef, text: str, of: URIRef | None = None) -> None:
        if text.strip():
            self.say(what, Literal(text, lang=LANGUAGE), of)

    def number(self, what: URIRef, value: int | None) -> None:
        if value is not None:
            self.say(what, Literal(str(value), datatype=XSD.nonNegativeInteger))

    def part(self, name: str, kind: URIRef) -> URIRef:
        """A node of the dataset's own."""
        node = URIRef(f"{self.node}#{name}")
        self.graph.add((node, RDF.type, kind))
        return node

    def concepts(
        self, what: URIRef, kind: type[TextChoices], values: Iterable[str], a: URIRef
    ) -> None:
        for value in values:
            if value:
                self.named(what, concept(kind, value), a)
                self.known(concept(kind, value), str(kind(value).label))

    def known(self, node: URIRef, label: str) -> None:
        """What a concept of an authority table is called, and which table it is of."""
        self.words(SKOS.prefLabel, label, node)
        self.say(SKOS.inScheme, terms.scheme_of(node), node)

    def named(self, what: URIRef, other: URIRef, a: URIRef, of: URIRef | None = None) -> None:
        """A relation to something that lives elsewhere, and what kind of thing it is."""
        self.say(what, other, of)
        self.graph.add((other, RDF.type, a))

    def page(self, what: URIRef, address: str, a: URIRef) -> None:
        if address:
            self.named(what, URIRef(iri_to_uri(address)), a)

    def period(self, what: URIRef, name: str, start: date | None, end: date | None) -> None:
        if start is None and end is None:
            return
        node = self.part(name, DCTERMS.PeriodOfTime)
        self.say(what, node)
        for which, day in ((DCAT.startDate, start), (DCAT.endDate, end)):
            if day is not None:
                self.say(which, Literal(day.isoformat(), datatype=XSD.date), node)

    def legislation(self, of: URIRef | None = None) -> None:
        self.named(DCATAP.applicableLegislation, terms.EHDS_REGULATION, ELI.LegalResource, of)

    def distribution(self, what: URIRef, name: str, title: str, address: str) -> None:
        node = self.part(name, DCAT.Distribution)
        self.say(what, node)
        self.words(DCTERMS.title, title, node)
        self.named(DCAT.accessURL, URIRef(iri_to_uri(address)), RDFS.Resource, node)
        self.legislation(node)

    # What is said

    def _what_it_is(self) -> None:
        dataset = self.dataset
        self.say(RDF.type, DCAT.Dataset)
        self.words(DCTERMS.title, dataset.title)
        self.words(DCTERMS.description, dataset.description)
        self.words(DCTERMS.alternative, dataset.alternative)
        self.say(DCTERMS.identifier, Literal(str(self.node)))
        for word in dataset.keyword:
            self.words(DCAT.keyword, word)
        self.named(DCAT.theme, terms.THEME_HEALTH, SKOS.Concept)
        self.known(terms.THEME_HEALTH, _("Health"))
        self.concepts(
            HEALTH.healthCategory,
            vocabulary.HealthCategory,
            [dataset.health_category],
            SKOS.Concept,
        )
        self.concepts(
            HEALTH.healthTheme, vocabulary.HealthTheme, dataset.health_theme, SKOS.Concept
        )
        self.concepts(DCTERMS.type, vocabulary.DatasetType, [dataset.dataset_type], SKOS.Concept)
        self.concepts(
            DCTERMS.language, vocabulary.Language, dataset.languages, DCTERMS.LinguisticSystem
        )
        self.concepts(
            DCTERMS.accrualPeriodicity,
            vocabulary.Frequency,
            [dataset.accrual_periodicity],
            DCTERMS.Frequency,
        )
        self.concepts(
            DCTERMS.conformsTo, vocabulary.Standard, dataset.conforms_to, DCTERMS.Standard
        )
        self.concepts(
            HEALTH.hasCodingSystem,
            vocabulary.CodingSystem,
            dataset.coding_systems,
            DCTERMS.Standard,
        )
        for code in dataset.code_values:
            self.say(HEALTH.hasCodeValues, Literal(code))
        for what, when in ((DCTERMS.issued, dataset.issued), (DCTERMS.modified, dataset.modified)):
            self.say(what, _moment(when))
        if dataset.temporal_resolution:
            self.say(
                DCAT.temporalResolution,
                Literal(dataset.temporal_resolution, datatype=XSD.duration, normalize=False),
            )

    def _who_is_in_it(self) -> None:
        dataset = self.dataset
        self.number(HEALTH.numberOfRecords, dataset.number_of_records)
        self.number(HEALTH.numberOfUniqueIndividuals, dataset.number_of_unique_individuals)
        self.number(HEALTH.minTypicalAge, dataset.min_typical_age)
        self.number(HEALTH.maxTypicalAge, dataset.max_typical_age)
        self.words(HEALTH.populationCoverage, dataset.population_coverage)
        if dataset.spatial:
            place = terms.country(dataset.spatial)
            self.named(DCTERMS.spatial, place, DCTERMS.Location)
            self.known(place, dataset.country_name)
        self.period(DCTERMS.temporal, "period", dataset.temporal_start, dataset.temporal_end)
        self.period(HEALTH.retentionPeriod, "kept", dataset.retention_start, dataset.retention_end)

    def _rights(self) -> None:
        dataset = self.dataset
        self.concepts(
            DCTERMS.accessRights,
            vocabulary.AccessRights,
            [dataset.access_rights],
            DCTERMS.RightsStatement,
        )
        self.legislation()
        self.distribution(DCAT.distribution, "access", _("Access"), access_address(dataset))
        self.concepts(
            DPV.hasPersonalData,
            vocabulary.PersonalDataCategory,
            dataset.personal_data_categories,
            DPV.PersonalData,
        )
        if dataset.legal_basis:
            node = self.part("legal-basis", DPV.LegalBasis)
            self.say(DPV.hasLegalBasis, node)
            self.words(DCTERMS.description, str(dataset.get_legal_basis_display()), node)
        if dataset.purpose:
            node = self.part("purpose", DPV.Purpose)
            self.say(DPV.hasPurpose, node)
            self.words(DCTERMS.description, dataset.purpose, node)
        if dataset.provenance:
            node = self.part("provenance", DCTERMS.ProvenanceStatement)
            self.say(DCTERMS.provenance, node)
            self.words(RDFS.label, dataset.provenance, node)

    def _agents(self) -> None:
        dataset = self.dataset
        holder = self.agent(dataset.organisation)
        self.say(DCTERMS.publisher, holder)
        self.say(GEODCATAP.custodian, holder)
        body = self.around.access_bodies.get(dataset.organisation.country)
        if body is not None:
            self.say(HEALTH.hdab, self.agent(body))
        if dataset.contact_email:
            node = self.part("contact", VCARD.Kind)
            self.say(DCAT.contactPoint, node)
            self.words(VCARD.fn, dataset.contact_name, node)
            self.say(VCARD.hasEmail, URIRef(iri_to_uri(f"mailto:{dataset.contact_email}")), node)

    def agent(self, organisation: Organisation) -> URIRef:
        return say_agent(self.graph, organisation)

    def _links(self) -> None:
        dataset = self.dataset
        self.page(FOAF.page, dataset.documentation, FOAF.Document)
        self.page(DCAT.landingPage, dataset.landing_page, FOAF.Document)
        for address in dataset.publications:
            self.page(DCTERMS.isReferencedBy, address, RDFS.Resource)
        for address in dataset.sources:
            self.page(DCTERMS.source, address, RDFS.Resource)
        for address in dataset.relations:
            self.page(DCTERMS.relation, address, RDFS.Resource)
        if dataset.analytics:
            self.distribution(HEALTH.analytics, "reports", _("Reports"), dataset.analytics)
        if dataset.sample:
            self.distribution(ADMS.sample, "sample", _("Sample"), dataset.sample)

    def _versions(self) -> None:
        dataset = self.dataset
        if dataset.version_label:
            self.say(DCAT.version, Literal(dataset.version_label))
        self.words(ADMS.versionNotes, dataset.version_notes)
        previous = dataset.previous_version
        if previous is not None and previous.is_public:
            self.say(DCAT.previousVersion, URIRef(address_of(previous)))
        if dataset.series:
            name = slugify(dataset.series) or "series"
            series = URIRef(f"{organisation_address(dataset.organisation)}#series-{name}")
            self.named(DCAT.inSeries, series, DCAT.DatasetSeries)
            self.words(DCTERMS.title, dataset.series, series)
            held = _("Datasets of %(holder)s that follow each other.")
            self.words(DCTERMS.description, held % {"holder": dataset.organisation}, series)
            self.legislation(series)

    def _quality(self) -> None:
        if self.dataset.quality_certificate:
            body = URIRef(iri_to_uri(self.dataset.quality_certificate))
            self._annotation("quality-certificate", DQV.QualityCertificate, body)
        for publication in self.around.publications.get(self.dataset.pk, ()):
            body = URIRef(absolute(page_of(publication), settings.LANGUAGE_CODE))
            node = self._annotation(f"study-{publication.slug}", DQV.QualityAnnotation, body)
            self.words(DCTERMS.title, publication.title, node)
            self.words(DCTERMS.description, publication.finding, node)
            self.say(DCTERMS.issued, _moment(publication.published_at), node)

    def _annotation(self, name: str, kind: URIRef, body: URIRef) -> URIRef:
        node = self.part(name, kind)
        self.say(DQV.hasQualityAnnotation, node)
        self.say(OA.hasTarget, self.node, node)
        self.say(OA.hasBody, body, node)
        self.say(OA.motivatedBy, DQV.qualityAssessment, node)
        return node

    def _dictionary(self) -> None:
        dataset = self.dataset
        self.say(HEALTH.hasStructuredData, Literal(dataset.has_structured_data))
        variables = list(dataset.variables.all())
        if not variables or not dataset.has_structured_data:
            return
        group = self.part("variables", CSVW.TableGroup)
        self.say(HEALTH.hasVariables, group)
        table = self.part("dictionary", CSVW.Table)
        self.say(CSVW.table, table, group)
        title = _("Data dictionary")
        for node in (group, table):
            self.words(DCTERMS.title, title, node)
        for number, variable in enumerate(variables, start=1):
            self.say(CSVW.column, self._column(number, variable), table)

    def _column(self, number: int, variable: Variable) -> URIRef:
        node = self.part(f"variable-{number}", CSVW.Column)
        title = variable.label or variable.name
        self.say(CSVW.name, Literal(variable.name), node)
        self.words(CSVW.title, title, node)
        self.words(DCTERMS.description, variable.description or title, node)
        self.say(CSVW.datatype, Literal(terms.DATATYPES[variable.datatype]), node)
        if variable.unit:
            self.say(SCHEMA.unitText, Literal(variable.unit), node)
        if variable.code:
            self.say(SKOS.notation, Literal(variable.code), node)
            system, _gap, code = variable.code.partition(" ")
            if system == "LOINC" and code.replace("-", "").isalnum():
                self.say(CSVW.propertyUrl, URIRef(f"https://loinc.org/{code}"), node)
        return node


def access_address(dataset: Dataset) -> str:
    """Where one asks for access to the data."""
    return site_address("access-ask", slug=dataset.slug)


def organisation_address(organisation: Organisation) -> str:
    """The page of an organisation, without a language."""
    return absolute(page_of(organisation), settings.LANGUAGE_CODE)


def say_agent(graph: Graph, organisation: Organisation) -> URIRef:
    """Describe an organisation in ``graph``: what its page tells everybody."""
    address = organisation_address(organisation)
    node = _agent(graph, address, "organisation", organisation.name)
    if kind := KINDS_OF_AGENTS.get(Organisation.Kind(organisation.kind)):
        graph.add((node, DCTERMS.type, kind))
        graph.add((kind, RDF.type, SKOS.Concept))
        label = Literal(str(organisation.get_kind_display()), lang=LANGUAGE)
        graph.add((kind, SKOS.prefLabel, label))
        graph.add((kind, SKOS.inScheme, terms.scheme_of(kind)))
    return node


def say_consortium(graph: Graph) -> URIRef:
    """Describe who publishes the catalogue."""
    return _agent(graph, site_address("home"), "consortium", "SHAIPED")


def _agent(graph: Graph, contact_page: str, kind: str, name: str) -> URIRef:
    node, contact = URIRef(f"{contact_page}#{kind}"), URIRef(f"{contact_page}#contact")
    graph.add((node, RDF.type, FOAF.Agent))
    graph.add((node, FOAF.name, Literal(name, lang=LANGUAGE)))
    graph.add((node, CV.contactPoint, contact))
    graph.add((contact, RDF.type, CV.ContactPoint))
    graph.add((contact, CV.contactPage, URIRef(contact_page)))
    graph.add((URIRef(contact_page), RDF.type, FOAF.Document))
    return node


def _moment(when: datetime) -> Literal:
    return Literal(when.replace(microsecond=0).isoformat(), datatype=XSD.dateTime)
