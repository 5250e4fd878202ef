"""Inspections of sources that do not exist."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from media.ffmpeg.facts import AudioFacts, Inspection, Probe, Timeline, VideoFacts

FAKE_INIT = (
    b"\0\0\0\x08ftyp"
    + (8 + 8 + 8 + 8).to_bytes(4, "big")
    + b"moov"
    + (8 + 8 + 8).to_bytes(4, "big")
    + b"trak"
    + (8 + 8).to_bytes(4, "big")
    + b"tkhd"
    + b"\0" * 8
)

VIDEO = VideoFacts(
    stream_index=0,
    codec="h264",
    profile="High",
    width=1920,
    height=1080,
    display_width=1920,
    display_height=1080,
    rotation=0,
    frame_rate=Fraction(30),
    pix_fmt="yuv420p",
    time_base=Fraction(1, 30),
    bit_rate_bps=8_000_000,
    color_primaries=1,
    color_transfer=1,
    color_space=1,
    is_full_range=False,
    is_interlaced=False,
)

AUDIO = AudioFacts(
    stream_index=1,
    codec="aac",
    profile="LC",
    sample_rate=48_000,
    channels=2,
    bit_rate_bps=128_000,
    time_base=Fraction(1, 48_000),
)


def make_inspection(
    *,
    seconds: int = 60,
    key_every: int = 60,
    is_fit: bool = False,
    frame_bytes: int = 30_000,
    start: int = 0,
    sound_is_fit: bool = False,
    **video: Any,
) -> Inspection:
    """An MP4 of 30 frames a second; `start` is its first timestamp, `video` replaces facts."""
    count = seconds * 30
    frames = range(start, start + count)
    packets = range(0, seconds * 48_000, 1024)
    return Inspection(
        probe=Probe(
            container="mp4",
            duration_seconds=seconds,
            size_bytes=count * frame_bytes,
            video=replace(VIDEO, **video),
            audio=AUDIO,
            needs_remux=False,
        ),
        video=Timeline(
            frames=frames,
            keys=frames[::key_every],
            end=start + count,
            sizes=[frame_bytes] * count,
            copy_init=FAKE_INIT if is_fit else b"",
        ),
        audio=Timeline(
            frames=packets,
            keys=(),
            end=packets[-1] + 1024,
            copy_init=FAKE_INIT if sound_is_fit else b"",
        ),
    )
