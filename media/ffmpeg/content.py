"""Let the ladder follow the content: a slide show must not cost what a football match costs.

A few frames at a few places tell how many bits the content needs (`sample`), and the source's own
packets tell how many it can need at most. Where a rung is so cheap that nearly every link carries
it, the rungs below would cost processors and disk and help nobody: they are left out (`follow`).
The result is part of the plan, so all workers and playlists agree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from media.ffmpeg.child_process import ask
from media.ffmpeg.command import KEYFRAME_SECONDS
from media.ffmpeg.facts import Inspection, Timeline
from media.ffmpeg.plan import VIDEO_TIMESCALE, Plan, PlannedRung, VideoPlan
from media.ffmpeg.run import Watch

#: What nearly every link carries: below a rung that needs no more, only the small one is made.
ENOUGH_KBPS = 700

#: What a bad link carries: below a small rung that needs no more, nothing is made.
ENOUGH_OF_SMALL_KBPS = 250

#: The largest rung up to this size is always made: for small screens, bad links, and to begin with.
SMALL_SHORT_SIDE_PX = 360

#: Shorter videos get the whole ladder: looking at them would cost what leaving out rungs saves.
SHORTEST_SECONDS = 12.0

_FRAMES = 4
_PLACES = 4
#: With fewer places than that, too little of a source is seen to judge it.
_LEAST_PLACES = 3
_TIMEOUT_SECONDS = 10.0

#: How much more our H.264 may take than the source does, for the same picture.
_MORE_THAN_SOURCE = {"h264": 1.3, "hevc": 2.3, "vp9": 2.2, "av1": 2.8}

#: What the encoders of the ladder need of what the fast one took, for a still picture and for
#: what moves; and how that grows with the pixels: neighbours in a large picture are more alike.
_OF_STILL, _OF_MOTION = 0.7, 0.6
_STILL_BY_PIXELS, _MOTION_BY_PIXELS = 0.55, 0.85
_BITS_BY_PIXELS = 0.75

#: What a rung takes on average and at most, as a part of what its busiest seconds need.
_AVERAGE_OF_NEED, _PEAK_OF_NEED = 0.6, 1.35


#: The frames that were looked at may stand still in the middle of motion, but not more than so.
_MOST_BUSIER = 10.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a frame took by itself, and what those after it took, on average, at one place.

    `busier` is how many bytes frames have in the source until the next keyframe, as a multiple
    of those that were looked at.
    """

    still_bytes: float
    motion_bytes: float
    busier: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a few frames took, encoded small and fast, with so many pixels each."""

    places: tuple[Place, ...]
    pixels: int


def places_to_sample(plan: Plan, inspection: Inspection) -> tuple[tuple[int, ...], ...]:
    """Timestamps of the frames to look at, for each place: from a keyframe on.

    In the heaviest pieces of the source, and spread evenly over it. None where it makes no
    difference, or where too little would be seen.
    """
    video, timeline, facts = plan.video, inspection.video, inspection.probe.video
    if video is None or timeline is None or facts is None:
        return ()
    is_cheap = _need_kbps(video, video.rungs[0], facts.codec, None) <= ENOUGH_KBPS
    if is_cheap or plan.duration_seconds < SHORTEST_SECONDS:
        return ()
    rates = _source_kbps(video)
    by_rate = sorted(range(len(rates)), key=lambda n: (-rates[n], n))
    heaviest, others = by_rate[: _PLACES // 2], sorted(by_rate[_PLACES // 2 :])
    half = _PLACES - len(heaviest)
    spread = [others[len(others) * (2 * n + 1) // (2 * half)] for n in range(half) if others]
    at = (bisect_right(timeline.keys, video.bounds[n]) - 1 for n in (*heaviest, *spread))
    keys = sorted({timeline.keys[n] for n in at if n >= 0})
    if len(keys) < _LEAST_PLACES:
        return ()
    first = (bisect_left(timeline.frames, key) for key in keys)
    return tuple(tuple(timeline.frames[n : n + _FRAMES]) for n in first)


def sample(source: Path, *, plan: Plan, inspection: Inspection) -> Sample | None:
    """Encode a few frames of `source`, small and fast; None where there is nothing to find out.

    Raises FFmpegError. It takes a quarter of a second of CPU time for 1080p.
    """
    places = places_to_sample(plan, inspection)
    if not places or plan.video is None:
        return None
    small = _small_rung(plan.video.rungs)
    answers: list[dict[str, Any]] = []

    def take(message: dict[str, Any], _payload: bytes) -> bool:
        answers.append(message)
        return True

    ask(
        {
            "do": "sample",
            "path": str(source.resolve()),
            "stream_index": plan.video.stream_index,
            "places": places,
            "width": small.width,
            "height": small.height,
        },
        watch=Watch(timeout_seconds=_TIMEOUT_SECONDS, stall_seconds=_TIMEOUT_SECONDS),
        on_message=take,
    )
    found = [numbers for answer in answers for numbers in answer["places"]]
    if len(found) < _LEAST_PLACES or inspection.video is None:
        return None
    return Sample(
        places=tuple(_place(inspection.video, key, sizes) for key, *sizes in found),
        pixels=_pixels(small),
    )


def _place(timeline: Timeline, key: int, sizes: Sequence[int]) -> Place:
    still, *motion = sizes
    first = bisect_right(timeline.frames, key)
    last = bisect_right(timeline.keys, key)
    end = bisect_left(timeline.frames, timeline.keys[last]) if last < len(timeline.keys) else None
    seen, rest = timeline.sizes[first : first + len(motion)], timeline.sizes[first:end]
    busier = fmean(rest) / max(fmean(seen), 1.0) if seen and rest else 1.0
    return Place(
        still_bytes=still,
        motion_bytes=fmean(motion) if motion else still,
        busier=min(max(busier, 1.0), _MOST_BUSIER),
    )


def follow(plan: Plan, *, codec: str, sample: Sample | None) -> Plan:
    """`plan` without the rungs that its content does not need.

    The top rung and the small one always stay, with the settings they have. Playlists say how
    many bits are expected until a rung is complete.
    """
    video = plan.video
    if video is None or plan.duration_seconds < SHORTEST_SECONDS:
        return plan
    needs = {rung.name: _need_kbps(video, rung, codec, sample) for rung in video.rungs}
    small = _small_rung(video.rungs)
    kept = [video.rungs[0]]
    for rung in video.rungs[1:]:
        enough = ENOUGH_KBPS if _pixels(rung) > _pixels(small) else ENOUGH_OF_SMALL_KBPS
        if rung is small or needs[kept[-1].name] > enough:
            kept.append(rung)
    rungs = tuple(_expecting(rung, needs[rung.name]) for rung in kept)
    return replace(plan, video=replace(video, rungs=rungs))


def _need_kbps(video: VideoPlan, rung: PlannedRung, codec: str, sample: Sample | None) -> float:
    """What the busiest seconds of a rung will take; its limit where nothing is known."""
    if rung.is_copy:
        return rung.peak_bps / 1000
    needs = [float(rung.max_kbps)]
    rates = _source_kbps(video)
    if min(rates) > 0 and codec in _MORE_THAN_SOURCE:
        part = _pixels(rung) / _pixels(video.rungs[0])
        needs.append(max(rates) * _MORE_THAN_SOURCE[codec] * part**_BITS_BY_PIXELS)
    if sample is not None:
        needs.append(_sampled_kbps(sample, _pixels(rung), float(video.frame_rate)))
    return min(needs)


def _sampled_kbps(sample: Sample, pixels: int, frame_rate: float) -> float:
    """The rate of the two busiest places, if they went on with a keyframe now and then."""
    more = pixels / sample.pixels
    still = _OF_STILL * more**_STILL_BY_PIXELS / KEYFRAME_SECONDS
    motion = _OF_MOTION * more**_MOTION_BY_PIXELS * frame_rate
    rates = [
        (place.still_bytes * still + place.motion_bytes * place.busier * motion) * 8 / 1000
        for place in sample.places
    ]
    return fmean(sorted(rates)[-2:])


def _source_kbps(video: VideoPlan) -> list[float]:
    """The rate of each piece in the source."""
    seconds = ((b - a) / VIDEO_TIMESCALE for a, b in pairwise(video.marks))
    return [size * 8 / 1000 / s for size, s in zip(video.sizes, seconds, strict=True)]


def _small_rung(rungs: Sequence[PlannedRung]) -> PlannedRung:
    """The largest up to 360p, or the smallest there is."""
    small = (rung for rung in rungs if min(rung.width, rung.height) <= SMALL_SHORT_SIDE_PX)
    return next(small, rungs[-1])


def _expecting(rung: PlannedRung, need_kbps: float) -> PlannedRung:
    if rung.is_copy:
        return rung
    return replace(
        rung,
        peak_bps=min(rung.peak_bps, round(need_kbps * 1000 * _PEAK_OF_NEED)),
        average_bps=min(rung.average_bps, round(need_kbps * 1000 * _AVERAGE_OF_NEED)),
    )


def _pixels(rung: PlannedRung) -> int:
    return rung.width * rung.height
