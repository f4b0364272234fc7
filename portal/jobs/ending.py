"""How a claimed job ends, whatever its work raises: the same for every kind of job."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator

from portal.jobs.child import ChildFailed, ChildRefused
from portal.jobs.models import Job, StaleWorkerError
from portal.jobs.running import WorkerStoppingError, patiently

logger = logging.getLogger(__name__)


class JobFailedError(Exception):
    """A job ends without a result: a sentence for the person, and what happened."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.detail = sentence, detail


@contextlib.contextmanager
def ended(
    job: Job,
    *,
    hand_back: Callable[[], object],
    fail: Callable[[str, str], object],
    own_fault: str,
) -> Iterator[None]:
    """Do the work of ``job`` within; no error leaves it.

    Parameters
    ----------
    hand_back
        Puts the job back, where the worker is asked to stop.
    fail
        Called with a sentence for the person and what happened.
    own_fault
        The sentence where the site is at fault.
    """
    kind = type(job).__name__

    def failed(sentence: str, detail: str) -> None:
        with contextlib.suppress(StaleWorkerError):
            patiently(lambda: fail(sentence, detail))

    try:
        yield
    except StaleWorkerError:
        logger.info("%s %s was cancelled or taken over; its work here is dropped.", kind, job.pk)
    except WorkerStoppingError:
        patiently(hand_back)
    except JobFailedError as failure:
        failed(failure.sentence, failure.detail)
    except (ChildFailed, ChildRefused) as failure:
        failed(failure.message, getattr(failure, "detail", ""))
    except Exception:
        logger.exception("%s %s failed.", kind, job.pk)
        failed(own_fault, traceback.format_exc())
