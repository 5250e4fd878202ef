"""What the first bytes of a growing file say about where its index is."""

import struct
from pathlib import Path

import pytest

from media.ffmpeg.front import Front, Layout, front_of


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


FTYP = box(b"ftyp", b"isom0000")
MOOV = box(b"moov", box(b"mvhd", bytes(100)) + box(b"trak", bytes(40)))


def look(folder: Path, data: bytes, stored_bytes: int | None = None) -> Front:
    path = folder / "growing.part"
    path.write_bytes(data)
    return front_of(path, stored_bytes=len(data) if stored_bytes is None else stored_bytes)


def test_an_index_that_comes_first_is_found_when_it_is_whole(tmp_path: Path) -> None:
    data = FTYP + box(b"free", bytes(20)) + MOOV + box(b"mdat", bytes(50))
    end = data.index(b"mdat") - 4
    assert look(tmp_path, data) == Front(layout=Layout.INDEX_FIRST, needs_bytes=end)


def test_half_an_index_says_how_much_is_needed(tmp_path: Path) -> None:
    data = FTYP + MOOV + box(b"mdat")
    found = look(tmp_path, data, stored_bytes=len(FTYP) + 60)
    assert found == Front(layout=Layout.UNKNOWN, needs_bytes=len(FTYP + MOOV))


def test_bytes_that_are_not_acknowledged_are_not_read(tmp_path: Path) -> None:
    found = look(tmp_path, FTYP + MOOV + box(b"mdat"), stored_bytes=len(FTYP))
    assert found.layout == Layout.UNKNOWN
    assert found.needs_bytes > len(FTYP)


@pytest.mark.parametrize(
    ("data", "layout"),
    [
        (FTYP + box(b"wide") + box(b"mdat", bytes(30)), Layout.INDEX_LAST),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 1 << 33), Layout.INDEX_LAST),
        (FTYP + struct.pack(">I4sQ", 0, b"mdat", 0), Layout.INDEX_LAST),
        (FTYP + box(b"moov", box(b"mvhd", bytes(50)) + box(b"mvex")) + FTYP, Layout.FRAGMENTS),
        (b"\x1a\x45\xdf\xa3" + bytes(40), Layout.CLUSTERS),
        ((b"G" + bytes(187)) * 4, Layout.STREAM),
        ((bytes(4) + b"G" + bytes(187)) * 3, Layout.STREAM),
        (b"G" + bytes(187), Layout.UNKNOWN),
        (b"GIF89a" + bytes(1000), Layout.OTHER),
        (FTYP + struct.pack(">I4sQ", 1, b"moov", 1 << 40), Layout.OTHER),
        (FTYP + struct.pack(">I4s", 3, b"moov") + bytes(30), Layout.OTHER),
        (FTYP + box(b"free") * 200, Layout.OTHER),
    ],
    ids=[
        *("last", "last-64", "to-the-end", "fragments", "mkv", "ts", "ts-192", "ts-or-not", "gif"),
        *("huge", "tiny", "boxes"),
    ],
)
def test_the_layout_is_known_by_the_heads_of_boxes(
    tmp_path: Path, data: bytes, layout: Layout
) -> None:
    assert look(tmp_path, data).layout == layout


def test_a_child_of_no_length_ends_the_look(tmp_path: Path) -> None:
    data = FTYP + box(b"moov", bytes(64)) + box(b"mdat")
    assert look(tmp_path, data).layout == Layout.OTHER
