"""What carries a wake-up from whoever enqueues to a worker.

The job row is the truth; an engine only says that there is something to do. The engine here is
django-background-tasks: one row of its table per queued job, written and removed in the same
transactions as the state of the job. Another engine is another pair of these functions.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from background_task.models import Task
from django.db.models.functions import Coalesce, Now

from media.models import Job

#: The registered name of `media.tasks.work`.
WORK = "media.work"
BATCH = 500


def dispatch(jobs: Sequence[Job]) -> None:
    """Write the wake-up of each of `jobs`, in the caller's transaction."""
    Task.objects.bulk_create([_task(job) for job in jobs], batch_size=BATCH)


def retract(job_ids: Iterable[UUID]) -> None:
    """Remove the wake-ups of jobs that wait no longer, in the caller's transaction."""
    hashes = [_unsaved(job_id).task_hash for job_id in job_ids]
    for start in range(0, len(hashes), BATCH):
        Task.objects.filter(task_hash__in=hashes[start : start + BATCH]).delete()


def _task(job: Job) -> Task:
    task = _unsaved(job.pk, job.priority)
    task.run_at = Coalesce(job.run_after, Now()) if job.run_after else Now()
    return task


def _unsaved(job_id: UUID, priority: int = 0) -> Task:
    return Task.objects.new_task(WORK, args=(str(job_id),), priority=priority)
