"""Messages in a folder, for one machine: Kombu's transport with its half-written files mended.

Kombu opens a message's file before it writes into it, and a worker that looks at that moment takes
an empty message, on which it ends. The same holds for the lists of queues. Here a message appears
under its name once it is whole, and the lists are read and written under one lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """A channel whose files are whole as soon as they are seen."""

    def _put(  # type: ignore[override]
        self, queue: str, payload: dict[str, Any], **kwargs: Any
    ) -> None:
        # Sorted by name, the oldest message is taken first.
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        unfinished = folder / f".{name}.part"
        unfinished.write_text(dumps(payload))
        os.rename(unfinished, folder / name)

    def get_table(self, exchange: str) -> list[Any]:
        with self._locked():
            table: list[Any] = super().get_table(exchange)
            return table

    def _queue_bind(  # type: ignore[override]
        self, exchange: str, routing_key: str, pattern: str, queue: str
    ) -> None:
        with self._locked():
            super()._queue_bind(exchange, routing_key, pattern, queue)

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        with self._locked():
            super()._delete(queue, *args, **kwargs)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.control_folder.mkdir(exist_ok=True)
        with (self.control_folder / "lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    """Kombu's transport with :class:`Channel`."""

    Channel = Channel
    # A folder has no host; Kombu would warn that it assumes one.
    default_connection_params: ClassVar[dict[str, Any]] = {}


def install() -> None:
    """Make ``filesystem://`` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
