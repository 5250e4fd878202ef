"""The jobs that make segments of a planned source: copy, audio, lead, ladder, on demand, poster.

    copy       the source's own packets as the top rendition, piece after piece
    audio      the sound, from the first missing segment on
    lead       one small rung of a piece near the beginning
    ladder     every rung of one piece that is still missing, with one decode
    on_demand  a segment that a viewer waits for, and the two after it
    poster     the still

Each begins by asking what is missing, so it may be run again at any time and by anybody.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from media.ffmpeg import encode
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import DamagedPiece, FFmpegError
from media.ffmpeg.plan import AUDIO
from media.ffmpeg.poster import make_poster
from media.ffmpeg.run import BACKGROUND
from media.playlists import lead_rung
from media.workshop.protocol import Workshop
from media.workshop.recording import Recorder, is_damaged, publish_segment, span_of

logger = logging.getLogger(__name__)

#: Sound is made at 80 times real time: a request for it makes so much of it.
ON_DEMAND_AUDIO_SECONDS = 120.0

#: How much further a piece near the beginning stands back than the one that is played before it.
LEAD_NICE = 2
#: All of them stay in front of the ladder.
MOST_LEAD_NICE = 9
#: The still is wanted soon, but nothing stands still for it.
POSTER_NICE = 3


# --- Pieces of the picture --------------------------------------------------------------------


def lead(shop: Workshop) -> None:
    """The lead rung of one piece; what is played later leaves the processors to what is next."""
    rung, piece = lead_rung(shop.plan), int(shop.args["piece"])
    nice = min(LEAD_NICE * piece, MOST_LEAD_NICE)
    _one_piece(shop, piece, [rung] if rung else [], nice=nice)


def ladder(shop: Workshop) -> None:
    """Every encoded rung of one piece."""
    rungs = shop.plan.video.rungs if shop.plan.video else ()
    encoded = [rung.name for rung in rungs if not rung.is_copy]
    _one_piece(shop, int(shop.args["piece"]), encoded, nice=BACKGROUND)


def _one_piece(shop: Workshop, piece: int, rungs: Sequence[str], *, nice: int) -> None:
    missing = [rung for rung in rungs if not shop.is_made(rung, piece)]
    if missing:
        make_piece(shop, piece, missing, nice=nice, finish=True)


def make_piece(
    shop: Workshop, piece: int, rungs: Sequence[str], *, nice: int, finish: bool
) -> None:
    """Encode one piece for `rungs`, publish and mark it.

    Where its seconds cannot be decoded, it is made of the frames there are, or of a still, and
    the media file remembers which seconds are damaged.
    """
    with shop.folder() as folder:
        encode_piece = partial(
            encode.make_piece,
            shop.source,
            plan=shop.plan,
            number=piece,
            rungs=rungs,
            work_dir=folder,
            on_progress=shop.check,
            nice=nice,
        )
        try:
            # What ended the process the last time may well be these seconds of the source.
            made = encode_piece(tolerate_damage=shop.is_suspect)
        except DamagedPiece as error:
            logger.warning("damaged", extra={"piece": piece, "reason": str(error)})
            made = encode_piece(tolerate_damage=True)
        shop.check()
        for segment in made:
            publish_segment(shop, segment, tolerate_damage=True)
        damaged = [span_of(shop.plan, made[0])] if is_damaged(shop.plan, made[0]) else []
        shop.record(made, finish=finish, damaged=damaged)


# --- Runs: what is made from one segment to the next -------------------------------------------


def copy(shop: Workshop) -> None:
    """All that is missing of the copied rung."""
    rung = shop.plan.copied_rung
    if rung is not None:
        _fill(shop, rung, Recorder(shop))


def audio(shop: Workshop) -> None:
    """All that is missing of the sound."""
    _fill(shop, AUDIO, Recorder(shop))


def _fill(shop: Workshop, rung: str, recorder: Recorder) -> None:
    """Make every missing segment of a rendition, run after run, and finish the job."""
    while missing := shop.missing(rung):
        first, last = missing[0]
        if run(shop, rung, first, last, recorder) == 0:
            raise FFmpegError(f"segment {first} of {rung} was not made")
        recorder.mark()
    recorder.mark(finish=True)


def run(
    shop: Workshop,
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
        return goes_on(made) and not shop.is_made(rung, made.number + 1)

    make = encode.make_audio if rung == AUDIO else encode.copy_pieces
    with shop.folder() as folder:
        return make(
            shop.source,
            plan=shop.plan,
            work_dir=folder,
            on_segment=on_segment,
            first=first,
            last=last,
            nice=BACKGROUND if shop.args.get("in_background") else 0,
        )


# --- On demand --------------------------------------------------------------------------------


def on_demand(shop: Workshop) -> None:
    """What a viewer waits for, and a little of what comes after it."""
    args = shop.args
    rung, first, last = str(args["rung"]), int(args["first"]), int(args["last"])
    is_run = rung in (AUDIO, shop.plan.copied_rung)
    (_demanded_run if is_run else _demanded_pieces)(shop, rung, first, last)


def _demanded_run(shop: Workshop, rung: str, first: int, last: int) -> None:
    segments, recorder = shop.plan.segments(rung), Recorder(shop)
    seconds = ON_DEMAND_AUDIO_SECONDS if rung == AUDIO else 0.0
    until = segments[first].start_seconds + seconds

    def goes_on(made: MadeSegment) -> bool:
        is_enough = made.number >= last and segments[made.number].start_seconds >= until
        return not (is_enough or shop.somebody_waits())

    if not shop.is_made(rung, first):
        run(shop, rung, first, len(segments) - 1, recorder, goes_on=goes_on)
        recorder.mark()
    missing = [gap for gap in shop.missing(rung) if first <= gap[0] <= last]
    if missing and missing[0][0] > first:
        shop.put_back(rung, missing[0][0], last)


def _demanded_pieces(shop: Workshop, rung: str, first: int, last: int) -> None:
    for piece in range(first, last + 1):
        if piece > first and shop.somebody_waits():
            return shop.put_back(rung, piece, last)
        if not shop.is_made(rung, piece):
            make_piece(shop, piece, [rung], nice=0, finish=False)
    return None


# --- The still ----------------------------------------------------------------------------------


def poster(shop: Workshop) -> None:
    """A frame that shows something."""
    with shop.folder() as folder:
        made = make_poster(
            shop.source,
            plan=shop.plan,
            work_dir=folder,
            on_progress=shop.check,
            nice=POSTER_NICE,
        )
        shop.check()
        shop.publish_poster(made)


#: What needs nothing but a planned source and a place for its results, by the kind of the job.
KINDS: Mapping[str, Callable[[Workshop], None]] = {
    "copy": copy,
    "audio": audio,
    "lead": lead,
    "on_demand": on_demand,
    "poster": poster,
    "ladder": ladder,
}
