"""Every rendition holds exactly what the source shows, and its segments join."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from media.ffmpeg.boxes import find, read_media
from tests.integration.media.ffmpeg.clips import NAMES, clip, presented
from tests.integration.media.ffmpeg.conftest import Made

Make = Callable[[str], Made]
SOUND_ONLY = ("m4a", "mp3", "opus", "flac")
SILENT = (
    *("silent", "open-gop", "vfr", "screen", "odd-size", "wide-pixels", "one-frame"),
    *("interlaced", "hlg", "microseconds", "gif"),
)
WITH_PICTURE = [name for name in NAMES if name not in SOUND_ONLY]
WITH_SOUND = [name for name in NAMES if name not in SILENT]


@pytest.mark.parametrize("name", WITH_PICTURE)
def test_every_presented_frame_is_there_exactly_once(make: Make, name: str) -> None:
    made = make(name)
    shown = presented(made.source)
    origin = shown[0][0]
    for rung in made.plan.rung_names:
        if rung == "audio":
            continue
        times = [tick for tick, _ in presented(made.joined(rung))]
        assert len(times) == len(shown), rung
        assert max(abs(a - (b[0] - origin)) for a, b in zip(times, shown, strict=True)) <= 1, rung


@pytest.mark.parametrize("name", WITH_PICTURE)
def test_video_segments_follow_one_another_to_the_tick(make: Make, name: str) -> None:
    made = make(name)
    assert made.plan.video
    for rung in made.plan.rung_names[: len(made.plan.video.rungs)]:
        spans = [span_of(segment.path.read_bytes()) for segment in made.segments[rung]]
        marks = made.plan.video.marks
        assert spans == list(pairwise(marks)), rung


@pytest.mark.parametrize("name", WITH_SOUND)
def test_audio_segments_follow_one_another_and_begin_at_zero(make: Make, name: str) -> None:
    made = make(name)
    assert made.plan.audio
    spans = [span_of(segment.path.read_bytes()) for segment in made.segments["audio"]]
    marks = made.plan.audio.marks
    assert spans == list(pairwise(marks))
    assert 0 <= marks[0] < 1024


@pytest.mark.parametrize("name", WITH_SOUND)
def test_sound_is_as_long_as_in_the_source(make: Make, name: str) -> None:
    made = make(name)
    heard = presented(made.joined("audio"), "a:0")
    source = presented(made.source, "a:0")
    seconds = source[-1][1] - max(source[0][1], float(made.plan.origin_seconds))
    assert heard[-1][1] == pytest.approx(seconds, abs=0.08)


@pytest.mark.parametrize("name", WITH_PICTURE)
def test_every_segment_begins_with_a_keyframe(make: Make, name: str) -> None:
    made = make(name)
    for rung, segments in made.segments.items():
        for segment in segments if rung != "audio" else ():
            samples, _ = read_media(segment.path.read_bytes())
            assert samples[0].is_sync
            assert samples[0].shown_at == min(sample.shown_at for sample in samples)


def test_no_rendition_is_larger_than_the_source(make: Make) -> None:
    made = make("cfr")
    assert made.plan.rung_names == ("108p", "audio")


def test_a_rotated_source_is_upright_in_every_rendition(make: Make) -> None:
    made = make("rotated")
    assert made.inspection.probe.video
    assert made.inspection.probe.video.rotation in (90, 270)
    assert made.plan.video
    assert [(rung.width, rung.height) for rung in made.plan.video.rungs] == [(108, 192)]
    matrix = next(find(made.plan.init("108p"), b"moov", b"trak", b"tkhd"))
    upright = made.plan.init("108p")[matrix.start + 40 : matrix.start + 44]
    assert upright == b"\0\1\0\0"


def test_odd_sizes_become_even_ones(make: Make) -> None:
    made = make("odd-size")
    assert made.plan.video
    assert [(rung.width, rung.height) for rung in made.plan.video.rungs] == [(100, 56)]


def test_wide_pixels_become_square_ones(make: Make) -> None:
    made = make("wide-pixels")
    assert made.plan.video
    assert [(rung.width, rung.height) for rung in made.plan.video.rungs] == [(256, 108)]


def test_what_is_fit_is_copied_and_the_rest_is_encoded(make: Make) -> None:
    encoded = {name for name in WITH_PICTURE if not make(name).plan.copied_rung}
    assert encoded == {
        *("one-keyframe", "screen", "open-gop", "webm", "edit-list", "interlaced", "hlg"),
        *("odd-size", "wide-pixels", "rotated", "ts-mpeg2", "avi", "hour", "gif"),
    }


def test_sound_is_copied_only_where_it_is_plain_aac_in_mp4(make: Make) -> None:
    plans = {name: make(name).plan.audio for name in WITH_SOUND}
    copied = {name for name, audio in plans.items() if audio and audio.is_copy}
    assert copied == {
        *("cfr", "short", "one-keyframe", "fifth", "m4a"),
        *("rotated", "edit-list", "faststart"),
    }


def test_clips_that_cannot_be_sought_are_remuxed(make: Make) -> None:
    remuxed = {name for name in NAMES if make(name).source != clip(name)}
    assert remuxed == {"ts-mpeg2", "ts-h264", "avi", "mp3"}


def span_of(data: bytes) -> tuple[int, int]:
    """Decode time at which a segment begins and ends, read without the code under test."""
    tfdt = data.index(b"tfdt")
    start = int.from_bytes(data[tfdt + 8 : tfdt + 16], "big")
    trun = data.index(b"trun")
    flags = int.from_bytes(data[trun + 5 : trun + 8], "big")
    count = int.from_bytes(data[trun + 8 : trun + 12], "big")
    if not flags & 0x100:
        return start, start + 1024 * count
    row = 16
    durations = (
        int.from_bytes(data[trun + 16 + row * n : trun + 20 + row * n], "big") for n in range(count)
    )
    return start, start + sum(durations)
