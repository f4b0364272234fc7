"""The partners of the demonstration and the people to sign in as.

Partners that are publicly named, and a made-up site for each further country. What is said about
any of them here is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.accounts.models import User
from portal.organisations.actions import create_organisation, set_membership
from portal.organisations.models import Appointment, Organisation
from portal.organisations.roles import ConsortiumRole, Role

PASSWORD = "kidneys-and-numbers"  # noqa: S105 - published on purpose, for the demonstration only
COORDINATING = "health-data-hub"
"""Address of the organisation that makes the studies."""


@dataclass(frozen=True)
class Partner:
    """An organisation of the demonstration."""

    slug: str
    name: str
    kind: Organisation.Kind
    country: str


@dataclass(frozen=True)
class Person:
    """A sign-in of the demonstration."""

    email: str
    name: str
    partner: str | None
    role: Role | None
    what: str
    is_coordinator: bool = False
    decides_for: str = ""
    """The country on whose data the person decides."""


def _site(country: str, name: str) -> Partner:
    return Partner(
        f"demonstration-site-{name.lower()}",
        f"Demonstration site, {name}",
        Organisation.Kind.DATA_HOLDER,
        country,
    )


def _body(country: str, name: str) -> Partner:
    return Partner(
        f"access-body-{name.lower()}",
        f"Demonstration access body, {name}",
        Organisation.Kind.ACCESS_BODY,
        country,
    )


ACCESS_BODIES = (
    _body("BE", "Belgium"),
    _body("DE", "Germany"),
    _body("DK", "Denmark"),
    _body("ES", "Spain"),
    _body("FI", "Finland"),
    _body("FR", "France"),
    _body("IT", "Italy"),
    _body("NL", "Netherlands"),
    _body("PL", "Poland"),
    _body("PT", "Portugal"),
    _body("SE", "Sweden"),
)

PARTNERS = (
    Partner(
        "aarhus-university-hospital",
        "Aarhus University Hospital",
        Organisation.Kind.HOSPITAL,
        "DK",
    ),
    Partner("health-data-hub", "Health Data Hub", Organisation.Kind.COORDINATOR, "FR"),
    Partner("centre-leon-berard", "Centre Léon Bérard", Organisation.Kind.HOSPITAL, "FR"),
    Partner("institut-curie", "Institut Curie", Organisation.Kind.HOSPITAL, "FR"),
    Partner("implicity", "Implicity", Organisation.Kind.DEVELOPER, "FR"),
    Partner("erasmus-mc", "Erasmus MC", Organisation.Kind.DATA_HOLDER, "NL"),
    Partner(
        "berlin-institute-of-health",
        "Berlin Institute of Health at Charité",
        Organisation.Kind.DATA_HOLDER,
        "DE",
    ),
    _site("BE", "Belgium"),
    _site("ES", "Spain"),
    _site("FI", "Finland"),
    _site("IT", "Italy"),
    _site("PL", "Poland"),
    _site("PT", "Portugal"),
    _site("SE", "Sweden"),
    *ACCESS_BODIES,
)

PEOPLE = (
    Person(
        "anna@aarhus.example",
        "Anna Holm",
        "aarhus-university-hospital",
        Role.MANAGER,
        "manager, Aarhus University Hospital, which leads the kidney use case",
    ),
    Person(
        "paul@berard.example",
        "Paul Mercier",
        "centre-leon-berard",
        Role.MANAGER,
        "manager, Centre Léon Bérard, which leads metastasis",
    ),
    Person(
        "ines@implicity.example",
        "Inès Fontaine",
        "implicity",
        Role.MANAGER,
        "manager, Implicity, which leads heart failure",
    ),
    Person(
        "marie@hdh.example",
        "Marie Lefèvre",
        "health-data-hub",
        Role.MANAGER,
        "coordinator, Health Data Hub: makes, starts and publishes studies",
        is_coordinator=True,
    ),
    Person(
        "camille@hdh.example",
        "Camille Durand",
        "health-data-hub",
        Role.CONTRIBUTOR,
        "contributor, Health Data Hub: uploads, registers, evaluates",
    ),
    Person(
        "jan@erasmus.example",
        "Jan de Vries",
        "erasmus-mc",
        Role.VIEWER,
        "viewer, Erasmus MC: looks, changes nothing",
    ),
    Person(
        "lena@charite.example",
        "Lena Brandt",
        "berlin-institute-of-health",
        Role.MANAGER,
        "manager, Berlin Institute of Health at Charité: holds the dataset that waits",
    ),
    Person(
        "freja@access-dk.example",
        "Freja Lund",
        "access-body-denmark",
        Role.VIEWER,
        "decides on access to data, health data access body of Denmark",
        decides_for="DK",
    ),
    Person(
        "hugo@access-fr.example",
        "Hugo Lambert",
        "access-body-france",
        Role.VIEWER,
        "decides on access to data, health data access body of France",
        decides_for="FR",
    ),
    Person(
        "klara@access-de.example",
        "Klara Weber",
        "access-body-germany",
        Role.VIEWER,
        "decides on access to data, health data access body of Germany: an application waits",
        decides_for="DE",
    ),
    Person("admin@shaiped.example", "Site administrator", None, None, "administration pages only"),
)


def load_partners() -> None:
    """Add the partners and the people that are missing."""
    for partner in PARTNERS:
        if not Organisation.objects.filter(slug=partner.slug).exists():
            create_organisation(
                slug=partner.slug,
                name=partner.name,
                kind=partner.kind,
                country=partner.country,
                by=None,
            )
    for person in PEOPLE:
        _load_person(person)
    for organisation in Organisation.objects.filter(slug__in=[each.slug for each in PARTNERS]):
        if not organisation.memberships.filter(role=Role.MANAGER).exists():
            _add_caretaker(organisation)
    for body in ACCESS_BODIES:
        _load_decider(body)


def _load_person(person: Person) -> None:
    user = User.objects.filter(email=person.email).first()
    if user is None:
        make = User.objects.create_user if person.partner else User.objects.create_superuser
        user = make(person.email, PASSWORD, full_name=person.name)
    if person.partner and person.role:
        organisation = Organisation.objects.get(slug=person.partner)
        if not organisation.memberships.filter(user=user).exists():
            set_membership(organisation=organisation, user=user, role=person.role, by=None)
    if person.is_coordinator:
        Appointment.objects.get_or_create(user=user, role=ConsortiumRole.COORDINATOR, country="")


def _load_decider(body: Partner) -> None:
    """Appoint who decides for a country, where nobody does."""
    role = ConsortiumRole.ACCESS_BODY
    if Appointment.objects.filter(role=role, country=body.country).exists():
        return
    named = next((each.email for each in PEOPLE if each.decides_for == body.country), None)
    organisation = Organisation.objects.get(slug=body.slug)
    user = User.objects.get(email=named) if named else manager_of(organisation)
    Appointment.objects.create(user=user, role=role, country=body.country)


def _add_caretaker(organisation: Organisation) -> None:
    """A manager who cannot sign in, for what no person of the demonstration may do."""
    user = User.objects.create_user(
        f"caretaker@{organisation.slug}.example", None, full_name=f"{organisation} (data office)"
    )
    set_membership(organisation=organisation, user=user, role=Role.MANAGER, by=None)


def manager_of(organisation: Organisation) -> User:
    """Who acts for ``organisation`` while the demonstration is loaded."""
    membership = organisation.memberships.filter(role=Role.MANAGER).order_by("pk").first()
    if membership is None:
        raise LookupError(f"{organisation} has no manager; load_partners gives it one.")
    return membership.user


def coordinator() -> User:
    """Who makes the studies of the demonstration."""
    return User.objects.get(email=next(each.email for each in PEOPLE if each.is_coordinator))


def decides_for(country: str) -> User:
    """Who decides on access to data of a country."""
    role = ConsortiumRole.ACCESS_BODY
    return Appointment.objects.filter(role=role, country=country).order_by("pk")[0].user
