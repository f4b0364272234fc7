"""Two organisations that keep to themselves what they have, all of it marked with a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from portal.access import applying, deciding
from portal.access.permits import tell_outcome
from portal.accounts.actions import create_token
from portal.accounts.models import User
from portal.catalogue.models import Dataset, Table, Variable
from portal.catalogue.vocabulary import AccessRights
from portal.comparisons.actions import start_comparison
from portal.evaluations.models import Evaluation
from portal.organisations.invitations import invite
from portal.organisations.models import Organisation
from portal.organisations.roles import ConsortiumRole, Role, Verb
from portal.organisations.sharing import grant_to_owner, share
from portal.registry.models import ModelVersion
from portal.studies import actions, running
from portal.studies.models import Study
from portal.studies.publishing import publish_study
from tests import factories, permits, studies
from tests.every_task import evaluated
from tests.routes import Route

Fill = dict[str, Any]
"""What stands in the places of an address."""


@dataclass
class Tenant:
    """An organisation, its people, and whatever it can have."""

    word: str
    """Stands in everything that its people wrote."""
    organisation: Organisation
    manager: User
    partner: User
    """The manager of another organisation, with which everything is shared."""
    lead: User
    """Coordinates studies, and contributes."""
    viewer: User

    dataset: Dataset = None  # type: ignore[assignment]
    version: ModelVersion = None  # type: ignore[assignment]
    compared: list[str] = None  # type: ignore[assignment]
    """The references of two results that stand side by side."""
    fills: dict[str, list[Fill]] = None  # type: ignore[assignment]
    """By section of the site, what its addresses can be about; the first is most usual."""

    def of(self, route: Route) -> list[Fill]:
        """What the places of ``route`` can hold."""
        found = [
            {place: fill[place] for place in route.places}
            for fill in self.fills.get(route.section, []) + self.fills[""]
            if route.places <= set(fill)
        ]
        unique = [fill for number, fill in enumerate(found) if fill not in found[:number]]
        assert unique, f"tests/tenants.py: say in `fills` what {route.text} can be about."
        return unique


def a_tenant(word: str) -> Tenant:
    """An organisation with people, and nothing yet."""
    organisation = factories.an_organisation(f"Hospital {len(word)}-{word[:1]}", "SE")
    partner = factories.a_person(factories.an_organisation(), Role.MANAGER)
    manager = factories.a_person(organisation, Role.MANAGER, full_name=f"Manager {word}")
    return Tenant(
        word=word,
        organisation=organisation,
        manager=manager,
        partner=partner,
        lead=factories.a_coordinator(organisation),
        viewer=factories.a_person(organisation, Role.VIEWER),
    )


def fill(tenant: Tenant, *, publishes: bool) -> None:
    """Let the organisation have one of everything; ``publishes`` one of two studies too."""
    word, manager = tenant.word, tenant.manager
    model = factories.a_model(manager, name=f"Model {word}", description=f"Says {word}.")
    version = factories.a_version(manager, model, intended_purpose=f"To {word}.")
    draft = factories.a_version(manager, model, released=False, version="2.0.0")
    dataset = _a_dataset(tenant, version)
    tenant.dataset, tenant.version = dataset, version
    arrived = factories.an_upload(
        dataset, f"patient_id,{word}\n1,2\n".encode(), manager, file_name=f"{word}.csv"
    )
    assert arrived.status == "failed"
    first, second = (
        factories.a_finished_evaluation(manager, dataset, found)
        for found in (version, _another_version(tenant, dataset))
    )
    # Longer than those of others: an average over them all would tell.
    Evaluation.objects.filter(pk=first.pk).update(
        started_at=timezone.now() - timedelta(seconds=len(word) * 1000)
    )
    unfinished = factories.an_evaluation(manager, dataset, version, seed=3)
    assert Evaluation.objects.claim(unfinished.pk, worker="test") is not None
    start_comparison(evaluations=[first, second], by=manager)
    tenant.compared = [first.reference, second.reference]
    cases = evaluated(
        manager,
        "heart-failure/alerts",
        dataset=factories.a_dataset(manager, use_case="heart-failure", title=f"Alerts {word}"),
    )
    for shared in (dataset, model, first, second):
        organisation = tenant.partner.memberships.get().organisation
        share(obj=shared, verbs=list(Verb), organisation=organisation, by=manager)
    invitation, token = invite(
        organisation=tenant.organisation, email=f"{word}@example.org", role=Role.VIEWER, by=manager
    )
    member = factories.a_person(tenant.organisation, full_name=f"Member {word}")
    session = UserSession.objects.create(user=manager, ip="192.0.2.1", session_key=f"{word}-key")
    api_token, _text = create_token(name=f"Token {word}", scope="read", days=30, by=manager)
    notification = factories.a_notification(manager, words={"study": f"Study {word}"})
    found = _studies(tenant, finished=2 if publishes else 1)
    here = {"use_case": "ckd"}
    on_dataset = here | {"slug": dataset.slug, "task": "binary", "upload_id": arrived.pk}
    with_references = [
        here | {"reference": one.reference, "curve": "roc"} for one in (first, unfinished)
    ]
    cells = list(found[0].cells.order_by("id"))
    tenant.fills = {
        "": [
            here | {"task": "binary", "ending": "ttl"},
            {"use_case": "heart-failure", "task": "alerts"},
            *({"use_case": name} for name in ("metastasis",)),
        ],
        "datasets": [
            on_dataset | {"table": name, "ending": "ttl"} for name in ("cohort", "predictions")
        ],
        "models": [here | {"slug": model.slug, "version": one.version} for one in (version, draft)],
        "results": [
            *with_references,
            {"use_case": "heart-failure", "reference": cases.reference, "number": 1},
        ],
        "studies": [
            here
            | {
                "reference": study.reference,
                "cell": cells[0].pk,
                "invitation": study.invitations.order_by("id").values_list("pk", flat=True)[0],
            }
            for study in found
        ],
        "published": [here | {"slug": "none"}],
        "news": [{"slug": "none"}],
        "access": _access(tenant, version, publishes=publishes),
        "organisations": [
            {
                "slug": tenant.organisation.slug,
                "membership_id": member.memberships.get().pk,
                "invitation_id": invitation.pk,
                "token": token,
            }
        ],
        "audit": [
            {"kind": one._meta.label_lower, "pk": str(one.pk)}
            for one in (dataset, model, version, first, found[0])
        ],
        "account": [
            {"notification_id": notification.pk}
            | {"pk": session.pk, "digest": api_token.pk, "provider_id": "nobody"}
            | {"uidb36": "1", "key": "no-such-key"}
        ],
    }
    if publishes:
        published = publish_study(study=found[0], by=tenant.lead)
        tenant.fills["published"] = [here | {"slug": published.slug}]


def _a_dataset(tenant: Tenant, version: ModelVersion) -> Dataset:
    """A dataset of which the word is in every text, and in the table's columns and categories."""
    word = tenant.word
    dataset = factories.a_dataset(
        tenant.manager,
        title=f"Cohort {word}",
        description=f"People with {word}.",
        keyword=[word],
        contact_name=word,
        contact_email=f"{word}@example.org",
        provenance=word,
        spatial="SE",
        number_of_unique_individuals=len(word) * 1000,
    )
    cohort, predictions = factories.cohort_frame()
    cohort = cohort.with_columns(cohort["site"].alias(word))
    factories.a_table(dataset, cohort, tenant.manager)
    factories.a_table(
        dataset, predictions, tenant.manager, name="predictions", model_version=version
    )
    Variable.objects.create(dataset=dataset, name=word, label=word, unit=word, code=word)
    return dataset


def _another_version(tenant: Tenant, dataset: Dataset) -> ModelVersion:
    version = factories.a_version(
        tenant.manager, factories.a_model(tenant.manager, name=f"Second {tenant.word}")
    )
    _cohort, predictions = factories.cohort_frame(seed=2)
    factories.a_table(
        dataset, predictions, tenant.manager, name="predictions", model_version=version
    )
    return version


def _studies(tenant: Tenant, *, finished: int) -> list[Study]:
    """Finished ones, one that invites, and a draft, with the partner's dataset beside its own."""
    theirs = factories.a_ready_dataset(tenant.partner, tenant.version)
    share(obj=theirs, verbs=[Verb.VIEW], organisation=tenant.organisation, by=tenant.partner)
    ended, inviting, draft = (
        [
            studies.a_draft(
                tenant.lead, title=f"Study {tenant.word}", question=f"What of {tenant.word}?"
            )
            for _ in range(number)
        ]
        for number in (finished, 1, 1)
    )
    for study in (*ended, *inviting, *draft):
        actions.invite(
            study=study,
            datasets=[tenant.dataset, theirs],
            model_versions=[tenant.version],
            by=tenant.lead,
        )
    for study in (*ended, *inviting):
        actions.send_invitations(study=study, by=tenant.lead)
    for study in ended:
        studies.accept(study, [tenant.manager, tenant.partner])
        running.start_study(study=study, by=tenant.lead)
        for cell in study.cells.select_related("evaluation"):
            studies.finish_cell(cell)
        assert running.settle(study.pk)
        study.refresh_from_db()
    return [*ended, *inviting, *draft]


def _access(tenant: Tenant, version: ModelVersion, *, publishes: bool) -> list[Fill]:
    """A draft, and applications that were sent, for data of the partner's; with a permit if
    ``publishes``: that one stands in the public register."""
    word, manager = tenant.word, tenant.manager
    closed = factories.a_dataset(
        tenant.partner, title=f"Closed {word}", access_rights=AccessRights.NON_PUBLIC
    )
    Variable.objects.create(dataset=closed, name="age", label="Age")
    share(obj=closed, verbs=[Verb.VIEW], organisation=tenant.organisation, by=tenant.partner)
    texts = {"summary": f"Why {word}.", "model_versions": [version]}
    draft = permits.a_draft(manager, closed, title=f"Draft {word}", **texts)
    file = SimpleUploadedFile(f"{word}.txt", f"About {word}.".encode())
    document = applying.attach(application=draft, file=file, by=manager)
    applying.change_application(application=draft, by=manager, ethics="")
    sent = permits.an_application(manager, closed, title=f"Sent {word}", purpose="e", **texts)
    body, review = permits.an_access_body(), sent.reviews.get()
    deciding.ask(review=review, question=f"What of {word}?", by=body)
    deciding.return_for_completion(review=review, remarks=f"More of {word}.", by=body)
    applying.change_application(application=sent, by=manager, safeguards=f"No {word}.")
    applying.submit_application(application=sent, by=manager)
    deciding.find_complete(review=review, by=body)
    number = "none"
    if publishes:
        wanted = permits.an_application(
            manager, closed, title=f"Wanted {word}", purpose="f", **texts
        )
        permit = permits.granted(wanted.reviews.get(), conditions=f"No {word}.")
        tell_outcome(permit=permit, title=f"Of {word}", url=f"https://example.org/{word}",
                     by=manager)  # fmt: skip
        number = permit.number
    here = {"slug": closed.slug, "review": review.pk, "number": number}
    writing = here | {"reference": draft.reference, "attachment": document.pk}
    return [
        *(writing | {"step": step} for step in ("data", "people", "ethics", "check")),
        here | {"reference": sent.reference},
    ]


def evaluate_secretly(tenant: Tenant, *, dataset: Dataset, version: ModelVersion) -> None:
    """An evaluation of the tenant on what another one let it use: its own matter nonetheless."""
    model: Any = Evaluation
    like = model.objects.filter(organisation=tenant.organisation, status="succeeded").first()
    table = Table.objects.filter(dataset=dataset).first()
    made = model.objects.create(
        use_case="ckd",
        task="binary",
        organisation=tenant.organisation,
        submitted_by=tenant.manager,
        dataset=dataset,
        model_version=version,
        protocol=like.protocol,
        engine=like.engine,
        fingerprint=f"{dataset.pk:032x}{version.pk:032x}",
        status="succeeded",
        started_at=like.started_at,
        finished_at=like.finished_at,
        stored_result=like.stored_result,
    )
    made.tables.add(table)
    grant_to_owner(made, tenant.organisation)


def people_beside(tenant: Tenant) -> dict[str, User | None]:
    """Everybody that must learn nothing of another tenant, by what they are."""
    return {
        "anonymous": None,
        "manager": tenant.manager,
        "viewer": tenant.viewer,
        "lead": tenant.lead,
        "partner": tenant.partner,
        "coordinator": factories.appointed(ConsortiumRole.COORDINATOR),
        "access body": factories.appointed(ConsortiumRole.ACCESS_BODY, "SE"),
        "administrator": factories.a_person(is_staff=True, is_superuser=True),
    }
