"""Turning an uploaded file into a table, in the background."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from portal import store
from portal.catalogue import actions, reminders
from portal.catalogue.models import Upload
from portal.celery import app
from portal.jobs import shutdown
from portal.jobs.ending import JobFailedError, ended
from portal.jobs.running import (
    HeldJob,
    patiently,
    table_limits,
    worker_name,
)
from portal.jobs.tasks import wake
from portal.organisations.roles import Verb
from portal.organisations.sharing import may
from portal.usecase import package_of

logger = logging.getLogger(__name__)


@app.task(name="portal.catalogue.run_upload")
def run_upload(pk: int) -> None:
    """Validate and convert one uploaded file; delivering the message twice does nothing."""
    if shutdown.is_asked():  # for another worker
        wake(run_upload, pk)
        return
    upload = patiently(lambda: Upload.objects.claim(pk, worker=worker_name()))
    if upload is None:
        return
    with ended(
        upload,
        hand_back=lambda: _hand_back(upload),
        fail=lambda sentence, detail: actions.fail_upload(
            upload=upload, sentence=sentence, detail=detail
        ),
        own_fault=_("The site failed to read the file, which is its own fault. Try again; if it "
                    "happens again, tell the site's administrator."),
    ):  # fmt: skip
        try:
            _convert(upload)
        except FileNotFoundError as error:
            raise JobFailedError(
                _("The uploaded file, or a table that it refers to, is no longer stored. Upload "
                  "the tables of the dataset again, the one that is referred to first."),
                str(error),
            ) from error  # fmt: skip


@app.task(name="portal.catalogue.remind")
def remind() -> None:
    """Remind people of descriptions that have become old; each is told once."""
    reminders.remind()


def _hand_back(upload: Upload) -> None:
    if Upload.objects.hand_back(upload):
        wake(run_upload, upload.pk)


def _check_rights(upload: Upload) -> None:
    """Nothing is read, or kept, of whom may no longer change the dataset."""
    person = get_user_model().objects.get(pk=upload.created_by_id)
    if not may(person, Verb.CHANGE, upload.dataset):
        raise JobFailedError(
            _("%(person)s may no longer upload tables of this dataset. Another contributor of its "
              "holder may upload the file.") % {"person": person}
        )  # fmt: skip


def _convert(upload: Upload) -> None:
    patiently(lambda: _check_rights(upload))
    held_job = HeldJob(upload)
    with contextlib.ExitStack() as stack:
        with held_job.kept_alive():
            source = stack.enter_context(store.local_file(upload.stored_name))
        if not source.exists():
            raise FileNotFoundError(f"Nothing is stored as {upload.stored_name}.")
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR))
        references = {}
        referred_to = upload.declared_task.table(upload.name).refers_to
        if referred_to is not None:
            held = upload.dataset.current_tables(upload.declared_task)
            if referred_to in held:
                references = {referred_to: held[referred_to].sha256}
        destination = Path(folder) / "table.parquet"
        request = {
            "source": str(source),
            "destination": str(destination),
            "use_case_package": package_of(upload.dataset.declared),
            "task": upload.task,
            "table": upload.name,
            "references": {
                name: str(stack.enter_context(store.content(sha256, suffix="parquet")))
                for name, sha256 in references.items()
            },
        }
        reply = held_job.run("portal.catalogue.ingest", request, limits=table_limits())
        if "refused" in reply:
            patiently(lambda: actions.refuse_upload(upload=upload, problems=reply["refused"]))
            return
        reply["references"] = references
        patiently(lambda: _check_rights(upload))
        with held_job.kept_alive():
            patiently(lambda: actions.accept_upload(upload=upload, path=destination, reply=reply))
