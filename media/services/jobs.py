"""What people may do with the work on their media: try it again, end it."""

import uuid

from django.db import transaction
from django.db.models import F

from core.errors import NotFound
from core.states import IllegalTransition
from media.jobs import queue
from media.jobs.locks import hold_media
from media.models import Job, MediaFile
from media.models.job import JobQuerySet
from media.services import plans
from media.services.changes import NO_FORECAST, lock, tell
from media.services.queue import check_may_run
from users.models import User


class JobNotFound(NotFound):
    """There is no such job, or it works on somebody else's media."""

    code, title = "job-not-found", "There is no such job."


@transaction.atomic
def retry_job(*, actor: User, job_id: uuid.UUID) -> Job:
    """Queue a failed or cancelled job anew. Raises JobNotFound or IllegalTransition.

    When it was the last one that kept its media file from being whole, that goes on too.
    """
    job = get_job(viewer=actor, job_id=job_id)
    number = plans.plan_number(job)
    row = plans.find_plan(job.media_file_id, number)
    if number is not None and row is None:
        raise IllegalTransition("The encoding that it belonged to is over; start another one.")
    hold_media(job.media_file_id)
    queue.retry(job)
    others = Job.objects.filter(media_file_id=job.media_file_id, state__in=["failed", "cancelled"])
    rest = others.exclude(kind__in=queue.OPTIONAL)
    same = {None, row.number if row else None}
    if not any(plans.plan_number(other) in same for other in rest):
        has_plan = row is not None and row.state == "active"
        _move(
            job.media_file_id,
            among=["failed", "cancelled"],
            state="processing" if has_plan else "in_queue",
            error_code="",
            error_detail="",
        )
    return get_job(viewer=actor, job_id=job_id)


@transaction.atomic
def cancel_job(*, actor: User, job_id: uuid.UUID) -> Job:
    """End a job that waits or runs; ending it twice is ending it once.

    A media file that cannot become whole without it is cancelled with it. Raises JobNotFound, and
    IllegalTransition for a job that has come to its end already.
    """
    job = get_job(viewer=actor, job_id=job_id)
    hold_media(job.media_file_id)
    if queue.cancel([job]):
        if job.kind not in queue.OPTIONAL and not _end_coming(job):
            _move(job.media_file_id, among=["in_queue", "processing"], state="cancelled")
    elif (state := get_job(viewer=actor, job_id=job_id).state) != "cancelled":
        raise IllegalTransition(f"The job is {state}.")
    return get_job(viewer=actor, job_id=job_id)


def set_priority(*, actor: User, job_id: uuid.UUID, priority: int) -> Job:
    """Move a waiting job up or down. Raises JobNotFound, AdministratorsOnly, IllegalTransition."""
    job = get_job(viewer=actor, job_id=job_id)
    check_may_run(actor)
    queue.set_priority(job, priority)
    return get_job(viewer=actor, job_id=job_id)


def get_job(*, viewer: User, job_id: uuid.UUID) -> Job:
    """The job with its media file and owner, if `viewer` may see it. Raises JobNotFound."""
    visible = JobQuerySet(Job).visible_to(viewer)
    job: Job | None = visible.select_related("media_file", "owner").filter(pk=job_id).first()
    if job is None:
        raise JobNotFound
    return job


def _end_coming(job: Job) -> bool:
    """Whether the job belonged to a plan that was coming, which cannot become whole without it."""
    number = plans.plan_number(job)
    media_file = lock(job.media_file_id)
    row = plans.find_plan(media_file.pk, number) if number is not None else None
    if row is None or row.state != "coming":
        return False
    plans.end(media_file, row, "cancelled")
    return media_file.state == "completed"


def _move(media_id: uuid.UUID, *, among: list[str], **changes: object) -> None:
    """Change a media file that is in one of the states `among`, and tell of it."""
    ours = MediaFile.objects.filter(pk=media_id)
    if ours.filter(state__in=among).update(version=F("version") + 1, **NO_FORECAST, **changes):
        now = ours.get()
        tell(media_id=now.pk, owner_id=now.owner_id, version=now.version)
