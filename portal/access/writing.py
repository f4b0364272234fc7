"""Pages on which an application is written: step by step, and saved at each."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access import applying
from portal.access.applying import AccessRefused
from portal.access.basket import in_basket, is_key, take_out
from portal.access.forms import PARTS, DataForm
from portal.access.models import Application, Review
from portal.access.steps import CHECK, EVERY_STEP, Step, step_after
from portal.access.views import application_of, content_context, may_write, progress_context
from portal.accounts.people import signed_in
from portal.audit.middleware import is_of


def _written(request: HttpRequest, reference: str) -> Application:
    """The application, if the person may see it (404) and write it (403)."""
    application = application_of(request, reference)
    if not may_write(request, application):
        raise PermissionDenied
    return application


def _changeable(request: HttpRequest, reference: str) -> Application:
    application = _written(request, reference)
    if not application.may_be_changed:
        raise Http404("An application that was sent changes only when it is returned.")
    return application


@login_required
@require_http_methods(["GET", "POST"])
def application_edit(request: HttpRequest, reference: str, step: str) -> HttpResponse:
    """One step of the application; saved, it leads to the next."""
    application = _changeable(request, reference)
    here = next((one for one in EVERY_STEP if one.slug == step), None)
    if here is None:
        raise Http404("There is no such step.")
    form = _form(request, application, here)
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            _save(request, application, here, form)
        except PermissionError as error:
            raise PermissionDenied from error
        except AccessRefused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason)
        else:
            return _onwards(request, application, here)
    if request.method == "POST":
        application.refresh_from_db()
    context = (
        content_context(request, application)
        | progress_context(application)
        | {
            "section": "access",
            "step": here,
            "form": form,
            "number": EVERY_STEP.index(here) + 1,
            "count": len(EVERY_STEP),
            "before": EVERY_STEP[EVERY_STEP.index(here) - 1] if here != EVERY_STEP[0] else None,
            **(_check_context(application) if here == CHECK else {}),
        }
    )
    name = here.slug if here.slug in ("data", "ethics", "check") else "part"
    return render(request, f"access/step_{name}.html", context)


def _check_context(application: Application) -> dict[str, Any]:
    """To whom it would go, and what the same was asked with already."""
    holders = {
        item.dataset.organisation
        for item in application.items.select_related("dataset__organisation")
    }
    bodies = {
        Review(country=one.country, holder=one if one.is_trusted_holder else None).body
        for one in holders
    }
    return {"bodies": sorted(bodies), "duplicates": applying.duplicates(application)}


def _form(request: HttpRequest, application: Application, step: Step) -> Any:
    data = request.POST if request.method == "POST" else None
    if step == CHECK:
        return None
    if step.slug == "data":
        return DataForm(data, application=application, basket=in_basket(request))
    files = request.FILES if data is not None else None
    user = signed_in(request)
    return PARTS[step.slug](data, files, instance=application, user=user)


def _save(request: HttpRequest, application: Application, step: Step, form: Any) -> None:
    """Save a step; and take out what a button of it names."""
    user, given = signed_in(request), dict(form.cleaned_data)
    without = request.POST.get("without", "")
    if step.slug == "data":
        chosen = form.chosen(without)
        applying.choose_datasets(application=application, chosen=chosen, by=user)
        take_out(request, [dataset.pk for dataset in given.get("added", ())])
        return
    document = given.pop("document", None)
    applying.change_application(application=application, by=user, **given)
    if document is not None:
        applying.attach(application=application, file=document, by=user)
    gone = application.attachments.filter(pk=without) if is_key(without) else ()
    for attachment in gone:
        applying.detach(attachment=attachment, by=user)


def _onwards(request: HttpRequest, application: Application, step: Step) -> HttpResponse:
    """Where the button that was pressed leads."""
    if "without" in request.POST or request.POST.get("then") == "stay":
        messages.success(request, _("Saved."))
        return redirect("application-edit", reference=application.reference, step=step.slug)
    if request.POST.get("then") == "leave":
        messages.success(request, _("The draft is saved. You can go on at any time."))
        return redirect(application)
    onwards = step_after(step).slug
    return redirect("application-edit", reference=application.reference, step=onwards)


@login_required
@require_POST
def application_send(request: HttpRequest, reference: str) -> HttpResponse:
    """Send the application to those who decide, or send it again."""
    application = _written(request, reference)
    try:
        applying.submit_application(application=application, by=signed_in(request))
    except PermissionError as error:
        raise PermissionDenied from error
    except AccessRefused as refusal:
        for reason in refusal.reasons:
            messages.error(request, reason)
        if application.may_be_changed:
            return redirect("application-edit", reference=reference, step=CHECK.slug)
    else:
        messages.success(request, _("The application is sent. You are told what happens with it."))
    return redirect(application)


@login_required
@require_http_methods(["GET", "POST"])
def application_withdraw(request: HttpRequest, reference: str) -> HttpResponse:
    """End an application that is not decided everywhere."""
    application = _written(request, reference)
    if request.method == "GET" and application.ended_at is not None:
        raise Http404("The application has ended.")
    if request.method == "POST":
        try:
            applying.withdraw_application(application=application, by=signed_in(request))
        except PermissionError as error:
            raise PermissionDenied from error
        except AccessRefused as refusal:
            for reason in refusal.reasons:
                messages.error(request, reason)
        return redirect(application)
    context = {"section": "access", "application": application}
    return render(request, "access/application_withdraw.html", context)


@login_required
@require_GET
def attachment_download(request: HttpRequest, reference: str, attachment: int) -> HttpResponse:
    """A document of an application, for those who see the application."""
    application = application_of(request, reference)
    found = get_object_or_404(application.attachments, pk=attachment)
    is_of(request, application, f"downloaded “{found.file_name}” of the application")
    with default_storage.open(found.stored_name, "rb") as file:
        response = HttpResponse(file.read(), content_type=found.content_type)
    response["Content-Disposition"] = content_disposition_header(True, found.file_name)
    response["X-Content-Type-Options"] = "nosniff"
    return response
