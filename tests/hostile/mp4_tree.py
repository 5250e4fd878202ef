"""Take an MP4 apart and put it together again with other boxes in it."""

from __future__ import annotations

import struct
from collections.abc import Callable

from media.ffmpeg.boxes import boxes

#: Boxes that hold boxes, and how many bytes of their own stand before them.
_OWN_BYTES = {b"stsd": 8, b"avc1": 78, b"mp4a": 28, b"dref": 8}
STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def box(name: bytes, *content: bytes) -> bytes:
    """A box with its length."""
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), name) + data


def full(name: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def edited(
    data: bytes, *path: bytes, change: Callable[[bytes], bytes], track: int | None = 0
) -> bytes:
    """`data` with the content of the boxes at `path` changed; `b""` removes, None is all tracks.

    The clips have their tables at the end, so that no offset moves.
    """
    parts, seen = [], 0
    for each in boxes(data):
        content = data[each.start : each.end]
        is_meant = each.name == path[0]
        if each.name == b"trak":
            is_meant = is_meant and track in (None, seen)
            seen += 1
        if is_meant and len(path) == 1:
            content = change(content)
        elif is_meant:
            own = _OWN_BYTES.get(each.name, 0)
            inner = edited(content[own:], *path[1:], change=change, track=track)
            content = content[:own] + inner
        parts.append(box(each.name, content) if content or not is_meant else b"")
    return b"".join(parts)


def table(rows: int, *numbers: int, kind: str = "I") -> bytes:
    """The content of a table that says it has `rows`, with these numbers in it."""
    return struct.pack(">II", 0, rows) + struct.pack(f">{len(numbers)}{kind}", *numbers)
