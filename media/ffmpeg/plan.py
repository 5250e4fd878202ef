"""The plan of a source: every boundary and every setting, before anything is encoded.

A plan is made once per source and stored by the caller as JSON. All workers that encode pieces
of the source, on whatever machine, follow the same plan; that is why their segments join.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from media.ffmpeg import plan_json
from media.ffmpeg.boxes import codec_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: The name of the audio rendition wherever a rung is named.
AUDIO = "audio"

#: The encoder of the second ladder.
AV1 = "libsvtav1"

#: Ticks per second of all video segments.
VIDEO_TIMESCALE = 90_000

#: Audio is encoded to this rate, in frames of this many samples.
AUDIO_SAMPLE_RATE = 48_000
AUDIO_FRAME_SAMPLES = 1024


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One planned segment of one rendition, on the clock of the playlist, which starts at 0."""

    number: int
    start_seconds: float
    duration_seconds: float


@dataclass(frozen=True, kw_only=True)
class PlannedRung:
    """One video rendition. `init` is empty until the plan is completed with `with_inits`.

    `peak_bps` and `average_bps` are exact where the rung is copied, estimates otherwise. `options`
    are the encoder's own, on top of those of the preset.
    """

    name: str
    width: int
    height: int
    is_copy: bool
    preset: str
    crf: float
    max_kbps: int
    peak_bps: int
    average_bps: int
    init: bytes = b""
    options: str = ""
    encoder: str = "libx264"

    @property
    def codecs(self) -> str:
        """The RFC 6381 codec string, for example "avc1.64001f"; needs `init`."""
        return codec_string(self.init)


@dataclass(frozen=True, kw_only=True)
class VideoPlan:
    """The pieces of the picture. Piece n reaches from `bounds[n]` to `bounds[n + 1]`.

    Bounds are presented timestamps of the source in its own `time_base`; `frames[n]` is how many
    frames a piece has, `sizes[n]` how many bytes its packets have in the source, and `seeks[n]`
    what to seek so that FFmpeg begins with the keyframe at or before it (None: begin at the
    beginning). Plain pixels are those that need nothing but scaling: 8 bits, 4:2:0, even sides,
    the usual range and tones. Centred chroma samples lie between four pixels, not between two.
    """

    stream_index: int
    time_base: Fraction
    bounds: tuple[int, ...]
    frames: tuple[int, ...]
    sizes: tuple[int, ...]
    frame_rate: Fraction
    rungs: tuple[PlannedRung, ...]
    is_interlaced: bool
    is_hdr: bool
    color_primaries: int
    color_transfer: int
    color_space: int
    is_full_range: bool
    has_plain_pixels: bool = False
    has_centred_chroma: bool = False
    seeks: tuple[int | None, ...] = ()

    @cached_property
    def marks(self) -> tuple[int, ...]:
        """`bounds` on the clock of the segments: from 0, in ticks of 1/90000 s."""
        return tuple(self.mark(bound) for bound in self.bounds)

    @cached_property
    def delay(self) -> int:
        """How much later than decoded frames are shown, so that none is decoded too late.

        Three frames, which is what the encoders need; the edit lists of all inits take it away.
        """
        if any(rung.encoder == AV1 for rung in self.rungs):
            return 0  # Its frames are shown in the order in which they are decoded.
        return min(max(round(3 * VIDEO_TIMESCALE / self.frame_rate), 900), VIDEO_TIMESCALE)

    def sought(self, number: int) -> int | None:
        """What is sought for piece `number`. Plans of before had bounds alone."""
        return (self.seeks or (None, *self.bounds[1:]))[number]

    def mark(self, tick: int) -> int:
        """A timestamp of the source, on the clock of the segments."""
        exact = (tick - self.bounds[0]) * self.time_base * VIDEO_TIMESCALE
        return math.floor(exact + Fraction(1, 2))


@dataclass(frozen=True, kw_only=True)
class AudioPlan:
    """The segments of the sound. `marks` are their bounds in samples of the rendition, from 0.

    Where it is copied, `bounds` are the same in timestamps of the source and its time base.
    """

    stream_index: int
    is_copy: bool
    time_base: Fraction
    sample_rate: int
    channels: int
    bit_rate_bps: int
    marks: tuple[int, ...]
    bounds: tuple[int, ...] = ()
    init: bytes = b""

    @property
    def codecs(self) -> str:
        """The RFC 6381 codec string: AAC-LC, always."""
        return "mp4a.40.2"


@dataclass(frozen=True, kw_only=True)
class SubtitlePlan:
    """One track of subtitles, in one file for the whole length. `label` is for people.

    `language` is a tag of BCP 47, or empty.
    """

    name: str
    stream_index: int
    language: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that makes the segments of a source join, whoever makes them.

    `origin_seconds` is the moment of the source that is 0 on the clock of the playlists.
    """

    origin_seconds: Fraction
    duration_seconds: float
    video: VideoPlan | None
    audio: AudioPlan | None
    subtitles: tuple[SubtitlePlan, ...] = ()

    @property
    def rung_names(self) -> tuple[str, ...]:
        """Names of all renditions: video from the largest to the smallest, then "audio"."""
        names = tuple(rung.name for rung in self.video.rungs) if self.video else ()
        return (*names, AUDIO) if self.audio else names

    @property
    def subtitle_names(self) -> tuple[str, ...]:
        """Names of all tracks of subtitles; they are no rungs, and have no segments."""
        return tuple(track.name for track in self.subtitles)

    @property
    def piece_count(self) -> int:
        """How many pieces the picture has; 0 for sound alone."""
        return len(self.video.frames) if self.video else 0

    @property
    def copied_rung(self) -> str | None:
        """The rung that is made by copying packets, if there is one."""
        rungs = self.video.rungs if self.video else ()
        return next((rung.name for rung in rungs if rung.is_copy), None)

    def rung(self, name: str) -> PlannedRung:
        """The video rung called `name`; KeyError if there is none."""
        for rung in self.video.rungs if self.video else ():
            if rung.name == name:
                return rung
        raise KeyError(name)

    def segments(self, rung: str) -> tuple[Segment, ...]:
        """All planned segments of a rendition, "audio" included; piece n is video segment n."""
        if rung == AUDIO:
            if self.audio is None:
                raise KeyError(rung)
            return _segments(self.audio.marks, self.audio.sample_rate)
        if self.video is None or rung not in self.rung_names:
            raise KeyError(rung)
        return _segments(self.video.marks, VIDEO_TIMESCALE)

    def init(self, rung: str) -> bytes:
        """The init of a rendition, "audio" included; empty until it is known."""
        if rung == AUDIO:
            return self.audio.init if self.audio else b""
        return self.rung(rung).init

    def with_inits(self, inits: Mapping[str, Path]) -> Plan:
        """This plan with the inits that `make_inits` made, which all later segments must match."""
        video, audio = self.video, self.audio
        if video is not None:
            rungs = (
                replace(rung, init=inits[rung.name].read_bytes()) if rung.name in inits else rung
                for rung in video.rungs
            )
            video = replace(video, rungs=tuple(rungs))
        if audio is not None and AUDIO in inits:
            audio = replace(audio, init=inits[AUDIO].read_bytes())
        return replace(self, video=video, audio=audio)

    def to_json(self) -> dict[str, Any]:
        """This plan as JSON types; `from_json` gives an equal plan back."""
        data: dict[str, Any] = plan_json.dump(self)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        plan: Plan = plan_json.load(data, (cls, VideoPlan, PlannedRung, AudioPlan, SubtitlePlan))
        return plan


@dataclass(frozen=True, kw_only=True)
class Begun:
    """The plan of a file of which only the beginning was known, and how many of its pieces count.

    What follows cannot change those: the others end where the file did at the time.
    """

    plan: Plan
    pieces: int

    @property
    def bounds(self) -> tuple[int, ...]:
        """The boundaries of the pieces that count, in ticks of the picture's time base."""
        return self.plan.video.bounds[: self.pieces + 1] if self.plan.video else ()


def _segments(marks: Sequence[int], rate: int) -> tuple[Segment, ...]:
    return tuple(
        Segment(number=n, start_seconds=a / rate, duration_seconds=(b - a) / rate)
        for n, (a, b) in enumerate(pairwise(marks))
    )
