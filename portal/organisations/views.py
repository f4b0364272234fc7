"""For which organisation a person acts."""

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.organisations.acting import act_for, acting_organisations


@login_required
@require_POST
def acting_organisation_choose(request: HttpRequest) -> HttpResponse:
    """Act for another organisation, and go on where one was."""
    wanted = request.POST.get("organisation", "")
    found = next((one for one in acting_organisations(request) if str(one.pk) == wanted), None)
    if found is None:
        raise Http404
    act_for(request, found)
    messages.success(request, _("You act for %(organisation)s now.") % {"organisation": found})
    onward = request.POST.get("next", "")
    return redirect(onward if get_adapter().is_safe_url(onward) else "account-detail")
