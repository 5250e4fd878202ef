from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ffmpeg.boxes import (
    Sample,
    boxes,
    find,
    read_media,
    split,
    with_delay,
    write_audio,
    write_media,
)
from media.ffmpeg.errors import UnexpectedOutput
from tests.unit.media.ffmpeg.factories import FAKE_INIT


def write(shown: list[int], *, start: int, end: int, delay: int = 9000) -> bytes:
    samples = [Sample(time, 10, index == 0) for index, time in enumerate(shown)]
    return write_media(samples, b"x" * 10 * len(shown), number=3, start=start, end=end, delay=delay)


def test_what_is_written_can_be_read() -> None:
    samples, payload = read_media(write([0, 9000, 3000, 6000], start=0, end=12000))
    assert [sample.shown_at - 9000 for sample in samples] == [0, 9000, 3000, 6000]
    assert [sample.is_sync for sample in samples] == [True, False, False, False]
    assert payload == b"x" * 40


@given(
    shown=st.lists(st.integers(1, 10**7), min_size=1, max_size=60, unique=True),
    start=st.integers(0, 10**9),
    delay=st.integers(200, 90_000),
)
def test_no_frame_is_shown_before_it_is_decoded(shown: list[int], start: int, delay: int) -> None:
    """Whatever the order and the distances: offsets are positive, decode times ascend."""
    times = [start, *(start + time for time in shown)]
    end = max(times) + 1
    data = write(times, start=start, end=end, delay=delay)
    trun = data.index(b"trun") + 16
    rows = [data[trun + 16 * n : trun + 16 * n + 16] for n in range(len(times))]
    durations = [int.from_bytes(row[:4], "big") for row in rows]
    offsets = [int.from_bytes(row[12:], "big", signed=True) for row in rows]
    assert sum(durations) == end - start
    assert min(durations) > 0
    assert min(offsets) >= 0
    assert [sample.shown_at - delay for sample in read_media(data)[0]] == times


@pytest.mark.parametrize(("start", "end"), [(1, 12000), (0, 6000)])
def test_frames_outside_the_segment_are_an_error(start: int, end: int) -> None:
    with pytest.raises(UnexpectedOutput):
        write([0, 6000], start=start, end=end)


def test_audio_frames_are_of_equal_length() -> None:
    samples, payload = read_media(write_audio([3, 4, 5], b"abcdefghijkl", number=0, start=2048))
    assert [sample.shown_at for sample in samples] == [2048, 3072, 4096]
    assert [sample.size_bytes for sample in samples] == [3, 4, 5]
    assert payload == b"abcdefghijkl"


def test_an_edit_list_is_put_into_the_track() -> None:
    init = with_delay(FAKE_INIT, 9000)
    assert [box.name for box in boxes(init)] == [b"ftyp", b"moov"]
    (edits,) = find(init, b"moov", b"trak", b"edts", b"elst")
    assert int.from_bytes(init[edits.start + 12 : edits.start + 16], "big") == 9000


def test_split_needs_a_moov() -> None:
    with pytest.raises(UnexpectedOutput):
        split(b"\0\0\0\x08free")


@given(st.binary(max_size=200))
def test_broken_boxes_end_the_walk(data: bytes) -> None:
    assert all(box.end <= len(data) for box in boxes(data))
