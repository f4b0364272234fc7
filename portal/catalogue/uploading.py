"""Receiving files: streamed to disk, never more than allowed, never from a stranger."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler

_LONGEST_ENDING = 20


def _short_ending(file_name: str) -> str:
    stem, ending = os.path.splitext(file_name)
    return stem + ending[:_LONGEST_ENDING]


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Streams each file to a temporary one and stops at ``MAX_UPLOAD_BYTES``.

    A visitor who is not signed in sends no files: the connection is closed at the first byte,
    before anything is written.
    """

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        user = getattr(self.request, "user", None)
        if user is None or not user.is_authenticated:
            raise StopUpload(connection_reset=True)
        self.received = 0
        # Its ending becomes part of the temporary file's name, which has at most 255 bytes.
        super().new_file(field_name, _short_ending(file_name), *args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.received += len(raw_data)
        if self.received > settings.MAX_UPLOAD_BYTES:
            # The rest is read and thrown away, so that the form can answer with a sentence.
            return None
        return super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile | None:
        uploaded = super().file_complete(file_size)
        if uploaded is not None and self.received > settings.MAX_UPLOAD_BYTES:
            uploaded.too_large = True  # type: ignore[attr-defined]
        return uploaded
