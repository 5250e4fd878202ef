"""MP4 and MOV whose tables lie."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from tests.hostile.canary import Canary
from tests.hostile.case import PLAYS, Bytes, Case, case
from tests.hostile.clips import base, made
from tests.hostile.mp4_tree import STBL, box, edited, full, table

CANNOT, CUT, LONG = "cannot-decode", "truncated-file", "too-long"
PIXELS, FRAMES, STREAMS = "too-many-pixels", "too-many-frames", "too-many-streams"
WORK = "too-much-work"
#: For tables that contradict each other, where one parser goes on and another does not.
ANY_REFUSAL = frozenset({CANNOT, CUT, LONG, FRAMES, WORK, "not-a-video", "nothing-to-play"})

Change = Callable[[bytes], bytes]


def changed(*path: bytes, change: Change, track: int | None = 0) -> Bytes:
    """The clip with the content of one of its boxes changed."""
    return lambda _canary: edited(base("mp4"), *path, change=change, track=track)


def in_table(name: bytes, content: bytes, track: int | None = 0) -> Bytes:
    """The clip with another table of samples."""
    return changed(*STBL, name, change=lambda _old: content, track=track)


def _references() -> list[Case]:
    """A track may say that its samples are in another file."""

    def dref(entry: Callable[[Canary], bytes]) -> Bytes:
        def content(canary: Canary) -> bytes:
            new = struct.pack(">II", 0, 1) + entry(canary)
            path = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
            return edited(base("mp4"), *path, change=lambda _old: new, track=None)

        return content

    def alias(canary: Canary) -> bytes:
        path = str(canary.file).encode()
        fixed = bytes(4) + struct.pack(">HH", 150 + 8 + len(path), 2) + bytes(142)
        strings = struct.pack(">hH", 2, len(path)) + path + bytes(len(path) % 2)
        return full(b"alis", fixed + strings + struct.pack(">hH", -1, 0))

    refused = {CANNOT, CUT, PLAYS, "encoding-failed"}
    return [
        case(
            "dref-file.mp4",
            "samples in a file outside",
            dref(lambda c: full(b"url ", f"file://{c.file}".encode() + b"\0")),
            refused,
        ),
        case(
            "dref-http.mp4",
            "samples at an address",
            dref(lambda c: full(b"url ", c.url.encode() + b"\0")),
            refused,
        ),
        case(
            "dref-alias.mov",
            "samples in a file, by an alias of the Macintosh",
            dref(alias),
            refused,
        ),
        case(
            "dref-urn.mp4",
            "the same by a URN",
            dref(lambda c: full(b"urn ", b"file\0" + str(c.file).encode() + b"\0")),
            refused,
        ),
        case(
            "reference-movie.mov",
            "a film that only refers to another one",
            lambda c: (
                box(b"ftyp", b"qt  \0\0\0\0qt  ")
                + box(
                    b"moov",
                    box(
                        b"rmra",
                        box(
                            b"rmda",
                            full(b"rdrf", b"url " + struct.pack(">I", len(c.url)) + c.url.encode()),
                        ),
                    ),
                )
            ),
            {CUT, "not-a-video"},
        ),
    ]


def _sizes() -> list[Case]:
    def entry(width: int, height: int) -> Change:
        return lambda old: old[:24] + struct.pack(">HH", width, height) + old[28:]

    def without_parameters(width: int, height: int) -> Change:
        def change(stsd: bytes) -> bytes:
            fields = bytearray(stsd[16 : 16 + 78])
            fields[24:28] = struct.pack(">HH", width, height)
            return stsd[:8] + box(b"mp4v", bytes(fields))

        return change

    stsd = (*STBL, b"stsd")
    return [
        case(
            "tall-header.mp4",
            "a header of 65535 × 65535 around a small picture",
            changed(*stsd, b"avc1", change=entry(65535, 65535)),
            {PLAYS, PIXELS, CANNOT},
        ),
        case(
            "tall-mpeg4.mp4",
            "the same for a codec that believes it",
            changed(*stsd, change=without_parameters(65535, 65535)),
            {PIXELS, CANNOT},
        ),
        case(
            "no-size.mp4",
            "a picture without a size",
            changed(*stsd, change=without_parameters(0, 0)),
            {CANNOT},
        ),
        case(
            "big-picture.mp4",
            "a picture of 41 million pixels",
            lambda _c: made(
                "-f", "lavfi", "-i", "color=s=6400x6400:r=1:d=1", "-c:v", "mjpeg", suffix="mp4"
            ),
            {PIXELS},
        ),
        case(
            "growing-picture.ts",
            "a small picture that becomes one of 41 million pixels",
            lambda _c: (
                base("ts")
                + made(
                    "-f",
                    "lavfi",
                    "-i",
                    "color=s=6400x6400:r=10:d=0.2",
                    "-output_ts_offset",
                    "1",
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-threads",
                    "1",
                    suffix="ts",
                )
            ),
            {PLAYS, PIXELS, CANNOT},
        ),
        case(
            "big-cover.mp4",
            "cover art of 65535 × 65535",
            lambda _c: edited(
                base("mp4"),
                b"moov",
                change=lambda old: (
                    old
                    + box(
                        b"udta",
                        full(
                            b"meta",
                            full(b"hdlr", bytes(4) + b"mdirappl" + bytes(9)),
                            box(
                                b"ilst",
                                box(
                                    b"covr",
                                    box(
                                        b"data",
                                        struct.pack(">II", 13, 0) + _jpeg_head(65500, 65500),
                                    ),
                                ),
                            ),
                        ),
                    )
                ),
            ),
            {PLAYS, PIXELS},
        ),
    ]


def _jpeg_head(width: int, height: int) -> bytes:
    size = struct.pack(">HHBHHB", 0xFFC0, 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + size + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(2000)


def _durations() -> list[Case]:
    def wide(duration: int, timescale: int = 1000) -> Change:
        return lambda _old: struct.pack(">IQQIQ", 1 << 24, 0, 0, timescale, duration) + bytes(84)

    mdhd = (b"moov", b"trak", b"mdia", b"mdhd")

    def edits(*rows: tuple[int, int]) -> Bytes:
        entries = b"".join(struct.pack(">IiHH", length, at, 1, 0) for length, at in rows)
        elst = box(b"edts", full(b"elst", struct.pack(">I", len(rows)), entries))

        def content(_canary: Canary) -> bytes:
            def change(trak: bytes) -> bytes:
                bare = edited(trak, b"edts", change=lambda _old: b"")
                return bare + elst

            return edited(base("mp4"), b"moov", b"trak", change=change, track=1)

        return content

    both = {PLAYS, *ANY_REFUSAL}
    return [
        case(
            "eternal.mp4",
            "a header that says 2^63 − 1",
            changed(b"moov", b"mvhd", change=wide(2**63 - 1)),
            {PLAYS, LONG},
        ),
        case(
            "a-century.mp4",
            "a frame every ten years",
            in_table(b"stts", table(1, 10, 0x7FFFFFFF)),
            {LONG},
        ),
        case(
            "overflowing-times.mp4",
            "times beyond 64 bits",
            in_table(b"stts", table(3, 4, 0xFFFFFFFF, 3, 0xFFFFFFFF, 3, 0xFFFFFFFF)),
            both,
        ),
        case(
            "timescale-0.mp4",
            "a clock without ticks",
            changed(*mdhd, change=lambda old: old[:12] + bytes(4) + old[16:]),
            both,
        ),
        case(
            "timescale-1.mp4",
            "a clock of one tick a second",
            changed(*mdhd, change=lambda old: old[:12] + struct.pack(">I", 1) + old[16:]),
            both,
        ),
        case(
            "timescale-max.mp4",
            "four billion ticks a second",
            changed(*mdhd, change=lambda old: old[:12] + struct.pack(">I", 0xFFFFFFFF) + old[16:]),
            both,
        ),
        case(
            "late-sound.mp4",
            "sound that begins after 68 years of silence",
            edits((0x7FFFFFFF, -1), (1000, 0)),
            {LONG},
        ),
        case(
            "negative-edit.mp4",
            "an edit before the beginning",
            edits((1000, -(2**31)), (0, 0)),
            both,
        ),
        case(
            "repeated-edits.mp4",
            "the same second, fifty thousand times",
            edits(*[(1000, 0)] * 50_000),
            both,
        ),
        case(
            "a-frame-a-tick.mp4",
            "ten thousand frames in a tenth of a second",
            lambda _c: edited(
                made(
                    "-f",
                    "lavfi",
                    "-i",
                    "color=s=16x16:r=1000:d=10",
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-bf",
                    "0",
                    suffix="mp4",
                ),
                *STBL,
                b"stts",
                change=lambda _old: table(1, 10_000, 1),
            ),
            {FRAMES},
        ),
    ]


def _truncated() -> list[Case]:
    def cut(part: float, kind: str) -> Bytes:
        return lambda _c: base(kind)[: int(len(base(kind)) * part)]

    odd = {PLAYS, *ANY_REFUSAL}
    cases = [
        case(
            f"cut-at-{percent}.{kind}",
            f"the first {percent} % of it",
            partial(cut(percent / 100, kind)),
            odd,
        )
        for kind, percents in {
            "mp4": (1, 50, 99),
            "mkv": (2, 50),
            "ts": (50,),
            "avi": (50,),
        }.items()
        for percent in percents
    ]
    return [
        *cases,
        case("nothing.mp4", "no bytes", lambda _c: b"", "empty-file"),
        case("one-byte.mp4", "one byte", lambda _c: b"\0", "not-a-video"),
        case("zeros.mp4", "eight megabytes of zeros", lambda _c: bytes(8 << 20), "not-a-video"),
        case("ones.mp4", "eight megabytes of ones", lambda _c: b"\xff" * (8 << 20), "not-a-video"),
        case(
            "sync-bytes.ts",
            "nothing but sync bytes",
            lambda _c: (b"\x47" + bytes(187)) * 40_000,
            odd,
        ),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [*_references(), *_sizes(), *_durations(), *_truncated()]
