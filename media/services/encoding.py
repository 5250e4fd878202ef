"""What the worker calls for a job of any kind, and what a failure of one means for its media file.

How each kind is done stands in media.workshop.kinds, but for the first look at a source, for what
is done before all of it has arrived, and for what is made of segments that are in the store.
"""

from collections.abc import Callable

from media.jobs.claim import Claim
from media.jobs.queue import OPTIONAL
from media.models import Job
from media.services import (
    deletion,
    downloads,
    early,
    ingest,
    pictures,
    plans,
    second_ladder,
    sound,
    subtitles,
)
from media.services.changes import announce, lock
from media.services.making import load_work
from media.states import MEDIA
from media.workshop import kinds


def perform(claim: Claim) -> None:
    """Do the job of `claim`; the worker calls this for every kind, and records how it ended."""
    try:
        _KINDS[claim.job.kind](claim)
    except Exception:
        # If the media file was deleted meanwhile, what was published since belongs to nobody; that
        # its source or its rows are gone may be how this job has noticed.
        deletion.remove_leftovers(claim.job.media_file_id)
        number = plans.plan_number(claim.job)
        if number is not None:
            plans.remove_stray(claim.job.media_file_id, number)
        raise


def job_failed(job: Job) -> None:
    """Show on the media file that a job of it has failed for good.

    Called inside the transaction that ends the job. Stills, what somebody asked for in advance
    and what was begun early are no reason: the video is whole without the former, and made without
    the others.
    """
    if job.kind == Job.Kind.DOWNLOAD:
        announce(lock(job.media_file_id))
    if job.kind == Job.Kind.AV1:
        second_ladder.spoil(job.media_file_id, plans.plan_number(job))
    if job.kind in OPTIONAL:
        return
    media_file = lock(job.media_file_id)
    number = plans.plan_number(job)
    row = plans.find_plan(media_file.pk, number) if number is not None else None
    if row is not None and row.state == "coming":
        plans.end(media_file, row, "failed", code=job.error_code, detail=job.error_detail)
    elif number is not None and (row is None or row.state != "active"):
        return
    if "failed" in MEDIA.edges[media_file.state]:
        announce(
            media_file, state="failed", error_code=job.error_code, error_detail=job.error_detail
        )


def _in_workshop(claim: Claim) -> None:
    kinds.KINDS[claim.job.kind](load_work(claim))


_KINDS: dict[str, Callable[[Claim], None]] = {
    Job.Kind.INGEST: ingest.perform,
    Job.Kind.DOWNLOAD: downloads.perform,
    Job.Kind.AV1: second_ladder.perform,
    Job.Kind.STORYBOARD: pictures.make_storyboard,
    Job.Kind.LOUDNESS: sound.measure,
    Job.Kind.SUBTITLES: subtitles.make,
    **dict.fromkeys(kinds.KINDS, _in_workshop),
    Job.Kind.EARLY: early.perform,
}
