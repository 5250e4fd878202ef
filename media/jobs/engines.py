"""What carries a wake-up from whoever enqueues to a worker.

The job row is the truth; an engine only says that there is something to do, and may lose what it
says: each slot looks by itself at least once per second. Which one runs is `TASK_ENGINE`.

    background_tasks  a row of django-background-tasks per queued job, written and removed in the
                      same transactions as the state of the job; the database rings the bell
    celery            a message per enqueued job through Celery's broker, once it is committed
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol
from uuid import UUID

from background_task.models import Task
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce, Now

from media.jobs import wake as bells
from media.jobs.clock import in_seconds
from media.models import Job

logger = logging.getLogger(__name__)

#: The registered name of the function that a wake-up calls, in both engines.
WORK = "media.work"
BATCH = 500
#: How often the wake-ups are counted against the queue.
AUDIT_SECONDS = 60
#: So many messages at most go out at once: a worker that heard one looks until nothing is left,
#: and where there are more workers than this, the others look within a second.
MESSAGES_MAX = 20


class Engine(Protocol):
    """Carries wake-ups."""

    def dispatch(self, jobs: Sequence[Job]) -> None:
        """Say that these jobs wait, once the caller's transaction is committed."""

    def retract(self, job_ids: Iterable[UUID]) -> None:
        """These jobs wait no longer, once the caller's transaction is committed."""

    def wake(self) -> None:
        """Something about jobs that wait has changed: say so after the commit."""

    def audit(self) -> int:
        """Mend what the engine keeps beside the job rows; returns how many wake-ups it lacked."""


class BackgroundTasks:
    """One row of django-background-tasks per queued job, and the bell of the database."""

    def dispatch(self, jobs: Sequence[Job]) -> None:
        """Write the wake-up of each of `jobs`, in the caller's transaction."""
        Task.objects.bulk_create([_task(job) for job in jobs], batch_size=BATCH)
        bells.wake()

    def retract(self, job_ids: Iterable[UUID]) -> None:
        """Remove the wake-ups of jobs that wait no longer, in the caller's transaction."""
        hashes = [_unsaved(job_id).task_hash for job_id in job_ids]
        for start in range(0, len(hashes), BATCH):
            Task.objects.filter(task_hash__in=hashes[start : start + BATCH]).delete()

    def wake(self) -> None:
        """Ring the bell."""
        bells.wake()

    def audit(self) -> int:
        """Write rows that are missing and remove those of jobs that wait no longer.

        Counted first: the sets are compared only when the numbers differ.
        """
        queued = Job.objects.filter(state="queued")
        tasks = Task.objects.filter(task_name=WORK)
        if queued.count() == tasks.count():
            return 0
        rows = tasks.only("task_params").iterator()
        woken = {UUID(task.params()[0][0]): task.pk for task in rows}
        settled = queued.filter(created_at__lt=in_seconds(-AUDIT_SECONDS))
        missing = [job for job in settled.iterator() if job.pk not in woken]
        waiting = set(queued.values_list("pk", flat=True))
        stale = [pk for job_id, pk in woken.items() if job_id not in waiting]
        with transaction.atomic():
            self.dispatch(missing)
            Task.objects.filter(pk__in=stale[:BATCH]).delete()
        return len(missing)


class Celery:
    """One message per enqueued job; nothing is kept, so there is nothing to retract."""

    def dispatch(self, jobs: Sequence[Job]) -> None:
        """Send a message per job when the transaction is committed, at most MESSAGES_MAX."""
        names = [str(job.pk) for job in jobs[:MESSAGES_MAX]]
        if names:
            transaction.on_commit(partial(_send, names))

    def retract(self, job_ids: Iterable[UUID]) -> None:
        """Nothing: whoever hears a message for a job that waits no longer finds another or none."""

    def wake(self) -> None:
        """Send a message that names no job."""
        transaction.on_commit(partial(_send, [""]))

    def audit(self) -> int:
        """Remove rows that are left from the time before this engine; nothing can be missing."""
        old = Task.objects.filter(task_name=WORK).values_list("pk", flat=True)[: 10 * BATCH]
        Task.objects.filter(pk__in=list(old)).delete()
        return 0


_ENGINES: dict[str, Callable[[], Engine]] = {"background_tasks": BackgroundTasks, "celery": Celery}


def _engine() -> Engine:
    return _ENGINES[settings.TASK_ENGINE]()


def dispatch(jobs: Sequence[Job]) -> None:
    """Say that these jobs wait, once the caller's transaction is committed."""
    _engine().dispatch(jobs)


def retract(job_ids: Iterable[UUID]) -> None:
    """These jobs wait no longer, once the caller's transaction is committed."""
    _engine().retract(job_ids)


def wake() -> None:
    """Something about jobs that wait has changed: say so after the commit."""
    _engine().wake()


def audit() -> int:
    """Mend what the engine keeps beside the job rows; returns how many wake-ups it lacked."""
    return _engine().audit()


def _task(job: Job) -> Task:
    task = _unsaved(job.pk, job.priority)
    task.run_at = Coalesce(job.run_after, Now()) if job.run_after else Now()
    return task


def _unsaved(job_id: UUID, priority: int = 0) -> Task:
    return Task.objects.new_task(WORK, args=(str(job_id),), priority=priority)


def _send(names: Sequence[str]) -> None:
    """Send a message per name; what the broker does not take is found by the slots themselves."""
    # Only who sends pays for the import.
    from kombu.exceptions import OperationalError

    from core.celery import app

    try:
        with app.producer_pool.acquire(block=True, timeout=1) as producer:
            for name in names:
                app.send_task(
                    WORK,
                    args=[name],
                    queue=settings.TASK_QUEUE,
                    producer=producer,
                    # Once more, since the broker may have closed a connection that rested.
                    retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0},
                )
    except (OperationalError, OSError) as error:
        logger.warning("no wake-up sent", extra={"reason": repr(error)})
