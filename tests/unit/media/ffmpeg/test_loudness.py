"""What a measurement says, and how a wave is kept small, without FFmpeg."""

from __future__ import annotations

import json
from array import array

import pytest

from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.loudness import Peaks, loudness_in

SUMMARY = """
[Parsed_ebur128_1 @ 0x1] Summary:

  Integrated loudness:
    I:         {lufs} LUFS
    Threshold: -33.1 LUFS

  Loudness range:
    LRA:         3.1 LU
    Threshold: -43.1 LUFS
    LRA low:   -24.9 LUFS

  True peak:
    Peak:       {peak} dBFS
"""


def test_loudness_is_read_from_the_summary() -> None:
    found = loudness_in(SUMMARY.format(lufs="-22.9", peak="-1.5"))
    assert (found.integrated_lufs, found.true_peak_dbtp) == (-22.9, -1.5)


@pytest.mark.parametrize(("lufs", "peak"), [("-70.0", "-inf"), ("-inf", "-inf"), ("nan", "-90.0")])
def test_of_silence_there_is_nothing_to_tell(lufs: str, peak: str) -> None:
    assert loudness_in(SUMMARY.format(lufs=lufs, peak=peak)).integrated_lufs is None


def test_what_says_nothing_is_an_error() -> None:
    with pytest.raises(UnexpectedOutput):
        loudness_in("Conversion failed!")


def drawn(seconds: float, samples: list[int], *, cut: int = 7) -> list[list[int]]:
    peaks, data = Peaks(seconds), array("h", samples).tobytes()
    for start in range(0, len(data), cut):
        assert peaks.feed(data[start : start + cut])
    document = json.loads(peaks.to_json())
    assert (document["version"], document["duration"]) == (1, seconds)
    found: list[list[int]] = document["peaks"]
    return found


def test_each_part_keeps_its_extremes() -> None:
    wave = [0, 16384, -32768, 100] * 40 + [0, 8192, -8192, 0] * 40
    assert drawn(0.04, wave) == [[-100, 50], [-25, 25]]


@pytest.mark.parametrize("seconds", [0.001, 0.02, 1, 7.5])
def test_the_last_part_may_be_short(seconds: float) -> None:
    pairs = drawn(seconds, [1000] * round(seconds * 8000), cut=1024)
    assert 1 <= len(pairs) <= 1000
    assert set(map(tuple, pairs)) == {(3, 3)}


def test_hours_have_no_more_parts_than_minutes() -> None:
    peaks = Peaks(3 * 3600.0)
    for _ in range(3 * 3600 + 5):
        peaks.feed(b"\1\0" * 8000)
    assert len(json.loads(peaks.to_json())["peaks"]) == 1000
