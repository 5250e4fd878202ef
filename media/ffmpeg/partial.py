"""Plans of a file of which only the beginning has arrived, and what they say of the whole file.

A cut looks ahead by no more than one piece, so pieces that lie far enough from the end of what is
known stay as they are, whatever follows. How rungs are encoded is decided once: every segment of a
rung needs the same init.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, takewhile

from media.ffmpeg.boxes import with_delay
from media.ffmpeg.plan import AudioPlan, Begun, Plan, VideoPlan
from media.ffmpeg.planning import PIECE_SECONDS

#: Pictures arrive in another order than they are shown in, and a short last piece is joined.
_MARGIN_SECONDS = 1.0


def certain_pieces(plan: Plan, *, usual_seconds: float = PIECE_SECONDS[-1]) -> int:
    """How many pieces of `plan` stay as they are when more of the file arrives.

    `usual_seconds` is how long a piece is that it was cut into.
    """
    return len(list(takewhile(lambda ticks: ticks <= 0, _lacking(plan, usual_seconds))))


def lacking_seconds(plan: Plan, *, usual_seconds: float = PIECE_SECONDS[-1]) -> float:
    """How much more of the source has to be known, at least, for one more piece to be certain."""
    ticks = next((ticks for ticks in _lacking(plan, usual_seconds) if ticks > 0), 0)
    return float(ticks * plan.video.time_base) if plan.video else 0.0


def _lacking(plan: Plan, usual_seconds: float) -> Iterator[int]:
    """For each piece how much more has to be known for it to be certain; 0 or less: it is."""
    video = plan.video
    if video is None:
        return
    usual, margin = (math.ceil(s / video.time_base) for s in (usual_seconds, _MARGIN_SECONDS))
    for start, end in pairwise(video.bounds):
        yield max(start + usual, end + margin) - video.bounds[-1]


def is_same_cut(begun: Begun, whole: Plan) -> bool:
    """Whether the pieces that were begun with are those of the whole plan.

    How rungs are encoded, and which, may be what the early plan says; but if pictures are copied,
    they are in both.
    """
    early, pieces = begun.plan, begun.pieces
    if early.video is None or whole.video is None or whole.piece_count < pieces:
        return False
    is_copied = early.copied_rung is not None, whole.copied_rung is not None
    return is_copied[0] == is_copied[1] and _cut(early.video, pieces) == _cut(whole.video, pieces)


def _cut(video: VideoPlan, pieces: int) -> VideoPlan:
    """What segments of the first pieces depend on, besides how they are encoded."""
    return replace(
        video,
        bounds=video.bounds[: pieces + 1],
        frames=video.frames[:pieces],
        sizes=(),
        seeks=(),
        frame_rate=Fraction(0),
        rungs=(),
    )


def encoded_as(early: Plan, whole: Plan) -> Plan:
    """The plan `whole`, with its rungs encoded as `early` says; both have pictures."""
    if early.video is None or whole.video is None:
        raise ValueError("a plan has no picture")
    encoded = [rung for rung in early.video.rungs if not rung.is_copy]
    video = replace(whole.video, frame_rate=early.video.frame_rate, rungs=tuple(encoded))
    copies = (rung for rung in whole.video.rungs if rung.is_copy)
    delayed = [replace(rung, init=with_delay(rung.init, video.delay)) for rung in copies]
    video = replace(video, rungs=(*delayed, *encoded))
    return replace(whole, video=video, audio=_with_init_of(early.audio, whole.audio))


def _with_init_of(early: AudioPlan | None, whole: AudioPlan | None) -> AudioPlan | None:
    """The sound of the whole file, with the init that is made already if it is encoded alike."""
    if early is None or whole is None or whole.is_copy:
        return whole
    is_alike = replace(early, marks=(), init=b"") == replace(whole, marks=(), init=b"")
    return replace(whole, init=early.init) if is_alike else whole
