"""What was found in a source is held against the limits, whatever its headers claim."""

from dataclasses import replace
from fractions import Fraction

import pytest

from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.facts import (
    AudioFacts,
    Inspection,
    Probe,
    ProbeLimits,
    Timeline,
    VideoFacts,
    check_limits,
    ticks,
)

MS = Fraction(1, 1000)

VIDEO = VideoFacts(
    stream_index=0,
    codec="h264",
    profile=None,
    width=100,
    height=100,
    display_width=100,
    display_height=100,
    rotation=0,
    frame_rate=Fraction(10),
    pix_fmt="yuv420p",
    time_base=MS,
    bit_rate_bps=0,
    color_primaries=2,
    color_transfer=2,
    color_space=2,
    is_full_range=False,
    is_interlaced=False,
)
AUDIO = AudioFacts(
    stream_index=1,
    codec="aac",
    profile=None,
    sample_rate=48000,
    channels=2,
    bit_rate_bps=0,
    time_base=MS,
)
PROBE = Probe(
    container="mp4",
    duration_seconds=1.0,
    size_bytes=1,
    video=VIDEO,
    audio=AUDIO,
    needs_remux=False,
)


def found(
    *, frames: range = range(0, 1000, 100), sound: range = range(0, 1000, 20), **facts: object
) -> Inspection:
    return Inspection(
        probe=replace(PROBE, **facts),  # type: ignore[arg-type]  # as given
        video=Timeline(frames=ticks(frames), keys=(), end=frames[-1] + 100),
        audio=Timeline(frames=ticks(sound), keys=(), end=sound[-1] + 20),
    )


def test_an_honest_source_is_within_the_limits() -> None:
    check_limits(found(), ProbeLimits())


YEAR = 365 * 86_400_000


@pytest.mark.parametrize(
    ("inspection", "code"),
    [
        (found(sound=range(YEAR, YEAR + 1000, 20)), "too-long"),
        (found(sound=range(-YEAR, -YEAR + 1000, 20)), "too-long"),
        (found(frames=range(0, YEAR, YEAR // 2)), "too-long"),
        (found(duration_seconds=float("nan")), "too-long"),
        (found(duration_seconds=float("inf")), "too-long"),
        (found(frames=range(1001), video=replace(VIDEO, time_base=MS / 90)), "too-many-frames"),
        (found(video=replace(VIDEO, width=10_000, height=10_000)), "too-many-pixels"),
        (found(audio=replace(AUDIO, channels=255)), "cannot-decode"),
        (found(audio=replace(AUDIO, sample_rate=1)), "cannot-decode"),
        (found(audio=replace(AUDIO, sample_rate=2**32)), "cannot-decode"),
    ],
)
def test_what_the_packets_say_counts(inspection: Inspection, code: str) -> None:
    with pytest.raises(UnreadableMedia) as caught:
        check_limits(inspection, ProbeLimits())
    assert caught.value.code == code


def test_frames_are_counted_and_not_guessed_from_a_rate() -> None:
    with pytest.raises(UnreadableMedia) as caught:
        check_limits(found(frames=range(0, 1000, 2)), ProbeLimits(frames=499))
    assert caught.value.code == "too-many-frames"
