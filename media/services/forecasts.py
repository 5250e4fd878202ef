"""Where each video stands in the queue, written into its row so that everybody sees the same.

One worker does this every few seconds for the videos that were uploaded first. A video whose
forecast has not changed much is left alone: each change is told to all who follow it.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Min
from django.utils import timezone

from core.errors import NotFound
from media.jobs.forecast import Forecast, forecasts, kind_of_priority, literal
from media.models import Job, MediaFile
from media.services.changes import announce, lock

#: How often, and for how many videos.
FORECAST_SECONDS = 3.0
FORECAST_MAX = 50
#: An estimate that moves by less than this, or by a tenth of what is left, is not told again.
STEP_SECONDS = 5.0


def forecast_media() -> int:
    """Look at the queue and write down what is new; returns for how many videos."""
    in_work = [literal("in_queue"), literal("processing")]
    media_files = list(
        MediaFile.objects.filter(state__in=in_work).order_by("created_at")[:FORECAST_MAX]
    )
    found = _forecasts(media_files) if media_files else {}
    return sum(
        _write(it, found[it.pk]) for it in media_files if _is_news(it, found[it.pk], timezone.now())
    )


def _forecasts(media_files: Sequence[MediaFile]) -> dict[uuid.UUID, Forecast]:
    """The forecast of each media file: of its next job, and of its last one."""
    by_id = {it.pk: it for it in media_files}
    running = Job.objects.filter(state=literal("running"), media_file__in=by_id)
    at_work = {job.media_file_id: job for job in running.select_related("media_file")}
    next_jobs: dict[uuid.UUID, Job] = {}
    last_jobs: dict[uuid.UUID, Job] = {}
    waiting = Job.objects.filter(state=literal("queued"), media_file__in=by_id)
    rows = waiting.values_list("media_file_id", "priority").order_by("media_file_id", "-priority")
    for media_id, priority, _n, first, last in rows.annotate(
        n=Count("*"), first=Min("turn_at"), last=Max("turn_at")
    ):
        next_jobs.setdefault(media_id, _stand_in(by_id[media_id], priority, first))
        last_jobs[media_id] = _stand_in(by_id[media_id], priority, last)
    found = forecasts([*next_jobs.values(), *last_jobs.values(), *at_work.values()])
    nothing = Forecast()

    def of(jobs: dict[uuid.UUID, Job], media_id: uuid.UUID) -> Forecast:
        return found[jobs[media_id].pk] if media_id in jobs else nothing

    return {
        media_id: Forecast(
            position=None if media_id in at_work else of(next_jobs, media_id).position,
            begins_at=None if media_id in at_work else of(next_jobs, media_id).begins_at,
            ends_at=of(last_jobs if media_id in last_jobs else at_work, media_id).ends_at,
        )
        for media_id in by_id
    }


def _stand_in(media_file: MediaFile, priority: int, turn_at: datetime) -> Job:
    """A job that is asked about without being loaded: a lecture has thousands."""
    return Job(
        media_file=media_file,
        owner_id=media_file.owner_id,
        kind=kind_of_priority(priority),
        priority=priority,
        turn_at=turn_at,
        state="queued",
    )


def _is_news(media_file: MediaFile, found: Forecast, now: datetime) -> bool:
    return (
        media_file.queue_position != found.position
        or _has_moved(media_file.begins_at, found.begins_at, now)
        or _has_moved(media_file.ends_at, found.ends_at, now)
    )


def _has_moved(before: datetime | None, after: datetime | None, now: datetime) -> bool:
    if before is None or after is None:
        return before is not after
    step = max(timedelta(seconds=STEP_SECONDS), (after - now) / 10)
    return abs(after - before) > step


def _write(media_file: MediaFile, found: Forecast) -> bool:
    """Write a forecast down and tell of it, unless the media file is in another state by now."""
    with transaction.atomic():
        try:
            locked = lock(media_file.pk)
        except NotFound:
            return False
        if locked.state != media_file.state:
            return False
        announce(
            locked,
            queue_position=found.position,
            begins_at=found.begins_at,
            ends_at=found.ends_at,
        )
    return True
