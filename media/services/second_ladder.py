"""The second ladder (AV1) of videos that are complete, made while nobody needs the machine.

One worker looks every few seconds: where nothing waits and nothing runs, it queues one job per
slot, each for a whole video. Such a job looks once a second whether that is still so, and
gives the slot up if not; what it has made stays.
"""

import logging
import time
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from core.errors import NotFound
from media.ffmpeg import encode
from media.ffmpeg.plan import Plan
from media.ffmpeg.run import BACKGROUND
from media.ffmpeg.second_ladder import second_plan
from media.jobs.claim import Claim, LeaseLost
from media.jobs.forecast import slots_alive
from media.jobs.queue import enqueue
from media.models import Job, MediaFile, Rendition
from media.models import Plan as PlanRow
from media.services import plans
from media.services.changes import lock
from media.services.ingest import planned_renditions
from media.services.making import Work, load_work
from media.services.sources import has_source
from media.states import PLAN
from media.store import init_key, store
from media.workshop.kinds import make_piece

logger = logging.getLogger(__name__)

#: How often one of the workers looks for an idle queue.
SCHEDULE_SECONDS = 5.0
#: How often a job looks whether the queue is idle still.
LOOK_SECONDS = 1.0
#: How long a job that has given way waits before it looks again.
GIVE_WAY_SECONDS = 15.0


class _GiveWay(Exception):
    """Somebody needs the machine."""


def is_idle() -> bool:
    """Whether there is nothing to do but second ladders."""
    others = Job.objects.filter(state__in=["queued", "running"]).exclude(kind=Job.Kind.AV1)
    return not others.exists()


# --- What is next -----------------------------------------------------------------------------


def schedule() -> int:
    """Queue second ladders while nothing else is to be done; returns how many."""
    if not settings.AV1_LADDER or not is_idle():
        return 0
    _end_abandoned()
    open_jobs = Job.objects.filter(kind=Job.Kind.AV1, state__in=["queued", "running"]).count()
    room = slots_alive() - open_jobs
    return sum(_begin(media_file) for media_file in _eligible(room)) if room > 0 else 0


def _eligible(most: int) -> list[MediaFile]:
    """Complete videos whose active plan has no second ladder yet, the newest first."""
    tried = PlanRow.objects.filter(
        media_file=OuterRef("pk"),
        state__in=["beside", "spoiled"],
        number__gt=OuterRef("active_number"),
    )
    found = (
        MediaFile.objects.filter(state="completed", kind=MediaFile.Kind.VIDEO)
        .filter(plans__state="active")
        .annotate(active_number=F("plans__number"))
        .exclude(Exists(tried))
        .order_by("-created_at")
    )
    return [media_file for media_file in found[:most] if has_source(media_file)]


@transaction.atomic
def _begin(media_file: MediaFile) -> bool:
    try:
        locked = lock(media_file.pk)
    except NotFound:
        return False
    if locked.state != "completed":
        return False
    row = PlanRow.objects.create(
        media_file=locked, number=plans.next_number(locked.pk), state="beside", document=None
    )
    enqueue(kind=Job.Kind.AV1, media_file=locked, args={"plan": row.number}, is_urgent=False)
    return True


def _end_abandoned() -> None:
    """A second ladder whose job was cancelled is not tried again."""
    rows = PlanRow.objects.filter(state="beside", progress_percent__lt=100).defer("document")
    for row in rows[:100]:
        if not any(job.state in ("queued", "running") for job in plans.jobs_of(row)):
            spoil(row.media_file_id, row.number)


@transaction.atomic
def spoil(media_id: uuid.UUID, number: int | None) -> None:
    """Give a second ladder up; the video is whole without it."""
    row = PlanRow.objects.filter(media_file=media_id, number=number or 0, state="beside").first()
    if row is not None:
        PLAN.move(row, "spoiled", ended_at=timezone.now())


# --- Making it --------------------------------------------------------------------------------


def perform(claim: Claim) -> None:
    """Make what is missing of a second ladder, piece after piece, until somebody needs the slot."""
    try:
        _check_idle()
        row = plans.find_plan(claim.job.media_file_id, plans.plan_number(claim.job))
        if row is not None and row.state == "beside" and row.document is None:
            _plan(claim, row)
        work = load_work(claim)
        rungs = work.plan.rung_names
        for piece in range(work.plan.piece_count):
            missing = [rung for rung in rungs if not work.is_made(rung, piece)]
            if missing:
                _check_idle()
                make_piece(_Yielding(work), piece, missing, nice=BACKGROUND, finish=False)  # type: ignore[arg-type]  # it has all that Work has
    except _GiveWay:
        claim.put_off("", "", seconds=GIVE_WAY_SECONDS)
        claim.is_finished = True


def _check_idle() -> None:
    if not is_idle():
        raise _GiveWay


class _Yielding:
    """A workshop that is left as soon as somebody needs the machine."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._looked_at = time.monotonic()

    def __getattr__(self, name: str) -> object:
        return getattr(self._work, name)

    def check(self, *_: object) -> None:
        """Go on? Raises LeaseLost or Stopping, or gives way."""
        self._work.check()
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            _check_idle()


def _plan(claim: Claim, row: PlanRow) -> None:
    """Fix the plan beside the active one."""
    active = plans.find_plan(row.media_file_id, None)
    plan = second_plan(Plan.from_json(active.document)) if active and active.document else None
    if plan is None:
        raise LeaseLost
    with store().work_dir() as folder:
        inits = encode.make_inits(plan, work_dir=folder)
        plan = plan.with_inits(inits)
        claim.check()
        for rung, made in inits.items():
            store().put_file(init_key(row.media_file_id, row.number, rung), made)
    with claim.recording() as media_file:
        fresh = PlanRow.objects.filter(pk=row.pk, state="beside", media_file=media_file).first()
        if fresh is None:
            raise LeaseLost
        fresh.document = plan.to_json()
        fresh.save(update_fields=["document"])
        Rendition.objects.bulk_create(planned_renditions(fresh, plan))
