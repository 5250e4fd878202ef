"""Encode a source with the product's own code, decode the result, and say what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import av

from media.ffmpeg import encode
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import DamagedPiece, FFmpegError, ToolFailed, UnreadableMedia
from media.ffmpeg.facts import Inspection
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.matrix import beeps
from tests.matrix.film import ffmpeg
from tests.matrix.pictures import BARS, Colour, Layout, distance, read_bars, read_number
from tests.matrix.source import Source

#: Shorter than in the product, so that a film of a few seconds has several joins.
PIECE_SECONDS = (1.0, 2.0)

MOST_AV_OFFSET_MS = 40.0
_MOST_COLOUR_DIFFERENCE = 14
_DURATION_TOLERANCE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """What a decoder shows of one rung."""

    size: tuple[int, int]
    numbers: list[int | None]
    seconds: list[float]
    bars: tuple[Colour, ...]
    is_full_range: bool
    has_square_pixels: bool


@dataclass(kw_only=True)
class Findings:
    """What became of a source."""

    refusal: str = ""
    was_remuxed: bool = False
    is_copied: bool = False
    pieces: int = 0
    seconds: float = 0.0
    damaged: list[tuple[float, float]] = field(default_factory=list)
    #: Why a still cannot stand in for a piece, if it cannot.
    still_fault: str = ""
    renditions: dict[str, Rendition] = field(default_factory=dict)
    beeps: list[float] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """How many frames the top rendition shows."""
        return max((len(seen.numbers) for seen in self.renditions.values()), default=0)


def examine(source: Source, folder: Path) -> Findings:
    """Make the source, inspect, plan and encode it all, join it and decode it."""
    path = folder / source.filename
    source.make(path)
    findings = Findings()
    try:
        planned = _plan(path, folder, findings)
    except UnreadableMedia as refused:
        findings.refusal = refused.code
        return findings
    path, plan = planned
    segments = _make_all(path, plan, folder, findings)
    findings.still_fault = _still_fault(plan, folder)
    for rung in plan.video.rungs if plan.video else ():
        joined = _join(plan, rung.name, segments, folder)
        size = (rung.width, rung.height)
        findings.renditions[rung.name] = _see(joined, size, source.layout)
    if plan.audio:
        findings.beeps = _hear(_join(plan, AUDIO, segments, folder))
    findings.is_copied = plan.copied_rung is not None
    findings.pieces = plan.piece_count
    findings.seconds = plan.duration_seconds
    return findings


def complaints(source: Source, findings: Findings) -> list[str]:
    """All that is not as it must be; empty if the source came out well."""
    if findings.refusal or source.refusal:
        same = findings.refusal == source.refusal
        return [] if same else [f"refused as {findings.refusal!r}, not {source.refusal!r}"]
    said = [findings.still_fault] if findings.still_fault else []
    sizes = [seen.size for seen in findings.renditions.values()]
    if sizes != list(source.rungs):
        said.append(f"rungs of {sizes}, not {list(source.rungs)}")
    if source.rungs and findings.is_copied != source.is_copied:
        said.append("the top rung is copied" if findings.is_copied else "no rung is copied")
    off = abs(findings.seconds - source.expected_seconds)
    if source.at_least is None and off > _DURATION_TOLERANCE_SECONDS:
        said.append(f"{findings.seconds:.3f} s long, not {source.expected_seconds:.3f} s")
    if bool(findings.damaged) != source.says_damaged:
        said.append(f"damaged seconds: {findings.damaged}")
    for name, seen in findings.renditions.items():
        said += [f"{name}: {fault}" for fault in _picture_faults(source, seen)]
    return said + _sound_faults(source, findings)


def av_offset_ms(source: Source, findings: Findings) -> float | None:
    """How far sound and picture are apart at most, against the source; None without both."""
    heard = _beep_offsets(source, findings)
    if not heard or not findings.renditions:
        return None
    shown = [
        offset for seen in findings.renditions.values() for offset in _frame_offsets(source, seen)
    ]
    return max(max(heard) - min(shown), max(shown) - min(heard)) if shown else None


def _plan(path: Path, folder: Path, findings: Findings) -> tuple[Path, Plan]:
    inspection: Inspection = inspect(path)
    if inspection.probe.needs_remux:
        findings.was_remuxed = True
        path = encode.remux(path, work_dir=folder)
        inspection = inspect(path)
    plan = make_plan(inspection, piece_seconds=PIECE_SECONDS)
    return path, plan.with_inits(encode.make_inits(plan, work_dir=folder))


def _make_all(
    path: Path, plan: Plan, folder: Path, findings: Findings
) -> dict[str, list[MadeSegment]]:
    """Every segment of every rendition, as workers make them: damaged pieces at a second try."""
    made: dict[str, list[MadeSegment]] = {name: [] for name in plan.rung_names}

    def keep(segment: MadeSegment) -> bool:
        made[segment.rung].append(segment)
        return True

    encoded = [rung.name for rung in plan.video.rungs if not rung.is_copy] if plan.video else []
    for number in range(plan.piece_count if encoded else 0):
        for segment in _make_piece(path, plan, number, encoded, folder, findings):
            keep(segment)
    if plan.copied_rung:
        encode.copy_pieces(path, plan=plan, work_dir=folder, on_segment=keep)
    if plan.audio:
        encode.make_audio(path, plan=plan, work_dir=folder, on_segment=keep)
    return made


def _still_fault(plan: Plan, folder: Path) -> str:
    """Make a still in place of the first piece, as if it could not be decoded at all."""
    encoded = [rung.name for rung in plan.video.rungs if not rung.is_copy] if plan.video else []
    if not encoded:
        return ""
    nothing, stills = folder / "nothing", folder / "stills"
    nothing.write_bytes(b"nothing")
    stills.mkdir()
    try:
        encode.make_piece(
            nothing, plan=plan, number=0, rungs=encoded, work_dir=stills, tolerate_damage=True
        )
    except FFmpegError as error:
        return f"no still fits: {error}"
    return ""


def _make_piece(
    path: Path, plan: Plan, number: int, rungs: list[str], folder: Path, findings: Findings
) -> list[MadeSegment]:
    def make(*, tolerate_damage: bool) -> list[MadeSegment]:
        return encode.make_piece(
            path,
            plan=plan,
            number=number,
            rungs=rungs,
            work_dir=folder,
            nice=0,
            tolerate_damage=tolerate_damage,
        )

    try:
        return make(tolerate_damage=False)
    except (DamagedPiece, ToolFailed):
        segment = plan.segments(rungs[0])[number]
        end = segment.start_seconds + segment.duration_seconds
        findings.damaged.append((segment.start_seconds, end))
        return make(tolerate_damage=True)


def _join(plan: Plan, rung: str, segments: dict[str, list[MadeSegment]], folder: Path) -> Path:
    path = folder / f"joined-{rung}.mp4"
    parts = [plan.init(rung), *(segment.path.read_bytes() for segment in segments[rung])]
    path.write_bytes(b"".join(parts))
    return path


def _see(path: Path, size: tuple[int, int], layout: Layout) -> Rendition:
    """Decode a rendition as it is stored; what must be turned to be upright is not upright."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        is_full_range = int(stream.codec_context.color_range) == 2
        shape = stream.sample_aspect_ratio
        stored = (stream.codec_context.width, stream.codec_context.height)
    times = path.with_suffix(".times")
    pictures = memoryview(
        ffmpeg(
            *("-noautorotate", "-copyts", "-i", str(path)),
            *("-map", "0:v", "-fps_mode", "passthrough", "-enc_time_base", "1:90000"),
            *("-f", "framecrc", str(times)),
            *("-map", "0:v", "-fps_mode", "passthrough"),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"),
        )
    )
    width, height = stored
    frame = 3 * width * height
    shown = [pictures[at : at + frame] for at in range(0, len(pictures), frame)]
    rows = [line.split(",") for line in times.read_text().splitlines() if line[0] != "#"]
    return Rendition(
        size=stored if stored != size else size,
        numbers=[read_number(picture, width, height, layout) for picture in shown],
        seconds=[int(row[2]) / 90_000 for row in rows],
        bars=read_bars(shown[len(shown) // 2], width, height) if shown else (),
        is_full_range=is_full_range,
        has_square_pixels=not shape or shape == 1,
    )


def _hear(path: Path) -> list[float]:
    """The seconds at which tones begin, on the clock of the playlist."""
    fill = f"aresample={beeps.READ_RATE},aresample=async=1:first_pts=0"
    samples = ffmpeg(
        *("-copyts", "-i", str(path), "-af", fill, "-ac", "1", "-f", "s16le", "pipe:1"),
    )
    return beeps.find(memoryview(samples).cast("h").tolist())


def _picture_faults(source: Source, seen: Rendition) -> list[str]:
    said = _order_faults(source, seen)
    strays = [abs(offset) for offset in _frame_offsets(source, seen)]
    if max(strays, default=0) > source.frame_tolerance_ms:
        said.append(f"a frame is {max(strays):.2f} ms off")
    if not seen.has_square_pixels:
        said.append("the pixels are not square")
    if source.colours == "bars" and distance(seen.bars) > _MOST_COLOUR_DIFFERENCE:
        said.append(f"colours are {seen.bars}")
    if source.colours == "tones":
        said += _tone_faults(seen.bars)
    if seen.is_full_range and not source.is_copied:
        said.append("an encoded rung has full range")
    return said


def _frame_offsets(source: Source, seen: Rendition) -> list[float]:
    """How late each frame is shown, in milliseconds; of a damaged source, frames that are whole."""
    return [
        1000 * (second - float(number / source.rate) + source.origin_seconds)
        for number, second in zip(_numbers_at_their_time(source, seen), seen.seconds, strict=True)
        if number is not None
    ]


def _numbers_at_their_time(source: Source, seen: Rendition) -> list[int | None]:
    """What frames say; of a damaged source only where it can be: decoders guess what is missing."""
    if source.at_least is None:
        return seen.numbers
    time = float(1 / source.rate)
    return [
        number if number is not None and abs(number * time - second) < time / 2 else None
        for number, second in zip(seen.numbers, seen.seconds, strict=True)
    ]


def _order_faults(source: Source, seen: Rendition) -> list[str]:
    if source.at_least is None:
        wanted = list(source.frames)
        if seen.numbers == wanted:
            return []
        wrong = [(n, a, b) for n, (a, b) in enumerate(zip_longest(seen.numbers, wanted)) if a != b]
        return [f"{len(seen.numbers)} of {len(wanted)} frames; (at, is, should be): {wrong[:5]}"]
    right = sum(number is not None for number in _numbers_at_their_time(source, seen))
    return [] if right >= source.at_least else [f"{right} frames, fewer than {source.at_least}"]


def _tone_faults(bars: tuple[Colour, ...]) -> list[str]:
    """After tone mapping, white is bright, greys are grey and each colour is still that colour."""
    said = []
    for (red, green, blue), should in zip(bars, BARS, strict=True):
        seen = (red, green, blue)
        bright = [level for level, wanted in zip(seen, should, strict=True) if wanted]
        dark = [level for level, wanted in zip(seen, should, strict=True) if not wanted]
        if bright and (min(bright) < 90 or max(bright) - min(bright) > 60):
            said.append(f"{should} became {seen}")
        if dark and max(dark) > (60 if not bright else min(bright) - 40):
            said.append(f"{should} became {seen}")
    return said


def _beep_offsets(source: Source, findings: Findings) -> list[float]:
    """How late each tone is heard, in milliseconds; damage makes noises that are none."""
    wanted, heard = [second - source.origin_seconds for second in source.beeps], findings.beeps
    if source.at_least is not None and heard:
        heard = [min(heard, key=lambda second: abs(second - at)) for at in wanted]
    return [1000 * (b - a) for a, b in zip(wanted, heard, strict=False)]


def _sound_faults(source: Source, findings: Findings) -> list[str]:
    if source.at_least is None and len(findings.beeps) != len(source.beeps):
        wanted = [round(second - source.origin_seconds, 3) for second in source.beeps]
        return [f"beeps at {findings.beeps}, not at {wanted}"]
    most = max(map(abs, _beep_offsets(source, findings)), default=0)
    offset = av_offset_ms(source, findings)
    if max(most, offset or 0) > MOST_AV_OFFSET_MS:
        return [f"sound is {offset or most:.1f} ms off"]
    return []
