"""Files kept under the SHA-256 of their bytes: written once, never changed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage

_CHUNK = 1024 * 1024


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(sha256: str, suffix: str) -> str:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError(f"'{sha256}' is not a SHA-256 in hexadecimal.")
    return f"content/{sha256[:2]}/{sha256}.{suffix}"


def put(path: Path, *, suffix: str) -> str:
    """Store a file and return its SHA-256; the same bytes are stored once.

    Parameters
    ----------
    path : Path
        A finished file; it is copied, not moved.
    suffix : {"parquet", "onnx"}
    """
    sha256 = digest(path)
    name = _name(sha256, suffix)
    if not default_storage.exists(name):
        with path.open("rb") as file:
            stored = default_storage.save(name, File(file))
        if stored != name:  # somebody stored the same bytes meanwhile
            default_storage.delete(stored)
    return sha256


@contextmanager
def local_file(name: str) -> Iterator[Path]:
    """A path on this machine to a stored file, fetched first where files are kept elsewhere."""
    try:
        here = Path(default_storage.path(name))
    except NotImplementedError:  # what Storage.path() is documented to raise without local paths
        here = None
    if here is not None:
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="fetched-") as folder:
        path = Path(folder) / "file"
        with default_storage.open(name) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
        yield path


@contextmanager
def content(sha256: str, *, suffix: str) -> Iterator[Path]:
    """A path on this machine to the content stored under ``sha256``.

    Raises
    ------
    FileNotFoundError
        If nothing is stored under it.
    """
    name = _name(sha256, suffix)
    if not default_storage.exists(name):
        raise FileNotFoundError(f"Nothing is stored under {sha256}.{suffix}.")
    with local_file(name) as path:
        yield path


def exists(sha256: str, *, suffix: str) -> bool:
    """Whether content is stored under ``sha256``."""
    return default_storage.exists(_name(sha256, suffix))
