"""The background edge: a claimed job goes in, done, failed or queued again comes out."""

import logging
from collections.abc import Callable

from django.utils.module_loading import import_string

from core.logging import request_id
from media.ffmpeg.errors import FFmpegError, UnreadableMedia
from media.ffmpeg.run import ended_by
from media.jobs.claim import Claim, LeaseLost, Stopping, claim_job
from media.jobs.heartbeat import Heartbeat
from media.store import store

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
        _perform(claim, perform, about)
    except LeaseLost:
        logger.info("job is not ours any more", extra=about)
    finally:
        request_id.reset(token)


def _perform(claim: Claim, perform: Perform, about: dict[str, str]) -> None:
    try:
        claim.check()
        with ended_by(claim.check):
            perform(claim)
        if not claim.is_finished:
            with claim.recording():
                claim.finish()
    except LeaseLost:
        raise
    except Stopping:
        claim.hand_back()
    except UnreadableMedia as error:
        claim.give_up(error.code, error.detail)
    except Exception as error:
        if claim.is_stopping:
            # Our own SIGTERM killed its process: that says nothing about the job.
            claim.hand_back()
        elif _is_disk_full():
            logger.warning("no space left", exc_info=error, extra=about)
            claim.put_off("out-of-space", "The disk of the server is full; this waits for room.")
        elif isinstance(error, FFmpegError):
            logger.warning("job failed", exc_info=error, extra=about)
            claim.try_again("encoding-failed", "This part of the video could not be encoded.")
        else:
            # Whatever it is, the job is tried again and then shown as failed; the log has it all.
            logger.exception("job failed for a mistake of ours", extra=about)
            claim.try_again("internal-error", "Something went wrong on our side.")


def _is_disk_full() -> bool:
    """Whether a failure says more about the disk than about the job."""
    try:
        return store().free_bytes() == 0
    except OSError:
        return False  # The store is away altogether: that is counted as a failure.


def work_once(*, worker: str, perform: Perform, urgent_only: bool = False) -> bool:
    """Do the best job there is now. False when there was nothing to do.

    For engines that call a function per wake-up; `process_tasks` keeps slots instead.
    """
    claim = claim_job(worker=worker, urgent_only=urgent_only)
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
