"""The jobs that work on a file while it arrives: a look at it, then one for each piece.

    early {}            make a plan of what the index says, and which bytes each piece needs
    early {piece: n}    encode piece n of that plan, for all rungs that are encoded

Where there is no index, the look plans what has arrived, and is taken again when there is more.
What they make counts when the whole file has arrived and `media.services.adoption` finds that it
is cut alike. They never fail a video: what cannot be done early is done later.
"""

import logging
import time
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from core.units import MiB
from media.ffmpeg import content, encode
from media.ffmpeg.command import KEYFRAME_SECONDS
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import FFmpegError, UnexpectedOutput, UnreadableMedia
from media.ffmpeg.facts import Inspection
from media.ffmpeg.front import Layout, front_of
from media.ffmpeg.partial import certain_pieces, encoded_as, is_same_cut, lacking_seconds
from media.ffmpeg.plan import Begun, Plan, VideoPlan
from media.ffmpeg.planning import PIECE_SECONDS, make_plan
from media.ffmpeg.probe import inspect, needs_of
from media.ffmpeg.run import BACKGROUND
from media.ffmpeg.stand_in import Span, make_excerpt, make_stand_in
from media.jobs.claim import Claim, LeaseLost
from media.models import EarlyPiece, EarlyWork, Job, MediaFile, Upload
from media.services.arriving import give_up, queue_pieces
from media.services.changes import announce, announce_progress
from media.services.making import load_work
from media.services.sources import source_limits, source_path
from media.store import early_front_key, early_key, part_key, store, tail_key
from media.workshop import kinds
from media.workshop.recording import publish_segment

logger = logging.getLogger(__name__)

#: When not even a picture could be read, it is tried again with so many times the bytes.
MORE_BYTES = 4
#: Of a file whose end was sent ahead, so much at most is looked at.
MOST_LOOK_BYTES = 64 * MiB
#: Where no more than this is still to come of a file without an index, pieces are shorter, of one
#: keyframe each: then less of it is left to be made when its last byte is there.
ENDING_SECONDS = 9.0
ENDING_PIECE_SECONDS = (*PIECE_SECONDS[:-1], KEYFRAME_SECONDS)
#: A file without an index is looked at again when so much has come of what its next piece lacks:
#: a little less than all of it, since bytes per second differ.
NEARLY = 3 / 4
#: And no sooner than when this much more of it can be watched.
STEP_SECONDS = 0.5
#: But each look reads it from its beginning. So where a look takes a second or more, the file has
#: to have grown by this part; where it takes less, by less, as the square of it.
STEP = 1 / 8


def perform(claim: Claim) -> None:
    """Do a job of the kind `early`."""
    try:
        if "piece" in claim.job.args:
            _piece(claim, int(claim.job.args["piece"]))
        else:
            _look(claim)
    except (FFmpegError, FileNotFoundError, EOFError) as error:
        if Job.objects.filter(pk=claim.job.pk).exclude(kind=Job.Kind.EARLY).exists():
            raise  # The last byte has come meanwhile: it is a job like any other now.
        with claim.recording() as media_file:
            # Else it has arrived meanwhile, and what was looked at is not there any more.
            if media_file.state == "uploading":
                logger.warning("no early work", exc_info=error, extra={"job": str(claim.job.pk)})
                give_up(media_file, MediaFile.Early.LATER)
            claim.finish()


# --- The look -----------------------------------------------------------------------------------


def _look(claim: Claim) -> None:
    upload = Upload.objects.filter(media_file=claim.job.media_file_id, state="receiving").first()
    if upload is None:
        return
    part = store().path(part_key(upload.pk))
    layout = front_of(part, stored_bytes=upload.offset_bytes).layout
    with store().work_dir() as folder:
        try:
            if layout.is_growing:
                _look_further(claim, upload, layout, folder)
            else:
                _look_at_index(claim, upload, folder)
        except UnreadableMedia:
            more = upload.offset_bytes * MORE_BYTES
            if upload.length_bytes is None or more >= upload.length_bytes:
                raise
            _look_again(claim, more)


def _look_at_index(claim: Claim, upload: Upload, folder: Path) -> None:
    """Plan a whole file by its index, and wait for the bytes of one piece after the other."""
    source = _with_tail(upload, folder, [(0, min(upload.offset_bytes, MOST_LOOK_BYTES))])
    inspection = inspect(source, limits=source_limits(), expected_bytes=upload.length_bytes)
    plan, video = _planned(inspection)
    if plan.copied_rung:
        # Whether pictures can be copied shows at the second keyframe, if not at the first.
        second = [*(inspection.video.keys if inspection.video else ()), video.bounds[-1]][1]
        (enough,) = needs_of(source, stream_index=video.stream_index, marks=[second]).reaches
        if enough > upload.offset_bytes:
            return _look_again(claim, enough)
    needs = needs_of(source, stream_index=video.stream_index, marks=video.bounds)
    plan = plan.with_inits(encode.make_inits(plan, work_dir=folder))
    return _begin(claim, plan, needs.reaches[1:], needs.starts[:-1])


def _look_further(claim: Claim, upload: Upload, layout: Layout, folder: Path) -> None:
    """Plan what has arrived, as far as nothing that follows can change it, and queue that."""
    began, stored_bytes = time.monotonic(), upload.offset_bytes
    source = store().path(part_key(upload.pk))
    if layout == Layout.STREAM:
        source = _remuxed_front(claim, source, stored_bytes, folder)
    inspection = inspect(
        source, limits=source_limits(), expected_bytes=upload.length_bytes, is_growing=True
    )
    work = EarlyWork.objects.filter(pk=claim.job.media_file_id).first()
    begun = work.begun if work else None
    lengths = _piece_seconds(inspection, upload)
    plan, video = _planned(inspection, begun, lengths)
    count = certain_pieces(plan, usual_seconds=lengths[-1])
    reaches, starts = _needs_of(source, count, video, layout, stored_bytes)
    look_seconds = time.monotonic() - began
    enough = stored_bytes + step_bytes(
        stored_bytes,
        duration_seconds=plan.duration_seconds,
        lacking_seconds=lacking_seconds(plan, usual_seconds=lengths[-1]),
        look_seconds=look_seconds,
    )
    if reaches and begun is None:
        plan = plan.with_inits(encode.make_inits(plan, work_dir=folder))
    if len(reaches) > (begun.pieces if begun else 0):
        return _begin(claim, plan, reaches, starts, look_again_bytes=enough)
    return _look_again(claim, enough)


def _piece_seconds(inspection: Inspection, upload: Upload) -> Sequence[float]:
    """How long the pieces are that begin now, after how much is still to come."""
    video, timeline = inspection.probe.video, inspection.video
    if video is None or timeline is None or not timeline.frames:
        return PIECE_SECONDS
    known_seconds = float((timeline.end - timeline.frames[0]) * video.time_base)
    to_come = (upload.length_bytes or 0) / upload.offset_bytes - 1
    return ENDING_PIECE_SECONDS if known_seconds * to_come <= ENDING_SECONDS else PIECE_SECONDS


def step_bytes(
    stored_bytes: int, *, duration_seconds: float, lacking_seconds: float, look_seconds: float
) -> int:
    """How many more bytes have to come before it is worth another look."""
    watchable = max(STEP_SECONDS, NEARLY * lacking_seconds) / max(duration_seconds, 1.0)
    return round(stored_bytes * max(watchable, STEP * min(look_seconds, 1.0) ** 2))


def _remuxed_front(claim: Claim, part: Path, stored_bytes: int, folder: Path) -> Path:
    """What has arrived of a stream that can only be read from its beginning, kept for its pieces.

    The bytes that are acknowledged, and no others: those may come once more.
    """
    front = make_excerpt(folder / "front.ts", source=part, spans=[(0, stored_bytes)])
    made = encode.remux(front, work_dir=folder, on_progress=claim.check, nice=BACKGROUND)
    front.unlink()
    claim.check()
    with claim.recording() as media_file:
        if media_file.state != "uploading":
            raise LeaseLost
        store().put_file(early_front_key(claim.job.media_file_id), made)
    return store().path(early_front_key(claim.job.media_file_id))


def _needs_of(
    source: Path, count: int, video: VideoPlan, layout: Layout, stored_bytes: int
) -> tuple[list[int], list[int]]:
    """Reaches and starts of the first `count` pieces, as far as their bytes are acknowledged."""
    if layout == Layout.STREAM or not count:
        return [stored_bytes] * count, [0] * count
    bounds = video.bounds[: count + 1]
    needs = needs_of(source, stream_index=video.stream_index, marks=bounds)
    count = bisect_right(needs.reaches[1:], stored_bytes)
    return needs.reaches[1 : count + 1], needs.starts[:count]


def _planned(
    inspection: Inspection,
    begun: Begun | None = None,
    piece_seconds: Sequence[float] = PIECE_SECONDS,
) -> tuple[Plan, VideoPlan]:
    """The plan, without rungs that a source of so few bits does not need, and its picture.

    Of one with more bits, too little has arrived to look at its content. A plan that was `begun`
    goes on. Raises UnexpectedOutput where that does not fit, or there is nothing to encode.
    """
    plan = make_plan(inspection, piece_seconds=piece_seconds, begun=begun)
    video = inspection.probe.video
    if begun is not None:
        if not is_same_cut(begun, plan):
            raise UnexpectedOutput("what has come since changes the plan")
        plan = encoded_as(begun.plan, plan)
    elif video is not None and settings.LADDER_FOLLOWS_CONTENT:
        plan = content.follow(plan, codec=video.codec, sample=None)
    if plan.video is None or not encoded_rungs(plan):
        raise UnexpectedOutput("there is nothing to encode")
    return plan, plan.video


def _look_again(claim: Claim, next_bytes: int) -> None:
    with claim.recording():
        EarlyWork.objects.filter(pk=claim.job.media_file_id).update(next_bytes=next_bytes)
        claim.finish()


def _begin(
    claim: Claim,
    plan: Plan,
    reaches: list[int],
    starts: list[int],
    *,
    look_again_bytes: int | None = None,
) -> None:
    """Write the plan down; its pieces are queued when their bytes are there.

    With `look_again_bytes` they all are, and the plan goes on when there are so many.
    """
    with claim.recording() as media_file:
        if media_file.state == "uploading":
            work = EarlyWork.objects.get(pk=media_file.pk)
            work.document, work.reaches, work.starts = plan.to_json(), reaches, starts
            work.next_bytes = reaches[0]
            work.save(update_fields=["document", "reaches", "starts", "next_bytes"])
            if look_again_bytes is not None:
                queue_pieces(work, media_file, reaches[-1], else_bytes=look_again_bytes)
            if media_file.early != MediaFile.Early.BEGUN:
                announce(media_file, early=MediaFile.Early.BEGUN)
        claim.finish()


def encoded_rungs(plan: Plan) -> list[str]:
    """The rungs that a piece is encoded for; copies are made when all is there."""
    return [rung.name for rung in plan.video.rungs if not rung.is_copy] if plan.video else []


# --- Pieces ---------------------------------------------------------------------------------------


def _piece(claim: Claim, number: int) -> None:
    work = EarlyWork.objects.filter(pk=claim.job.media_file_id).first()
    if work is None or work.document is None:
        return _as_ordinary(claim)
    plan = Plan.from_json(work.document)
    with store().work_dir() as folder:
        made = _encode(claim, plan, number, work, folder)
        claim.check()
        for segment in made:
            if plan.video is not None and segment.frames != plan.video.frames[number]:
                raise UnexpectedOutput(f"piece {number} has {segment.frames} frames")
        with claim.recording() as media_file:
            if _mark(claim, media_file, plan, number, made):
                return None
        _hand_over(claim, made)
    return None


def _as_ordinary(claim: Claim) -> None:
    """The plan was adopted after the job was claimed: then it is a job of the ladder by now."""
    claim.job.refresh_from_db()
    if claim.job.kind == Job.Kind.LADDER:
        kinds.ladder(load_work(claim))


def _encode(
    claim: Claim, plan: Plan, number: int, work: EarlyWork, folder: Path
) -> list[MadeSegment]:
    """Encode a piece from the growing file, or once more from where it is moved meanwhile."""
    while True:
        upload = Upload.objects.filter(media_file=work.pk, state="receiving").first()
        try:
            return encode.make_piece(
                _readable(upload, work, number, folder) if upload else _whole(claim),
                plan=plan,
                number=number,
                rungs=encoded_rungs(plan),
                work_dir=folder,
                on_progress=claim.check,
            )
        except (FFmpegError, FileNotFoundError, EOFError):
            is_there = Upload.objects.filter(media_file=work.pk, state="receiving").exists()
            if is_there or upload is None:
                raise


def _whole(claim: Claim) -> Path:
    media_file = MediaFile.objects.filter(pk=claim.job.media_file_id).first()
    if media_file is None:
        raise LeaseLost
    front = store().path(early_front_key(media_file.pk))
    return front if front.exists() else source_path(media_file)


def _readable(upload: Upload, work: EarlyWork, number: int, folder: Path) -> Path:
    """What FFmpeg can read piece `number` from, of a file that is still growing."""
    part = store().path(part_key(upload.pk))
    span = work.starts[number], work.reaches[number]
    match front_of(part, stored_bytes=upload.offset_bytes).layout:
        case Layout.STREAM:
            return store().path(early_front_key(work.pk))
        case Layout.CLUSTERS:
            # Without their index at its end, FFmpeg would read all clusters before the piece.
            head = 0, work.starts[0]
            return make_excerpt(folder / "excerpt.mkv", source=part, spans=[head, span])
        case _:
            return _with_tail(upload, folder, [(0, work.reaches[0]), span])


def _with_tail(upload: Upload, folder: Path, spans: Sequence[Span]) -> Path:
    """The part itself, or a file of `spans` with the end in place that was sent ahead."""
    part = store().path(part_key(upload.pk))
    work = EarlyWork.objects.filter(pk=upload.media_file_id).first()
    if work is None or work.tail_bytes is None or upload.length_bytes is None:
        return part
    return make_stand_in(
        folder / "stand-in.mp4",
        size_bytes=upload.length_bytes,
        front=part,
        spans=spans,
        tail=store().path(tail_key(work.pk)),
        tail_at=work.tail_bytes,
    )


def _mark(
    claim: Claim, media_file: MediaFile, plan: Plan, number: int, made: list[MadeSegment]
) -> bool:
    """Keep a piece beside the plan, inside `recording`; False when the plan has been adopted.

    The files are moved here, a rename each, so that nothing is put where it was just tidied up.
    """
    work = EarlyWork.objects.filter(pk=media_file.pk).first()
    if work is None:
        return False
    for segment in made:
        store().put_file(early_key(media_file.pk, segment.rung, number), segment.path)
    segments = {each.rung: [each.size_bytes, each.duration_seconds] for each in made}
    EarlyPiece.objects.update_or_create(work=work, number=number, defaults={"segments": segments})
    if media_file.state == "uploading":
        count = work.pieces.count() * len(encoded_rungs(plan))
        planned = sum(len(plan.segments(rung)) for rung in plan.rung_names)
        planned = round(planned * _times_as_long(work, media_file))
        announce_progress(media_file, made=count, planned=planned)
    claim.finish()
    return True


def _times_as_long(work: EarlyWork, media_file: MediaFile) -> float:
    """How much longer the whole file is than what the plan knows of, by their bytes."""
    length_bytes = Upload.objects.get(media_file=media_file).length_bytes or 0
    reach: int = work.reaches[-1]
    return max(length_bytes / reach, 1.0)


def _hand_over(claim: Claim, made: list[MadeSegment]) -> None:
    """Publish a piece whose plan was adopted while it was made, like any other."""
    claim.job.refresh_from_db()
    work = load_work(claim)
    for segment in made:
        publish_segment(work, segment)
    work.record(made, finish=True)
