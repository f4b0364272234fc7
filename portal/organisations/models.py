"""Partners of the consortium and the people who act for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import QuerySet, TextChoices
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal.organisations.countries import COUNTRIES, country_name
from portal.organisations.roles import ConsortiumRole, Duty, Role, consortium_roles, lowest_role
from portal.showcase.languages import Words, words_of
from portal.showcase.markdown import rendered

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    """Organisations, by what a person is to them."""

    def where_member(self, user: User | AnonymousUser, role: Role = Role.VIEWER) -> Self:
        """Organisations in which ``user`` has ``role`` or one that includes it.

        Where the person or the organisation is suspended, they have none.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        order = list(Role)
        enough = order[order.index(role) :]
        held = Membership.objects.in_force().filter(user=user, role__in=enough)
        return self.filter(id__in=held.values("organisation"))

    def matching(self, words: str) -> Self:
        """Organisations whose name or country code has each of the words."""
        found = self
        for word in words.split():
            found = found.filter(models.Q(name__icontains=word) | models.Q(country__iexact=word))
        return found

    def places(self) -> dict[str, list[str]]:
        """The names of organisations by the code of their country, for the map."""
        found: dict[str, list[str]] = {}
        for country, name in self.order_by("name").values_list("country", "name"):
            found.setdefault(country, []).append(name)
        return found

    def access_body_of(self, country: str) -> Organisation | None:
        """The health data access body of a country; the one that was added first."""
        bodies = self.filter(kind=Organisation.Kind.ACCESS_BODY, country=country)
        return bodies.order_by("created_at", "pk").first()

    def access_bodies_of(self, countries: Iterable[str]) -> dict[str, Organisation]:
        """:meth:`access_body_of` for each of ``countries`` that has one, in one query."""
        bodies = self.filter(kind=Organisation.Kind.ACCESS_BODY, country__in=set(countries))
        return {body.country: body for body in bodies.order_by("-created_at", "-pk")}

    def where_may(self, user: User | AnonymousUser, duty: Duty) -> Self:
        """Organisations in which ``user`` may do what the table of roles calls ``duty``."""
        return self.where_member(user, lowest_role(duty))


RESERVED = ("roles", "invitations")
"""Addresses below /organisations/ that are pages of their own."""


class Organisation(models.Model):
    """A partner: data holder, access body, developer, hospital or coordinator."""

    class Kind(TextChoices):
        DATA_HOLDER = "data-holder", _("Health data holder")
        ACCESS_BODY = "access-body", _("Health data access body")
        DEVELOPER = "developer", _("Model developer")
        HOSPITAL = "hospital", _("Hospital")
        COORDINATOR = "coordinator", _("Coordinator")

    slug = models.SlugField(_("address"), unique=True, max_length=80)
    name = models.CharField(_("name"), max_length=200, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    country = models.CharField(_("country"), max_length=2, choices=COUNTRIES)
    website = models.URLField(_("website"), blank=True)
    description = models.TextField(
        _("description in English"),
        blank=True,
        max_length=3000,
        help_text=_(
            "For everybody, on its page. In Markdown: a blank line between paragraphs, **bold**, "
            "- list, [words](https://example.org)."
        ),
    )
    description_fr = models.TextField(_("description in French"), blank=True, max_length=3000)
    description_da = models.TextField(_("description in Danish"), blank=True, max_length=3000)
    is_trusted_holder = models.BooleanField(
        _("trusted health data holder"),
        default=False,
        help_text=_("Decides itself on applications for its data (EHDS Article 72)."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    suspended_at = models.DateTimeField(
        _("suspended"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Since when nobody acts for it, and nothing runs for it."),
    )

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(country__regex=r"^[A-Z]{2}$"),
                name="organisation_country_is_two_letters",
            ),
            models.CheckConstraint(
                condition=~models.Q(slug__in=RESERVED),
                name="organisation_address_is_no_other_page",
                violation_error_message=_("A page of this site has that address already."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("organisation-detail", kwargs={"slug": self.slug})

    @property
    def country_name(self) -> str:
        return country_name(self.country)

    @property
    def description_words(self) -> Words:
        """Its description in the reader's language, or in English."""
        return words_of(self, "description")

    @property
    def description_html(self) -> SafeString:
        return rendered(self.description_words.text)

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None

    def people_with(self, role: Role) -> QuerySet[User]:
        """The active people who have ``role`` here, or one that includes it; none suspended."""
        order = list(Role)
        enough = order[order.index(role) :]
        held = Membership.objects.in_force().filter(organisation=self, role__in=enough)
        return get_user_model().objects.filter(pk__in=held.values("user"), is_active=True)


class RoleGroup(models.Model):
    """Ties a group of django.contrib.auth to a role of one organisation, or of them all."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="role_group")
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        related_name="role_groups",
        null=True,
        blank=True,
        help_text=_("Empty: everyone with this role in any organisation of the consortium."),
    )
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organisation", "role"],
                nulls_distinct=False,
                name="role_group_unique",
            ),
        )

    def __str__(self) -> str:
        return self.group.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships, by whether they count."""

    def in_force(self) -> Self:
        """Those that give their role now: neither they nor their organisation is suspended."""
        return self.filter(suspended_at=None, organisation__suspended_at=None)

    def by_role(self) -> Self:
        """Managers first, then contributors, then viewers, each by name."""
        order = [
            models.When(role=role, then=position) for position, role in enumerate(reversed(Role))
        ]
        return self.order_by(models.Case(*order), "user__full_name", "user__email")


KEEPS_A_MANAGER = """
    IF TG_OP = 'UPDATE'
        AND NEW.organisation_id = OLD.organisation_id
        AND NEW.role = 'manager' AND NEW.suspended_at IS NULL
    THEN
        RETURN NULL;
    END IF;
    -- Two who leave at once wait for each other here: the second sees that the first has gone.
    PERFORM 1 FROM organisations_organisation WHERE id = OLD.organisation_id FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (
        SELECT 1 FROM organisations_membership
        WHERE organisation_id = OLD.organisation_id AND role = 'manager' AND suspended_at IS NULL
    ) THEN
        RAISE EXCEPTION 'membership_organisation_keeps_a_manager: organisation % would be left '
            'without a manager', OLD.organisation_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


class Membership(models.Model):
    """A person's role in one organisation."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    suspended_at = models.DateTimeField(
        _("suspended"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Since when the person may not act for the organisation."),
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("organisation", "user")
        constraints = (
            models.UniqueConstraint(fields=["organisation", "user"], name="membership_unique"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        )
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="organisation_keeps_a_manager",
                when=pgtrigger.After,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__role="manager", old__suspended_at__isnull=True),
                timing=pgtrigger.Deferred,
                func=KEEPS_A_MANAGER,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation} · {self.get_role_display()}"

    def get_absolute_url(self) -> str:
        return reverse(
            "membership-detail", kwargs={"slug": self.organisation.slug, "membership_id": self.pk}
        )

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None


class MemberInvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations, by what has become of them."""

    def unanswered(self) -> Self:
        """Neither accepted nor withdrawn; they may have expired."""
        return self.filter(accepted_at=None, withdrawn_at=None)

    def open(self) -> Self:
        """Those whose link works."""
        return self.unanswered().filter(expires_at__gt=Now())


class Invitation(models.Model):
    """A letter that lets whoever reads that mailbox join the organisation, once and for a time.

    Only a digest of the link's secret is kept: who reads the database cannot join.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="member_invitations"
    )
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.VIEWER)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("invited by"),
    )
    created_at = models.DateTimeField(_("invited"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"), editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        editable=False,
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    objects = MemberInvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                "organisation",
                Lower("email"),
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="invitation_waits_once",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="member_invitation_role_known"
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) ^ models.Q(accepted_by__isnull=False),
                name="invitation_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(withdrawn_at=None),
                name="invitation_accepted_or_withdrawn",
            ),
        )

    def __str__(self) -> str:
        return f"{self.email} · {self.organisation} · {self.get_role_display()}"

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= timezone.now()


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    """Appointments, by whom and as what."""

    def holds(self, user: User | AnonymousUser, role: ConsortiumRole) -> bool:
        """Whether ``user`` has ``role`` across the consortium."""
        if not user.is_authenticated or not user.is_active:
            return False
        return self.filter(user=user, role=role).exists()

    def giving(self, user: User | AnonymousUser, duty: Duty) -> Self:
        """The roles of ``user`` across the consortium with ``duty`` in the table of roles."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self.filter(user=user, role__in=consortium_roles(duty))

    def may(self, user: User | AnonymousUser, duty: Duty) -> bool:
        """Whether a role of ``user`` across the consortium has ``duty`` in the table of roles."""
        return self.giving(user, duty).exists()


class Appointment(models.Model):
    """A person's role across the consortium: coordinator, access body of a country, auditor."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="appointments"
    )
    role = models.CharField(_("role"), max_length=20, choices=ConsortiumRole)
    country = models.CharField(
        _("country"),
        max_length=2,
        choices=COUNTRIES,
        blank=True,
        help_text=_("Of a health data access body: whose data it decides on."),
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consortium role")
        verbose_name_plural = _("consortium roles")
        ordering = ("role", "country", "user")
        constraints = (
            models.UniqueConstraint(
                fields=["user", "role", "country"], name="appointment_made_once"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=ConsortiumRole.values), name="appointment_role_known"
            ),
            models.CheckConstraint(
                condition=models.Q(role=ConsortiumRole.ACCESS_BODY) ^ models.Q(country=""),
                name="appointment_country_of_an_access_body_only",
                violation_error_message=_(
                    "A health data access body has a country, and no other role has one."
                ),
            ),
        )

    def __str__(self) -> str:
        place = f" ({country_name(self.country)})" if self.country else ""
        return f"{self.user} · {self.get_role_display()}{place}"
