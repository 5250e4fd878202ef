"""The jobs that make segments: copy, audio, lead, ladder, on demand, poster.

    copy       the source's own packets as the top rendition, piece after piece
    audio      the sound, from the first missing segment on
    lead       one small rung of a piece near the beginning
    ladder     every rung of one piece that is still missing, with one decode
    on_demand  a segment that a viewer waits for, and the two after it
    poster     the still

Each begins by asking what is missing, so it may be run again at any time and by anybody.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from media.ffmpeg import encode
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import DamagedPiece, FFmpegError
from media.ffmpeg.plan import AUDIO
from media.jobs.claim import Claim, LeaseLost
from media.jobs.queue import enqueue
from media.models import Job, Segment
from media.playlists import lead_rung
from media.services import deletion, ingest
from media.services.changes import announce, lock
from media.services.making import (
    Recorder,
    Work,
    is_damaged,
    load_work,
    publish_segment,
    record,
    span_of,
)
from media.states import MEDIA
from media.store import poster_key, store

logger = logging.getLogger(__name__)

#: Sound is made at 80 times real time: a request for it makes so much of it.
ON_DEMAND_AUDIO_SECONDS = 120.0


def perform(claim: Claim) -> None:
    """Do the job of `claim`; the worker calls this for every kind, and records how it ended."""
    try:
        _KINDS[claim.job.kind](claim)
    except (LeaseLost, FFmpegError):
        # If the media file was deleted meanwhile, what was published since belongs to nobody; that
        # its source is gone may be how this job has noticed.
        deletion.remove_leftovers(claim.job.media_file_id)
        raise


def job_failed(job: Job) -> None:
    """Show on the media file that a job of it has failed for good.

    Called inside the transaction that ends the job. A poster and what somebody asked for in
    advance are no reason: the video can be whole without the one, and is made without the other.
    """
    if job.kind in (Job.Kind.POSTER, Job.Kind.ON_DEMAND):
        return
    media_file = lock(job.media_file_id)
    if "failed" in MEDIA.edges[media_file.state]:
        announce(
            media_file, state="failed", error_code=job.error_code, error_detail=job.error_detail
        )


# --- Pieces of the picture --------------------------------------------------------------------


def _lead(claim: Claim) -> None:
    work = load_work(claim)
    rung = lead_rung(work.plan)
    _one_piece(work, int(claim.job.args["piece"]), [rung] if rung else [], background=False)


def _ladder(claim: Claim) -> None:
    work = load_work(claim)
    rungs = work.plan.video.rungs if work.plan.video else ()
    encoded = [rung.name for rung in rungs if not rung.is_copy]
    _one_piece(work, int(claim.job.args["piece"]), encoded, background=True)


def _one_piece(work: Work, piece: int, rungs: Sequence[str], *, background: bool) -> None:
    missing = _missing_of_piece(work, piece, rungs)
    if missing:
        make_piece(work, piece, missing, background=background, finish=True)


def _missing_of_piece(work: Work, piece: int, rungs: Sequence[str]) -> list[str]:
    ids = [work.rendition_ids[rung] for rung in rungs]
    rows = Segment.objects.filter(rendition__in=ids, number=piece)
    made = set(rows.values_list("rendition_id", flat=True))
    return [rung for rung in rungs if work.rendition_ids[rung] not in made]


def make_piece(
    work: Work, piece: int, rungs: Sequence[str], *, background: bool, finish: bool
) -> None:
    """Encode one piece for `rungs`, publish and mark it.

    Where its seconds cannot be decoded, it is made of the frames there are, or of a still, and
    the media file remembers which seconds are damaged.
    """
    with store().work_dir() as folder:
        encode_piece = partial(
            encode.make_piece,
            work.source,
            plan=work.plan,
            number=piece,
            rungs=rungs,
            work_dir=folder,
            on_progress=work.claim.check,
            background=background,
        )
        try:
            # What ended the process the last time may well be these seconds of the source. Not on a
            # full disk: there a still would stand for ever in the place of a good picture.
            is_suspect = work.claim.job.failures > 0 and store().free_bytes() > 0
            made = encode_piece(tolerate_damage=is_suspect)
        except DamagedPiece as error:
            logger.warning("damaged", extra={"media": str(work.media_id), "reason": str(error)})
            made = encode_piece(tolerate_damage=True)
        work.claim.check()
        for segment in made:
            publish_segment(work, segment, tolerate_damage=True)
        damaged = [span_of(work, made[0])] if is_damaged(work, made[0]) else []
        record(work, made, finish=finish, damaged=damaged)


# --- Runs: what is made from one segment to the next -------------------------------------------


def _copy(claim: Claim) -> None:
    work = load_work(claim)
    rung = work.plan.copied_rung
    if rung is not None:
        _fill(work, rung, Recorder(work))


def _audio(claim: Claim) -> None:
    work = load_work(claim)
    _fill(work, AUDIO, Recorder(work))


def _fill(work: Work, rung: str, recorder: Recorder) -> None:
    """Make every missing segment of a rendition, run after run, and finish the job."""
    while missing := work.missing(rung):
        first, last = missing[0]
        if run(work, rung, first, last, recorder) == 0:
            raise FFmpegError(f"segment {first} of {rung} was not made")
        recorder.mark()
    recorder.mark(finish=True)


def run(
    work: Work,
    rung: str,
    first: int,
    last: int,
    recorder: Recorder,
    *,
    goes_on: Callable[[MadeSegment], bool] = lambda _made: True,
) -> int:
    """Copy or encode segments `first` to `last`, publishing each; returns how many.

    Stops where somebody else has been meanwhile, or where `goes_on` says so.
    """

    def on_segment(made: MadeSegment) -> bool:
        recorder.take(made)
        return goes_on(made) and not _is_made(work, rung, made.number + 1)

    make = encode.make_audio if rung == AUDIO else encode.copy_pieces
    with store().work_dir() as folder:
        return make(
            work.source,
            plan=work.plan,
            work_dir=folder,
            on_segment=on_segment,
            first=first,
            last=last,
        )


def _is_made(work: Work, rung: str, number: int) -> bool:
    return Segment.objects.filter(rendition=work.rendition_ids[rung], number=number).exists()


# --- On demand --------------------------------------------------------------------------------


def _on_demand(claim: Claim) -> None:
    work, args = load_work(claim), claim.job.args
    rung, first, last = str(args["rung"]), int(args["first"]), int(args["last"])
    is_run = rung in (AUDIO, work.plan.copied_rung)
    (_demanded_run if is_run else _demanded_pieces)(work, rung, first, last)


def _demanded_run(work: Work, rung: str, first: int, last: int) -> None:
    segments, recorder = work.plan.segments(rung), Recorder(work)
    seconds = ON_DEMAND_AUDIO_SECONDS if rung == AUDIO else 0.0
    until = segments[first].start_seconds + seconds

    def goes_on(made: MadeSegment) -> bool:
        is_enough = made.number >= last and segments[made.number].start_seconds >= until
        return not (is_enough or _somebody_waits(work))

    if not _is_made(work, rung, first):
        run(work, rung, first, len(segments) - 1, recorder, goes_on=goes_on)
        recorder.mark()
    missing = [gap for gap in work.missing(rung) if first <= gap[0] <= last]
    if missing and missing[0][0] > first:
        _put_back(work, rung, missing[0][0], last)


def _demanded_pieces(work: Work, rung: str, first: int, last: int) -> None:
    for piece in range(first, last + 1):
        if piece > first and _somebody_waits(work):
            return _put_back(work, rung, piece, last)
        if not _is_made(work, rung, piece):
            make_piece(work, piece, [rung], background=False, finish=False)
    return None


def _put_back(work: Work, rung: str, first: int, last: int) -> None:
    """Leave the rest to a job that stands behind those who wait now."""
    args = {"rung": rung, "first": first, "last": last}
    with work.claim.recording() as job:
        enqueue(kind=Job.Kind.ON_DEMAND, media_file=job.media_file, args=args)
        work.claim.finish()


def _somebody_waits(work: Work) -> bool:
    """Whether another viewer's request waits for this slot; what comes after ours can wait."""
    return (
        Job.objects.filter(state="queued", is_urgent=True, kind=Job.Kind.ON_DEMAND)
        .exclude(pk=work.claim.job.pk)
        .exists()
    )


# --- The still ----------------------------------------------------------------------------------


def _poster(claim: Claim) -> None:
    work = load_work(claim)
    with store().work_dir() as folder:
        made = encode.make_poster(work.source, plan=work.plan, work_dir=folder)
        work.claim.check()
        store().put_file(poster_key(work.media_id), made)
    with claim.recording():
        announce(lock(work.media_id), has_poster=True)
        claim.finish()


_KINDS: dict[str, Callable[[Claim], None]] = {
    Job.Kind.INGEST: ingest.perform,
    Job.Kind.COPY: _copy,
    Job.Kind.AUDIO: _audio,
    Job.Kind.LEAD: _lead,
    Job.Kind.ON_DEMAND: _on_demand,
    Job.Kind.POSTER: _poster,
    Job.Kind.LADDER: _ladder,
}
