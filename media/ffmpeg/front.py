"""What the front of a file that is still arriving says about how to read the rest of it.

Only magic numbers and the heads of boxes are read, by their lengths (ISO/IEC 14496-12, 4.2), so
this needs no child process: nothing of their contents is believed or interpreted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

#: The longest head of a box: size, name, and a size of 64 bits.
_HEAD_BYTES = 16
#: What may stand before the index, besides the file type.
_PASSED = frozenset({b"ftyp", b"free", b"skip", b"wide", b"uuid", b"pdin", b"styp"})
#: A file with more boxes than this in a row is not worth waiting for.
_MOST_BOXES = 64
_MOST_INDEX_BYTES = 256 << 20

#: The head of an EBML document (RFC 8794), which Matroska and WebM are.
_EBML = b"\x1aE\xdf\xa3"
#: A transport stream is packets that each begin with this byte (H.222.0, 2.4.3): of 188 bytes, or
#: of 192 where a camera puts a time before each.
_TS_SYNC = 0x47
_TS_PACKETS = ((188, 0), (192, 4))
_TS_HEAD_BYTES = 3 * 192


class Layout(StrEnum):
    """Where the index of a file is, or what to do without one."""

    #: Not known before `needs_bytes` are there.
    UNKNOWN = "unknown"
    #: It is there, whole, and everything it names follows.
    INDEX_FIRST = "index-first"
    #: It comes after the pictures.
    INDEX_LAST = "index-last"
    #: An MP4 in fragments: FFmpeg makes an index of those that are there.
    FRAGMENTS = "fragments"
    #: Matroska: its clusters stand alone, behind the head of the file.
    CLUSTERS = "clusters"
    #: A transport stream: it can be read from its beginning only, and is copied into Matroska.
    STREAM = "stream"
    #: None of these.
    OTHER = "other"

    @property
    def is_growing(self) -> bool:
        """Whether each part that arrives tells of itself alone, and nothing of what follows."""
        return self in (Layout.FRAGMENTS, Layout.CLUSTERS, Layout.STREAM)


@dataclass(frozen=True, kw_only=True)
class Front:
    """The layout of a file, as far as so much of it tells.

    `needs_bytes` is where to look again, or else where what is shown begins.
    """

    layout: Layout
    needs_bytes: int = 0


def front_of(path: Path, *, stored_bytes: int) -> Front:
    """Look at the first `stored_bytes` of a growing file. Raises FileNotFoundError."""
    with path.open("rb") as file:
        without_boxes = _without_boxes(file.read(min(_TS_HEAD_BYTES, stored_bytes)))
        if without_boxes is not None:
            return without_boxes
        at = 0
        for _ in range(_MOST_BOXES):
            if at + _HEAD_BYTES > stored_bytes:
                return Front(layout=Layout.UNKNOWN, needs_bytes=at + _HEAD_BYTES)
            size, name = _head(file, at)
            if name == b"mdat":
                return Front(layout=Layout.INDEX_LAST, needs_bytes=at)
            if size < 8 or (at == 0 and name != b"ftyp"):
                break
            if name == b"moov":
                return _index(file, at, size, stored_bytes)
            if name not in _PASSED:
                break
            at += size
    return Front(layout=Layout.OTHER)


def _without_boxes(head: bytes) -> Front | None:
    """What is no MP4, by how it begins; None if it may be one."""
    if head.startswith(_EBML):
        return Front(layout=Layout.CLUSTERS)
    if head[4:8] == b"ftyp":
        return None
    if len(head) < _TS_HEAD_BYTES:
        return Front(layout=Layout.UNKNOWN, needs_bytes=_TS_HEAD_BYTES)
    for packet_bytes, at in _TS_PACKETS:
        if all(byte == _TS_SYNC for byte in head[at::packet_bytes]):
            return Front(layout=Layout.STREAM)
    return None


def _index(file: BinaryIO, start: int, size: int, stored_bytes: int) -> Front:
    """An index that is whole, and whether it is that of all packets or only of the first ones."""
    end = start + size
    if size > _MOST_INDEX_BYTES:
        return Front(layout=Layout.OTHER)
    if end > stored_bytes:
        return Front(layout=Layout.UNKNOWN, needs_bytes=end)
    at = start + 8
    while at + 8 <= end:
        child_bytes, name = _head(file, at)
        if name == b"mvex":
            return Front(layout=Layout.FRAGMENTS, needs_bytes=end)
        if child_bytes < 8:
            return Front(layout=Layout.OTHER)
        at += child_bytes
    return Front(layout=Layout.INDEX_FIRST, needs_bytes=end)


def _head(file: BinaryIO, at: int) -> tuple[int, bytes]:
    """Size and name of the box that begins at `at`; size 0 where it reaches to the end."""
    file.seek(at)
    head = file.read(_HEAD_BYTES).ljust(_HEAD_BYTES, b"\0")
    size, name = struct.unpack(">I4s", head[:8])
    if size == 1:
        size = struct.unpack(">Q", head[8:])[0]
    return size, name
