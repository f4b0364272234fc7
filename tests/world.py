"""One organisation's objects, and every kind of person that may ask for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from portal.access import applying, deciding
from portal.access.models import Application, Permit, Review
from portal.accounts.actions import create_token
from portal.accounts.models import User
from portal.catalogue.models import Dataset
from portal.catalogue.vocabulary import AccessRights
from portal.evaluations.models import Evaluation
from portal.organisations import sharing
from portal.organisations.actions import suspend_membership
from portal.organisations.invitations import invite
from portal.organisations.models import Organisation
from portal.organisations.roles import ConsortiumRole, Role, Verb
from portal.registry.models import ModelVersion
from portal.studies.models import Study
from portal.studies.publishing import publish_study
from tests import factories, permits, studies
from tests.every_task import evaluated

OK, SIGN_IN, FORBIDDEN, MISSING, METHOD = 200, "sign-in", 403, 404, 405
AWAY, UNKNOWN = 302, 401
CONFIRM = "confirm"
"""Asked for the password or a code once more, before something important."""
DONE = "done"
"""A POST that was carried out, or whose form came back: not refused."""


@dataclass
class Asked:
    """What the organisation asked the named one for, and was granted."""

    dataset: Dataset
    draft: Application
    """It lacks something."""
    received: Review
    assessed: Review
    attachment: int
    """Of the application of the review that is assessed."""
    permit: Permit


@dataclass
class World:
    """One organisation's objects, and every kind of person that may ask for them."""

    people: dict[str, User | None]
    staff: dict[str, User]
    """Those for whom the administration opens, beside the site administrator."""
    dataset: Dataset
    version: ModelVersion
    draft: ModelVersion
    evaluation: Evaluation
    upload_id: int
    membership_id: int
    invitation_id: int
    invitation_token: str
    session_id: int
    search_id: int
    """One that the manager keeps."""
    notification_id: int
    """The manager's own."""
    token: str
    members: studies.Partners
    drafted: Study
    inviting: Study
    finished: Study
    with_cases: Evaluation
    """An evaluation whose job wrote a table of cases."""
    asked: Asked
    cookies: dict[int, str]
    """What the browser of each person holds who has signed in."""

    def client_of(self, person: User | None) -> Client:
        """The browser of ``person``, signed in."""
        cache.clear()  # nobody is held up by what the others tried
        client = Client(raise_request_exception=True)
        if person is not None:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.cookies[person.pk]
        return client

    def study(self, name: str) -> dict[str, Any]:
        """A study of the organisation, with one dataset of the named one, where ``name`` acts."""
        here = {"use_case": "ckd"}
        if name in ("study-detail", "study-publish", "study-retry") or name.endswith(
            ("estimates", "pooled", "report")
        ) or name.startswith("publication-"):  # fmt: skip
            study = self.finished
        elif name in ("study-answer", "study-start"):
            study = self.inviting
            if name == "study-start":
                studies.accept(study, self.members.holders)
        else:
            study = self.drafted
        where = here | {"reference": study.reference}
        if name.startswith("publication-"):
            published = publish_study(study=study, by=self.members.coordinator)
            return here | {"slug": published.slug}
        if name == "study-answer":
            return where | {"invitation": study.invitations.get(status="waiting").pk}
        if name == "study-retry":
            return where | {"cell": study.cells.get(evaluation__status="failed").pk}
        return where

    def access(self, name: str) -> dict[str, Any]:
        """An application, a review of one, or a permit, in a state in which ``name`` acts."""
        if name in ("application-list", "permit-list", "permit-register", "register-table",
                    "register-document"):  # fmt: skip
            return {}
        if name == "application-edit":
            return {"reference": self.asked.draft.reference, "step": "purpose"}
        if name in ("application-send", "application-withdraw"):
            return {"reference": self.asked.draft.reference}
        if name == "attachment-download":
            sent = self.asked.assessed.application
            return {"reference": sent.reference, "attachment": self.asked.attachment}
        if name.startswith("application-"):
            return {"reference": self.asked.assessed.application.reference}
        if name.startswith("review-"):
            is_new = name in ("review-return", "review-complete")
            return {"review": (self.asked.received if is_new else self.asked.assessed).pk}
        return {"number": self.asked.permit.number}

    def arguments(self, name: str) -> dict[str, Any]:
        """What the address called ``name`` needs."""
        here = {"use_case": "ckd"}
        slugs = here | {"slug": self.dataset.slug}
        version = self.draft if name.endswith(("edit", "release")) else self.version
        model = here | {"slug": version.model.slug}
        special: dict[str, dict[str, Any]] = {
            "openid_connect_login": {"provider_id": "partner"},
            "openid_connect_callback": {"provider_id": "partner"},
            "account_reset_password_from_key": {"uidb36": "1", "key": "no-such-key"},
            "mfa_edit_webauthn": {"pk": 1},
            "mfa_remove_webauthn": {"pk": 1},
            "session-end": {"pk": self.session_id},
            "notification-open": {"notification_id": self.notification_id},
            "notification-read": {"notification_id": self.notification_id},
            "saved-search-rename": {"search_id": self.search_id},
            "saved-search-delete": {"search_id": self.search_id},
            "token-revoke": {"digest": self.token},
            "invitation-accept": {"token": self.invitation_token},
            "audit-history": {"kind": "catalogue.dataset", "pk": str(self.dataset.pk)},
            "publication-list": {},
            "dataset-list": here,
            "dataset-graph": slugs | {"ending": "ttl"},
            "catalogue-graph": {"ending": "ttl"},
            "dataset-create": here,
            "dataset-import": here,
            "model-list": here,
            "evaluation-list": here,
            **dict.fromkeys(("comparison-detail", "comparison-start", "comparison-cancel"), here),
            "use-case-overview": here,
            "table-upload": slugs | {"task": "binary", "table": "cohort"},
            "upload-detail": slugs | {"upload_id": self.upload_id},
            "upload-cancel": slugs | {"upload_id": self.upload_id},
            "model-create": here | {"task": "binary"},
            "evaluation-submit": here | {"task": "binary"},
            "evaluation-check": here | {"task": "binary"},
            **dict.fromkeys(
                ("evaluation-curve", "evaluation-curve-table"),
                here | {"reference": self.evaluation.reference, "curve": "roc"},
            ),
            "study-list": here,
            "study-create": here | {"task": "binary"},
        }
        if name in special:
            return special[name]
        holder = {"slug": self.dataset.organisation.slug}
        if name.startswith("membership-"):
            return holder | {"membership_id": self.membership_id}
        if name in ("invitation-resend", "invitation-withdraw"):
            return holder | {"invitation_id": self.invitation_id}
        if name in ("organisation-detail", "organisation-edit", "invitation-create"):
            return holder
        if name == "news-detail":
            return {"slug": factories.a_news_item().slug}
        if name.startswith("evaluation-case"):
            where = here | {"use_case": self.with_cases.use_case}
            where["reference"] = self.with_cases.reference
            return where | ({"number": 1} if name == "evaluation-case" else {})
        if name.startswith(("study-", "publication-")):
            return self.study(name)
        if name.startswith(("application-", "attachment-", "review-", "permit-", "register-")):
            return self.access(name)
        if name == "access-ask":
            return {"slug": self.dataset.slug}
        if name.startswith("dataset-"):
            return slugs
        if name.startswith("model-version-") and name != "model-version-create":
            return model | {"version": version.version}
        if name.startswith("model-"):
            return model
        if name.startswith("evaluation-"):
            return here | {"reference": self.evaluation.reference}
        return {}


PROVIDER = {
    "id": "partner",
    "name": "A partner",
    "discovery_url": "http://127.0.0.1:9/.well-known/openid-configuration",  # nobody is there
    "client_id": "portal",
    "client_secret": "secret",
    "email_domains": ["partner.example"],
}


def a_world() -> World:
    holder, named = factories.an_organisation("Holder"), factories.an_organisation("Named")
    manager = factories.a_person(holder, Role.MANAGER)
    version = factories.a_version(manager)
    draft = factories.a_version(manager, version.model, released=False, version="2.0.0")
    dataset = factories.a_ready_dataset(manager, version)
    evaluation = factories.a_finished_evaluation(manager, dataset, version)
    for shared in (dataset, version.model, evaluation):
        sharing.share(obj=shared, verbs=list(Verb), organisation=named, by=manager)
    suspended = factories.a_person(holder, Role.MANAGER)
    suspend_membership(membership=suspended.memberships.get(), by=manager)
    member = factories.a_person(holder, Role.VIEWER)
    invitation, token = invite(
        organisation=holder, email="somebody@example.org", role=Role.VIEWER, by=manager
    )
    lead, partner = factories.a_coordinator(holder), factories.a_person(named, Role.MANAGER)
    theirs = factories.a_ready_dataset(partner, version)
    sharing.share(obj=theirs, verbs=[Verb.VIEW], organisation=holder, by=partner)
    members = studies.Partners(lead, manager, [manager, partner], [version], [dataset, theirs])
    world = World(
        people={
            "anonymous": None,
            "outsider": factories.a_person(factories.an_organisation(), Role.MANAGER),
            "viewer": factories.a_person(holder, Role.VIEWER),
            "contributor": factories.a_person(holder, Role.CONTRIBUTOR),
            "lead": lead,
            "manager": manager,
            "named viewer": factories.a_person(named, Role.VIEWER),
            "named contributor": factories.a_person(named, Role.CONTRIBUTOR),
            "named manager": factories.a_person(named, Role.MANAGER),
            "suspended": suspended,
            "coordinator": factories.appointed(ConsortiumRole.COORDINATOR),
            "access body": factories.appointed(ConsortiumRole.ACCESS_BODY, "DK"),
            "auditor": factories.appointed(ConsortiumRole.AUDITOR),
            "administrator": factories.a_person(is_staff=True, is_superuser=True),
        },
        staff={
            "contributor": factories.a_person(holder, Role.CONTRIBUTOR, is_staff=True),
            "another's manager": factories.a_person(named, Role.MANAGER, is_staff=True),
            "manager": factories.a_person(holder, Role.MANAGER, is_staff=True),
        },
        dataset=dataset,
        version=version,
        draft=draft,
        evaluation=evaluation,
        upload_id=factories.a_failed_upload(dataset, manager).pk,
        membership_id=member.memberships.get().pk,
        invitation_id=invitation.pk,
        invitation_token=token,
        session_id=UserSession.objects.create(
            user=manager, ip="192.0.2.1", session_key="elsewhere"
        ).pk,
        search_id=factories.a_saved_search(manager).pk,
        notification_id=factories.a_notification(manager).pk,
        token=create_token(name="Program", scope="read", days=30, by=manager)[0].pk,
        members=members,
        drafted=studies.a_draft(lead),
        inviting=studies.an_inviting_study(members),
        finished=studies.a_finished_study(members, failures=1),
        with_cases=an_evaluation_with_cases(manager, named),
        asked=some_access(manager, partner),
        cookies={},
    )
    for person in (*world.people.values(), *world.staff.values()):
        if person is not None:
            client = Client()
            client.force_login(person)
            world.cookies[person.pk] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return world


def some_access(applicant: User, holder: User) -> Asked:
    """A draft, two applications that were sent, and a permit."""
    dataset = factories.a_dataset(holder, access_rights=AccessRights.NON_PUBLIC)
    mine = applicant.memberships.get().organisation
    sharing.share(obj=dataset, verbs=[Verb.VIEW], organisation=mine, by=holder)
    draft = permits.a_draft(applicant, dataset, purpose="f", ethics="")
    received = permits.an_application(applicant, dataset, purpose="e").reviews.get()
    assessed = permits.a_draft(applicant, dataset, purpose="e-i")
    file = SimpleUploadedFile("approval.txt", b"Approved.")
    attachment = applying.attach(application=assessed, file=file, by=applicant)
    applying.submit_application(application=assessed, by=applicant)
    review = assessed.reviews.get()
    deciding.find_complete(review=review, by=permits.an_access_body())
    permit = permits.a_permit(applicant, dataset)
    return Asked(dataset, draft, received, review, attachment.pk, permit)


def an_evaluation_with_cases(manager: User, named: Organisation) -> Evaluation:
    """One of alerts, which the named organisation may see."""
    found = evaluated(manager, "heart-failure/alerts")
    for shared in (found.dataset, found):
        sharing.share(obj=shared, verbs=list(Verb), organisation=named, by=manager)
    return found


def answer(client: Client, ask: Callable[..., Any], address: str) -> Any:
    response = ask(address)
    if response.status_code == 302 and response["Location"].startswith(reverse("sign-in") + "?"):
        return SIGN_IN
    if response.status_code == 302 and response["Location"].startswith(
        reverse("account_reauthenticate")
    ):
        return CONFIRM
    return response.status_code
