"""Make the plan of an inspected source: where to cut, which rungs, what can be copied."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise

from media.ffmpeg.boxes import with_delay
from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.facts import AudioFacts, Inspection, Timeline, VideoFacts
from media.ffmpeg.ladder import MAX_SHORT_SIDE_PX, Rung, rungs_for, size_of
from media.ffmpeg.plan import (
    AUDIO_FRAME_SAMPLES,
    AUDIO_SAMPLE_RATE,
    AudioPlan,
    Begun,
    Plan,
    PlannedRung,
    VideoPlan,
)
from media.ffmpeg.subtitles import plan_subtitles

#: The lengths of the first pieces, which somebody is waiting for, and then of all that follow.
PIECE_SECONDS = (1.0, 2.0, 3.0, 6.0)

#: A last piece or segment shorter than this is joined to the one before it.
_SHORTEST_LAST_SECONDS = 1.0

#: How far a keyframe is from the next one if it can be sought without meeting that.
_FAR_SECONDS = Fraction(3, 4)
#: A little more than the 3/23 s that FFmpeg looks earlier in Matroska and others.
_SEEK_LATER_SECONDS = Fraction(14, 100)
#: As much as decoding may be ahead of showing: sixteen frames at 32 a second.
_SEEK_EARLIER_SECONDS = Fraction(1, 2)

#: A copied rendition may have this many bits per pixel, or this many per second if that is more.
_COPY_BITS_PER_PIXEL = 0.17
_COPY_ALWAYS_BPS = 1_500_000
#: So many times that, once pieces were made for it: the rate changes while a file arrives.
_COPY_BEGUN_LENIENCY = 1.25
_COPY_MAX_SHORT_SIDE_PX = 2160
_COPY_MAX_AUDIO_BPS = 256_000

#: A copy cannot begin with silence. Players jump over a hole of this length, not over longer ones.
_COPY_MOST_SILENCE_SECONDS = Fraction(1, 10)

#: Codecs whose chroma samples lie between four pixels; those of all others, between two.
_CENTRED_CHROMA = ("mjpeg", "mpeg1video")

#: What an encoded rung takes on average, as a part of its maximum; an estimate for playlists.
_AVERAGE_OF_MAX = 0.6

_AUDIO_BPS_PER_CHANNEL = 64_000


def make_plan(
    inspection: Inspection,
    *,
    max_short_side_px: int = MAX_SHORT_SIDE_PX,
    piece_seconds: Sequence[float] = PIECE_SECONDS,
    may_copy_video: bool = True,
    begun: Begun | None = None,
) -> Plan:
    """Decide every boundary, rung and setting. The same inspection always gives the same plan.

    `may_copy_video` False has the top rung encoded even where the source is fit to be copied.
    Pieces of the same file that were `begun` stand, unless what is known now contradicts them.
    Raises UnreadableMedia if the source has nothing that can be played.
    """
    facts, video, audio = inspection.probe, None, None
    lengths = [Fraction(seconds) for seconds in piece_seconds]
    origin = Fraction(0)
    if facts.video and inspection.video and inspection.video.frames:
        timeline = inspection.video
        if not may_copy_video:
            timeline = replace(timeline, copy_init=b"")
        video = _plan_video(facts.video, timeline, lengths, max_short_side_px, begun)
        origin = video.bounds[0] * video.time_base
    elif facts.audio and inspection.audio and inspection.audio.frames:
        origin = inspection.audio.frames[0] * facts.audio.time_base
    if facts.audio and inspection.audio and inspection.audio.frames:
        audio = _plan_audio(facts.audio, inspection.audio, lengths, origin)
    if video is None and audio is None:
        raise UnreadableMedia("nothing-to-play", "The file has neither picture nor sound.")
    ends = []
    if video:
        ends.append((video.bounds[-1] - video.bounds[0]) * video.time_base)
    if audio:
        ends.append(Fraction(audio.marks[-1], audio.sample_rate))
    return Plan(
        origin_seconds=origin,
        duration_seconds=float(max(ends)),
        video=video,
        audio=audio,
        subtitles=plan_subtitles(facts.subtitles),
    )


def _plan_video(
    facts: VideoFacts,
    timeline: Timeline,
    lengths: Sequence[Fraction],
    max_short_side_px: int,
    begun: Begun | None,
) -> VideoPlan:
    frames, base = timeline.frames, facts.time_base
    span = (timeline.end - frames[0]) * base
    is_copied = bool(timeline.copy_init) and _is_sane_to_copy(facts, timeline, span, begun)
    bounds = cut(
        frames,
        timeline.keys,
        timeline.end,
        time_base=base,
        lengths=lengths,
        must_use_keys=is_copied,
        begun=begun.bounds if begun else (),
    )
    at = [bisect_left(frames, bound) for bound in bounds]
    so_far = [0, *accumulate(timeline.sizes)] if timeline.sizes else [0] * (len(frames) + 1)
    sizes = tuple(so_far[b] - so_far[a] for a, b in pairwise(at))
    frame_rate = Fraction(len(frames)) / span if len(frames) > 1 else facts.frame_rate
    seconds = [(b - a) * base for a, b in pairwise(bounds)]
    is_key_each = len(timeline.keys) == len(frames)
    seeks = (
        seek(timeline.keys, bound, time_base=base, is_key_each=is_key_each)
        for bound in bounds[1:-1]
    )
    plan = VideoPlan(
        stream_index=facts.stream_index,
        time_base=base,
        bounds=bounds,
        frames=tuple(b - a for a, b in pairwise(at)),
        sizes=sizes,
        frame_rate=frame_rate.limit_denominator(1001),
        rungs=_plan_rungs(facts, timeline, sizes, seconds, max_short_side_px, is_copied),
        is_interlaced=facts.is_interlaced,
        is_hdr=facts.is_hdr,
        color_primaries=facts.color_primaries,
        color_transfer=facts.color_transfer,
        color_space=facts.color_space,
        is_full_range=facts.is_full_range,
        has_plain_pixels=_has_plain_pixels(facts),
        has_centred_chroma=facts.codec in _CENTRED_CHROMA,
        seeks=(None, *seeks),
    )
    if not is_copied:
        return plan
    copied, *encoded = plan.rungs
    copied = replace(copied, init=with_delay(timeline.copy_init, plan.delay))
    return replace(plan, rungs=(copied, *encoded))


def cut(
    frames: Sequence[int],
    keys: Sequence[int],
    end: int,
    *,
    time_base: Fraction,
    lengths: Sequence[Fraction],
    must_use_keys: bool = False,
    begun: Sequence[int] = (),
) -> tuple[int, ...]:
    """Boundaries of pieces: each is a timestamp of a frame, the last one is `end`.

    The last of `lengths` is that of all pieces that follow. Keyframes are used where they are close
    enough, since nothing is decoded in vain then; or always, if packets are to be copied. Else any
    frame will do, and so it will for the ends of the first pieces. Boundaries that were `begun`
    with stand if there is such a frame, or keyframe, at each of them.

    >>> tenths = {"time_base": Fraction(1, 10), "lengths": (Fraction(2), Fraction(6))}
    >>> cut(range(0, 100), [0, 50], 100, **tenths, must_use_keys=True)
    (0, 50, 100)
    >>> cut(range(0, 100), [0, 50], 100, **tenths)
    (0, 20, 100)
    >>> cut(range(0, 100), [0], 100, **tenths)
    (0, 20, 80, 100)
    """
    *firsts, usual = (math.ceil(length / time_base) for length in lengths)
    inner = [key for key in keys if frames[0] < key < end]
    gaps = [b - a for a, b in pairwise([frames[0], *inner, end])]
    marks: Sequence[int] = inner if must_use_keys or max(gaps) <= usual else frames
    allowed = keys if must_use_keys else frames
    bounds = [frames[0]]
    if begun and begun[0] == frames[0] and {*begun} <= {frames[0], *allowed, end}:
        bounds = list(begun)
    for length in firsts[len(bounds) - 1 :]:
        found = _first_end(allowed, marks, bounds[-1] + length, stretch=length // 4)
        if found is None or found >= end:
            break
        bounds.append(found)
    while (found := _next_end(marks, bounds[-1] + usual * 3 // 4, bounds[-1] + usual)) is not None:
        if found >= end:
            break
        bounds.append(found)
    if len(bounds) > 1 and (end - bounds[-1]) * time_base < _SHORTEST_LAST_SECONDS:
        bounds.pop()
    return (*bounds, end)


def _first_end(frames: Sequence[int], keys: Sequence[int], target: int, stretch: int) -> int | None:
    """Where a first piece ends: at a keyframe if one comes soon enough, else at any frame."""
    key = _at_or_after(keys, target)
    if key is not None and key <= target + stretch:
        return key
    return _at_or_after(frames, target)


def _next_end(marks: Sequence[int], earliest: int, target: int) -> int | None:
    """The last mark up to `target`, unless it is before `earliest`; then the next one."""
    at = bisect_right(marks, target) - 1
    return marks[at] if at >= 0 and marks[at] >= earliest else _at_or_after(marks, target)


def _at_or_after(marks: Sequence[int], target: int) -> int | None:
    at = bisect_left(marks, target)
    return marks[at] if at < len(marks) else None


def seek(keys: Sequence[int], tick: int, *, time_base: Fraction, is_key_each: bool) -> int | None:
    """What to seek, so that FFmpeg begins with the last keyframe up to `tick`, or before it.

    Some demuxers find a keyframe by the time it is shown at, others by that at which it is decoded,
    and for some FFmpeg looks 3/23 s earlier than it is asked to. So a little later than the
    keyframe is asked for; or, where others follow soon, as much before it as decoding may be ahead.
    None where there is nothing to seek.

    >>> tenths = {"time_base": Fraction(1, 100), "is_key_each": False}
    >>> seek([0, 300, 600], 300, **tenths), seek([0, 300, 600], 599, **tenths)
    (314, 314)
    >>> seek([0, 300, 340], 320, **tenths), seek([10], 5, **tenths)
    (250, None)
    """
    number = bisect_right(keys, tick) - 1
    if number < 0:
        return None
    key = keys[number]
    if number + 1 == len(keys) or (keys[number + 1] - key) * time_base >= _FAR_SECONDS:
        return key + round(_SEEK_LATER_SECONDS / time_base)
    if not is_key_each:
        key -= round(_SEEK_EARLIER_SECONDS / time_base)
    return key if key > keys[0] else None


def _is_sane_to_copy(
    facts: VideoFacts, timeline: Timeline, span: Fraction, begun: Begun | None
) -> bool:
    """Whether viewers should get the source's own bits: not too many of them per second."""
    if begun is not None and begun.plan.copied_rung is None:
        return False
    pixels_per_second = facts.width * facts.height * len(timeline.frames) / float(span)
    most = max(_COPY_BITS_PER_PIXEL * pixels_per_second, _COPY_ALWAYS_BPS)
    if begun is not None:
        most *= _COPY_BEGUN_LENIENCY
    bits_per_second = sum(timeline.sizes) * 8 / float(span)
    return facts.short_side_px <= _COPY_MAX_SHORT_SIDE_PX and bits_per_second <= most


def _has_plain_pixels(facts: VideoFacts) -> bool:
    is_even = facts.width % 2 == facts.height % 2 == 0
    is_usual = not (facts.is_hdr or facts.is_full_range)
    return facts.pix_fmt == "yuv420p" and is_even and is_usual


def _plan_rungs(
    facts: VideoFacts,
    timeline: Timeline,
    sizes: Sequence[int],
    seconds: Sequence[Fraction],
    max_short_side_px: int,
    is_copied: bool,
) -> tuple[PlannedRung, ...]:
    planned = []
    cap = max_short_side_px
    if is_copied:
        bits = [size * 8 / duration for size, duration in zip(sizes, seconds, strict=True)]
        planned.append(
            PlannedRung(
                name=f"{facts.short_side_px}p",
                width=facts.width,
                height=facts.height,
                is_copy=True,
                preset="",
                crf=0,
                max_kbps=0,
                peak_bps=math.ceil(max(bits)),
                average_bps=math.ceil(sum(sizes) * 8 / sum(seconds)),
            )
        )
    rungs = rungs_for(facts.short_side_px, max_short_side_px=cap)
    if is_copied and rungs[0].short_side_px >= 0.9 * facts.short_side_px:
        rungs = rungs[1:]
    speed = math.sqrt(max(float(facts.frame_rate) / 30, 1.0))
    planned += [_plan_rung(facts, rung, speed) for rung in rungs]
    return tuple(planned)


def _plan_rung(facts: VideoFacts, rung: Rung, speed: float) -> PlannedRung:
    width, height = size_of(facts.display_width, facts.display_height, rung.short_side_px)
    max_kbps = round(rung.max_kbps * min(speed, 2.0))
    return PlannedRung(
        name=rung.name,
        width=width,
        height=height,
        is_copy=False,
        preset=rung.preset,
        crf=rung.crf,
        max_kbps=max_kbps,
        peak_bps=round(max_kbps * 1000 * 1.35),
        average_bps=round(max_kbps * 1000 * _AVERAGE_OF_MAX),
        options=rung.options,
    )


def _plan_audio(
    facts: AudioFacts, timeline: Timeline, lengths: Sequence[Fraction], origin: Fraction
) -> AudioPlan | None:
    """Segments of the sound; None if none of it is at or after the origin."""
    span = timeline.end * facts.time_base - origin
    if span <= 0:
        return None
    is_copied = bool(timeline.copy_init) and facts.bit_rate_bps <= _COPY_MAX_AUDIO_BPS
    if is_copied:
        start = math.ceil(origin / facts.time_base)
        packets = timeline.frames[bisect_left(timeline.frames, start) :]
        is_late = (
            bool(packets) and packets[0] * facts.time_base - origin > _COPY_MOST_SILENCE_SECONDS
        )
        if packets and not is_late:
            return _plan_copied_audio(facts, timeline, packets, lengths, origin)
    frames = max(math.ceil(span * AUDIO_SAMPLE_RATE / AUDIO_FRAME_SAMPLES), 1)
    cuts = cut_audio(frames, Fraction(AUDIO_FRAME_SAMPLES, AUDIO_SAMPLE_RATE), lengths)
    channels = min(facts.channels, 2)
    return AudioPlan(
        stream_index=facts.stream_index,
        is_copy=False,
        time_base=facts.time_base,
        sample_rate=AUDIO_SAMPLE_RATE,
        channels=channels,
        bit_rate_bps=_AUDIO_BPS_PER_CHANNEL * channels,
        marks=tuple(frame * AUDIO_FRAME_SAMPLES for frame in cuts),
    )


def _plan_copied_audio(
    facts: AudioFacts,
    timeline: Timeline,
    packets: Sequence[int],
    lengths: Sequence[Fraction],
    origin: Fraction,
) -> AudioPlan:
    frame_seconds = Fraction(AUDIO_FRAME_SAMPLES, facts.sample_rate)
    cuts = cut_audio(len(packets), frame_seconds, lengths)
    start = round((packets[0] * facts.time_base - origin) * facts.sample_rate)
    return AudioPlan(
        stream_index=facts.stream_index,
        is_copy=True,
        time_base=facts.time_base,
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        bit_rate_bps=facts.bit_rate_bps,
        marks=tuple(start + frame * AUDIO_FRAME_SAMPLES for frame in cuts),
        bounds=(*(packets[frame] for frame in cuts[:-1]), timeline.end),
        init=timeline.copy_init,
    )


def cut_audio(frames: int, frame_seconds: Fraction, lengths: Sequence[Fraction]) -> tuple[int, ...]:
    """Boundaries of audio segments, counted in frames.

    >>> cut_audio(800, Fraction(1024, 48000), (Fraction(1), Fraction(2), Fraction(6)))
    (0, 47, 141, 423, 705, 800)
    """
    *firsts, usual = (math.ceil(length / frame_seconds) for length in lengths)
    first_cuts = list(accumulate(firsts, initial=0))
    cuts = [cut for cut in first_cuts if cut < frames]
    cuts += range(first_cuts[-1] + usual, frames, usual)
    if len(cuts) > 1 and (frames - cuts[-1]) * frame_seconds < _SHORTEST_LAST_SECONDS:
        cuts.pop()
    return (*cuts, frames)
