"""The jobs that work on a file while it arrives: a look at it, then one for each piece.

    early {}            make a plan of what the index says, and which bytes each piece needs
    early {piece: n}    encode piece n of that plan, for all rungs that are encoded

What they make counts when the whole file has arrived and `media.services.adoption` finds that its
plan is the same. They never fail a video: what cannot be done early is done later.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from core.errors import NotFound
from core.units import MiB
from media.ffmpeg import content, encode
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import FFmpegError, UnexpectedOutput, UnreadableMedia
from media.ffmpeg.facts import Inspection
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import Needs, inspect, needs_of
from media.ffmpeg.stand_in import Span, make_stand_in
from media.jobs.claim import Claim, LeaseLost
from media.models import EarlyPiece, EarlyWork, Job, MediaFile, Upload
from media.services.arriving import give_up
from media.services.changes import announce, announce_progress, lock
from media.services.making import load_work
from media.services.sources import source_limits, source_path
from media.store import early_key, part_key, store, tail_key
from media.workshop import kinds
from media.workshop.recording import publish_segment

logger = logging.getLogger(__name__)

#: When not even a picture could be read, it is tried again with so many times the bytes.
MORE_BYTES = 4
#: Of a file whose end was sent ahead, so much at most is looked at.
MOST_LOOK_BYTES = 64 * MiB


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
        logger.warning("no early work", exc_info=error, extra={"job": str(claim.job.pk)})
        with claim.recording():
            give_up(_lock(claim), MediaFile.Early.LATER)
            claim.finish()


# --- The look -----------------------------------------------------------------------------------


def _look(claim: Claim) -> None:
    upload = Upload.objects.filter(media_file=claim.job.media_file_id, state="receiving").first()
    if upload is None:
        return
    with store().work_dir() as folder:
        seen = min(upload.offset_bytes, MOST_LOOK_BYTES)
        _look_at(claim, upload, _readable(upload, folder, [(0, seen)]), folder)


def _look_at(claim: Claim, upload: Upload, source: Path, folder: Path) -> None:
    try:
        inspection = inspect(source, limits=source_limits(), expected_bytes=upload.length_bytes)
        plan = _planned(inspection)
    except UnreadableMedia:
        more = upload.offset_bytes * MORE_BYTES
        if upload.length_bytes is not None and more < upload.length_bytes:
            return _look_again(claim, more)
        raise
    if plan.video is None or not encoded_rungs(plan):
        raise UnexpectedOutput("there is nothing to encode")
    bounds, index = plan.video.bounds, plan.video.stream_index
    if plan.copied_rung:
        # Whether pictures can be copied shows at the second keyframe, if not at the first.
        second = [*(inspection.video.keys if inspection.video else ()), bounds[-1]][1]
        (enough,) = needs_of(source, stream_index=index, marks=[second]).reaches
        if enough > upload.offset_bytes:
            return _look_again(claim, enough)
    needs = needs_of(source, stream_index=index, marks=bounds)
    plan = plan.with_inits(encode.make_inits(source, plan=plan, work_dir=folder))
    return _begin(claim, plan, needs)


def _planned(inspection: Inspection) -> Plan:
    """The plan, without rungs that a source of so few bits does not need.

    Of one with more bits, too little has arrived to look at its content.
    """
    plan, video = make_plan(inspection), inspection.probe.video
    if video is None or not settings.LADDER_FOLLOWS_CONTENT:
        return plan
    return content.follow(plan, codec=video.codec, sample=None)


def _look_again(claim: Claim, next_bytes: int) -> None:
    with claim.recording():
        EarlyWork.objects.filter(pk=claim.job.media_file_id).update(next_bytes=next_bytes)
        claim.finish()


def _begin(claim: Claim, plan: Plan, needs: Needs) -> None:
    with claim.recording():
        media_file = _lock(claim)
        if media_file.state == "uploading":
            EarlyWork.objects.filter(pk=media_file.pk).update(
                document=plan.to_json(),
                reaches=needs.reaches[1:],
                starts=needs.starts[:-1],
                next_bytes=needs.reaches[1],
            )
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
        with claim.recording():
            if _mark(claim, plan, number, made):
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
    spans = [(0, work.reaches[0]), (work.starts[number], work.reaches[number])]
    while True:
        upload = Upload.objects.filter(media_file=work.pk, state="receiving").first()
        try:
            return encode.make_piece(
                _readable(upload, folder, spans) if upload else _whole(claim),
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
    return source_path(media_file)


def _readable(upload: Upload, folder: Path, spans: Sequence[Span]) -> Path:
    """What FFmpeg can read of a growing file: the part itself, or a file with its end in place."""
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


def _mark(claim: Claim, plan: Plan, number: int, made: list[MadeSegment]) -> bool:
    """Keep a piece beside the plan, inside `recording`; False when the plan has been adopted.

    The files are moved here, a rename each, so that nothing is put where it was just tidied up.
    """
    media_file = _lock(claim)
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
        announce_progress(media_file, made=count, planned=planned)
    claim.finish()
    return True


def _hand_over(claim: Claim, made: list[MadeSegment]) -> None:
    """Publish a piece whose plan was adopted while it was made, like any other."""
    claim.job.refresh_from_db()
    work = load_work(claim)
    for segment in made:
        publish_segment(work, segment)
    work.record(made, finish=True)


def _lock(claim: Claim) -> MediaFile:
    try:
        return lock(claim.job.media_file_id)
    except NotFound as error:
        raise LeaseLost from error
