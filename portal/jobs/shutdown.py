"""Whether this worker was asked to stop, known in every process of its pool.

A worker that is asked to stop (SIGTERM, Ctrl-C) hands its jobs back to the queue instead of
finishing them, which may take an hour, or losing them until their leases run out.
"""

from __future__ import annotations

import mmap
import signal
from typing import Any

# One byte that the pool's processes, forked after this import, share with the one that is told.
# Without a lock: a process that was killed cannot leave it locked.
_asked = mmap.mmap(-1, 1)


def ask(**fields: Any) -> None:
    """Note that the worker is to stop; a receiver of Celery's ``worker_shutting_down``."""
    _asked[0] = 1


def leave_to_parent(**fields: Any) -> None:
    """Have a process of the pool live on when the whole group is told to end.

    A receiver of Celery's ``worker_process_init``. The parent is told too and ends its pool in
    order; an idle process that died of the signal would leave the pool's queue locked, and the
    parent waiting for that lock for ever. Ignored rather than handled: the pool puts its own
    handler in the place of any other.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def is_asked() -> bool:
    """Whether the worker is to stop."""
    return _asked[0] == 1
