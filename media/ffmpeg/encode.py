"""The use cases of a worker: make the segments and inits of a planned source.

Every function writes finished files into `work_dir`, a private folder of the caller, and returns
what it made. Nothing is published here. All of them raise FFmpegError or one of its kinds; an
exception from a callback ends the processes and propagates, which is how a caller cancels.

`nice` is how far the processes stand back for others: not at all (0, what a viewer waits for) to
below everything else on the machine (BACKGROUND, the ladder).
"""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.ffmpeg import command, outputs, subtitles
from media.ffmpeg.audio_segments import AudioSegmenter
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.boxes import Sample, read_media, split, with_delay, write_media
from media.ffmpeg.child_process import ask
from media.ffmpeg.errors import DamagedPiece, ToolFailed, UnexpectedOutput
from media.ffmpeg.limits import Limits
from media.ffmpeg.plan import AUDIO, VIDEO_TIMESCALE, Plan, PlannedRung, VideoPlan
from media.ffmpeg.run import BACKGROUND, Watch, run

logger = logging.getLogger(__name__)

#: The slowest that a piece may be encoded: seconds of work per second of source, and in any case.
_SLOWEST = 240.0
_LEAST_TIMEOUT_SECONDS = 600.0

#: How much earlier a decoder begins that could not show a piece from its keyframe on.
_RUN_UP_SECONDS = 10

#: Bounds of single files that a process makes, far above what any of them needs.
_MOST_SEGMENT_BYTES = 512 << 20
_MOST_SMALL_BYTES = 64 << 20
_MOST_SUBTITLE_BYTES = 16 << 20


_SMALL = Limits(file_bytes=_MOST_SMALL_BYTES)


@dataclass(frozen=True, kw_only=True)
class MadeSegment:
    """One finished segment file. `bandwidth_bps` is its exact bits per second."""

    rung: str
    number: int
    path: Path
    size_bytes: int
    frames: int
    duration_seconds: float
    bandwidth_bps: int


def ignore_progress(_seconds: float) -> None:
    """Do nothing; the default of `on_progress`."""


def make_piece(
    source: Path,
    *,
    plan: Plan,
    number: int,
    rungs: Sequence[str],
    work_dir: Path,
    on_progress: Callable[[float], None] = ignore_progress,
    nice: int = BACKGROUND,
    tolerate_damage: bool = False,
) -> list[MadeSegment]:
    """Encode piece `number` for all `rungs` with one decode: {rung}-{number}.m4s in `work_dir`.

    `on_progress` gets the part of the piece that is done, from 0 to 1, never going back. Raises
    DamagedPiece when the frames are not those of the plan. With `tolerate_damage` the piece is made
    from the frames there are, or as one still picture, and joins all the same.
    """
    video = _video(plan)
    wanted = [rung for rung in video.rungs if rung.name in rungs and not rung.is_copy]
    duration = plan.segments(wanted[0].name)[number].duration_seconds
    tell = _never_back(plan, number, on_progress)

    def encode(argv: list[str]) -> None:
        run(
            argv,
            timeout_seconds=max(duration * _SLOWEST, _LEAST_TIMEOUT_SECONDS),
            on_progress=tell,
            nice=nice,
            limits=Limits(file_bytes=_MOST_SEGMENT_BYTES),
        )

    def decode_and_encode(scratch: Path, run_up_seconds: int = 0) -> None:
        argv = command.piece_command(
            ffmpeg_binary(),
            plan,
            number=number,
            rungs=wanted,
            source=source,
            out_dir=scratch,
            run_up_seconds=run_up_seconds,
        )
        encode(argv)
        try:
            _check_frames(video, number, wanted, scratch)
        except DamagedPiece:
            if run_up_seconds or video.sought(number) is None:
                raise
            # What calls itself a keyframe may begin a picture that is whole only a second later
            # (intra refresh), and what a decoder was not given before, it leaves out.
            decode_and_encode(scratch, _RUN_UP_SECONDS)

    with _scratch(work_dir) as scratch:
        try:
            decode_and_encode(scratch)
        except (ToolFailed, DamagedPiece) as error:
            if not tolerate_damage:
                raise
            if not (isinstance(error, DamagedPiece) and error.frames):
                encode(
                    command.still_command(
                        ffmpeg_binary(), plan, number=number, rungs=wanted, out_dir=scratch
                    )
                )
        return [_finish(plan, rung, number, scratch, work_dir) for rung in wanted]


def copy_pieces(
    source: Path,
    *,
    plan: Plan,
    work_dir: Path,
    on_segment: Callable[[MadeSegment], bool],
    first: int = 0,
    last: int | None = None,
    nice: int = 0,
) -> int:
    """Copy pieces `first` to `last` (inclusive; all that follow by default) of the copied rung.

    Each is announced to `on_segment` as soon as its file is there; False stops. Returns how many
    were made.
    """
    video, rung = _video(plan), plan.copied_rung
    if rung is None:
        raise ValueError("the plan copies no rung")
    request = {
        "do": "copy",
        "kind": "video",
        "rung": rung,
        "stream_index": video.stream_index,
        "bounds": video.bounds,
        "marks": video.marks,
        "delay": video.delay,
        "first": first,
        "last": plan.piece_count - 1 if last is None else last,
    }
    return _copy(source, plan, request, work_dir, on_segment, nice)


def make_audio(
    source: Path,
    *,
    plan: Plan,
    work_dir: Path,
    on_segment: Callable[[MadeSegment], bool],
    first: int = 0,
    last: int | None = None,
    nice: int = 0,
) -> int:
    """Copy or encode, as planned, the audio segments `first` to `last` (inclusive).

    Each is announced to `on_segment` as soon as its file is there; False stops (for example
    because the next one is made already). Returns how many were made.
    """
    audio = plan.audio
    if audio is None:
        raise ValueError("the plan has no sound")
    final = len(audio.marks) - 2 if last is None else last
    if audio.is_copy:
        request = {
            "do": "copy",
            "kind": "audio",
            "rung": AUDIO,
            "stream_index": audio.stream_index,
            "bounds": audio.bounds,
            "marks": audio.marks,
            "first": first,
            "last": final,
        }
        return _copy(source, plan, request, work_dir, on_segment, nice)

    def announce(number: int, path: Path, frames: int) -> bool:
        return on_segment(_made(plan, AUDIO, number, path, frames))

    segmenter = AudioSegmenter(audio, first=first, last=final, work_dir=work_dir, announce=announce)
    seconds = (audio.marks[final + 1] - audio.marks[first]) / audio.sample_rate
    run(
        command.audio_command(ffmpeg_binary(), plan, first=first, last=last, source=source),
        timeout_seconds=max(seconds * 4, _LEAST_TIMEOUT_SECONDS),
        on_output=segmenter.feed,
        nice=nice,
    )
    if not segmenter.was_stopped and segmenter.next_number <= final:
        raise UnexpectedOutput(f"the sound ended before segment {segmenter.next_number}")
    return segmenter.next_number - first


def make_inits(plan: Plan, *, work_dir: Path) -> dict[str, Path]:
    """The init of every rendition, byte for byte what its segments need; then `plan.with_inits`.

    A picture goes through the very encoders that pieces go through.
    """
    inits = {name: plan.init(name) for name in plan.rung_names}
    missing = [name for name, init in inits.items() if not init]
    if missing:
        with _scratch(work_dir) as scratch:
            run(
                command.init_command(ffmpeg_binary(), plan, out_dir=scratch),
                timeout_seconds=_LEAST_TIMEOUT_SECONDS,
                limits=_SMALL,
            )
            for name in missing:
                made = outputs.take(scratch / f"{name}.mp4", most_bytes=_MOST_SMALL_BYTES)
                init = split(made)[0]
                inits[name] = init if name == AUDIO else with_delay(init, _video(plan).delay)
    paths = {}
    for name, init in inits.items():
        paths[name] = work_dir / f"{name}-init.mp4"
        paths[name].write_bytes(init)
    return paths


def make_subtitles(
    source: Path,
    *,
    plan: Plan,
    work_dir: Path,
    on_progress: Callable[[float], None] = ignore_progress,
) -> dict[str, Path]:
    """All planned subtitles as WebVTT, {name}.vtt in `work_dir`; a file for each, empty or not.

    Reads the source from end to end. What cannot be read becomes an empty track: nobody should
    lose the video for it.
    """
    paths = {track.name: work_dir / f"{track.name}.vtt" for track in plan.subtitles}
    if not paths:
        return paths
    argv = command.subtitles_command(ffmpeg_binary(), plan, source=source, out_dir=work_dir)
    try:
        run(
            argv,
            timeout_seconds=_LEAST_TIMEOUT_SECONDS,
            on_progress=on_progress,
            nice=BACKGROUND,
            limits=Limits(file_bytes=_MOST_SUBTITLE_BYTES),
        )
    except ToolFailed as error:
        logger.warning("subtitles ended early", extra={"reason": str(error)})
    for path in paths.values():
        text = outputs.take(path, most_bytes=_MOST_SUBTITLE_BYTES).decode("utf-8", "replace")
        path.write_text(subtitles.with_clock(text), "utf-8")
    return paths


def remux(
    source: Path,
    *,
    work_dir: Path,
    on_progress: Callable[[float], None] = ignore_progress,
    nice: int = 0,
) -> Path:
    """Copy the packets of a source that cannot be sought exactly into a Matroska file.

    `on_progress` gets the seconds of the source that are done.
    """
    path = work_dir / "remuxed.mkv"
    most_bytes = 2 * source.stat().st_size + _MOST_SMALL_BYTES
    run(
        command.remux_command(ffmpeg_binary(), source=source, out=path),
        timeout_seconds=4 * 3600,
        on_progress=on_progress,
        nice=nice,
        limits=Limits(file_bytes=most_bytes),
    )
    if not outputs.is_there(path, most_bytes=most_bytes):
        raise ToolFailed("nothing was remuxed")
    return path


def _copy(
    source: Path,
    plan: Plan,
    request: dict[str, Any],
    work_dir: Path,
    on_segment: Callable[[MadeSegment], bool],
    nice: int,
) -> int:
    made, rung = 0, request["rung"]

    def announce(message: dict[str, Any], payload: bytes) -> bool:
        # The child can write no file: what it says is where its bytes go, never a path.
        nonlocal made
        number = request["first"] + made
        if message.get("number") != number or number > request["last"]:
            raise UnexpectedOutput(f"segment {number} of {rung} was not what came next")
        path = work_dir / f"{rung}-{number}.m4s"
        path.write_bytes(payload)
        made += 1
        return on_segment(_made(plan, rung, number, path, int(message["frames"])))

    ask(
        {**request, "path": str(source.resolve())},
        watch=Watch(timeout_seconds=4 * 3600),
        on_message=announce,
        nice=nice,
    )
    return made


def _check_frames(
    video: VideoPlan, number: int, rungs: Sequence[PlannedRung], scratch: Path
) -> None:
    """Raise DamagedPiece unless every rung has the planned frames, from the first one on."""
    for rung in rungs:
        samples, _ = read_media(_media(scratch, rung))
        expected = video.frames[number]
        starts = bool(samples) and abs(samples[0].shown_at - video.marks[number]) <= 1
        if len(samples) != expected or not starts:
            raise DamagedPiece(number, expected_frames=expected, frames=len(samples))


def _finish(
    plan: Plan, rung: PlannedRung, number: int, scratch: Path, work_dir: Path
) -> MadeSegment:
    """Turn what ffmpeg wrote into a segment that reaches exactly from mark to mark."""
    video = _video(plan)
    made = outputs.take(scratch / f"{rung.name}.mp4", most_bytes=_MOST_SEGMENT_BYTES)
    init, media = split(made)
    if rung.init and with_delay(init, video.delay) != rung.init:
        raise UnexpectedOutput(f"piece {number} of {rung.name} has an init of its own")
    samples, payload = read_media(media)
    start, end = video.marks[number : number + 2]
    data = write_media(
        _snapped(samples, start), payload, number=number, start=start, end=end, delay=video.delay
    )
    path = work_dir / f"{rung.name}-{number}.m4s"
    path.write_bytes(data)
    return _made(plan, rung.name, number, path, len(samples))


def _snapped(samples: Sequence[Sample], start: int) -> list[Sample]:
    """The first picture is shown from the mark on, even if earlier ones could not be decoded."""
    first = min(sample.shown_at for sample in samples)
    return [
        Sample(start if s.shown_at == first else s.shown_at, s.size_bytes, s.is_sync)
        for s in samples
    ]


def _made(plan: Plan, rung: str, number: int, path: Path, frames: int) -> MadeSegment:
    size = path.stat().st_size
    if rung == AUDIO and plan.audio:
        marks, rate = plan.audio.marks, plan.audio.sample_rate
    else:
        marks, rate = _video(plan).marks, VIDEO_TIMESCALE
    seconds = (marks[number + 1] - marks[number]) / rate
    return MadeSegment(
        rung=rung,
        number=number,
        path=path,
        size_bytes=size,
        frames=frames,
        duration_seconds=seconds,
        bandwidth_bps=math.ceil(size * 8 / seconds),
    )


def _never_back(
    plan: Plan, number: int, on_progress: Callable[[float], None]
) -> Callable[[float], None]:
    """What turns the seconds that FFmpeg tells of into the part of a piece that is done."""
    done = 0.0

    def tell(seconds: float) -> None:
        # FFmpeg tells of the output that is furthest behind, and goes back when one begins late.
        nonlocal done
        done = max(done, _part_done(plan, number, seconds))
        on_progress(done)

    return tell


def _part_done(plan: Plan, number: int, seconds: float) -> float:
    """How much of a piece is done when its output has reached `seconds` on the playlist's clock."""
    start, end = (mark / VIDEO_TIMESCALE for mark in _video(plan).marks[number : number + 2])
    return min(max((seconds - start) / (end - start), 0.0), 1.0)


def _media(scratch: Path, rung: PlannedRung) -> bytes:
    data = outputs.take(scratch / f"{rung.name}.mp4", most_bytes=_MOST_SEGMENT_BYTES)
    return split(data)[1] if data else b""


@contextmanager
def _scratch(work_dir: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir=work_dir))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _video(plan: Plan) -> VideoPlan:
    if plan.video is None:
        raise ValueError("the plan has no picture")
    return plan.video
