from __future__ import annotations

from array import array

from media.ffmpeg.sample_table import track_table
from media.ffmpeg.timelines import Packets


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


def test_leading_pictures_make_a_group_open() -> None:
    closed = Packets(shown_at=array("q", [0, 2, 1, 3, 5, 4]), key_indexes=array("q", [0, 3]))
    opened = Packets(shown_at=array("q", [0, 2, 1, 4, 3, 5]), key_indexes=array("q", [0, 3]))
    assert closed.is_closed()
    assert not opened.is_closed()


def test_what_is_shown_before_the_first_keyframe_is_left_out() -> None:
    packets = Packets(
        shown_at=array("q", [2, 0, 1, 3]),
        sizes=array("q", [9, 8, 7, 6]),
        key_indexes=array("q", [0]),
    )
    assert packets.presented() == (array("q", [2, 3]), array("q", [9, 6]))
