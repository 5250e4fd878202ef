"""From the last byte of an upload to a plan, and to the first segments of it.

A viewer waits for what happens here, so the job that plans also makes the beginning, picture and
sound side by side, before it hands the rest over to other jobs.
"""

import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from core.states import IllegalTransition
from media.ffmpeg import content, encode
from media.ffmpeg.errors import FFmpegError
from media.ffmpeg.facts import Inspection
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.probe import inspect
from media.jobs.claim import Claim, LeaseLost
from media.jobs.queue import RE_ENCODE_PRIORITY, Spec, enqueue, enqueue_many
from media.models import Job, MediaFile, Rendition
from media.models import Plan as PlanRow
from media.playlists import lead_rung
from media.selectors import Ranges
from media.services import adoption, extras, plans
from media.services.adoption import Kept
from media.services.changes import NO_FORECAST, announce, lock
from media.services.head_start import HeadStart
from media.services.making import Work, load_work
from media.services.sources import source_limits, source_path
from media.states import MEDIA
from media.store import init_key, remux_key, store
from media.workshop.recording import Recorder

logger = logging.getLogger(__name__)

#: How long others may wait for a slot before copying and sound give this one up.
PATIENCE_SECONDS = 0.15
#: Where nothing can be copied, the lead rung is made this far ahead of all others.
LEAD_SECONDS = 30.0


def start(*, media_file: MediaFile) -> None:
    """Queue a file whose last byte has arrived. Called inside the transaction that finishes it."""
    locked = lock(media_file.pk)
    MEDIA.move(locked, "in_queue")
    announce(locked)
    enqueue(kind=Job.Kind.INGEST, media_file=locked)


def start_again(*, media_file: MediaFile) -> None:
    """Queue a failed or cancelled media file anew, in the caller's transaction.

    What is made stays: the ingest job finds the plan and queues only what is missing. Raises
    IllegalTransition in other states.
    """
    locked = lock(media_file.pk)
    if locked.state not in ("failed", "cancelled"):
        raise IllegalTransition("Only what has failed or was cancelled can be tried again.")
    MEDIA.move(locked, "in_queue", error_code="", error_detail="")
    announce(locked, **NO_FORECAST)
    enqueue(kind=Job.Kind.INGEST, media_file=locked)


def perform(claim: Claim) -> None:
    """Plan the source if it has no plan yet, make the beginning, queue the rest.

    Of a plan that comes while another one plays no beginning is made: nobody waits for it.
    """
    media_id = claim.job.media_file_id
    with store().work_dir() as folder:
        row = plans.find_plan(media_id, plans.plan_number(claim.job))
        if row is not None and row.document is not None:
            _go_on(claim, row)
            work = load_work(claim)
            missing = {name: work.missing(name) for name in work.plan.rung_names}
            if not work.is_coming:
                with _head_start(claim, work.plan, folder, missing) as head:
                    _take_in(work, head)
        elif row is None and plans.plan_number(claim.job) is not None:
            raise LeaseLost
        else:
            inspection = _inspect(claim, folder)
            number = row.number if row else plans.next_number(media_id)
            kept = adoption.make_kept(media_id, inspection, number)
            if _is_playing(claim):
                work = _plan(claim, inspection, kept, folder)
            else:
                missing = {name: kept.missing(name) for name in kept.plan.rung_names}
                with _head_start(claim, kept.plan, folder, missing) as head:
                    work = _plan(claim, inspection, kept, folder)
                    _take_in(work, head)
    complete = [name for name in work.plan.rung_names if not work.missing(name)]
    with claim.recording() as media_file:
        enqueue_many(_rest(work, is_last=True))
        if not work.is_coming:
            extras.enqueue_ready(media_file, work.plan, complete)
        claim.finish()


def _head_start(claim: Claim, plan: Plan, folder: Path, missing: dict[str, Ranges]) -> HeadStart:
    source = source_path(claim.job.media_file)
    return HeadStart(claim, source=source, plan=plan, folder=folder, missing=missing)


def _take_in(work: Work, head: HeadStart) -> None:
    """Publish and mark the beginning as it is made; queue the rest once it is there."""
    recorder, is_queued = Recorder(work), False
    for segments in head.batches():
        for segment in segments:
            recorder.take(segment)
        if not is_queued:
            recorder.mark()
        if head.is_there and not is_queued:
            with work.claim.recording():
                enqueue_many(_rest(work))
            is_queued = True
        elif is_queued and _somebody_waits(work):
            head.give_way()
    recorder.mark()


def _somebody_waits(work: Work) -> bool:
    """Whether no other slot has taken what a viewer waits for: then this one is needed."""
    return (
        Job.objects.filter(state="queued", is_urgent=True)
        .filter(kind__in=[Job.Kind.INGEST, Job.Kind.ON_DEMAND])
        .filter(created_at__lt=timezone.now() - timedelta(seconds=PATIENCE_SECONDS))
        .exclude(pk=work.claim.job.pk)
        .exists()
    )


# --- The plan -------------------------------------------------------------------------------


def _is_playing(claim: Claim) -> bool:
    """Whether all of the media file plays already, from an earlier plan."""
    return MediaFile.objects.filter(pk=claim.job.media_file_id, state="completed").exists()


def _plan(claim: Claim, inspection: Inspection, kept: Kept, folder: Path) -> Work:
    """Fix the plan, and with it every address that playlists will name.

    Which rungs the content needs is found out while the inits of all are made.
    """
    media_id, plan, source = claim.job.media_file_id, kept.plan, source_path(claim.job.media_file)
    with ThreadPoolExecutor(1, thread_name_prefix="content") as beside:
        # What this thread is told, that the work is not wanted any more, reaches the other so.
        follow = partial(copy_context().run, _follow_content, source, inspection, plan)
        followed = None if kept.is_early else beside.submit(follow)
        inits = encode.make_inits(plan, work_dir=folder)
        plan = followed.result() if followed else plan
    plan = plan.with_inits(inits)
    claim.check()
    for rung in plan.rung_names:
        store().put_file(init_key(media_id, kept.number, rung), inits[rung])
    _record_plan(claim, inspection, plan, kept)
    return load_work(claim)


def _follow_content(source: Path, inspection: Inspection, plan: Plan) -> Plan:
    """The plan without the rungs that this content does not need.

    It is looked at while the beginning is encoded already; the rung of that stays as it is.
    """
    video = inspection.probe.video
    if video is None or not settings.LADDER_FOLLOWS_CONTENT:
        return plan
    try:
        sample = content.sample(source, plan=plan, inspection=inspection)
    except FFmpegError as error:
        logger.warning("no look at the content", extra={"reason": str(error)})
        return plan
    return content.follow(plan, codec=video.codec, sample=sample)


def _inspect(claim: Claim, folder: Path) -> Inspection:
    """Look at the source; where it cannot be sought exactly, remux it and look at that."""
    media_file, limits = claim.job.media_file, source_limits()
    inspection = inspect(source_path(media_file), limits=limits)
    if not inspection.probe.needs_remux:
        return inspection
    remuxed = encode.remux(source_path(media_file), work_dir=folder, on_progress=claim.check)
    claim.check()
    store().put_file(remux_key(media_file.pk), remuxed)
    return inspect(source_path(media_file), limits=limits)


def _record_plan(claim: Claim, inspection: Inspection, plan: Plan, kept: Kept) -> None:
    """Write the plan down; it plays from now on, unless an earlier one does from end to end."""
    video = inspection.probe.video if plan.video else None
    with claim.recording() as media_file:
        row = _row_of(claim, plan, kept.number)
        Rendition.objects.bulk_create(planned_renditions(row, plan))
        if media_file.state == "completed":
            announce(media_file)
            return
        announce(
            media_file,
            state="processing",
            error_code="",
            error_detail="",
            width=video.display_width if video else None,
            height=video.display_height if video else None,
            **plans.take_over(media_file, row, plan),
        )
        adoption.adopt(kept, media_file, row)


def _row_of(claim: Claim, plan: Plan, number: int) -> PlanRow:
    """The row of the plan: a new one, or that of whoever asked for it. Raises LeaseLost."""
    media_file = claim.job.media_file
    if plans.plan_number(claim.job) is None:
        return PlanRow.objects.create(
            media_file=media_file, number=number, state="coming", document=plan.to_json()
        )
    row = PlanRow.objects.filter(media_file=media_file, number=number, state="coming").first()
    if row is None:
        raise LeaseLost
    row.document = plan.to_json()
    row.save(update_fields=["document"])
    return row


def planned_renditions(row: PlanRow, plan: Plan) -> list[Rendition]:
    """Rows, not yet saved, of every rendition of `plan`."""
    rungs = plan.video.rungs if plan.video else ()
    rows = [
        Rendition(
            plan=row,
            name=rung.name,
            kind=Rendition.Kind.VIDEO,
            width=rung.width,
            height=rung.height,
            is_copy=rung.is_copy,
            codecs=rung.codecs,
            segment_count=len(plan.segments(rung.name)),
        )
        for rung in rungs
    ]
    if plan.audio is not None:
        sound = Rendition(
            plan=row,
            name=AUDIO,
            kind=Rendition.Kind.AUDIO,
            is_copy=plan.audio.is_copy,
            codecs=plan.audio.codecs,
            segment_count=len(plan.segments(AUDIO)),
        )
        rows.append(sound)
    return rows


def _go_on(claim: Claim, row: PlanRow) -> None:
    """The plan stands already: the worker before us vanished, or a person asked for a retry."""
    if row.state != "active":
        return
    with claim.recording() as media_file:
        if media_file.state in ("in_queue", "failed"):
            announce(media_file, state="processing", error_code="", error_detail="")


# --- The rest ----------------------------------------------------------------------------------


def _rest(work: Work, *, is_last: bool = False) -> list[Spec]:
    """The jobs for what is neither made nor queued, in the order in which it is wanted.

    Copying and sound are left out as long as they go on in this job, which `is_last` ends.
    """
    media_file = work.claim.job.media_file
    wanted: list[tuple[str, int | None]] = []
    if is_last and work.plan.copied_rung and work.missing(work.plan.copied_rung):
        wanted.append((Job.Kind.COPY, None))
    if is_last and work.plan.audio is not None and work.missing(AUDIO):
        wanted.append((Job.Kind.AUDIO, None))
    has_poster = work.is_coming or MediaFile.objects.get(pk=media_file.pk).has_poster
    if work.plan.video and not has_poster:
        wanted.append((Job.Kind.POSTER, None))
    if work.plan.subtitle_names and not _subtitles_are_known(work):
        wanted.append((Job.Kind.SUBTITLES, None))
    leads = _lead_pieces(work)
    wanted += [(Job.Kind.LEAD, piece) for piece in leads]
    wanted += [(Job.Kind.LADDER, piece) for piece in _ladder_pieces(work, leads)]
    queued = _open_jobs(work)
    common: dict[str, object] = {"plan": work.number}
    if work.is_coming:
        common["in_background"] = True
    return [
        Spec(
            kind=kind,
            media_file=media_file,
            args=common | ({} if piece is None else {"piece": piece}),
            position=piece or 0,
            priority=RE_ENCODE_PRIORITY if work.is_coming else None,
            is_urgent=False if work.is_coming else None,
        )
        for kind, piece in wanted
        if (kind, piece) not in queued
    ]


def _open_jobs(work: Work) -> set[tuple[str, int | None]]:
    rows = Job.objects.filter(media_file=work.media_id, state__in=["queued", "running"])
    return {
        (kind, args.get("piece"))
        for kind, args in rows.values_list("kind", "args")
        if args.get("plan", work.number) == work.number
    }


def _subtitles_are_known(work: Work) -> bool:
    """Whether they are made, being made, or cannot be made; who asks for lost ones is heard."""
    jobs = Job.objects.filter(media_file=work.media_id, kind=Job.Kind.SUBTITLES)
    return jobs.filter(args__plan=work.number).exclude(state="cancelled").exists()


def _lead_pieces(work: Work) -> list[int]:
    """Pieces near the beginning whose lead rung is to be made before all other rungs."""
    lead = lead_rung(work.plan)
    if lead is None or work.plan.copied_rung or work.is_coming:
        return []
    missing = _numbers(work.missing(lead))
    segments = work.plan.segments(lead)
    return [s.number for s in segments if s.start_seconds < LEAD_SECONDS and s.number in missing]


def _ladder_pieces(work: Work, leads: Collection[int]) -> list[int]:
    """Pieces of which any rung is missing that no lead job makes."""
    lead, pieces = lead_rung(work.plan), set()
    for rung in work.plan.video.rungs if work.plan.video else ():
        if not rung.is_copy:
            missing = _numbers(work.missing(rung.name))
            pieces |= missing - set(leads) if rung.name == lead else missing
    return sorted(pieces)


def _numbers(ranges: Ranges) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}
