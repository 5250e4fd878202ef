"""The background edge: a claimed job goes in, done, failed or queued again comes out."""

import logging
from collections.abc import Callable

from django.utils.module_loading import import_string

from core.logging import request_id
from media.ffmpeg.aside import waited_for
from media.ffmpeg.child_process import about_one_source
from media.ffmpeg.run import ended_by
from media.jobs.claim import Claim, LeaseLost, claim_job
from media.jobs.heartbeat import Heartbeat
from media.store import store
from media.workshop.endings import see_through

logger = logging.getLogger(__name__)

Perform = Callable[[Claim], None]

#: What does the work of every kind.
PERFORM = "media.services.encoding.perform"


def performer(path: str = PERFORM) -> Perform:
    """The function at `path`, imported when a worker starts and not before."""
    perform: Perform = import_string(path)
    return perform


def do_job(claim: Claim, perform: Perform) -> None:
    """Perform a claimed job and record how it ended. Raises only what the database raises."""
    token = request_id.set(f"job-{claim.job.pk}")
    about = {"job": str(claim.job.pk), "kind": claim.job.kind}
    try:
        see_through(
            claim, lambda: _perform(claim, perform), is_disk_full=_is_disk_full, about=about
        )
    except LeaseLost:
        logger.info("job is not ours any more", extra=about)
    finally:
        request_id.reset(token)


def _perform(claim: Claim, perform: Perform) -> None:
    claim.check()
    with ended_by(claim.check), about_one_source(), waited_for(claim.job.is_urgent):
        perform(claim)
    if not claim.is_finished:
        with claim.recording():
            claim.finish()


def _is_disk_full() -> bool:
    """Whether a failure says more about the disk than about the job."""
    try:
        return store().free_bytes() == 0
    except OSError:
        return False  # The store is away altogether: that is counted as a failure.


def work_once(*, worker: str, perform: Perform) -> bool:
    """Do the best job there is now. False when there was nothing to do.

    For engines that call a function per wake-up; `process_tasks` keeps slots instead.
    """
    claim = claim_job(worker=worker)
    if claim is None:
        return False
    heartbeat = Heartbeat(worker)
    heartbeat.start()
    try:
        with heartbeat.watching(claim):
            do_job(claim, perform)
    finally:
        heartbeat.stop()
    return True
