"""Finding again what was dropped: expired leases, lost wake-ups, duties that are due."""

import logging
import time
from typing import Any

from background_task.models import CompletedTask
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from media.ffmpeg import sandbox
from media.jobs import engines, hooks, life
from media.jobs.claim import WATCHED, back_off_seconds
from media.jobs.clock import in_seconds
from media.jobs.locks import hold_media
from media.jobs.queue import requeue
from media.models import Job, WorkerBeat
from media.models.server import PREFIX

logger = logging.getLogger(__name__)

#: What had its turn and was lost has waited once: only what viewers wait for, and the first look
#: at a new video, go before it.
RESUMED_PRIORITY = WATCHED - 1
#: Rows that one sweep looks at; what is left waits for the next one.
BATCH = 200
FORGET_BATCH = 5000
#: So many losses count as accidents; from the next one on the job may be the reason, and waits.
ACCIDENTS = 2
#: The same for what a viewer waits for: a restart of workers, or three, must not make them wait.
URGENT_ACCIDENTS = 3
#: A worker that has not shown life for so long counts as gone.
BEAT_MAX_AGE_SECONDS = 10


def requeue_expired() -> int:
    """Give the jobs of workers that vanished to others, or end those that lost too many."""
    expired = Job.objects.filter(state="running", lease_expires_at__lt=Now())
    return sum(_lose(job) for job in expired.order_by("lease_expires_at")[:BATCH])


def release(worker: str) -> int:
    """The process `worker` is known to be dead: do not wait for its leases."""
    held = Job.objects.filter(state="running", worker__startswith=f"{worker}:")
    released = sum(_lose(job, is_known_dead=True) for job in held)
    WorkerBeat.objects.filter(worker=worker).delete()
    return released


def release_dead(watcher: str) -> None:
    """Release what the workers held that have died on this machine, as far as `watcher` looks."""
    dead = life.dead(watcher)
    for worker in dead:
        release(worker)
        life.bury(worker)
    if dead:
        sandbox.end_left_behind()


@transaction.atomic
def _lose(job: Job, *, is_known_dead: bool = False) -> bool:
    """Count a loss of `job`, unless its worker has renewed or ended it meanwhile."""
    hold_media(job.media_file_id)
    same = Job.objects.filter(pk=job.pk, token=job.token, state="running")
    if not is_known_dead:
        same = same.filter(lease_expires_at__lt=Now())
    losses = job.losses + 1
    if not same.update(losses=losses, priority=max(job.priority, RESUMED_PRIORITY)):
        return False
    logger.warning("worker vanished", extra={"job": str(job.pk), "worker": job.worker})
    if losses < settings.JOB_MAX_LOSSES:
        return requeue(job, token=job.token, run_after=_pause_until(job, losses))
    same = Job.objects.filter(pk=job.pk, token=job.token, state="running")
    same.update(
        state="failed",
        lease_expires_at=None,
        finished_at=Now(),
        error_code="worker-vanished",
        error_detail=f"The worker vanished {losses} times while it was doing this.",
    )
    hooks.tell_failed(Job.objects.get(pk=job.pk))
    return True


def _pause_until(job: Job, losses: int) -> Any:
    """Not before when a job that was lost so often is tried again; None for at once."""
    guilty = losses - (URGENT_ACCIDENTS if job.is_urgent else ACCIDENTS)
    return in_seconds(back_off_seconds(guilty)) if guilty > 0 else None


def forget_dead_workers() -> None:
    """Remove the signs of life of workers that have shown none for an hour."""
    WorkerBeat.objects.filter(beat_at__lt=in_seconds(-3600)).delete()


def forget_done() -> int:
    """Remove what was done long ago, a bounded number at a time. Failed jobs stay to be seen."""
    before = in_seconds(-settings.JOB_KEEP_DAYS * 24 * 3600)
    done = Job.objects.filter(state="done", finished_at__lt=before)
    oldest = list(done.values_list("pk", flat=True)[:FORGET_BATCH])
    Job.objects.filter(pk__in=oldest).delete()
    CompletedTask.objects.filter(run_at__lt=before).delete()
    return len(oldest)


def is_leader(worker: str) -> bool:
    """Whether `worker` is the one, of those alive, that sees to the duties."""
    alive = WorkerBeat.objects.filter(beat_at__gt=in_seconds(-BEAT_MAX_AGE_SECONDS))
    # Remote workers show life too, but do no duties.
    alive = alive.exclude(worker__startswith=PREFIX)
    first = alive.order_by("started_at", "worker").values_list("worker", flat=True).first()
    return first == worker


class Sweeper:
    """Sweeps once per call of `sweep`; each worker has one, called once per second."""

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self._trusted_at = time.monotonic()
        self._due: dict[str, float] = {}

    def sweep(self) -> None:
        """Requeue what expired; as the leader, do the duties that are due."""
        try:
            if time.monotonic() >= self._trusted_at:
                requeue_expired()
            release_dead(self.worker)
            self._do_duties()
        except DatabaseError:
            # The workers could not renew their leases either: let them do so first.
            self._trusted_at = time.monotonic() + settings.JOB_LEASE_SECONDS
            raise

    def _do_duties(self) -> None:
        now = time.monotonic()
        due = [it for it in _OWN_DUTIES + hooks.duties() if self._due.get(it.name, 0.0) <= now]
        if not due:
            return
        leads = is_leader(self.worker)
        for duty in due:
            self._due[duty.name] = now + duty.every_seconds
            if leads:
                _do(duty)


def _do(duty: hooks.Duty) -> None:
    try:
        duty.perform()
    except DatabaseError:
        raise
    except Exception:
        # One duty must not keep the sweeper from the others; it is due again soon.
        logger.exception("duty failed", extra={"duty": duty.name})


_OWN_DUTIES = [
    hooks.Duty("wake-ups", engines.AUDIT_SECONDS, engines.audit),
    hooks.Duty("dead workers", 600, forget_dead_workers),
    hooks.Duty("done jobs", 600, forget_done),
]
