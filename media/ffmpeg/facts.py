"""What is known about a source: the facts that a plan is made from.

Everything here is plain data. It is filled in by `media.ffmpeg.probe`, which has a child process
read the file.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import sub

from media.ffmpeg.errors import UnreadableMedia, too_long

#: Sound outside of these is no sound that anybody has recorded.
LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE = 1000, 768_000


@dataclass(frozen=True, kw_only=True)
class ProbeLimits:
    """What a source may be at most; beyond it, UnreadableMedia says which limit it broke."""

    duration_seconds: float = 12 * 3600
    pixels: int = 40_000_000
    frames: int = 4_000_000
    frames_times_pixels: int = 8_000_000_000_000
    frames_per_second: int = 1000
    streams: int = 64
    channels: int = 64
    size_bytes: int = 1 << 42


@dataclass(frozen=True, kw_only=True)
class VideoFacts:
    """The video stream. `display_*` is what a viewer sees: after rotation and pixel shape."""

    stream_index: int
    codec: str
    profile: str | None
    width: int
    height: int
    display_width: int
    display_height: int
    rotation: int
    frame_rate: Fraction
    pix_fmt: str
    time_base: Fraction
    bit_rate_bps: int
    color_primaries: int
    color_transfer: int
    color_space: int
    is_full_range: bool
    is_interlaced: bool

    @property
    def is_hdr(self) -> bool:
        """Whether the picture needs tone mapping (PQ or HLG; H.273, 8.2)."""
        return self.color_transfer in (16, 18)

    @property
    def short_side_px(self) -> int:
        """The smaller of what a viewer sees as width and height."""
        return min(self.display_width, self.display_height)


@dataclass(frozen=True, kw_only=True)
class AudioFacts:
    """The audio stream that will be heard."""

    stream_index: int
    codec: str
    profile: str | None
    sample_rate: int
    channels: int
    bit_rate_bps: int
    time_base: Fraction


@dataclass(frozen=True, kw_only=True)
class SubtitleFacts:
    """A subtitle stream that is text, with what the file says of its language and its name."""

    stream_index: int
    language: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What kind of file it is. At least one of `video` and `audio` is there."""

    container: str
    duration_seconds: float
    size_bytes: int
    video: VideoFacts | None
    audio: AudioFacts | None
    needs_remux: bool
    subtitles: tuple[SubtitleFacts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """When each packet of one stream is presented, in ticks of the stream's time base.

    `frames` are the presented timestamps in ascending order, `keys` those of the keyframes at
    which decoding can start, `end` is where the last frame ends. `sizes` are the packets' bytes
    in the order of `frames`. `copy_init` is the fMP4 init of the stream as it is, where its packets
    can be served without encoding them; `copy_refusal` says why they cannot.
    """

    frames: Sequence[int]
    keys: Sequence[int]
    end: int
    sizes: Sequence[int] = ()
    copy_init: bytes = b""
    copy_refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """All that one look at a source gives: its facts, and when its frames are presented.

    A source that `needs_remux` has no timelines: remux it, then inspect the result.
    """

    probe: Probe
    video: Timeline | None = None
    audio: Timeline | None = None
    notes: tuple[str, ...] = field(default=())


def ticks(values: Sequence[int]) -> array[int]:
    """A compact sequence of timestamps."""
    return array("q", values)


def check_limits(inspection: Inspection, limits: ProbeLimits) -> None:
    """Raise UnreadableMedia if what was found in a source is beyond `limits`.

    The child that reads sources has looked already, so that it ends early; but nothing that it
    says about a hostile file is relied on.
    """
    facts = inspection.probe
    if facts.size_bytes > limits.size_bytes:
        raise UnreadableMedia("too-large", "The file is larger than this server accepts.")
    seconds = max(facts.duration_seconds, _extent_seconds(inspection))
    if not seconds <= limits.duration_seconds:  # True for NaN as well.
        raise too_long(limits.duration_seconds)
    if facts.audio is not None:
        _check_sound(facts.audio, limits)
    if facts.video is not None:
        _check_picture(facts.video, inspection.video, seconds, limits)


def _extent_seconds(inspection: Inspection) -> float:
    """From the first moment of picture or sound to the last; they may lie far apart."""
    facts = inspection.probe
    pairs = ((facts.video, inspection.video), (facts.audio, inspection.audio))
    spans = [
        (timeline.frames[0] * stream.time_base, timeline.end * stream.time_base)
        for stream, timeline in pairs
        if stream is not None and timeline is not None and timeline.frames
    ]
    if not spans:
        return 0.0
    return float(max(end for _, end in spans) - min(start for start, _ in spans))


def _check_sound(audio: AudioFacts, limits: ProbeLimits) -> None:
    if not 0 < audio.channels <= limits.channels:
        raise UnreadableMedia(
            "cannot-decode", f"The sound has {audio.channels} channels, more than can be mixed."
        )
    if not LOWEST_SAMPLE_RATE <= audio.sample_rate <= HIGHEST_SAMPLE_RATE:
        raise UnreadableMedia(
            "cannot-decode", f"The sound has {audio.sample_rate} samples in a second."
        )


def _check_picture(
    video: VideoFacts, timeline: Timeline | None, seconds: float, limits: ProbeLimits
) -> None:
    pixels = video.width * video.height
    if pixels > limits.pixels:
        raise UnreadableMedia(
            "too-many-pixels",
            f"The picture is {video.width}×{video.height}, larger than is accepted.",
        )
    times = timeline.frames if timeline is not None else ()
    frames = len(times) or seconds * float(video.frame_rate)
    if frames > limits.frames or frames * pixels > limits.frames_times_pixels:
        raise UnreadableMedia("too-many-frames", "The video has more frames than is accepted.")
    most = limits.frames_per_second
    one_second = math.floor(1 / video.time_base)
    if min(map(sub, times[most:], times), default=one_second) < one_second:
        raise UnreadableMedia(
            "too-many-frames", f"The video has more than {most} frames in a second."
        )
