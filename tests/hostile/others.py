"""Matroska, AVI, transport streams, sound and GIF that lie."""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.hostile.canary import Canary
from tests.hostile.case import PLAYS, Bytes, Case, case
from tests.hostile.clips import BASES, base, made
from tests.hostile.ebml import element, extended, number
from tests.hostile.mp4s import ANY_REFUSAL, CANNOT, FRAMES, LONG, PIXELS, STREAMS

ODD = frozenset({PLAYS, *ANY_REFUSAL})

#: Elements of Matroska (RFC 9559).
INFO, TRACKS, CLUSTER, TAGS, CHAPTERS = 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1254C367, 0x1043A770
ATTACHMENTS = 0x1941A469


def _mkv(
    *more: bytes, drop: tuple[int, ...] = (), replace: dict[int, bytes] | None = None
) -> Bytes:
    return lambda _c: extended(base("mkv"), *more, drop=drop, replace=replace or {})


def _track(width: int, height: int, *more: bytes, at: int = 1) -> bytes:
    video = element(0xE0, number(0xB0, width), number(0xBA, height))
    codec = element(0x86, b"V_MPEG4/ISO/ASP")
    fields = (number(0xD7, at), number(0x73C5, at), number(0x83, 1), codec)
    return element(0xAE, *fields, video, *more)


def _blocks(*payloads: bytes, step: int = 100) -> bytes:
    """A cluster of simple blocks, a key each."""
    rows = (
        element(0xA3, b"\x81" + struct.pack(">hB", index * step, 0x80) + payload)
        for index, payload in enumerate(payloads)
    )
    return element(CLUSTER, number(0xE7, 0), *rows)


def _matroska() -> list[Case]:
    def info(*fields: bytes) -> bytes:
        return element(INFO, *fields)

    def linked(canary: Canary) -> bytes:
        path = str(canary.file).encode()
        link = info(
            number(0x2AD7B1, 1_000_000),
            element(0x73A4, bytes(range(16))),
            element(0x3EB923, bytes(16)),
            element(0x3E83BB, path),
            element(0x3C83AB, path),
        )
        atom = element(0xB6, number(0x73C4, 1), number(0x91, 0), element(0x6E67, bytes(16)))
        ordered = element(CHAPTERS, element(0x45B9, number(0x45DD, 1), atom))
        return extended(base("mkv"), ordered, replace={INFO: link})

    def attached(canary: Canary) -> bytes:
        file = element(
            0x61A7,
            element(0x466E, f"../../../..{canary.folder}/pwned".encode()),
            element(0x4660, b"application/x-truetype-font"),
            element(0x465C, b"#!/bin/sh\n" * 100),
            number(0x46AE, 7),
        )
        return extended(base("mkv"), element(ATTACHMENTS, file))

    nested = element(0x67C8, element(0x45A3, b"A"))
    for _ in range(3000):
        nested = element(0x67C8, element(0x45A3, b"A"), nested)
    packed = element(0x6D80, element(0x6240, element(0x5034, number(0x4254, 0))))
    bomb = zlib.compress(bytes(64 << 20), 9)
    double = struct.pack
    return [
        case("linked.mkv", "segments in a file outside", linked, {PLAYS}),
        case("attached.mkv", "an attachment that wants to be written elsewhere", attached, {PLAYS}),
        case(
            "nested-tags.mkv",
            "tags in tags, three thousand deep",
            _mkv(element(TAGS, element(0x7373, nested))),
            ODD,
        ),
        case(
            "many-tags.mkv",
            "a hundred thousand tags",
            _mkv(
                element(
                    TAGS,
                    element(
                        0x7373,
                        *[element(0x67C8, element(0x45A3, b"A"), element(0x4487, b"B"))] * 100_000,
                    ),
                )
            ),
            ODD,
        ),
        case(
            "many-chapters.mkv",
            "fifty thousand chapters",
            _mkv(
                element(
                    CHAPTERS,
                    element(
                        0x45B9,
                        *[
                            element(0xB6, number(0x73C4, n + 1), number(0x91, n))
                            for n in range(50_000)
                        ],
                    ),
                )
            ),
            ODD,
        ),
        case(
            "pixel-bomb.mkv",
            "a picture of two billion pixels on a side",
            _mkv(replace={TRACKS: element(TRACKS, _track(2**31 - 1, 2**31 - 1))}),
            ODD | {PIXELS},
        ),
        case(
            "wide.mkv",
            "a picture of 65535 × 1000",
            _mkv(replace={TRACKS: element(TRACKS, _track(65535, 1000))}),
            {PIXELS},
        ),
        case(
            "zlib-blocks.mkv",
            "frames that unpack to 64 megabytes each",
            _mkv(
                _blocks(*[bomb] * 40),
                drop=(CLUSTER,),
                replace={TRACKS: element(TRACKS, _track(64, 64, packed))},
            ),
            ODD,
        ),
        case(
            "eternal.mkv",
            "a duration of 10^300",
            _mkv(
                replace={
                    INFO: info(number(0x2AD7B1, 1_000_000), element(0x4489, double(">d", 1e300)))
                }
            ),
            {PLAYS, LONG},
        ),
        case(
            "nan.mkv",
            "a duration that is not a number",
            _mkv(
                replace={
                    INFO: info(
                        number(0x2AD7B1, 1_000_000), element(0x4489, double(">d", float("nan")))
                    )
                }
            ),
            ODD,
        ),
        case(
            "scale-0.mkv",
            "a clock without ticks",
            _mkv(replace={INFO: info(number(0x2AD7B1, 0))}),
            ODD,
        ),
        case(
            "scale-max.mkv",
            "a tick of three hundred years",
            _mkv(replace={INFO: info(number(0x2AD7B1, 2**63 - 1))}),
            ODD,
        ),
        case(
            "late-cluster.mkv",
            "a cluster at the end of time",
            lambda _c: extended(
                base("mkv"),
                element(CLUSTER, number(0xE7, 2**62), element(0xA3, b"\x81\0\0\x80" + bytes(50))),
            ),
            ODD,
        ),
        case(
            "negative-lace.mkv",
            "laced frames of negative length",
            lambda _c: extended(
                base("mkv"),
                element(
                    CLUSTER, number(0xE7, 0), element(0xA3, b"\x81\0\x63\x86\xff" + b"\xbf" * 60)
                )
                * 50,
            ),
            ODD,
        ),
        case(
            "unknown-sizes.mkv",
            "elements without an end in each other",
            lambda _c: (
                base("mkv")[:200] + b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff" * 2000
            ),
            ODD,
        ),
        case(
            "many-streams.mkv",
            "300 tracks",
            _mkv(
                replace={TRACKS: element(TRACKS, *(_track(64, 64, at=n + 1) for n in range(300)))}
            ),
            {STREAMS},
        ),
        case(
            "font-names.mkv", "subtitles that name fonts and pictures outside", _font_names, {PLAYS}
        ),
        case("many-lines.mkv", "forty thousand subtitles", _many_lines, {PLAYS}),
    ]


def _with_text(kind: str, text: str) -> bytes:
    """The clip with a track of text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"lines.{kind}"
        path.write_text(text, "utf-8")
        return made(
            "-i", str(path), *BASES["mkv"], "-map", "1", "-map", "2", "-map", "0", suffix="mkv"
        )


def _font_names(canary: Canary) -> bytes:
    head = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    style = f"Style: Default,{canary.file},20\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    line = f"Dialogue: 0,0:00:00.00,0:00:01.00,Default,{{\\fn{canary.file}\\p1}}m 0 0 {canary.url}"
    return _with_text("ass", f"{head}{style}{line}\n")


def _many_lines(_canary: Canary) -> bytes:
    lines = (f"{n}\n00:00:00,{n % 900:03d} --> 00:00:00,999\n<b>x{n}\n\n" for n in range(40_000))
    return _with_text("srt", "".join(lines))


def _sound() -> list[Case]:
    def wav(channels: int, rate: int, bits: int = 16) -> Bytes:
        block = channels * bits // 8 & 0xFFFF
        form = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
        data = bytes(max(block, 2) * 500)
        body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data"
        body += struct.pack("<I", len(data)) + data
        return lambda _c: b"RIFF" + struct.pack("<I", len(body)) + body

    def pages(granule: int) -> bytes:
        data = bytearray(base("ogg"))
        last = data.rindex(b"OggS")
        data[last + 6 : last + 14] = struct.pack("<q", granule)
        data[last + 22 : last + 26] = bytes(4)
        data[last + 22 : last + 26] = struct.pack("<I", _ogg_check(bytes(data[last:])))
        return bytes(data)

    def heads() -> bytes:
        page = base("ogg")[: base("ogg").index(b"OggS", 4)]
        return b"".join(page[:14] + struct.pack("<I", n) + page[18:] for n in range(500))

    return [
        case("channels-255.wav", "255 channels", wav(255, 48000), ODD),
        case("channels-max.wav", "65535 channels", wav(65535, 48000), ODD),
        case("channels-0.wav", "no channel", wav(0, 48000), ODD),
        case("rate-max.wav", "four billion samples a second", wav(1, 0xFFFFFFFF), ODD),
        case("rate-1.wav", "one sample a second", wav(1, 1), ODD),
        case("bits-0.wav", "samples of no bits", wav(2, 48000, 0), ODD | {"unsupported-codec"}),
        case("eternal.ogg", "a last page at the end of time", lambda _c: pages(2**62), ODD),
        case("many-streams.ogg", "500 streams", lambda _c: heads(), ODD | {STREAMS}),
        case(
            "vbr-header.mp3", "a header that promises four billion frames", _long_mp3, {PLAYS, LONG}
        ),
        case(
            "flac-samples.flac",
            "a header that promises 2^36 samples",
            lambda _c: base("flac")[:21] + b"\x0f" + b"\xff" * 4 + base("flac")[26:],
            ODD,
        ),
    ]


def _long_mp3(_canary: Canary) -> bytes:
    data = bytearray(base("mp3"))
    at = max(data.find(b"Info"), data.find(b"Xing"))
    data[at + 8 : at + 12] = b"\xff" * 4
    return bytes(data)


def _ogg_check(page: bytes) -> int:
    """The check sum of an Ogg page (RFC 3533, 6)."""
    check = 0
    for byte in page:
        check ^= byte << 24
        for _ in range(8):
            check = (check << 1 ^ (0x04C11DB7 if check & 1 << 31 else 0)) & 0xFFFFFFFF
    return check


def _pictures() -> list[Case]:
    def gif(width: int, height: int, frames: int, delay: int) -> Bytes:
        head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
        control = b"\x21\xf9\x04\0" + struct.pack("<H", delay) + b"\0\0"
        picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
        return lambda _c: head + (control + picture) * frames + b"\x3b"

    return [
        case("canvas.gif", "a canvas of 65535 × 65535", gif(65535, 65535, 2, 10), {PIXELS, CANNOT}),
        case("slow.gif", "a hundred frames of eleven minutes", gif(16, 16, 100, 65535), {LONG}),
        case("dense.gif", "a hundred thousand frames without delay", gif(16, 16, 100_000, 0), ODD),
        case(
            "frames-times-pixels.gif",
            "few bytes, a trillion pixels",
            gif(6000, 6000, 230_000, 10),
            {FRAMES},
        ),
    ]


def _streams() -> list[Case]:
    def changing_maps() -> bytes:
        data = base("ts")
        packets = [data[at : at + 188] for at in range(0, len(data) - 187, 188)]
        tables = [p for p in packets if p[1] & 0x1F == 0x10 and p[2] == 0]
        mapped = bytearray(tables[0] if tables else packets[1])
        out = []
        for index, packet in enumerate(packets):
            mapped[5 + 5] = mapped[5 + 5] & 0xC1 | (index % 32) << 1
            out += [packet, bytes(mapped)]
        return b"".join(out)

    def programs() -> bytes:
        rows = b"".join(struct.pack(">HH", n, 0xE000 | 32 + n) for n in range(1, 40))
        section = b"\0" + struct.pack(">H", 0xB000 | 9 + len(rows)) + b"\0\1\xc1\0\0" + rows
        section += struct.pack(">I", _ogg_check_msb(section))
        table = b"\x47\x40\0\x10\0" + section
        return (table + b"\xff" * (188 - len(table))) * 200 + base("ts")

    def patched(kind: str, mark: bytes, at: int, new: bytes) -> Bytes:
        def content(_canary: Canary) -> bytes:
            data = bytearray(base(kind))
            start = data.index(mark) + at
            data[start : start + len(new)] = new
            return bytes(data)

        return content

    rows: list[tuple[str, str, Callable[[Canary], bytes], frozenset[str]]] = [
        ("changing-maps.ts", "a program map that changes with each packet",
         lambda _c: changing_maps(), ODD),
        ("programs.ts", "dozens of programs that are never there", lambda _c: programs(), ODD),
        ("sizes.avi", "a picture of two billion pixels on a side",
         patched("avi", b"strf", 12, struct.pack("<II", 0x7FFFFFFF, 0x7FFFFFFF)), ODD | {PIXELS}),
        ("rate-0.avi", "a clock that divides by nothing",
         patched("avi", b"strh", 28, bytes(8)), ODD),
        ("rate-max.avi", "four billion frames a second",
         patched("avi", b"strh", 28, struct.pack("<II", 1, 0xFFFFFFFF)), ODD),
        ("length-max.avi", "four billion frames", patched("avi", b"strh", 40, b"\xff" * 4), ODD),
        ("index-max.avi", "an index of four gigabytes", patched("avi", b"idx1", 4, b"\xff" * 4),
         ODD),
        ("tag-max.flv", "a tag of sixteen megabytes", patched("flv", b"FLV", 14, b"\xff" * 3), ODD),
    ]  # fmt: skip
    return [case(name, tries, content, becomes) for name, tries, content, becomes in rows]


def _ogg_check_msb(section: bytes) -> int:
    """The check sum of a section of a transport stream (ISO 13818-1, annex A)."""
    check = 0xFFFFFFFF
    for byte in section:
        check ^= byte << 24
        for _ in range(8):
            check = (check << 1 ^ (0x04C11DB7 if check & 1 << 31 else 0)) & 0xFFFFFFFF
    return check


def cases() -> list[Case]:
    """All of them."""
    return [*_matroska(), *_sound(), *_pictures(), *_streams()]
