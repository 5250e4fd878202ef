"""Sources in every container and codec that is read, with clocks that begin or jump anywhere."""

from __future__ import annotations

from pathlib import Path

from tests.matrix.beeps import every_second
from tests.matrix.film import BT709, X264, X265, ffmpeg, film
from tests.matrix.picture_sources import VP9, tagged
from tests.matrix.source import Source

_OPUS = ("-c:a", "libopus")
_MP3 = ("-c:a", "libmp3lame", "-ar", "44100")
_VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-crf", "10", "-b:v", "2M")
_AV1 = ("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-crf", "16", "-g", "25")
_PRORES = ("-c:v", "prores_ks", "-profile:v", "2")
_MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "12")
_MPEG4 = ("-c:v", "mpeg4", "-q:v", "2", "-g", "25")
_MJPEG = ("-c:v", "mjpeg", "-q:v", "2")
_JPEG_COLOURS = tagged("yuvj420p", "bt601", "pc")

#: For what cannot name its matrix; it is this one then.
_BT601 = "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p"

_SUBTITLES = "1\n00:00:00,500 --> 00:00:01,500\nHello\n\n2\n00:00:02,000 --> 00:00:03,000\nBye\n"

#: A transport stream counts 33 bits of 1/90000 s; this is a little before it starts again at 0.
_BEFORE_WRAP_SECONDS = 2**33 / 90_000 - 2.0


def trimmed(path: Path) -> None:
    """The film from 1.3 s on, cut without encoding: an edit list hides what is before."""
    whole = film(path.with_name("whole.mp4"))
    ffmpeg("-ss", "1.32", "-i", str(whole), "-c", "copy", str(path))


def subtitled(path: Path) -> None:
    """A film with two lines of subtitles."""
    lines = path.with_name("lines.srt")
    lines.write_text(_SUBTITLES)
    plain = film(path.with_name("plain.mkv"))
    ffmpeg("-i", str(plain), "-i", str(lines), "-c", "copy", "-c:s", "srt", str(path))


def joined_streams(path: Path) -> None:
    """Two transport streams one after the other; the clock of the second begins anywhere."""
    parts = []
    for number, offset in enumerate((0, 1000)):
        part = path.with_name(f"part{number}.ts")
        numbers = range(50 * number, 50 * number + 50)
        film(
            part,
            *("-output_ts_offset", str(offset)),
            numbers=numbers,
            video=(*X264, "-bf", "0"),
            sound=every_second(2),
        )
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))


def resized(path: Path) -> None:
    """A transport stream whose picture becomes half as large on the way (video calls)."""
    parts = []
    for number, size in enumerate(((320, 180), (160, 90))):
        part = path.with_name(f"part{number}.ts")
        film(
            part,
            *("-output_ts_offset", str(2 * number)),
            numbers=range(50 * number, 50 * number + 50),
            size=size,
            video=(*X264, "-bf", "0"),
            sound=None,
        )
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))


def lossy_stream(path: Path) -> None:
    """A transport stream without some of its packets, as a bad aerial gives it."""
    data = film(path.with_name("whole.ts"), video=_MPEG2, audio=("-c:a", "mp2")).read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    middle = len(packets) // 2
    path.write_bytes(b"".join([*packets[:middle], *packets[middle + 40 :]]))


def cut_short(path: Path, *arguments: str, share: float = 0.6, **film_of: object) -> None:
    """The beginning of a file whose end never arrived."""
    whole = path.with_name(f"whole{path.suffix}")
    data = film(whole, *arguments, **film_of).read_bytes()  # type: ignore[arg-type]  # passed on
    path.write_bytes(data[: int(len(data) * share)])


def holed(path: Path, *arguments: str, hole: float = 0.1, **film_of: object) -> None:
    """A file with zeros in the middle of its pictures."""
    whole = path.with_name(f"whole{path.suffix}")
    data = bytearray(film(whole, *arguments, **film_of).read_bytes())  # type: ignore[arg-type]  # passed on
    start, length = len(data) // 2, int(len(data) * hole)
    data[start : start + length] = bytes(length)
    path.write_bytes(data)


def _codec(name: str, about: str, filename: str, *arguments: str, **film_of: object) -> Source:
    expected: dict[str, object] = {
        key: film_of.pop(key) for key in ("is_copied", "frame_tolerance_ms") if key in film_of
    }
    if "sound" in film_of:
        expected["beeps"] = ()
    return Source(
        name=name,
        about=about,
        filename=filename,
        make=lambda path: film(path, *arguments, **film_of),  # type: ignore[arg-type]  # passed on
        **expected,  # type: ignore[arg-type]  # the same
    )


CONTAINERS = (
    _codec("moov-last", "MOV whose index stands at the end", "a.mov", is_copied=True),
    _codec(
        "moov-first",
        "MP4 whose index stands first",
        "a.mp4",
        "-movflags",
        "+faststart",
        is_copied=True,
    ),
    _codec(
        "fragmented",
        "fragmented MP4",
        "a.mp4",
        "-movflags",
        "+frag_keyframe+empty_moov",
        is_copied=True,
    ),
    Source(
        name="edit-list",
        about="MP4 whose first 1.3 s are cut off by an edit list",
        filename="a.mp4",
        make=trimmed,
        frames=range(33, 100),
        beeps=(1.5, 2.5, 3.5),
    ),
    _codec("matroska", "H.264 and AAC in Matroska", "a.mkv", is_copied=True),
    Source(
        name="matroska-subtitles",
        about="Matroska with subtitles",
        filename="a.mkv",
        make=subtitled,
        is_copied=True,
    ),
    _codec("transport-stream", "H.264 in MPEG-TS", "a.ts", is_copied=True),
    Source(
        name="changing-size",
        about="MPEG-TS whose picture becomes half as large on the way (video calls)",
        filename="a.ts",
        make=resized,
        beeps=(),
        frame_tolerance_ms=45,
    ),
    _codec(
        "avi",
        "MPEG-4 and AC-3 in AVI",
        "a.avi",
        video=_MPEG4,
        audio=("-c:a", "ac3"),
        filters=_BT601,
    ),
    _codec(
        "avi-b-frames",
        "MPEG-4 with packed B-frames, in AVI",
        "a.avi",
        video=(*_MPEG4, "-bf", "2"),
        audio=_MP3,
        filters=_BT601,
    ),
    _codec("flv", "H.264 and AAC in FLV", "a.flv", is_copied=True),
    _codec(
        "program-stream",
        "MPEG-2 and MP2 in MPEG-PS",
        "a.mpg",
        "-f",
        "vob",
        video=_MPEG2,
        audio=("-c:a", "mp2"),
    ),
    _codec(
        "webm-vp8",
        "VP8 and Vorbis",
        "a.webm",
        video=_VP8,
        audio=("-c:a", "libvorbis"),
        filters=_BT601,
    ),
    _codec(
        "webm-recorded",
        "VP8 and Opus as browsers record them: no index, no duration",
        "a.webm",
        *("-f", "webm", "-live", "1"),
        video=_VP8,
        audio=_OPUS,
        filters=_BT601,
    ),
    _codec("webm-vp9", "VP9 and Opus", "a.webm", video=VP9, audio=_OPUS),
    _codec(
        "webm-alpha",
        "VP9 with transparency",
        "a.webm",
        video=(*VP9, "-auto-alt-ref", "0"),
        audio=_OPUS,
        filters=BT709.replace("yuv420p", "yuva420p"),
    ),
    _codec("av1", "AV1 in MP4", "a.mp4", video=_AV1),
    _codec("av1-webm", "AV1 and Opus in WebM", "a.webm", video=_AV1, audio=_OPUS),
    _codec("hevc", "HEVC in MP4", "a.mp4", "-tag:v", "hvc1", video=X265),
    _codec("mpeg-4", "MPEG-4 Part 2 in MP4", "a.mp4", video=_MPEG4),
    _codec("mjpeg", "Motion JPEG in MOV", "a.mov", video=_MJPEG, filters=_JPEG_COLOURS),
    _codec(
        "mjpeg-avi",
        "Motion JPEG and PCM in AVI (cameras)",
        "a.avi",
        video=_MJPEG,
        audio=("-c:a", "pcm_s16le"),
        filters=_JPEG_COLOURS,
    ),
    _codec(
        "prores",
        "ProRes 422 and PCM",
        "a.mov",
        video=_PRORES,
        audio=("-c:a", "pcm_s24le"),
        filters=tagged("yuv422p10le", "bt709"),
    ),
    _codec(
        "prores-4444",
        "ProRes 4444 with transparency",
        "a.mov",
        video=("-c:v", "prores_ks", "-profile:v", "4"),
        audio=("-c:a", "pcm_s16le"),
        filters=tagged("yuva444p10le", "bt709"),
    ),
    _codec(
        "gif",
        "animated GIF",
        "a.gif",
        video=("-c:v", "gif"),
        filters="split[a][b];[a]palettegen=max_colors=32[p];[b][p]paletteuse=dither=none",
        sound=None,
    ),
    _codec(
        "timecode", "MOV with a timecode track", "a.mov", "-timecode", "01:00:00:00", is_copied=True
    ),
)

CLOCKS = (
    _codec(
        "hour-mp4",
        "MP4 whose timestamps begin at an hour",
        "a.mp4",
        "-output_ts_offset",
        "3600",
        is_copied=True,
    ),
    _codec(
        "hour-matroska",
        "Matroska whose timestamps begin at an hour",
        "a.mkv",
        "-output_ts_offset",
        "3600",
        is_copied=True,
    ),
    Source(
        name="before-zero",
        about="MP4 whose timestamps begin a second before 0: what is before is not shown",
        filename="a.mp4",
        make=lambda path: film(path, "-output_ts_offset", "-1", "-avoid_negative_ts", "disabled"),
        frames=range(25, 100),
        beeps=(1.5, 2.5, 3.5),
        is_copied=True,
    ),
    _codec(
        "ts-wrap",
        "MPEG-TS whose timestamps start again at 0 after two seconds",
        "a.ts",
        "-output_ts_offset",
        f"{_BEFORE_WRAP_SECONDS:.6f}",
        video=X264,
        is_copied=True,
    ),
    Source(
        name="ts-jump",
        about="MPEG-TS whose timestamps jump by a quarter of an hour (two recordings in one)",
        filename="a.ts",
        make=joined_streams,
        is_copied=True,
        frame_tolerance_ms=45,
    ),
)

DAMAGE = (
    Source(
        name="ts-lost-packets",
        about="MPEG-TS without some of its packets",
        filename="a.ts",
        make=lossy_stream,
        at_least=80,
    ),
    Source(
        name="matroska-cut-short",
        about="the first 60 % of a Matroska file",
        filename="a.mkv",
        make=cut_short,
        at_least=40,
        beeps=(0.5, 1.5),
        is_copied=True,
    ),
    Source(
        name="fragmented-cut-short",
        about="the first 60 % of a fragmented MP4",
        filename="a.mp4",
        make=lambda path: cut_short(path, "-movflags", "+frag_keyframe+empty_moov"),
        at_least=40,
        beeps=(0.5, 1.5),
        is_copied=True,
        says_damaged=True,
    ),
    Source(
        name="ts-cut-short",
        about="the first 60 % of an MPEG-TS",
        filename="a.ts",
        make=cut_short,
        at_least=40,
        beeps=(0.5, 1.5),
        is_copied=True,
    ),
    Source(
        name="mp4-cut-short",
        about="the first 60 % of an MP4 whose index stood at the end",
        filename="a.mp4",
        make=cut_short,
        refusal="truncated-file",
    ),
    Source(
        name="faststart-cut-short",
        about="the first 60 % of an MP4 whose index stands first",
        filename="a.mp4",
        make=lambda path: cut_short(path, "-movflags", "+faststart"),
        refusal="truncated-file",
    ),
    Source(
        name="damaged-copied",
        about="H.264 and AAC with a hole: browsers must not stumble over what is copied",
        filename="a.mp4",
        make=holed,
        at_least=60,
        beeps=(0.5, 1.5, 3.5),
        is_copied=True,
        says_damaged=True,
    ),
    Source(
        name="damaged",
        about="HEVC with a hole: what is there is shown, and what is not there is said",
        filename="a.mp4",
        make=lambda path: holed(
            path, "-tag:v", "hvc1", video=(*X265[:-1], X265[-1] + ":keyint=25")
        ),
        at_least=60,
        says_damaged=True,
    ),
)

SOURCES = (*CONTAINERS, *CLOCKS, *DAMAGE)
