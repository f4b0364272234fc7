"""The hands that load the demonstration: two processes, so that both processors are busy.

On a first load each runs the site's own jobs in itself instead of starting a limited process for
every one: all that they read was simulated by the demonstration, and starting a process takes
longer than most of them do.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import django

T = TypeVar("T")
R = TypeVar("R")

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), "1"
)
"""For each process, as there is one for each processor."""


class Hands:
    """Calls functions in several processes, or in this one.

    Parameters
    ----------
    pool : ProcessPoolExecutor or None
        None: in this process.
    without_child : bool
        Whether jobs run in the process that calls them; see ``portal.jobs.running``.
    """

    def __init__(self, pool: ProcessPoolExecutor | None, *, without_child: bool) -> None:
        self._pool, self._without_child = pool, without_child

    def do(self, function: Callable[[T], R], things: Iterable[T]) -> list[R]:
        """``function`` of each of ``things``, in their order; the first error is raised."""
        call = functools.partial(_call, function, self._without_child)
        if self._pool is None:
            return [call(thing) for thing in things]
        futures = [self._pool.submit(call, thing) for thing in things]
        return [future.result() for future in futures]


@contextlib.contextmanager
def hands(processes: int, *, without_child: bool) -> Iterator[Hands]:
    """``processes`` processes, which end with the block; 1: none but this one."""
    if processes == 1:
        yield Hands(None, without_child=without_child)
        return
    # A forked copy of this process would have its threads' locks, and wait for them for ever.
    context = multiprocessing.get_context("spawn")
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    pool = ProcessPoolExecutor(processes, context, initializer=django.setup)
    try:
        yield Hands(pool, without_child=without_child)
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _call(function: Callable[[T], R], without_child: bool, thing: T) -> R:
    from portal.jobs import running  # here, as it needs what django.setup prepares

    with running.without_child() if without_child else contextlib.nullcontext():
        return function(thing)
