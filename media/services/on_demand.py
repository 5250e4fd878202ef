"""Segments that a viewer waits for: one job brings them, however many ask."""

import logging
import uuid

from django.conf import settings
from django.db import transaction

from core.errors import NotFound, Unavailable
from media.jobs.queue import PRIORITY, enqueue, raise_priority
from media.models import Job, MediaFile, Rendition, Segment
from media.playlists import lead_of
from media.services.lost import find_lost, take_back
from media.services.plans import follows
from media.services.sources import require_source
from media.streams import PLAYABLE

logger = logging.getLogger(__name__)

#: A request for one segment makes so many, as nobody stops watching after six seconds.
ON_DEMAND_SEGMENTS = 3
#: A run (copy, audio) that is this close behind a segment will be there before another job is.
NEAR_SEGMENTS = 12
#: The kinds of jobs that may bring a segment soon; those of the ladder come when they come.
_BRING_SEGMENTS = (
    *(Job.Kind.INGEST, Job.Kind.ON_DEMAND),
    *(Job.Kind.LEAD, Job.Kind.COPY, Job.Kind.AUDIO),
)


class SegmentNotPlanned(NotFound):
    """No playlist of ours names this segment."""

    code, title = "segment-not-planned", "There is no such segment."


class TooMuchOnDemand(Unavailable):
    """So many segments of one video are wanted at once that one more would wait too long."""

    code, title = "too-much-on-demand", "Too much of this video is being asked for at once."


def request_segment(*, media_id: uuid.UUID, plan_number: int, rung: str, number: int) -> int:
    """Have a missing segment made before everything else; returns the rendition it belongs to.

    Idempotent: a job that is on its way to it is raised, or simply awaited. The caller has found
    no such object in the store, has checked that its client may see the media file, and bounds
    what one client asks for. Raises NotFound, TooMuchOnDemand and SourceLost.
    """
    rendition = (
        Rendition.objects.filter(
            plan__media_file=media_id,
            plan__number=plan_number,
            plan__state__in=PLAYABLE,
            name=rung,
        )
        .select_related("plan")
        .first()
    )
    if rendition is None or number >= rendition.segment_count:
        raise SegmentNotPlanned
    lost = find_lost(rendition, _reach(rendition, number))
    if number not in lost and _is_made(rendition, number):
        return rendition.pk
    require_source(media_id)
    with transaction.atomic():
        # Two processes that are asked for the same segment at the same moment: one job.
        media_file = MediaFile.objects.select_for_update().filter(pk=media_id).first()
        if media_file is None:
            raise SegmentNotPlanned
        if lost:
            take_back(media_file, rendition, lost.values())
        if not _is_made(rendition, number) and not _is_underway(media_file, rendition, number):
            _enqueue(media_file, rendition, number)
    return rendition.pk


def _enqueue(media_file: MediaFile, rendition: Rendition, number: int) -> None:
    waiting = Job.objects.filter(media_file=media_file, kind=Job.Kind.ON_DEMAND, state="queued")
    if waiting.count() >= settings.ON_DEMAND_MAX_PER_MEDIA:
        raise TooMuchOnDemand(retry_after_seconds=2)
    reach = _reach(rendition, number)
    args = {
        "plan": rendition.plan.number,
        "rung": rendition.name,
        "first": reach[0],
        "last": reach[-1],
    }
    enqueue(kind=Job.Kind.ON_DEMAND, media_file=media_file, args=args)


def _reach(rendition: Rendition, number: int) -> range:
    """What one job makes for a request."""
    return range(number, min(number + ON_DEMAND_SEGMENTS, rendition.segment_count))


def _is_underway(media_file: MediaFile, rendition: Rendition, number: int) -> bool:
    """Whether a job that exists brings the segment soon; a lead job that waits is raised."""
    jobs = Job.objects.filter(media_file=media_file, state__in=["queued", "running"])
    for job in jobs.filter(kind__in=_BRING_SEGMENTS):
        if _brings(job, rendition, number):
            if job.state == "queued":
                raise_priority([job], to=PRIORITY[Job.Kind.ON_DEMAND])
            return True
    return False


def _brings(job: Job, rendition: Rendition, number: int) -> bool:
    if not follows(job, rendition.plan):
        return False
    is_running, piece = job.state == "running", job.args.get("piece")
    is_audio = rendition.kind == Rendition.Kind.AUDIO
    match job.kind:
        case Job.Kind.ON_DEMAND:
            is_in_reach = int(job.args["first"]) <= number <= int(job.args["last"])
            return job.args["rung"] == rendition.name and (
                is_in_reach or (is_running and is_audio and _is_near(rendition, number))
            )
        case Job.Kind.INGEST:
            if is_audio or rendition.is_copy:
                return is_running and _is_near(rendition, number)
            return number == 0 and _is_lead(rendition)
        case Job.Kind.LEAD:
            return number == piece and _is_lead(rendition)
        case Job.Kind.COPY:
            return is_running and rendition.is_copy and not is_audio and _is_near(rendition, number)
        case Job.Kind.AUDIO:
            return is_running and is_audio and _is_near(rendition, number)
        case _:
            return False


def _is_lead(rendition: Rendition) -> bool:
    rows = Rendition.objects.filter(plan=rendition.plan_id, kind=Rendition.Kind.VIDEO)
    rungs = [(r.name, min(r.width or 0, r.height or 0), r.is_copy) for r in rows.order_by("id")]
    return rendition.name == lead_of(rungs)


def _is_near(rendition: Rendition, number: int) -> bool:
    """Whether one of the segments just before it is made, or it is among the first."""
    if number < NEAR_SEGMENTS:
        return True
    behind = range(number - NEAR_SEGMENTS, number)
    return Segment.objects.filter(rendition=rendition, number__in=behind).exists()


def _is_made(rendition: Rendition, number: int) -> bool:
    return Segment.objects.filter(rendition=rendition, number=number).exists()
