"""From the last byte of an upload to a plan, and to the first segments of it.

A viewer waits for what happens here, so the job that plans also makes the beginning, picture and
sound side by side, before it hands the rest over to other jobs.
"""

import logging
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from django.conf import settings

from core.errors import NotFound
from core.states import IllegalTransition
from media.ffmpeg import encode
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import FFmpegError
from media.ffmpeg.facts import Inspection, ProbeLimits
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from media.jobs.claim import Claim, LeaseLost
from media.jobs.queue import Spec, enqueue, enqueue_many
from media.models import Job, MediaFile, Rendition
from media.models import Plan as PlanRow
from media.playlists import lead_rung
from media.services.changes import announce, lock
from media.services.making import Work, load_work, publish_segment, record, source_path
from media.states import MEDIA
from media.store import init_key, remux_key, store

logger = logging.getLogger(__name__)

#: What is made at once, before anything else is queued.
HEAD_PIECES = 2
HEAD_AUDIO_SEGMENTS = 3
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
    announce(locked)
    enqueue(kind=Job.Kind.INGEST, media_file=locked)


def perform(claim: Claim) -> None:
    """Plan the source if it has no plan yet, make the beginning, queue the rest."""
    if not PlanRow.objects.filter(media_file=claim.job.media_file_id).exists():
        _plan(claim)
    else:
        _go_on(claim)
    work = load_work(claim)
    _make_heads(work)
    with claim.recording():
        enqueue_many(_rest(work))
        claim.finish()


# --- The plan -------------------------------------------------------------------------------


def _plan(claim: Claim) -> None:
    media_file = claim.job.media_file
    with store().work_dir() as folder:
        inspection = _inspect(claim, folder)
        plan = make_plan(inspection)
        inits = encode.make_inits(source_path(media_file), plan=plan, work_dir=folder)
        plan = plan.with_inits(inits)
    claim.check()
    for rung in plan.rung_names:
        store().put_bytes(init_key(media_file.pk, 1, rung), plan.init(rung))
    _record_plan(claim, inspection, plan)


def _inspect(claim: Claim, folder: Path) -> Inspection:
    """Look at the source; where it cannot be sought exactly, remux it and look at that."""
    limits = ProbeLimits(
        duration_seconds=settings.SOURCE_MAX_SECONDS, pixels=settings.SOURCE_MAX_PIXELS
    )
    media_file = claim.job.media_file
    inspection = inspect(source_path(media_file), limits=limits)
    if not inspection.probe.needs_remux:
        return inspection
    remuxed = encode.remux(source_path(media_file), work_dir=folder, on_progress=claim.check)
    claim.check()
    store().put_file(remux_key(media_file.pk), remuxed)
    return inspect(source_path(media_file), limits=limits)


def _record_plan(claim: Claim, inspection: Inspection, plan: Plan) -> None:
    video = inspection.probe.video if plan.video else None
    with claim.recording():
        media_file = _lock(claim)
        row = PlanRow.objects.create(media_file=media_file, number=1, document=plan.to_json())
        Rendition.objects.bulk_create(_renditions(row, plan))
        announce(
            media_file,
            state="processing",
            kind=MediaFile.Kind.VIDEO if video else MediaFile.Kind.AUDIO,
            duration_seconds=plan.duration_seconds,
            width=video.display_width if video else None,
            height=video.display_height if video else None,
        )


def _renditions(row: PlanRow, plan: Plan) -> list[Rendition]:
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


def _go_on(claim: Claim) -> None:
    """The plan stands already: the worker before us vanished, or a person asked for a retry."""
    with claim.recording():
        media_file = _lock(claim)
        if media_file.state == "in_queue":
            announce(media_file, state="processing")


def _lock(claim: Claim) -> MediaFile:
    try:
        return lock(claim.job.media_file_id)
    except NotFound as error:
        raise LeaseLost from error


# --- The beginning -----------------------------------------------------------------------------


def _make_heads(work: Work) -> None:
    """Make the first segments of picture and sound at the same time; mark each as it comes.

    The threads only encode: the database belongs to the thread that holds the claim. What does
    not succeed here is made, and complained about, by the jobs that follow.
    """
    made: queue.SimpleQueue[MadeSegment | None] = queue.SimpleQueue()
    with store().work_dir() as folder, ThreadPoolExecutor(2) as threads:
        heads = [
            threads.submit(_head, head, made)
            for head in (_head_of_video(work, folder, made), _head_of_audio(work, folder, made))
            if head is not None
        ]
        running = len(heads)
        while running:
            segments, ended = _all_there_is(made)
            running -= ended
            for segment in segments:
                publish_segment(work, segment)
            record(work, segments, finish=False)
        for head in heads:
            try:
                head.result()
            except FFmpegError as error:
                logger.warning("no head start", extra={"reason": str(error)})


def _head(make: Callable[[], object], made: queue.SimpleQueue[MadeSegment | None]) -> None:
    try:
        make()
    finally:
        made.put(None)


def _head_of_video(
    work: Work, folder: Path, made: queue.SimpleQueue[MadeSegment | None]
) -> Callable[[], object] | None:
    rung = lead_rung(work.plan)
    if rung is None or work.missing(rung)[:1] == [] or work.missing(rung)[0][0] > 0:
        return None
    if rung == work.plan.copied_rung:
        return _run(encode.copy_pieces, work, folder, made, HEAD_PIECES)

    def first_piece() -> None:
        for segment in encode.make_piece(
            work.source,
            plan=work.plan,
            number=0,
            rungs=[rung],
            work_dir=folder,
            on_progress=work.claim.check,
            background=False,
        ):
            made.put(segment)

    return first_piece


def _head_of_audio(
    work: Work, folder: Path, made: queue.SimpleQueue[MadeSegment | None]
) -> Callable[[], object] | None:
    if work.plan.audio is None or work.made(AUDIO):
        return None
    return _run(encode.make_audio, work, folder, made, HEAD_AUDIO_SEGMENTS)


def _run(
    make: Callable[..., int],
    work: Work,
    folder: Path,
    made: queue.SimpleQueue[MadeSegment | None],
    segments: int,
) -> Callable[[], object]:
    def on_segment(segment: MadeSegment) -> bool:
        work.claim.check()
        made.put(segment)
        return True

    return partial(
        make,
        work.source,
        plan=work.plan,
        work_dir=folder,
        on_segment=on_segment,
        first=0,
        last=segments - 1,
    )


def _all_there_is(
    made: queue.SimpleQueue[MadeSegment | None],
) -> tuple[list[MadeSegment], int]:
    """Wait for something, then take all that came with it: segments, and how many have ended."""
    items = [made.get()]
    with suppress(queue.Empty):
        while True:
            items.append(made.get_nowait())
    segments = [item for item in items if item is not None]
    return segments, len(items) - len(segments)


# --- The rest ----------------------------------------------------------------------------------


def _rest(work: Work) -> list[Spec]:
    """The jobs for everything that is neither made nor queued, in the order of DESIGN 5."""
    media_file = work.claim.job.media_file
    queued = _open_jobs(work)
    wanted: list[tuple[str, int | None]] = []
    copied, lead = work.plan.copied_rung, lead_rung(work.plan)
    if copied and work.missing(copied):
        wanted.append((Job.Kind.COPY, None))
    if work.plan.audio is not None and work.missing(AUDIO):
        wanted.append((Job.Kind.AUDIO, None))
    if not MediaFile.objects.filter(pk=media_file.pk, has_poster=True).exists() and lead:
        wanted.append((Job.Kind.POSTER, None))
    if lead and not copied:
        ahead = [s.number for s in work.plan.segments(lead) if s.start_seconds < LEAD_SECONDS]
        wanted += [(Job.Kind.LEAD, n) for n in ahead if n in _numbers(work.missing(lead))]
    wanted += [(Job.Kind.LADDER, n) for n in _unfinished_pieces(work)]
    return [
        Spec(
            kind=kind,
            media_file=media_file,
            args={} if piece is None else {"piece": piece},
            position=piece or 0,
        )
        for kind, piece in wanted
        if (kind, piece) not in queued
    ]


def _open_jobs(work: Work) -> set[tuple[str, int | None]]:
    rows = Job.objects.filter(media_file=work.media_id, state__in=["queued", "running"])
    return {(kind, args.get("piece")) for kind, args in rows.values_list("kind", "args")}


def _unfinished_pieces(work: Work) -> list[int]:
    rungs = work.plan.video.rungs if work.plan.video else ()
    missing = [_numbers(work.missing(rung.name)) for rung in rungs if not rung.is_copy]
    return sorted(set().union(*missing))


def _numbers(ranges: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}
