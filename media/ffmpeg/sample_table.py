"""The sample table of an MP4 file: composition offsets, which FFmpeg's index does not give.

With them, the presented timestamps of every frame are known from the index alone, without
reading the packets; `media.ffmpeg.timelines` checks the result against real packets.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import TypeAlias

from media.ffmpeg.boxes import find

_MOST_MOOV_BYTES = 256 << 20
_MOST_SAMPLES = 8_000_000
#: Before `moov` there are a handful of boxes, or somebody means to keep us busy.
_MOST_BOXES = 10_000
_TABLE = (b"mdia", b"minf", b"stbl")

Numbers: TypeAlias = "array[int] | range"


@dataclass(frozen=True, kw_only=True)
class TrackTable:
    """Of one track: times of each sample in its own timescale, sizes, and which are keyframes.

    Most tracks are regular, and of hours they have a hundred thousand samples while somebody waits:
    what is a range stays one. `offsets` are empty where all are 0.
    """

    decode_times: Numbers
    offsets: array[int]
    sizes: array[int]
    key_indexes: Numbers
    end: int
    descriptions: int
    edits: int


def read_moov(path: Path) -> bytes | None:
    """The content of the `moov` box, or None if there is none of a sane size."""
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            if len(header := file.read(8)) < 8:
                return None
            size, name = struct.unpack(">I4s", header)
            content = size - 8
            if size == 1:
                content = struct.unpack(">Q", file.read(8).rjust(8, b"\0"))[0] - 16
            if name == b"moov":
                return file.read(content) if 0 < content <= _MOST_MOOV_BYTES else None
            if size == 0 or content < 0:
                return None
            file.seek(content, 1)
    return None


def track_table(moov: bytes, index: int) -> TrackTable | None:
    """The table of the track with this index, or None if it is too odd to be relied on."""
    traks = list(find(moov, b"trak"))
    if index >= len(traks):
        return None
    trak = traks[index]
    found = {
        name: [moov[box.start + 4 : box.end] for box in find(moov, *_TABLE, name, within=trak)]
        for name in (b"stts", b"ctts", b"stsd", b"stsz", b"stss")
    }
    if any(len(found[name]) != 1 for name in (b"stts", b"stsd", b"stsz")):
        return None
    if len(found[b"ctts"]) > 1 or len(found[b"stss"]) > 1:
        return None
    unrolled = _times(found[b"stts"][0])
    if unrolled is None:
        return None
    times, end = unrolled
    offsets = array("i")
    for table in found[b"ctts"]:
        rows = _numbers(table, "i", columns=2)
        counts, values = rows[::2], rows[1::2]
        if min(counts, default=0) < 0 or sum(counts) > len(times):
            return None
        offsets.extend(chain.from_iterable(map(repeat, values, counts)))
    if offsets:
        offsets.extend(repeat(0, len(times) - len(offsets)))
    sizes = _numbers(found[b"stsz"][0][4:])
    if len(sizes) != len(times):
        return None
    keys: Numbers = range(len(times))
    for table in found[b"stss"]:
        keys = array("q", (number - 1 for number in _numbers(table)))
    return TrackTable(
        decode_times=times,
        offsets=offsets,
        sizes=sizes,
        key_indexes=keys,
        end=end,
        descriptions=int.from_bytes(found[b"stsd"][0][:4], "big"),
        edits=sum(
            int.from_bytes(moov[box.start + 4 : box.start + 8], "big")
            for box in find(moov, b"edts", b"elst", within=trak)
        ),
    )


def _times(table: bytes) -> tuple[Numbers, int] | None:
    """When each sample is decoded, from 0 on, and when the last one ends."""
    runs = list(_pairs(table, ">II"))
    if sum(count for count, _ in runs) > _MOST_SAMPLES:
        return None
    if len(runs) == 1 and runs[0][1]:
        ((count, delta),) = runs
        return range(0, count * delta, delta), count * delta
    times, time = array("q"), 0
    for count, delta in runs:
        times.extend(range(time, time + count * delta, delta) if delta else [time] * count)
        time += count * delta
    return times, time


def _numbers(table: bytes, kind: str = "I", *, columns: int = 1) -> array[int]:
    """The entries of a table of 32-bit numbers that begins with the number of its rows."""
    width = 4 * columns
    body = table[4 : 4 + width * int.from_bytes(table[:4], "big")]
    entries: array[int] = array(kind, body[: len(body) // width * width])
    if sys.byteorder == "little":
        entries.byteswap()
    return entries


def _pairs(table: bytes, layout: str) -> Iterator[tuple[int, int]]:
    """The rows of a run-length table that begins with their number."""
    rows = int.from_bytes(table[:4], "big")
    body = table[4 : 4 + 8 * rows]
    yield from struct.iter_unpack(layout, body[: len(body) // 8 * 8])
