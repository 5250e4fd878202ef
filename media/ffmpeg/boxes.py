"""Boxes of fragmented MP4 (ISO 14496-12): split, read and write what segments are made of.

ffmpeg and PyAV give the coded frames; the fragments around them are written here, so that every
segment begins and ends exactly where the plan says, whatever the source's timestamps are like.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from media.ffmpeg.errors import UnexpectedOutput

#: Flags of a sample that decoding can start at, and of any other (14496-12, 8.8.3.1).
_SYNC, _NOT_SYNC = 0x02000000, 0x01010000

#: The index of a segment has 16 bytes a sample.
_MOST_INDEX_BYTES = 1 << 24

#: Boxes that hold boxes, and how many bytes of their own stand before them.
_OWN_BYTES = {b"stsd": 8, b"avc1": 78, b"av01": 78, b"mp4a": 28, b"meta": 4, b"dref": 8}


@dataclass(frozen=True, slots=True)
class Sample:
    """One coded frame: when it is shown (in ticks of the track), how big it is."""

    shown_at: int
    size_bytes: int
    is_sync: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A box in some bytes: its name, where its content starts, where it ends."""

    name: bytes
    start: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow one another in `data[start:end]`; a broken one ends the walk."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            (size,), header = struct.unpack_from(">Q", data, start + 8), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            return
        yield Box(name, start + header, start + size)
        start += size


def find(data: bytes, *path: bytes, within: Box | None = None) -> Iterator[Box]:
    """All boxes at a path of names, for example `find(init, b"moov", b"trak")`."""
    start, end = (within.start, within.end) if within else (0, len(data))
    for box in boxes(data, start, end):
        if box.name != path[0]:
            continue
        if len(path) == 1:
            yield box
        else:
            inside = Box(box.name, box.start + _OWN_BYTES.get(box.name, 0), box.end)
            yield from find(data, *path[1:], within=inside)


def split(data: bytes) -> tuple[bytes, bytes]:
    """A fragmented file as its init (all up to the end of `moov`) and its media."""
    for box in boxes(data):
        if box.name == b"moov":
            return data[: box.end], data[box.end :]
    raise UnexpectedOutput("a fragmented file has no moov box")


def codec_string(init: bytes) -> str:
    """The RFC 6381 name of the codec that `init` announces, for example "avc1.64001f"."""
    entry = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    for box in find(init, *entry, b"avc1", b"avcC"):
        return f"avc1.{init[box.start + 1 : box.start + 4].hex()}"
    for box in find(init, *entry, b"av01", b"av1C"):
        return _av1_name(init[box.start : box.end])
    for _ in find(init, *entry, b"mp4a"):
        return "mp4a.40.2"
    raise UnexpectedOutput("an init names no known codec")


def _av1_name(record: bytes) -> str:
    """Profile, level, tier and bits of an AV1CodecConfigurationRecord, as its name has them."""
    profile, level = record[1] >> 5, record[1] & 0x1F
    tier = "H" if record[2] & 0x80 else "M"
    bits = (8, 10, 8, 12)[record[2] >> 5 & 0x03]
    return f"av01.{profile}.{level:02}{tier}.{bits:02}"


def read_media(media: bytes) -> tuple[list[Sample], bytes]:
    """The samples of all fragments of a one-track file in decoding order, and their bytes."""
    samples: list[Sample] = []
    payload: list[bytes] = []
    for box in boxes(media):
        if box.name == b"moof":
            samples += _read_moof(media, box)
        elif box.name == b"mdat":
            payload.append(media[box.start : box.end])
    return samples, b"".join(payload)


def first_picture_end(segment: BinaryIO) -> int:
    """How many bytes of a segment that begins with a keyframe hold that picture, and its index.

    Reads the index alone. Raises UnexpectedOutput where there is none.
    """
    head = segment.read(8)
    size = int.from_bytes(head[:4], "big")
    samples: list[Sample] = []
    if head[4:] == b"moof" and 8 < size <= _MOST_INDEX_BYTES:
        try:
            samples, _ = read_media(head + segment.read(size - 8))
        except (struct.error, ValueError) as error:
            raise UnexpectedOutput("a segment has a broken index") from error
    if not samples or not samples[0].is_sync:
        raise UnexpectedOutput("a segment does not begin with a keyframe")
    # After the index stands the head of the box with the samples.
    return size + 8 + samples[0].size_bytes


def with_delay(init: bytes, delay: int) -> bytes:
    """`init` with an edit list: what decodes at time 0 is shown `delay` ticks before its offset.

    It takes the place of one that is there already. It lets `write_media` keep all composition
    offsets positive. Negative ones would do as well for browsers, but FFmpeg shows such a track
    late by its longest offset.
    """
    edits = _box(b"edts", _box(b"elst", struct.pack(">IIIiHH", 0, 1, 0, delay, 1, 0)))
    (moov,) = find(init, b"moov")
    (trak,) = find(init, b"trak", within=moov)
    (head,) = find(init, b"tkhd", within=trak)
    before = next(
        (box for box in find(init, b"edts", within=trak) if box.start - 8 == head.end), None
    )
    old_bytes = before.end - head.end if before else 0
    data = bytearray(init)
    for box in (moov, trak):
        size = box.end - box.start + 8 + len(edits) - old_bytes
        struct.pack_into(">I", data, box.start - 8, size)
    data[head.end : head.end + old_bytes] = edits
    return bytes(data)


def write_media(
    samples: Sequence[Sample], payload: bytes, *, number: int, start: int, end: int, delay: int
) -> bytes:
    """One segment: the samples, in decoding order, shown from `start` until exactly `end`.

    Its decode times begin at `start`, end at `end` and so never overlap those of its neighbours,
    even where frame durations differ wildly; composition offsets include `delay`, which the edit
    list of the init takes away again (`with_delay`).
    """
    shown = sorted(sample.shown_at for sample in samples)
    if not shown or shown[0] != start or end <= shown[-1]:
        raise UnexpectedOutput(f"segment {number} does not fit between {start} and {end}")
    times = _decode_times(samples, shown, end, delay)
    rows = bytearray()
    for sample, time, following in zip(samples, times, [*times[1:], end], strict=True):
        flags = _SYNC if sample.is_sync else _NOT_SYNC
        offset = sample.shown_at + delay - time
        rows += struct.pack(">IIIi", following - time, sample.size_bytes, flags, offset)
    return _fragment(number, start, 0xF01, len(samples), bytes(rows), payload)


def _decode_times(
    samples: Sequence[Sample], shown: Sequence[int], end: int, delay: int
) -> list[int]:
    """The shown times in ascending order, or earlier where a frame would be decoded too late."""
    times = list(shown)
    following = end
    for index in range(len(times) - 1, 0, -1):
        latest = min(samples[index].shown_at + delay, following - 1)
        times[index] = following = min(times[index], latest)
    return times


def write_audio(sizes: Sequence[int], payload: bytes, *, number: int, start: int) -> bytes:
    """One segment of audio frames of 1024 samples each, the first of them at `start`."""
    rows = struct.pack(f">{len(sizes)}I", *sizes)
    return _fragment(number, start, 0x201, len(sizes), rows, payload, default_duration=1024)


def _read_moof(media: bytes, moof: Box) -> list[Sample]:
    samples: list[Sample] = []
    for traf in find(media, b"traf", within=moof):
        defaults = (0, 0, 0)
        time = 0
        for box in boxes(media, traf.start, traf.end):
            if box.name == b"tfhd":
                defaults = _read_defaults(media, box)
            elif box.name == b"tfdt":
                wide = media[box.start] == 1
                (time,) = struct.unpack_from(">q" if wide else ">I", media, box.start + 4)
            elif box.name == b"trun":
                read, time = _read_run(media, box, time, defaults)
                samples += read
    return samples


def _read_defaults(media: bytes, tfhd: Box) -> tuple[int, int, int]:
    """Duration, size and flags of samples whose run does not say them."""
    flags = int.from_bytes(media[tfhd.start + 1 : tfhd.start + 4], "big")
    at = tfhd.start + 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    values = []
    for bit in (0x8, 0x10, 0x20):
        values.append(int.from_bytes(media[at : at + 4], "big") if flags & bit else 0)
        at += 4 if flags & bit else 0
    return values[0], values[1], values[2]


def _read_run(
    media: bytes, trun: Box, time: int, defaults: tuple[int, int, int]
) -> tuple[list[Sample], int]:
    """The samples of one run that starts at decode time `time`, and the time after it."""
    version = media[trun.start]
    flags = int.from_bytes(media[trun.start + 1 : trun.start + 4], "big")
    (count,) = struct.unpack_from(">I", media, trun.start + 4)
    at = trun.start + 8 + (4 if flags & 0x1 else 0)
    duration, size, sample_flags = defaults
    first_flags = sample_flags
    if flags & 0x4:
        (first_flags,) = struct.unpack_from(">I", media, at)
        at += 4
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    codes = {0x100: "I", 0x200: "I", 0x400: "I", 0x800: "i" if version else "I"}
    row = struct.Struct(">" + "".join(codes[bit] for bit in columns))
    samples = []
    for index in range(count):
        said = dict(zip(columns, row.unpack_from(media, at), strict=True))
        at += row.size
        own_flags = said.get(0x400, sample_flags if index else first_flags)
        is_sync = not own_flags & 0x10000
        samples.append(Sample(time + said.get(0x800, 0), said.get(0x200, size), is_sync))
        time += said.get(0x100, duration)
    return samples, time


def _fragment(
    number: int,
    start: int,
    flags: int,
    count: int,
    rows: bytes,
    payload: bytes,
    default_duration: int | None = None,
) -> bytes:
    mfhd = _box(b"mfhd", struct.pack(">II", 0, number + 1))
    if default_duration is None:
        tfhd = _box(b"tfhd", struct.pack(">II", 0x020000, 1))
    else:
        tfhd = _box(b"tfhd", struct.pack(">IIII", 0x020028, 1, default_duration, _SYNC))
    tfdt = _box(b"tfdt", struct.pack(">IQ", 0x01000000, start))
    trun_bytes = 8 + 12 + len(rows)
    moof_bytes = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + trun_bytes
    trun = _box(b"trun", struct.pack(">III", 0x01000000 | flags, count, moof_bytes + 8) + rows)
    moof = _box(b"moof", mfhd + _box(b"traf", tfhd + tfdt + trun))
    return moof + struct.pack(">I4s", 8 + len(payload), b"mdat") + payload


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content
