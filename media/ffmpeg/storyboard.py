"""Storyboards: small stills at even distances in a few sheets, and a WebVTT track to find them.

They are cut out of segments that exist already. A keyframe stands alone, so for all but the
shortest videos only the keyframes that are shown are read, and decoded: one per still, however
long the video is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from media.ffmpeg import command, outputs
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.boxes import Sample, read_media, write_media
from media.ffmpeg.errors import ToolFailed
from media.ffmpeg.limits import Limits
from media.ffmpeg.plan import VIDEO_TIMESCALE, Plan, VideoPlan
from media.ffmpeg.run import BACKGROUND, run

#: Stills of one storyboard at most: a three-hour lecture has one every 27 s.
STILLS_MAX = 400
#: A sheet has so many stills in each direction.
SIDE_STILLS = 5
#: Short videos have about so many stills, but none closer together than LEAST_SECONDS; longer ones
#: have stills of keyframes.
SHORT_STILLS = 10
LEAST_SECONDS = 0.2
#: The longer side of a still.
SIDE_PX = 240
#: Of smaller pictures the stills would be poor.
SHORT_SIDE_LEAST_PX = 120
#: A video this long has its storyboard as soon as any rung is complete; of others it is waited for
#: the smallest, which is decoded for less.
LONG_SECONDS = 60.0
_TIMEOUT_SECONDS = 600.0
_SMALL = Limits(file_bytes=16 << 20)
_SHEET_NAME, _TRACK_NAME = "storyboard-{number}.jpg", "storyboard.vtt"

#: Opens a segment by its number; raises OSError where it is not there.
Opener = Callable[[int], BinaryIO]


@dataclass(frozen=True, kw_only=True)
class Board:
    """How a storyboard is laid out. Still n is shown from `n * interval_ms` on."""

    duration_seconds: float
    interval_ms: int
    count: int
    width: int
    height: int

    @property
    def sheet_count(self) -> int:
        """How many sheets there are."""
        return math.ceil(self.count / SIDE_STILLS**2)


def board_for(plan: Plan) -> Board:
    """The layout for a planned video; bounded in number and size, whatever its length."""
    seconds = max(plan.duration_seconds, 0.001)
    short = min(max(seconds / SHORT_STILLS, LEAST_SECONDS), command.KEYFRAME_SECONDS)
    interval_ms = math.ceil(1000 * max(seconds / STILLS_MAX, short))
    top = _video(plan).rungs[0]
    scale = min(1.0, SIDE_PX / max(top.width, top.height))
    return Board(
        duration_seconds=seconds,
        interval_ms=interval_ms,
        count=math.ceil(1000 * seconds / interval_ms),
        width=_even(top.width * scale),
        height=_even(top.height * scale),
    )


def file_names(board: Board) -> list[str]:
    """The names of all sheets, and of the track that comes after them."""
    sheets = (_SHEET_NAME.format(number=number) for number in range(board.sheet_count))
    return [*sheets, _TRACK_NAME]


def rung_for_storyboard(plan: Plan, complete: Collection[str]) -> str | None:
    """The rung to make the stills of, once those in `complete` are whole; None to wait."""
    rungs = plan.video.rungs if plan.video else ()
    large = [rung for rung in rungs if min(rung.width, rung.height) >= SHORT_SIDE_LEAST_PX]
    wanted = [rung.name for rung in (large or rungs[:1])]
    there = [name for name in wanted if name in complete]
    is_enough = there and (there[-1] == wanted[-1] or plan.duration_seconds >= LONG_SECONDS)
    return there[-1] if is_enough else None


def webvtt(board: Board) -> str:
    """The track: one cue per still, with the place of it in its sheet (Media Fragments, `xywh`)."""
    lines = ["WEBVTT", ""]
    for number in range(board.count):
        start = number * board.interval_ms
        end = min(start + board.interval_ms, math.ceil(1000 * board.duration_seconds))
        sheet, place = divmod(number, SIDE_STILLS**2)
        x, y = place % SIDE_STILLS * board.width, place // SIDE_STILLS * board.height
        address = f"{_SHEET_NAME.format(number=sheet)}#xywh={x},{y},{board.width},{board.height}"
        lines += [f"{_clock(start)} --> {_clock(max(end, start + 1))}", address, ""]
    return "\n".join(lines)


def make_storyboard(
    plan: Plan,
    *,
    rung: str,
    open_segment: Opener,
    work_dir: Path,
    on_progress: Callable[[float], None] = lambda _seconds: None,
) -> list[Path]:
    """Write the sheets, storyboard-{n}.jpg, and storyboard.vtt into `work_dir`; returns all.

    `open_segment` gives the segments of `rung`, which are complete. One that cannot be opened is
    passed over: the still before it stays for longer.
    """
    board, joined = board_for(plan), work_dir / "joined.mp4"
    with joined.open("wb") as out:
        out.write(plan.init(rung))
        if board.interval_ms < 1000 * command.KEYFRAME_SECONDS:
            for number in range(plan.piece_count):
                out.write(_whole(open_segment, number))
        else:
            out.write(_only_keyframes(_video(plan), board, open_segment))
    sheets = work_dir / _SHEET_NAME.format(number="%d")
    run(
        command.storyboard_command(
            ffmpeg_binary(),
            source=joined,
            out=sheets,
            interval_ms=board.interval_ms,
            count=board.count,
            size=(board.width, board.height),
            side=SIDE_STILLS,
        ),
        timeout_seconds=_TIMEOUT_SECONDS,
        on_progress=on_progress,
        nice=BACKGROUND,
        limits=_SMALL,
    )
    joined.unlink()
    made = [work_dir / name for name in file_names(board)]
    made[-1].unlink(missing_ok=True)  # Never through a link that stands there.
    made[-1].write_text(webvtt(board), "utf-8")
    if not all(outputs.is_there(path, most_bytes=_SMALL.file_bytes) for path in made):
        raise ToolFailed("a sheet of the storyboard was not made")
    return made


# --- Keyframes ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Keyframe:
    """A picture that stands alone: when it is shown, in ticks, and its coded bytes."""

    shown_at: int
    data: bytes


def _only_keyframes(video: VideoPlan, board: Board, open_segment: Opener) -> bytes:
    """One fragment of the keyframes that stand before the middles of the stills."""
    chosen: list[_Keyframe] = []
    for keyframe in _chosen(video, board, open_segment):
        if not chosen or keyframe.shown_at > chosen[-1].shown_at:
            chosen.append(keyframe)
    if not chosen:
        raise ToolFailed("no keyframe was found")
    samples = [Sample(key.shown_at, len(key.data), is_sync=True) for key in chosen]
    start = samples[0].shown_at
    end = max(video.marks[-1], samples[-1].shown_at + 1)
    payload = b"".join(key.data for key in chosen)
    return write_media(samples, payload, number=0, start=start, end=end, delay=video.delay)


def _chosen(video: VideoPlan, board: Board, open_segment: Opener) -> Iterator[_Keyframe]:
    piece, last = 0, len(video.frames) - 1
    for number in range(board.count):
        middle = (2 * number + 1) * board.interval_ms * VIDEO_TIMESCALE // 2000
        while piece < last and video.marks[piece + 1] <= middle:
            piece += 1
        try:
            with open_segment(piece) as segment:
                yield _keyframe_before(segment, middle, video.delay)
        except OSError:
            continue  # Lost; it is made again when somebody watches it.


def _keyframe_before(segment: BinaryIO, tick: int, delay: int) -> _Keyframe:
    """The last keyframe of a segment that is shown at `tick` or earlier; the first one, else.

    Reads the index of the segment and that one picture.
    """
    head = segment.read(8)
    moof = head + segment.read(int.from_bytes(head[:4], "big") - 8)
    samples, _ = read_media(moof)
    at, found = len(moof) + 8, None
    for sample in samples:
        shown_at = sample.shown_at - delay
        if sample.is_sync and (found is None or shown_at <= tick):
            found = (shown_at, at, sample.size_bytes)
        at += sample.size_bytes
    if found is None:
        raise OSError("a segment has no keyframe")
    segment.seek(found[1])
    return _Keyframe(found[0], segment.read(found[2]))


def _whole(open_segment: Opener, number: int) -> bytes:
    try:
        with open_segment(number) as segment:
            return segment.read()
    except OSError:
        return b""  # As above.


def _clock(milliseconds: int) -> str:
    """A time as WebVTT writes it.

    >>> _clock(3_723_004)
    '01:02:03.004'
    """
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def _even(side: float) -> int:
    return max(round(side / 2) * 2, 2)


def _video(plan: Plan) -> VideoPlan:
    if plan.video is None:
        raise ValueError("the plan has no picture")
    return plan.video
