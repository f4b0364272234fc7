"""Uploads as jobs: fenced, cancelled, failed with a sentence, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from django.core.files.storage import default_storage

from portal.accounts.models import User
from portal.catalogue import actions, tasks
from portal.catalogue.models import Table, Upload
from portal.catalogue.tasks import run_upload
from portal.jobs.models import StaleWorkerError, Status
from portal.jobs.running import WorkerStoppingError
from tests import factories

CSV = b"patient_id,outcome\n" + b"".join(b"p%d,%d\n" % (row, row % 2) for row in range(40))


@pytest.fixture
def contributor(db: None, media: Path) -> User:
    return factories.a_person(factories.an_organisation())


@pytest.fixture
def upload(contributor: User) -> Upload:
    return factories.an_upload(factories.a_dataset(contributor), CSV, contributor, run=False)


def stored_files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def test_an_upload_becomes_one_table_and_its_file_goes(upload: Upload, media: Path) -> None:
    run_upload(upload.pk)
    run_upload(upload.pk)

    upload.refresh_from_db()
    assert (upload.status, upload.failure, upload.attempts) == (Status.SUCCEEDED, "", 1)
    assert upload.table == Table.objects.get()
    (content,) = stored_files(media)
    assert content.stem == upload.table.sha256


def test_a_refused_upload_leaves_its_problems_and_nothing_else(
    contributor: User, media: Path
) -> None:
    upload = factories.an_upload(
        factories.a_dataset(contributor), b"patient_id,outcome\np1,seven\n", contributor
    )
    assert (upload.status, bool(upload.problems)) == (Status.FAILED, True)
    assert "upload it again" in upload.failure
    assert (Table.objects.count(), stored_files(media)) == (0, [])


def test_a_stale_worker_makes_no_table_and_stores_nothing(
    upload: Upload, media: Path, tmp_path: Path
) -> None:
    stale = Upload.objects.claim(upload.pk, worker="one")
    assert stale is not None
    Upload.objects.hand_back(stale)
    newer = Upload.objects.claim(upload.pk, worker="two")
    assert newer is not None
    path = tmp_path / "table.parquet"
    pl.DataFrame({"patient_id": ["p1"], "outcome": [1]}).write_parquet(path)
    reply = {"rows": 1, "columns": [], "profile": {}}

    with pytest.raises(StaleWorkerError):
        actions.accept_upload(upload=stale, path=path, reply=reply)
    with pytest.raises(StaleWorkerError):
        actions.refuse_upload(upload=stale, problems=[{}])
    with pytest.raises(StaleWorkerError):
        actions.fail_upload(upload=stale, sentence="Too late.")

    assert Table.objects.count() == 0
    assert [file.parent.name for file in stored_files(media)] == ["arrived"]
    upload.refresh_from_db()
    assert (upload.status, upload.worker) == (Status.RUNNING, "two")
    assert Upload.objects.heartbeat(newer)


def test_a_worker_that_loses_it_while_it_stores_makes_no_table(
    upload: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Upload.objects.claim(upload.pk, worker="one")
    assert held is not None
    path = tmp_path / "table.parquet"
    pl.DataFrame({"patient_id": ["p1"], "outcome": [1]}).write_parquet(path)

    def put(path: Path, *, suffix: str) -> str:
        Upload.objects.cancel(upload.pk)
        return "0" * 64

    monkeypatch.setattr(actions.store, "put", put)
    with pytest.raises(StaleWorkerError):
        actions.accept_upload(
            upload=held, path=path, reply={"rows": 1, "columns": [], "profile": {}}
        )
    assert Table.objects.count() == 0


def test_a_cancelled_upload_is_not_read_and_its_file_goes(
    contributor: User, upload: Upload, media: Path
) -> None:
    assert actions.cancel_upload(upload=upload, by=contributor)
    run_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.attempts) == (Status.CANCELLED, 0)
    assert stored_files(media) == []


def test_an_upload_whose_file_has_gone_says_to_upload_again(upload: Upload) -> None:
    default_storage.delete(upload.stored_name)
    run_upload(upload.pk)
    upload.refresh_from_db()
    assert upload.status == Status.FAILED
    assert "Upload" in upload.failure
    assert "no longer stored" in upload.failure


def test_an_upload_that_needs_too_much_says_what_to_do(
    upload: Upload, settings: object, media: Path
) -> None:
    settings.JOB_MEMORY_BYTES = 1024**2  # type: ignore[attr-defined]
    run_upload(upload.pk)
    upload.refresh_from_db()
    assert upload.status == Status.FAILED
    assert "memory" in upload.failure
    assert "smaller table" in upload.failure
    assert stored_files(media) == []


def test_a_fault_of_the_site_is_said_to_be_one(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(upload: Upload) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(tasks, "_convert", break_down)
    run_upload(upload.pk)
    upload.refresh_from_db()
    assert "its own fault" in upload.failure
    assert "ZeroDivisionError: a fault" in upload.failure_detail


def test_an_upload_of_a_stopping_worker_goes_back_to_the_queue(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(upload: Upload) -> None:
        raise WorkerStoppingError("stopping")

    woken: list[int] = []
    monkeypatch.setattr(tasks, "_convert", stop)
    monkeypatch.setattr(tasks, "wake", lambda task, pk: woken.append(pk))
    run_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.attempts, woken) == (Status.QUEUED, 0, [upload.pk])
    assert default_storage.exists(upload.stored_name)
