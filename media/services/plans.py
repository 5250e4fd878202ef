"""Which plan of a media file plays, which one follows, and what becomes of those that are over.

A video that plays is encoded anew beside what plays: its next plan is `coming`, with segments of
its own, until every one of them is marked. Then it becomes the active one in the transaction of
the last mark. The one before is `retired`: players that hold its playlists go on for
RETIRED_PLAN_SECONDS. A plan that failed or was cancelled is removed at once.

The row of the media file is held whenever the state of a plan changes.
"""

import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from media.ffmpeg.plan import Plan
from media.jobs import queue
from media.jobs.queue import RE_ENCODE_PRIORITY
from media.models import Job, MediaFile
from media.models import Plan as PlanRow
from media.selectors import percent
from media.services.changes import announce
from media.states import PLAN
from media.store import hls_folder, plan_folder, store
from media.workshop.protocol import Spans

logger = logging.getLogger(__name__)

#: How often one of the workers looks for plans that are over.
SWEEP_SECONDS = 60.0
#: What came to nothing stays so long, for the jobs of it that still run to end.
DEAD_PLAN_SECONDS = 30.0

#: Whose segments are made, or may be played.
ALIVE = ("coming", "active", "beside", "retired")
_OPEN = ("queued", "running")


def plan_number(job: Job) -> int | None:
    """The plan that a job follows; None for the one that is active when it runs."""
    number: int | None = job.args.get("plan")
    return number


def find_plan(media_id: uuid.UUID, number: int | None) -> PlanRow | None:
    """The plan with this number, or the active one, if there is anything left of it."""
    rows = PlanRow.objects.filter(media_file=media_id)
    rows = rows.filter(state="active") if number is None else rows.filter(number=number)
    return rows.filter(state__in=ALIVE).first()


def find_coming(media_id: uuid.UUID) -> PlanRow | None:
    """The plan that is being made while another one plays."""
    return PlanRow.objects.filter(media_file=media_id, state="coming").first()


def next_number(media_id: uuid.UUID) -> int:
    """The number of the plan that is made next; none is ever used again."""
    last = PlanRow.objects.filter(media_file=media_id).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1


def begin(locked: MediaFile) -> PlanRow:
    """A plan that follows the active one, and the job that makes it."""
    row = PlanRow.objects.create(
        media_file=locked, number=next_number(locked.pk), state="coming", document=None
    )
    waits_for_others = locked.state == "completed"
    queue.enqueue(
        kind=Job.Kind.INGEST,
        media_file=locked,
        args={"plan": row.number},
        priority=RE_ENCODE_PRIORITY if waits_for_others else None,
        is_urgent=not waits_for_others,
    )
    return row


def take_over(locked: MediaFile, row: PlanRow, plan: Plan) -> dict[str, object]:
    """Let a coming plan play from now on; returns what the media file takes over from it."""
    now = timezone.now()
    over = PlanRow.objects.filter(media_file=locked, state__in=["active", "beside"])
    over.update(state="retired", ended_at=now)
    PLAN.move(row, "active")
    return {
        "kind": MediaFile.Kind.VIDEO if plan.video else MediaFile.Kind.AUDIO,
        "duration_seconds": plan.duration_seconds,
        "damaged": row.damaged,
    }


def tell_coming(
    locked: MediaFile, row: PlanRow, plan: Plan, *, made: int, planned: int, damaged: Spans = ()
) -> None:
    """Tell how far a coming plan is; when all of it is marked, it takes over."""
    row.damaged = sorted({tuple(span) for span in [*row.damaged, *damaged]})
    done = percent(made, planned)
    is_news = done != row.progress_percent
    row.progress_percent = done
    row.save(update_fields=["damaged", "progress_percent"])
    if made >= planned:
        announce(
            locked,
            state="completed",
            progress_percent=100,
            error_code="",
            error_detail="",
            **take_over(locked, row, plan),
        )
    elif is_news:
        announce(locked)


def end(locked: MediaFile, row: PlanRow, state: str, *, code: str = "", detail: str = "") -> None:
    """Give a coming plan up. What plays goes on untouched.

    Its jobs end after the commit: whoever records for one of them holds its row and waits for the
    media file, which the caller holds. Should this process be killed in between, the sweep does it.
    """
    PLAN.move(row, state, ended_at=timezone.now(), error_code=code, error_detail=detail)
    announce(locked)
    transaction.on_commit(lambda: _end_jobs(row))


def _end_jobs(row: PlanRow) -> None:
    queue.cancel([job for job in jobs_of(row) if job.state in _OPEN])


def jobs_of(row: PlanRow) -> list[Job]:
    """The jobs that follow this very plan."""
    return [job for job in Job.objects.filter(media_file=row.media_file_id) if follows(job, row)]


def follows(job: Job, row: PlanRow) -> bool:
    """Whether a job works on this plan."""
    number = plan_number(job)
    return row.state == "active" if number is None else number == row.number


# --- What is over -----------------------------------------------------------------------------


def remove_ended() -> int:
    """Remove the segments of plans that are over, their rows and files; returns of how many.

    May be killed anywhere: the row of the plan is the last to go.
    """
    now = timezone.now()
    over = Q(state="retired", ended_at__lt=now - timedelta(seconds=settings.RETIRED_PLAN_SECONDS))
    over |= Q(
        state__in=["failed", "cancelled", "spoiled"],
        ended_at__lt=now - timedelta(seconds=DEAD_PLAN_SECONDS),
    )
    rows = PlanRow.objects.filter(over, ended_at__isnull=False, has_objects=True)
    found = list(rows.defer("document").order_by("ended_at")[:50])
    for row in found:
        _remove(row)
    return len(found)


def _remove(row: PlanRow) -> None:
    _end_jobs(row)
    # From here on no playlist leads to it, so nothing of it is made again.
    row.renditions.all().delete()
    PlanRow.objects.filter(pk=row.pk).update(document=None)
    store().delete_folder(plan_folder(row.media_file_id, row.number))
    stale = [job.pk for job in jobs_of(row) if job.state == "cancelled"]
    Job.objects.filter(pk__in=stale).delete()
    PlanRow.objects.filter(pk=row.pk).update(has_objects=False)
    # The reason of the newest one is shown until there is another.
    is_newest = row.number + 1 == next_number(row.media_file_id)
    if row.state == "retired" or not is_newest:
        PlanRow.objects.filter(pk=row.pk).delete()
    logger.info("plan removed", extra={"media": str(row.media_file_id), "plan": row.number})


def remove_stray(media_id: uuid.UUID, number: int) -> None:
    """Remove what was published of a plan that had been removed before."""
    if not PlanRow.objects.filter(media_file=media_id, number=number, has_objects=True).exists():
        store().delete_folder(plan_folder(media_id, number))


def sweep_strays() -> int:
    """Remove folders of plans that are gone, of media files that were encoded anew."""
    anew = PlanRow.objects.filter(number__gt=1).values_list("media_file", flat=True).distinct()
    removed = 0
    for media_id in anew:
        # Rows come before folders, so what is listed first and has no row has none any more.
        names = [name for name in store().folders(hls_folder(media_id)) if name.isdecimal()]
        known = PlanRow.objects.filter(media_file=media_id, has_objects=True)
        for number in {int(name) for name in names} - set(known.values_list("number", flat=True)):
            store().delete_folder(plan_folder(media_id, number))
            removed += 1
    return removed
