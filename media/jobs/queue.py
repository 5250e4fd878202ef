"""Putting work into the queue, and taking it out again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from core.states import IllegalTransition
from media.jobs import engines
from media.models import Job, MediaFile
from media.states import JOB

Kind = Job.Kind

#: What goes first: what a viewer waits for, then what makes the picture better; last of all what
#: is made of files that have not arrived, and so may never be seen.
PRIORITY: dict[str, int] = {
    Kind.INGEST: 100,
    Kind.ON_DEMAND: 95,
    Kind.LEAD: 90,
    Kind.COPY: 80,
    Kind.AUDIO: 75,
    Kind.POSTER: 60,
    Kind.SUBTITLES: 55,
    Kind.DOWNLOAD: 50,
    Kind.STORYBOARD: 20,
    Kind.LOUDNESS: 15,
    Kind.LADDER: 10,
    Kind.EARLY: 7,
    Kind.AV1: 1,
}
#: Encoding anew what plays already: after everything that somebody has nothing of yet.
RE_ENCODE_PRIORITY = 5
#: What the slots that each worker keeps free may take, where the caller says nothing else.
URGENT: frozenset[str] = frozenset({Kind.INGEST, Kind.ON_DEMAND, Kind.LEAD, Kind.COPY, Kind.POSTER})
#: What a media file can be whole without.
OPTIONAL: frozenset[str] = frozenset(
    {
        *(Kind.ON_DEMAND, Kind.POSTER, Kind.SUBTITLES, Kind.STORYBOARD, Kind.LOUDNESS),
        *(Kind.EARLY, Kind.DOWNLOAD, Kind.AV1),
    }
)
#: A piece counts as if it had come so much later than the one before it. So the first pieces of a
#: new video go before the last ones of an older video of the same owner, but only until those
#: have waited for long enough.
LATER_PIECE_SECONDS = 10.0
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A job to be enqueued. What is None follows from the kind."""

    kind: str
    media_file: MediaFile
    args: dict[str, Any] = field(default_factory=dict)
    priority: int | None = None
    position: int = 0
    is_urgent: bool | None = None


def enqueue(
    *,
    kind: str,
    media_file: MediaFile,
    args: dict[str, Any] | None = None,
    priority: int | None = None,
    position: int = 0,
    is_urgent: bool | None = None,
) -> Job:
    """Put one job into the queue, in the caller's transaction."""
    spec = Spec(
        kind=kind,
        media_file=media_file,
        args=args or {},
        priority=priority,
        position=position,
        is_urgent=is_urgent,
    )
    return enqueue_many([spec])[0]


@transaction.atomic
def enqueue_many(specs: Iterable[Spec]) -> list[Job]:
    """Put many jobs into the queue, all or none; workers are woken when it is committed."""
    jobs = Job.objects.bulk_create([_job(spec) for spec in specs], batch_size=BATCH)
    engines.dispatch(jobs)
    return jobs


def _job(spec: Spec) -> Job:
    return Job(
        kind=spec.kind,
        media_file=spec.media_file,
        owner_id=spec.media_file.owner_id,
        args=spec.args,
        priority=PRIORITY[spec.kind] if spec.priority is None else spec.priority,
        position=spec.position,
        turn_at=timezone.now() + timedelta(seconds=LATER_PIECE_SECONDS * spec.position),
        is_urgent=spec.kind in URGENT if spec.is_urgent is None else spec.is_urgent,
    )


@transaction.atomic
def requeue(job: Job, *, token: int, run_after: Any = None, **values: object) -> bool:
    """Put a running job back, with its wake-up; False when it is no longer held by `token`."""
    moved = Job.objects.filter(pk=job.pk, state="running", token=token).update(
        state="queued", lease_expires_at=None, worker="", run_after=run_after, **values
    )
    if moved:
        engines.dispatch([Job.objects.get(pk=job.pk)])
    return bool(moved)


@transaction.atomic
def cancel_jobs(media_file: MediaFile) -> int:
    """End all work for a media file; what is running notices within a second or two."""
    return cancel(
        list(Job.objects.filter(media_file=media_file, state__in=JOB.sources_of("cancelled")))
    )


@transaction.atomic
def cancel(jobs: Sequence[Job]) -> int:
    """End these jobs where they are queued or running. Returns how many were."""
    ids = [job.pk for job in jobs]
    open_ones = Job.objects.filter(pk__in=ids, state__in=JOB.sources_of("cancelled"))
    ended = open_ones.update(state="cancelled", lease_expires_at=None, finished_at=Now())
    engines.retract(ids)
    return ended


@transaction.atomic
def retry(job: Job) -> Job:
    """Queue a failed or cancelled job anew, with all its tries. Raises IllegalTransition."""
    JOB.move(
        job,
        "queued",
        failures=0,
        losses=0,
        run_after=None,
        error_code="",
        error_detail="",
        finished_at=None,
    )
    engines.dispatch([job])
    return job


def raise_priority(jobs: Iterable[Job], *, to: int, is_urgent: bool | None = None) -> int:
    """Let jobs that wait go before others; one that is as important already stays as it is."""
    changes: dict[str, Any] = {"priority": to}
    if is_urgent is not None:
        changes["is_urgent"] = is_urgent
    ids = [job.pk for job in jobs]
    raised = Job.objects.filter(pk__in=ids, state="queued", priority__lt=to).update(**changes)
    if raised:
        engines.wake()
    return raised


def set_priority(job: Job, priority: int) -> None:
    """Move a waiting job up or down. Raises IllegalTransition when it waits no longer."""
    if not Job.objects.filter(pk=job.pk, state="queued").update(priority=priority):
        raise IllegalTransition("Only a job that waits has a place in the queue.")
    engines.wake()
