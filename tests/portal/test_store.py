"""Files kept under the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage

from portal import store


class Elsewhere:
    """The storage, as if its files had no path on this machine: an object store."""

    def __getattr__(self, name: str):
        return getattr(default_storage, name)

    def path(self, name: str) -> str:
        return Storage().path(name)  # refuses, as Django's storages without paths do


@pytest.fixture(params=["here", "elsewhere"])
def stored(request, monkeypatch, media, tmp_path) -> str:
    if request.param == "elsewhere":
        monkeypatch.setattr(store, "default_storage", Elsewhere())
    source = tmp_path / "source"
    source.write_bytes(b"rows")
    return store.put(source, suffix="parquet")


def test_content_comes_back_by_its_checksum_wherever_it_is_kept(stored) -> None:
    assert stored == hashlib.sha256(b"rows").hexdigest()
    with store.content(stored, suffix="parquet") as path:
        assert path.read_bytes() == b"rows"
    assert store.exists(stored, suffix="parquet")


def test_an_error_of_the_caller_is_passed_on_as_it_is(stored) -> None:
    with (
        pytest.raises(NotImplementedError, match="absolute paths"),
        store.content(stored, suffix="parquet"),
    ):
        Storage().path("of the caller's own")  # the very error that the store looks out for


def test_a_fetched_file_is_gone_afterwards(monkeypatch, media) -> None:
    monkeypatch.setattr(store, "default_storage", Elsewhere())
    default_storage.save("arrived/one", ContentFile(b"x"))
    with store.local_file("arrived/one") as path:
        assert path.read_bytes() == b"x"
    assert not path.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_only_a_checksum_names_content(media: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.exists(name, suffix="parquet")


def test_what_is_not_stored_is_said_to_be_missing(media: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="Nothing is stored"),
        store.content("0" * 64, suffix="onnx"),
    ):
        pass
