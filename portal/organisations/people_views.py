"""Pages about the people of an organisation: their roles, and inviting new ones."""

from __future__ import annotations

from allauth.account.utils import perform_login
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.people import signed_in
from portal.organisations import actions, invitations
from portal.organisations.forms import DescriptionForm, InvitationForm, JoinForm, RoleForm
from portal.organisations.models import Invitation, Membership, Organisation
from portal.organisations.roles import Duty, Role


def _organisation(request: HttpRequest, slug: str, duty: Duty) -> Organisation:
    """The organisation, if the person is of it (404) and may do this there (403)."""
    user = signed_in(request)
    seen = Organisation.objects.where_may(user, Duty.SEE_PEOPLE)
    organisation = get_object_or_404(seen, slug=slug)
    if not Organisation.objects.where_may(user, duty).contains(organisation):
        raise PermissionDenied
    return organisation


def _membership(
    request: HttpRequest, slug: str, membership_id: int, *, own: bool = False
) -> Membership:
    """A membership that the person manages; their own as well where ``own`` says so."""
    seen = _organisation(request, slug, Duty.SEE_PEOPLE).memberships
    membership = get_object_or_404(seen.select_related("user", "organisation"), pk=membership_id)
    if not (own and membership.user == request.user):
        _organisation(request, slug, Duty.MANAGE_PEOPLE)
    return membership


@login_required
@require_http_methods(["GET", "POST"])
def organisation_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """What everybody reads of the organisation, for its managers to change."""
    organisation = _organisation(request, slug, Duty.MANAGE_PEOPLE)
    form = DescriptionForm(request.POST or None, instance=organisation)
    if request.method == "POST" and form.is_valid():
        actions.describe_organisation(
            organisation=_organisation(request, slug, Duty.MANAGE_PEOPLE),
            texts=form.cleaned_data,
            by=signed_in(request),
        )
        messages.success(request, _("Everybody reads it like this now."))
        return redirect(organisation)
    context = {"section": "organisations", "organisation": organisation, "form": form}
    return render(request, "organisations/organisation_form.html", context)


@login_required
@require_GET
def membership_detail(request: HttpRequest, slug: str, membership_id: int) -> HttpResponse:
    """One person in one organisation: their role, suspending it, ending it."""
    membership = _membership(request, slug, membership_id, own=True)
    manages = Organisation.objects.where_may(request.user, Duty.MANAGE_PEOPLE)
    context = {
        "section": "organisations",
        "membership": membership,
        "organisation": membership.organisation,
        "manages": manages.contains(membership.organisation),
        "is_self": membership.user == request.user,
        "form": RoleForm(initial={"role": membership.role}),
    }
    return render(request, "organisations/membership_detail.html", context)


def _try(request: HttpRequest, act: object, done: str) -> None:
    """Carry out ``act``, and say that it is done or why it is not."""
    try:
        act()  # type: ignore[operator]
    except actions.LastManagerError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)


@login_required
@require_POST
def membership_change(request: HttpRequest, slug: str, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    membership = _membership(request, slug, membership_id)
    form = RoleForm(request.POST)
    if form.is_valid():
        _try(
            request,
            lambda: actions.set_membership(
                organisation=membership.organisation,
                user=membership.user,
                role=Role(form.cleaned_data["role"]),
                by=signed_in(request),
            ),
            _("The role is changed."),
        )
    else:
        messages.error(request, _("Choose one of the roles."))
    return _back_to(request, membership)


@login_required
@require_POST
def membership_suspend(request: HttpRequest, slug: str, membership_id: int) -> HttpResponse:
    """Suspend a member."""
    membership = _membership(request, slug, membership_id)
    _try(
        request,
        lambda: actions.suspend_membership(membership=membership, by=signed_in(request)),
        _("Suspended: from now on %(person)s sees and does nothing here for the organisation.")
        % {"person": membership.user},
    )
    return _back_to(request, membership)


@login_required
@require_POST
def membership_reinstate(request: HttpRequest, slug: str, membership_id: int) -> HttpResponse:
    """End a suspension."""
    membership = _membership(request, slug, membership_id)
    actions.reinstate_membership(membership=membership, by=signed_in(request))
    messages.success(request, _("The suspension has ended."))
    return _back_to(request, membership)


@login_required
@require_POST
def membership_end(request: HttpRequest, slug: str, membership_id: int) -> HttpResponse:
    """End a membership; one's own is to leave."""
    membership = _membership(request, slug, membership_id, own=True)
    _try(
        request,
        lambda: actions.end_membership(membership=membership, by=signed_in(request)),
        _("%(person)s no longer belongs to %(organisation)s.")
        % {"person": membership.user, "organisation": membership.organisation},
    )
    return redirect(membership.organisation)


def _back_to(request: HttpRequest, membership: Membership) -> HttpResponse:
    """To the person's page, or where a manager goes who is none any more."""
    manages = Organisation.objects.where_may(request.user, Duty.MANAGE_PEOPLE)
    if not manages.contains(membership.organisation):
        return redirect(membership.organisation)
    return redirect(membership)


def send_invitation(request: HttpRequest, invitation: Invitation, token: str) -> None:
    """Send the letter with its link, and say whether that went well."""
    link = request.build_absolute_uri(reverse("invitation-accept", kwargs={"token": token}))
    site = get_current_site(request).domain
    if invitations.send(invitation, link=link, site=site):
        messages.success(
            request,
            _("A letter is on its way to %(email)s. Its link works once, for a week.")
            % {"email": invitation.email},
        )
    else:
        messages.error(
            request,
            _("The letter to %(email)s could not be sent. Send it again later.")
            % {"email": invitation.email},
        )


@login_required
@require_http_methods(["GET", "POST"])
def invitation_create(request: HttpRequest, slug: str) -> HttpResponse:
    """Invite somebody by e-mail."""
    organisation = _organisation(request, slug, Duty.MANAGE_PEOPLE)
    form = InvitationForm(request.POST or None, initial={"role": Role.VIEWER})
    if request.method == "POST" and form.is_valid():
        try:
            invitation, token = invitations.invite(
                organisation=organisation,
                email=form.cleaned_data["email"],
                role=Role(form.cleaned_data["role"]),
                by=signed_in(request),
            )
        except invitations.InvitationRefused as refusal:
            form.add_error("email", str(refusal))
        else:
            send_invitation(request, invitation, token)
            return redirect(organisation)
    context = {"section": "organisations", "organisation": organisation, "form": form}
    return render(request, "organisations/invitation_form.html", context)


def _invitation(request: HttpRequest, slug: str, invitation_id: int) -> Invitation:
    organisation = _organisation(request, slug, Duty.MANAGE_PEOPLE)
    waiting = organisation.member_invitations.unanswered().select_related("organisation")
    return get_object_or_404(waiting, pk=invitation_id)


@login_required
@require_POST
def invitation_resend(request: HttpRequest, slug: str, invitation_id: int) -> HttpResponse:
    """Send a letter again, with a new link."""
    invitation = _invitation(request, slug, invitation_id)
    try:
        token = invitations.renew(invitation=invitation, by=signed_in(request))
    except invitations.InvitationRefused as refusal:
        messages.error(request, str(refusal))
    else:
        send_invitation(request, invitation, token)
    return redirect(invitation.organisation)


@login_required
@require_POST
def invitation_withdraw(request: HttpRequest, slug: str, invitation_id: int) -> HttpResponse:
    """End an invitation that was not answered."""
    invitation = _invitation(request, slug, invitation_id)
    if invitations.withdraw(invitation=invitation, by=signed_in(request)):
        messages.success(request, _("The invitation is withdrawn; its link no longer works."))
    return redirect(invitation.organisation)


@never_cache
@require_http_methods(["GET", "POST"])
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """Where the letter leads: join with the account one has, or make one.

    Reading the page uses nothing up: mail servers open links before people do.
    """
    invitation = invitations.find(token)
    if invitation is None:
        return render(request, "organisations/invitation_gone.html", status=404)
    account = invitations.account_of(invitation)
    if request.user.is_authenticated:
        return _accept_signed_in(request, invitation, token)
    if account is not None and request.method == "POST":
        raise Http404("The account signs in first.")
    form = None
    if account is None:
        unsaved = get_user_model()(email=invitation.email)
        form = JoinForm(request.POST or None, account=unsaved)
        if request.method == "POST" and form.is_valid():
            return _join(request, invitation, token, form)
    context = {"invitation": invitation, "account": account, "form": form}
    return render(request, "organisations/invitation_accept.html", context)


def _accept_signed_in(request: HttpRequest, invitation: Invitation, token: str) -> HttpResponse:
    user = signed_in(request)
    if request.method == "POST":
        try:
            invitations.accept(token=token, by=user)
        except invitations.InvitationRefused as refusal:
            messages.error(request, str(refusal))
            return redirect("invitation-accept", token=token)
        messages.success(request, _("Welcome to %(name)s.") % {"name": invitation.organisation})
        return redirect(invitation.organisation)
    context = {
        "invitation": invitation,
        "is_mine": user.email.lower() == invitation.email.lower(),
    }
    return render(request, "organisations/invitation_accept.html", context)


def _join(request: HttpRequest, invitation: Invitation, token: str, form: JoinForm) -> HttpResponse:
    try:
        user = invitations.join(
            token=token,
            full_name=form.cleaned_data["full_name"],
            password=form.cleaned_data["password1"],
        )
    except invitations.InvitationRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("invitation-accept", token=token)
    messages.success(request, _("Welcome to %(name)s.") % {"name": invitation.organisation})
    return perform_login(request, user, redirect_url=invitation.organisation.get_absolute_url())
