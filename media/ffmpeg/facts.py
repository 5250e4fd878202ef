"""What is known about a source: the facts that a plan is made from.

Everything here is plain data. It is filled in by `media.ffmpeg.probe`, which has a child process
read the file.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from media.ffmpeg.errors import UnreadableMedia


@dataclass(frozen=True, kw_only=True)
class ProbeLimits:
    """What a source may be at most; beyond it, UnreadableMedia says which limit it broke."""

    duration_seconds: float = 12 * 3600
    pixels: int = 40_000_000
    frames: int = 4_000_000
    frames_times_pixels: int = 8_000_000_000_000
    streams: int = 20
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
    has_b_frames: bool

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


def check_limits(probe: Probe, limits: ProbeLimits) -> None:
    """Raise UnreadableMedia if `probe` is beyond `limits`."""
    if probe.size_bytes > limits.size_bytes:
        raise UnreadableMedia("too-large", "The file is larger than this server accepts.")
    if probe.duration_seconds > limits.duration_seconds:
        hours = limits.duration_seconds / 3600
        raise UnreadableMedia("too-long", f"The file is longer than {hours:g} hours.")
    if probe.video is None:
        return
    pixels = probe.video.width * probe.video.height
    if pixels > limits.pixels:
        raise UnreadableMedia(
            "too-many-pixels",
            f"The picture is {probe.video.width}×{probe.video.height}, larger than is accepted.",
        )
    frames = probe.duration_seconds * float(probe.video.frame_rate)
    if frames > limits.frames or frames * pixels > limits.frames_times_pixels:
        raise UnreadableMedia("too-many-frames", "The video has more frames than is accepted.")
