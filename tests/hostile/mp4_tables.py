"""MP4 and MOV whose tables and boxes lie about how much there is."""

from __future__ import annotations

import struct
import zlib

from tests.hostile.canary import Canary
from tests.hostile.case import PLAYS, Case, case
from tests.hostile.clips import base, fragmented, made
from tests.hostile.mp4_tree import STBL, box, edited, full, table
from tests.hostile.mp4s import ANY_REFUSAL, STREAMS, changed, in_table


def _tables() -> list[Case]:
    huge = 0xFFFFFFFF
    odd = {PLAYS, *ANY_REFUSAL}
    return [
        case(
            "stts-huge.mp4", "four billion rows of times", in_table(b"stts", table(huge, 1, 1)), odd
        ),
        case(
            "stts-run.mp4",
            "one row that stands for four billion",
            in_table(b"stts", table(1, huge, 1)),
            odd,
        ),
        case("ctts-run.mp4", "the same for offsets", in_table(b"ctts", table(1, huge, 1)), odd),
        case(
            "ctts-many.mp4",
            "a million rows of four billion",
            in_table(b"ctts", table(500_000, *[huge, 1] * 500_000)),
            odd,
        ),
        case(
            "stsz-huge.mp4",
            "four billion samples of one byte, in four bytes",
            in_table(b"stsz", struct.pack(">III", 0, 1, huge)),
            odd,
        ),
        case(
            "stsz-and-stsc-huge.mp4",
            "the same, with chunks to hold them",
            lambda _c: edited(
                edited(
                    base("mp4"), *STBL, b"stsz", change=lambda _old: struct.pack(">III", 0, 1, huge)
                ),
                *STBL,
                b"stsc",
                change=lambda _old: table(1, 1, huge, 1),
            ),
            odd,
        ),
        case(
            "sound-of-bytes.mov",
            "a hundred million samples of sound in one row",
            lambda _c: edited(
                edited(
                    base("mov"),
                    *STBL,
                    b"stsz",
                    track=1,
                    change=lambda _old: struct.pack(">III", 0, 1, 100_000_000),
                ),
                *STBL,
                b"stsc",
                track=1,
                change=lambda _old: table(1, 1, 100_000_000, 1),
            ),
            odd,
        ),
        case("stco-huge.mp4", "four billion chunks", in_table(b"stco", table(huge, 48)), odd),
        case(
            "stco-beyond.mp4",
            "samples beyond the end",
            in_table(b"stco", table(10, *[0x7FFFFFFF] * 10)),
            odd,
        ),
        case("stss-huge.mp4", "four billion keyframes", in_table(b"stss", table(huge, 1)), odd),
        case(
            "stsd-many.mp4",
            "ten thousand descriptions",
            changed(
                *STBL, b"stsd", change=lambda o: struct.pack(">II", 0, 10_000) + o[8:] * 10_000
            ),
            odd,
        ),
        case(
            "trun-huge.mp4",
            "a fragment of four billion samples",
            lambda _c: edited(
                fragmented(),
                b"moof",
                b"traf",
                b"trun",
                track=None,
                change=lambda old: old[:4] + struct.pack(">I", huge) + old[8:],
            ),
            odd,
        ),
        case(
            "tfdt-huge.mp4",
            "a fragment at the end of time",
            lambda _c: edited(
                fragmented(),
                b"moof",
                b"traf",
                b"tfdt",
                track=None,
                change=lambda _old: struct.pack(">IQ", 1 << 24, 2**63 - 1),
            ),
            odd,
        ),
        case(
            "sidx-loop.mp4",
            "an index that points at itself",
            lambda _c: _behind_ftyp(
                fragmented(),
                full(
                    b"sidx",
                    struct.pack(">IIIIHH", 1, 1, 0, 0, 0, 1),
                    struct.pack(">III", 1 << 31 | 44, 1, 0),
                ),
            ),
            odd,
        ),
        case(
            "samples-of-0.mp4",
            "sound with a rate of 0",
            changed(
                *STBL, b"stsd", b"mp4a", track=1, change=lambda old: old[:24] + bytes(4) + old[28:]
            ),
            odd,
        ),
        case(
            "channels-255.mov",
            "255 channels",
            lambda _c: edited(
                base("mov"),
                *STBL,
                b"stsd",
                b"sowt",
                track=1,
                change=lambda old: old[:16] + struct.pack(">H", 255) + old[18:],
            ),
            odd,
        ),
    ]


def _behind_ftyp(data: bytes, more: bytes) -> bytes:
    at = int.from_bytes(data[:4], "big")
    return data[:at] + more + data[at:]


def _boxes() -> list[Case]:
    def nested(depth: int) -> bytes:
        inner = b""
        for _ in range(depth):
            inner = box(b"moov", inner)
        return inner

    def compressed(_canary: Canary) -> bytes:
        bomb = zlib.compress(bytes(64 << 20), 1)
        body = struct.pack(">I", 0x7FFFFFFF) + bomb
        cmov = box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", body))
        return base("mp4")[:32] + box(b"moov", cmov)

    ftyp = box(b"ftyp", b"isom\0\0\0\0isom")
    odd = {PLAYS, *ANY_REFUSAL}
    return [
        case(
            "nested.mp4", "boxes in boxes, five thousand deep", lambda _c: ftyp + nested(5000), odd
        ),
        case(
            "tiny-boxes.mp4",
            "a million boxes of eight bytes",
            lambda _c: ftyp + box(b"free") * 1_000_000 + base("mp4")[32:],
            odd,
        ),
        case(
            "size-0.mp4",
            "a box without an end before the rest",
            lambda _c: ftyp + b"\0\0\0\0free" + base("mp4"),
            odd,
        ),
        case(
            "size-1.mp4",
            "a long size of 0",
            lambda _c: ftyp + b"\0\0\0\1free" + bytes(8) + base("mp4"),
            odd,
        ),
        case(
            "size-max.mp4",
            "a long size of 2^64 − 1",
            lambda _c: ftyp + b"\0\0\0\1mdat" + b"\xff" * 8 + base("mp4"),
            odd,
        ),
        case(
            "moov-max.mp4",
            "tables of four gigabytes, in a few bytes",
            lambda _c: ftyp + b"\xff\xff\xff\xffmoov" + base("mp4"),
            odd,
        ),
        case("zlib-moov.mov", "tables that unpack to two gigabytes, or say so", compressed, odd),
        case(
            "many-tracks.mp4",
            "300 tracks",
            lambda _c: edited(
                base("mp4"), b"moov", change=lambda old: old + _first_trak(old) * 300
            ),
            {STREAMS},
        ),
        case(
            "megabytes-of-title.mp4",
            "a title of 20 megabytes",
            lambda _c: edited(
                base("mp4"), b"moov", change=lambda old: old + _title(b"A" * (20 << 20))
            ),
            {PLAYS},
        ),
        case(
            "many-tags.mp4",
            "fifty thousand tags",
            lambda _c: edited(base("mp4"), b"moov", change=lambda old: old + _title(b"A", 50_000)),
            {PLAYS},
        ),
        case(
            "many-chapters.mp4",
            "a hundred thousand chapters",
            lambda _c: edited(
                base("mp4"),
                b"moov",
                change=lambda old: (
                    old
                    + box(
                        b"udta",
                        full(
                            b"chpl", b"\0\0\0\0\xff" + (struct.pack(">QB", 1, 1) + b"x") * 100_000
                        ),
                    )
                ),
            ),
            {PLAYS},
        ),
        case(
            "script-title.mp4",
            "a title that is a script, with a terminal's codes",
            lambda _c: edited(
                base("mp4"),
                b"moov",
                change=lambda old: (
                    old + _title(b"<script>window.pwned=1</script>\x1b]0;pwned\x07\r\nERROR")
                ),
            ),
            {PLAYS},
        ),
        case(
            "page-and-video.mp4",
            "a file that is a page as well",
            lambda _c: (
                box(b"ftyp", b"isom\0\0\0\0isom")
                + box(b"free", b"<html><script>pwned()</script>")
                + _moved(base("mp4"), 8 + 30 + 24)
            ),
            {PLAYS, *ANY_REFUSAL},
        ),
        case(
            "archive-and-video.mp4",
            "a file that is an archive as well",
            lambda _c: base("mp4") + b"PK\x05\x06" + bytes(18),
            {PLAYS},
        ),
        case(
            "encrypted.mp4",
            "a track that says it is encrypted",
            lambda _c: base("mp4").replace(b"avc1", b"encv"),
            odd | {"unsupported-codec"},
        ),
        case(
            "exotic-codec.mp4",
            "a decoder with a poor record",
            lambda _c: made(
                "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=1", "-c:v", "magicyuv", suffix="mov"
            ),
            {"unsupported-codec"},
        ),
    ]


def _moved(data: bytes, by: int) -> bytes:
    """`data` further behind in a file, all chunk offsets with it; its `ftyp` is left out."""

    def move(content: bytes) -> bytes:
        rows = struct.unpack(f">{len(content) // 4}I", content)
        return struct.pack(f">{len(rows)}I", *rows[:2], *(row + by for row in rows[2:]))

    at = int.from_bytes(data[:4], "big")
    return edited(data, *STBL, b"stco", change=move, track=None)[at:]


def _first_trak(moov: bytes) -> bytes:
    at = moov.index(b"trak") - 4
    return moov[at : at + int.from_bytes(moov[at : at + 4], "big")]


def _title(text: bytes, times: int = 1) -> bytes:
    tag = box(b"\xa9nam", box(b"data", struct.pack(">II", 1, 0), text))
    handler = full(b"hdlr", bytes(4) + b"mdirappl" + bytes(9))
    return box(b"udta", full(b"meta", handler, box(b"ilst", tag * times)))


def cases() -> list[Case]:
    """All of them."""
    return [*_tables(), *_boxes()]
