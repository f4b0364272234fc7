"""The demonstration consortium, put on the site through the same actions that people use.

Everything simulated says so: the datasets are marked synthetic, and so is each page that shows
them. Loading again adds only what is missing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile

from portal.accounts.models import User
from portal.catalogue.actions import create_dataset, receive_upload
from portal.catalogue.models import Dataset, Upload, Variable
from portal.catalogue.tasks import run_upload
from portal.catalogue.vocabulary import (
    AccessRights,
    Datatype,
    HealthCategory,
    LegalBasis,
    PersonalData,
)
from portal.demo import cohorts
from portal.demo import kidney_failure_risk_equation as equation
from portal.evaluations.actions import submit_evaluation
from portal.evaluations.tasks import run_evaluation
from portal.jobs.models import Status
from portal.organisations.actions import create_organisation, set_membership
from portal.organisations.models import Organisation
from portal.organisations.roles import Role, Verb
from portal.organisations.sharing import share
from portal.registry.actions import check_artefact, create_model, release_version, save_version
from portal.registry.models import Model, ModelVersion
from portal.usecase import use_cases

PASSWORD = "kidneys-and-numbers"  # noqa: S105 - published on purpose, for the demonstration only
SEED = 20_250_301


@dataclass(frozen=True)
class Partner:
    """An organisation of the demonstration."""

    slug: str
    name: str
    kind: Organisation.Kind
    country: str
    title: str
    description: str


@dataclass(frozen=True)
class Person:
    """A sign-in of the demonstration."""

    email: str
    name: str
    partner: str | None
    role: Role | None
    what: str


PARTNERS = (
    Partner(
        "aarhus-university-hospital",
        "Aarhus University Hospital",
        Organisation.Kind.HOSPITAL,
        "DK",
        "Kidney clinic cohort, Denmark (synthetic)",
        "Adults referred to a kidney clinic with an eGFR below 60, followed for five years.",
    ),
    Partner(
        "health-data-hub",
        "Health Data Hub",
        Organisation.Kind.COORDINATOR,
        "FR",
        "Older patients with kidney disease, France (synthetic)",
        "Older adults with chronic kidney disease, followed for five years.",
    ),
    Partner(
        "erasmus-mc",
        "Erasmus MC",
        Organisation.Kind.DATA_HOLDER,
        "NL",
        "Early kidney disease cohort, Netherlands (synthetic)",
        "Adults with mild chronic kidney disease, followed for five years.",
    ),
    Partner(
        "berlin-institute-of-health",
        "Berlin Institute of Health at Charité",
        Organisation.Kind.DATA_HOLDER,
        "DE",
        "Kidney outpatients, Germany (synthetic)",
        "Adults seen in an outpatient kidney clinic.",
    ),
)
WAITING = "DE"
"""The country whose dataset waits for the visitor."""

PEOPLE = (
    Person(
        "anna@aarhus.example",
        "Anna Holm",
        "aarhus-university-hospital",
        Role.MANAGER,
        "manager, Aarhus University Hospital: shares, uploads, evaluates",
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
    Person("admin@shaiped.example", "Site administrator", None, None, "administration pages only"),
)

LABELS = {
    "age": ("Age", "years", "LOINC 30525-0"),
    "sex_male": ("Male sex", "1 for men, 0 for women", "LOINC 46098-0"),
    "egfr": ("Estimated glomerular filtration rate", "mL/min/1.73 m²", "LOINC 98979-8"),
    "uacr": ("Urine albumin-creatinine ratio", "mg/g", "LOINC 9318-7"),
    "diabetes": ("Diabetes", "", "SNOMED CT 73211009"),
    "sex": ("Sex", "", "LOINC 46098-0"),
    "stage": ("KDIGO category of eGFR", "", ""),
    "site": ("Centre", "", ""),
}

VERSIONS = (
    (
        "1.0.0",
        "north-american",
        "North American baseline survival (0.9240 at five years).",
    ),
    (
        "1.1.0",
        "other",
        "Baseline survival of other regions (0.9365 at five years), recalibrated in 2016.",
    ),
)


def load(say: Callable[[str], object]) -> None:
    """Put the whole demonstration on the site; ``say`` hears what is being done."""
    organisations = {partner.country: _organisation(partner) for partner in PARTNERS}
    people = [_person(person) for person in PEOPLE]
    acting = {
        membership.organisation.country: user
        for user in people
        for membership in user.memberships.select_related("organisation")
        if membership.role == Role.MANAGER
    }
    # Where nobody of the demonstration is a manager, the coordinator's hands are borrowed.
    for country, organisation in organisations.items():
        acting.setdefault(country, _caretaker(organisation))
    datasets = {
        partner.country: _dataset(partner, organisations[partner.country], acting, say)
        for partner in PARTNERS
    }
    versions = _model(organisations["DK"], acting["DK"], say)
    for country, dataset in datasets.items():
        if country != WAITING:
            for version in versions:
                _evaluation(version, dataset, organisations["DK"], acting["DK"], say)
    _example_files()


def _organisation(partner: Partner) -> Organisation:
    found = Organisation.objects.filter(slug=partner.slug).first()
    return found or create_organisation(
        slug=partner.slug, name=partner.name, kind=partner.kind, country=partner.country, by=None
    )


def _person(person: Person) -> User:
    user = User.objects.filter(email=person.email).first()
    if user is None:
        make = User.objects.create_user if person.partner else User.objects.create_superuser
        user = make(person.email, PASSWORD, full_name=person.name)
    if person.partner and person.role:
        organisation = Organisation.objects.get(slug=person.partner)
        set_membership(organisation=organisation, user=user, role=person.role, by=None)
    return user


def _caretaker(organisation: Organisation) -> User:
    """A manager who cannot sign in, for what no person of the demonstration may do."""
    email = f"caretaker@{organisation.slug}.example"
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, None, full_name=f"{organisation.name} (data office)")
    set_membership(organisation=organisation, user=user, role=Role.MANAGER, by=None)
    return user


def _dataset(
    partner: Partner,
    organisation: Organisation,
    acting: dict[str, User],
    say: Callable[[str], object],
) -> Dataset:
    by = acting[partner.country]
    use_case = use_cases()["ckd"]
    site = cohorts.SITES[partner.country]
    dataset = Dataset.objects.filter(title=partner.title, organisation=organisation).first()
    if dataset is None:
        say(f"Dataset: {partner.title}")
        dataset = create_dataset(
            use_case=use_case,
            organisation=organisation,
            by=by,
            title=partner.title,
            description=f"{partner.description} {cohorts.SYNTHETIC} {site.story}",
            keyword=["chronic kidney disease", "kidney failure", "albuminuria", "synthetic"],
            access_rights=AccessRights.NON_PUBLIC,
            health_category=HealthCategory.EHR,
            spatial=partner.country,
            temporal_start=date(2015, 1, 1),
            temporal_end=date(2024, 12, 31),
            number_of_records=site.patients,
            number_of_unique_individuals=site.patients,
            contact_name="Data office",
            contact_email=f"data@{partner.slug}.example",
            personal_data=PersonalData.SYNTHETIC,
            legal_basis=LegalBasis.NOT_PERSONAL,
            provenance=(
                "Drawn by the portal's own generator (portal/demo/cohorts.py) with a fixed seed; "
                "correlations and rates are set to orders of magnitude of published cohorts."
            ),
            is_synthetic=True,
        )
        Variable.objects.bulk_create(
            Variable(
                dataset=dataset,
                position=position,
                name=name,
                label=label,
                unit=unit,
                code=code,
                datatype=Datatype.NUMBER if unit else Datatype.CATEGORY,
            )
            for position, (name, (label, unit, code)) in enumerate(LABELS.items())
            if name != "site" or site.centres
        )
        share(obj=dataset, verbs=[Verb.VIEW, Verb.EVALUATE], organisation=None, by=by)
    task = use_case.task("binary")
    if not dataset.current_tables(task):
        with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
            path = Path(folder) / "cohort.parquet"
            cohorts.generate(site, SEED).write_parquet(path)
            upload = _upload(dataset, path, "cohort", by)
        if upload.state != Status.SUCCEEDED:
            raise RuntimeError(f"{dataset}: {upload.failure} {upload.problems}")
    return dataset


def _upload(dataset: Dataset, path: Path, table: str, by: User) -> Upload:
    task = dataset.declared.task("binary")
    with path.open("rb") as file:
        upload = receive_upload(
            dataset=dataset,
            task=task,
            schema=task.table(table),
            file=UploadedFile(File(file), name=path.name, size=path.stat().st_size),
            by=by,
        )
    run_upload(upload.pk)
    upload.refresh_from_db()
    return upload


def _model(
    organisation: Organisation, by: User, say: Callable[[str], object]
) -> list[ModelVersion]:
    use_case = use_cases()["ckd"]
    name = "Kidney Failure Risk Equation, four variables"
    model = Model.objects.filter(name=name, organisation=organisation).first()
    if model is None:
        say(f"Model: {name}")
        model = create_model(
            use_case=use_case,
            task=use_case.task("binary"),
            organisation=organisation,
            by=by,
            name=name,
            description=(
                "The risk of kidney failure within five years from age, sex, eGFR and "
                "albuminuria. Published equation of Tangri and colleagues (2011, 2016)."
            ),
        )
        share(obj=model, verbs=[Verb.VIEW, Verb.EVALUATE], organisation=None, by=by)
    return [_version(model, *version, by=by) for version in VERSIONS]


def _version(model: Model, number: str, region: str, baseline: str, *, by: User) -> ModelVersion:
    version = ModelVersion.objects.filter(model=model, version=number).first()
    if version is None:
        version = ModelVersion(
            model=model,
            version=number,
            kind=ModelVersion.Kind.ARTEFACT,
            intended_purpose=(
                "Estimates the risk that a person with chronic kidney disease needs dialysis or a "
                "transplant within five years, to plan follow-up and referral."
            ),
            population="Adults with chronic kidney disease, eGFR below 60 mL/min/1.73 m².",
            inputs=[
                {"name": name, "label": LABELS[name][0], "unit": equation.UNITS[name]}
                for name in equation.INPUTS
            ],
            output="Risk of kidney failure within five years, from 0 to 1",
            horizon=5,
            out_of_scope="Children; people after a kidney transplant; eGFR of 60 or more.",
            training_data=(
                "Two Canadian cohorts (8,391 people referred to nephrologists), 2001 to 2008; "
                f"{baseline} Tangri et al., JAMA 2011;305:1553 and JAMA 2016;315:164."
            ),
            limitations=(
                "Death before kidney failure is treated as censoring, so risks run high where many "
                "die first. Four inputs only: causes of kidney disease are not seen."
            ),
            licence="Published equation, free to use",
            mdr_class=ModelVersion.DeviceClass.NOT_A_DEVICE,
        )
        with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
            path = Path(folder) / "equation.onnx"
            equation.export(path, horizon=5, region=region)  # type: ignore[arg-type]
            facts = check_artefact(path, list(equation.INPUTS))
            save_version(version=version, artefact=path, facts=facts, by=by)
    if version.is_draft:
        release_version(version=version, by=by)
        version.refresh_from_db()
    return version


def _evaluation(
    version: ModelVersion,
    dataset: Dataset,
    organisation: Organisation,
    by: User,
    say: Callable[[str], object],
) -> None:
    task = dataset.declared.task("binary")
    evaluation, is_new = submit_evaluation(
        organisation=organisation,
        dataset=dataset,
        model_version=version,
        task=task,
        protocol=task.protocol(subgroups=("sex", "diabetes", "stage")),
        by=by,
    )
    if is_new:
        say(f"Evaluation: {evaluation}")
        share(obj=evaluation, verbs=[Verb.VIEW], organisation=None, by=by)
    if not evaluation.is_final:
        run_evaluation(evaluation.pk)
        evaluation.refresh_from_db()
        if evaluation.state == Status.FAILED:
            raise RuntimeError(f"{evaluation}: {evaluation.failure} {evaluation.failure_detail}")


def _example_files() -> None:
    """Two small files for the visitor who wants to try an upload: a cohort, and predictions."""
    folder = settings.MEDIA_ROOT.parent / "examples"
    if (folder / "predictions.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    cohort = cohorts.generate(cohorts.SITES[WAITING], SEED + 1)
    cohort.write_csv(folder / "cohort.csv")
    inputs = [cohort[name].to_numpy() for name in equation.INPUTS]
    predictions = cohort.select("patient_id").with_columns(
        pl.Series("risk", equation.risk(*inputs, region="other"))
    )
    predictions.write_csv(folder / "predictions.csv")
