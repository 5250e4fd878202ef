from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from media.ffmpeg.fitness import drift
from media.ffmpeg.sample_table import track_table
from media.ffmpeg.timelines import IndexedTrack, Packets, ReadPackets


def box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def numbers(*values: int) -> bytes:
    return b"".join((value & 0xFFFFFFFF).to_bytes(4, "big") for value in values)


def moov(stts: bytes, ctts: bytes, descriptions: int = 1) -> bytes:
    tables = box(b"stsd", numbers(0, descriptions)) + box(b"stts", stts) + box(b"ctts", ctts)
    tables += box(b"stsz", numbers(0, 0, 3, 7, 8, 9)) + box(b"stss", numbers(0, 2, 1, 3))
    return box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", tables))))


def test_offsets_and_times_are_unrolled() -> None:
    table = track_table(moov(numbers(0, 2, 2, 10, 1, 30), numbers(0, 2, 1, 20, 2, -10)), 0)
    assert table
    assert list(table.decode_times) == [0, 10, 20]
    assert list(table.offsets) == [20, -10, -10]
    assert list(table.sizes) == [7, 8, 9]
    assert list(table.key_indexes) == [0, 2]
    assert table.end == 50


def test_a_table_that_claims_billions_of_samples_is_not_relied_on() -> None:
    assert track_table(moov(numbers(0, 1, 2**31, 1), numbers(0, 0)), 0) is None


def test_offsets_for_more_samples_than_there_are_are_not_relied_on() -> None:
    assert track_table(moov(numbers(0, 1, 2, 10), numbers(0, 1, 3, 1)), 0) is None


def test_sizes_for_fewer_samples_than_there_are_are_not_relied_on() -> None:
    assert track_table(moov(numbers(0, 1, 4, 10), numbers(0, 0)), 0) is None


def test_a_track_that_is_not_there_has_no_table() -> None:
    assert track_table(moov(numbers(0, 0), numbers(0, 0)), 1) is None


def test_a_regular_table_stays_a_range() -> None:
    table = track_table(moov(numbers(0, 1, 3, 10), numbers(0, 0)), 0)
    assert table
    assert table.decode_times == range(0, 30, 10)
    assert list(table.offsets) == []
    assert table.end == 30


@pytest.mark.parametrize("ctts", [numbers(0, 0), numbers(0, 2, 1, 20, 2, -10)])
@pytest.mark.parametrize("edit", [0, -20, 1000])
def test_a_range_says_what_each_number_would(ctts: bytes, edit: int) -> None:
    table = track_table(moov(numbers(0, 1, 3, 10), ctts), 0)
    assert table
    unrolled = replace(table, decode_times=array("q", table.decode_times))
    sample = ReadPackets(key_indexes=array("q", [0]))
    sample.shown_at.append(edit)
    sample.sizes.append(7)
    found = [
        IndexedTrack(table=it, discarded=set(), positions={}).settled(sample)
        for it in (table, unrolled)
    ]
    regular, plain = found
    assert regular
    assert plain
    assert regular.shown_at[0] == edit
    assert list(regular.shown_at) == list(plain.shown_at)
    assert regular.span == plain.span == (min(plain.shown_at), max(plain.shown_at))
    assert [list(it) for it in regular.presented()] == [list(it) for it in plain.presented()]
    assert regular.last_duration == plain.last_duration == 10


@pytest.mark.parametrize(
    "change", [{"shown_at": [5, 16]}, {"sizes": [7, 9]}, {"key_indexes": []}, {"discarded": {1}}]
)
def test_a_table_that_real_packets_contradict_is_not_relied_on(change: dict[str, object]) -> None:
    table = track_table(moov(numbers(0, 1, 3, 10), numbers(0, 0)), 0)
    assert table
    read = {"shown_at": [5, 15], "sizes": [7, 8], "key_indexes": [0]}

    def settled(said: dict[str, object]) -> Packets | None:
        sample = ReadPackets(discarded=set(said.pop("discarded", ())))  # type: ignore[call-overload]
        for name, values in said.items():
            getattr(sample, name).extend(values)
        return IndexedTrack(table=table, discarded=set(), positions={}).settled(sample)

    assert settled(dict(read))
    assert settled(read | change) is None


@pytest.mark.parametrize("step", [1024, 1023, 1030])
def test_a_range_drifts_like_its_numbers(step: int) -> None:
    times = range(5, 5 + 9 * step, step)
    assert drift(times) == drift(list(times)) == 8 * abs(step - 1024)


def test_leading_pictures_make_a_group_open() -> None:
    closed = ReadPackets(shown_at=array("q", [0, 2, 1, 3, 5, 4]), key_indexes=array("q", [0, 3]))
    opened = ReadPackets(shown_at=array("q", [0, 2, 1, 4, 3, 5]), key_indexes=array("q", [0, 3]))
    assert closed.is_closed()
    assert not opened.is_closed()


def test_what_is_shown_before_the_first_keyframe_is_left_out() -> None:
    packets = ReadPackets(
        shown_at=array("q", [2, 0, 1, 3]),
        sizes=array("q", [9, 8, 7, 6]),
        key_indexes=array("q", [0]),
    )
    assert packets.presented() == (array("q", [2, 3]), array("q", [9, 6]))
