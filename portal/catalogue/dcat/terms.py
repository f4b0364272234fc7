"""The names of HealthDCAT-AP Release 8: its namespaces, and the addresses of its vocabularies."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import TextChoices
from rdflib import Graph, Namespace, URIRef
from rdflib.namespace import DCTERMS, FOAF, RDF, RDFS, SKOS, XSD

from portal.catalogue import vocabulary

ADMS = Namespace("http://www.w3.org/ns/adms#")
CSVW = Namespace("http://www.w3.org/ns/csvw#")
CV = Namespace("http://data.europa.eu/m8g/")
DCAT = Namespace("http://www.w3.org/ns/dcat#")
DCATAP = Namespace("http://data.europa.eu/r5r/")
DPV = Namespace("https://w3id.org/dpv#")
DPV_PD = Namespace("https://w3id.org/dpv/dpv-pd#")
DQV = Namespace("http://www.w3.org/ns/dqv#")
ELI = Namespace("http://data.europa.eu/eli/ontology#")
GEODCATAP = Namespace("http://data.europa.eu/930/")
HEALTH = Namespace("http://healthdataportal.eu/ns/health#")
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
OA = Namespace("http://www.w3.org/ns/oa#")
SCHEMA = Namespace("https://schema.org/")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")

PREFIXES: Mapping[str, Namespace] = {
    "adms": ADMS,
    "csvw": CSVW,
    "cv": CV,
    "dcat": DCAT,
    "dcatap": DCATAP,
    "dct": Namespace(str(DCTERMS)),
    "dpv": DPV,
    "dpv-pd": DPV_PD,
    "dqv": DQV,
    "eli": ELI,
    "foaf": Namespace(str(FOAF)),
    "geodcatap": GEODCATAP,
    "healthdcatap": HEALTH,
    "hydra": HYDRA,
    "oa": OA,
    "rdf": Namespace(str(RDF)),
    "rdfs": Namespace(str(RDFS)),
    "schema": SCHEMA,
    "skos": Namespace(str(SKOS)),
    "vcard": VCARD,
    "xsd": Namespace(str(XSD)),
}

EHDS_REGULATION = URIRef("http://data.europa.eu/eli/reg/2025/327/oj")

_EU = "http://publications.europa.eu/resource/authority/"
_HEALTH = "https://hdeu-dcat.data.health.europa.eu/resource/authority/"

THEME_HEALTH = URIRef(f"{_EU}data-theme/HEAL")
HEALTHCARE_PROVIDER = URIRef(f"{_HEALTH}publisher-type/healthcare-providers")
NATIONAL_AUTHORITY = URIRef(f"{_HEALTH}publisher-type/national-authority")

SCHEMES: Mapping[type[TextChoices], str] = {
    vocabulary.AccessRights: f"{_EU}access-right/",
    vocabulary.DatasetType: f"{_EU}dataset-type/",
    vocabulary.Frequency: f"{_EU}frequency/",
    vocabulary.Language: f"{_EU}language/",
    vocabulary.HealthCategory: f"{_HEALTH}healthcategories/",
    vocabulary.HealthTheme: f"{_HEALTH}health-theme/",
    vocabulary.CodingSystem: f"{_HEALTH}coding-system/",
    vocabulary.Standard: f"{_HEALTH}standard/",
    vocabulary.PersonalDataCategory: str(DPV_PD),
}
"""Where the concepts of each vocabulary live."""

CATEGORY_CODES: Mapping[str, str] = dict(
    zip(
        "abcdefghijklmnopq",
        (
            "EHRS", "DIOH", "NRPE", "RPDG", "HRAD", "HGPD", "HPML", "PGEH", "WELA", "IDHP",
            "PHDR", "MRMR", "EHCT", "EMRD", "RMMD", "RQSH", "EINS",
        ),
        strict=True,
    )
)  # fmt: skip
"""The authority's code of each letter of EHDS Article 51(1): both lists are in its order."""

COUNTRY_CODES: Mapping[str, str] = {
    "AT": "AUT", "BE": "BEL", "BG": "BGR", "CH": "CHE", "CY": "CYP", "CZ": "CZE", "DE": "DEU",
    "DK": "DNK", "EE": "EST", "ES": "ESP", "FI": "FIN", "FR": "FRA", "GB": "GBR", "GR": "GRC",
    "HR": "HRV", "HU": "HUN", "IE": "IRL", "IS": "ISL", "IT": "ITA", "LI": "LIE", "LT": "LTU",
    "LU": "LUX", "LV": "LVA", "MT": "MLT", "NL": "NLD", "NO": "NOR", "PL": "POL", "PT": "PRT",
    "RO": "ROU", "SE": "SWE", "SI": "SVN", "SK": "SVK",
}  # fmt: skip
"""The EU's authority table of countries has three letters."""

DATATYPES: Mapping[str, str] = {
    vocabulary.Datatype.STRING: "string",
    vocabulary.Datatype.CATEGORY: "string",
    vocabulary.Datatype.INTEGER: "integer",
    vocabulary.Datatype.NUMBER: "number",
    vocabulary.Datatype.BOOLEAN: "boolean",
    vocabulary.Datatype.DATE: "date",
}
"""CSVW's name of each type of a variable."""


def concept(kind: type[TextChoices], value: str) -> URIRef:
    """The address of the concept that ``value`` of a vocabulary stands for."""
    code = CATEGORY_CODES[value] if kind is vocabulary.HealthCategory else value
    return URIRef(SCHEMES[kind] + code)


def scheme_of(node: URIRef) -> URIRef:
    """The address of the table that a concept is of."""
    return URIRef(str(node).rsplit("#" if "#" in node else "/", 1)[0])


def country(code: str) -> URIRef:
    """The address of a country by its two letters."""
    return URIRef(f"{_EU}country/{COUNTRY_CODES[code]}")


def value_of(kind: type[TextChoices], address: str) -> str | None:
    """The value that stands for the concept at ``address``; None where we know none.

    Addresses of some catalogues say https for http, or the other way round.
    """
    scheme = SCHEMES[kind].split("://", 1)[1]
    _protocol, _, rest = address.partition("://")
    if not rest.startswith(scheme):
        return None
    code = rest.removeprefix(scheme)
    if kind is vocabulary.HealthCategory:
        code = {name: letter for letter, name in CATEGORY_CODES.items()}.get(code, "")
    return code if code in kind.values else None


def country_of(address: str) -> str | None:
    """The two letters of the country at ``address``; None where we know none."""
    _protocol, _, rest = address.partition("://")
    scheme = f"{_EU}country/".split("://", 1)[1]
    if not rest.startswith(scheme):
        return None
    letters = {three: two for two, three in COUNTRY_CODES.items()}
    return letters.get(rest.removeprefix(scheme))


def empty_graph() -> Graph:
    """A graph that knows the prefixes, and no others."""
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, namespace)
    return graph
