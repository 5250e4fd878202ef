"""Sources whose picture is unusual: its shape, its timing, its colours."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.matrix.beeps import every_second
from tests.matrix.film import BT709, X264, X265, ffmpeg, film
from tests.matrix.pictures import SMALL
from tests.matrix.source import Source

VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "16", "-b:v", "0")
_HEVC_TAG = ("-tag:v", "hvc1")
_NTSC_FILM = Fraction(24000, 1001)
_RESTS = (range(20), range(250, 261), range(381, 400))


def rotated(path: Path, *, degrees: int, turn: str) -> None:
    """A film that is stored lying on its side, and says by how much it is to be turned."""
    lying = film(path.with_name("lying.mp4"), filters=f"{turn},{BT709}")
    ffmpeg("-display_rotation", str(degrees), "-i", str(lying), "-c", "copy", str(path))


def squeezed(path: Path, *, width: int, shape: str) -> None:
    """A film whose pixels are not square."""
    film(path, filters=f"scale={width}:180,{BT709},setsar={shape}")


def tagged(pix_fmt: str, matrix: str, span: str = "tv") -> str:
    """Filters to a pixel format, matrix and range, all of which the file will name."""
    primaries = {"bt709": "bt709", "bt601": "smpte170m"}[matrix]
    space = {"bt709": "bt709", "bt601": "smpte170m"}[matrix]
    return (
        f"scale=out_color_matrix={matrix}:out_range={span},format={pix_fmt},"
        f"setparams=range={span}:colorspace={space}:color_primaries={primaries}:color_trc={primaries}"
    )


def hdr(transfer: str) -> str:
    """Filters from the drawn colours to BT.2020 with a curve for bright screens, in 10 bits."""
    return (
        "setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr,"
        "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020,"
        f"zscale=t={transfer}:m=bt2020nc:r=tv:npl=203,format=yuv420p10le,"
        f"setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}"
    )


def _selected(path: Path, expression: str, frames: int, *, rate: str = "25") -> None:
    film(
        path,
        *("-fps_mode", "vfr"),
        filters=f"select='{expression}',{BT709}",
        numbers=range(frames),
        rate=rate,
        sound=None,
    )


def _rotated(degrees: int, turn: str) -> Source:
    return Source(
        name=f"rotated-{degrees}",
        about=f"stored lying, to be turned by {degrees}° (portrait phones)",
        filename="a.mp4",
        make=lambda path: rotated(path, degrees=degrees, turn=turn),
    )


def _interlaced(first: str, kind: str, filename: str, video: tuple[str, ...]) -> Source:
    """Fifty pictures a second, two of which make a frame: its odd and its even lines."""
    order = "tff" if first == "top" else "bff"
    return Source(
        name=f"interlaced-{first}",
        about=f"50 fields a second, the {first} one first, {kind}",
        filename=filename,
        make=lambda path: film(
            path,
            video=(*video, "-flags", "+ilme+ildct"),
            numbers=range(200),
            rate="50",
            size=(320, 192),
            filters=f"{BT709},tinterlace=interleave_{first},setfield={order}",
        ),
        frames=range(0, 200, 2),
        rate=Fraction(50),
        seconds=4.0,
        rungs=((320, 192), (240, 144)),
    )


_MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "12")

SHAPES = (
    Source(
        name="upright",
        about="H.264, 8 bits, 4:2:0, as phones and editors write it: the top rung is copied",
        filename="a.mp4",
        make=film,
        is_copied=True,
    ),
    _rotated(90, "transpose=clock"),
    _rotated(180, "hflip,vflip"),
    _rotated(270, "transpose=cclock"),
    Source(
        name="mirrored",
        about="stored mirrored, to be mirrored back (front cameras)",
        filename="a.mp4",
        make=lambda path: ffmpeg(
            *("-display_hflip", "-i", str(film(path.with_name("b.mp4"), filters=f"hflip,{BT709}"))),
            *("-c", "copy", str(path)),
        ),
    ),
    Source(
        name="anamorphic-wide",
        about="pixels that are wider than high (4:3)",
        filename="a.mp4",
        make=lambda path: squeezed(path, width=240, shape="4/3"),
    ),
    Source(
        name="anamorphic-narrow",
        about="pixels that are narrower than high (8:9, as on DVD)",
        filename="a.mp4",
        make=lambda path: squeezed(path, width=360, shape="8/9"),
        rungs=((360, 202), (256, 144)),
    ),
    Source(
        name="odd-size",
        about="VP9 of 321×181: no side is even",
        filename="a.webm",
        make=lambda path: film(
            path, size=(321, 181), video=VP9, audio=("-c:a", "libopus"), filters=BT709
        ),
        rungs=((320, 180), (256, 144)),
    ),
    Source(
        name="tiny",
        about="16×16",
        filename="a.mp4",
        make=lambda path: film(path, size=(16, 16), layout=SMALL),
        rungs=((16, 16),),
        colours="",
        layout=SMALL,
        is_copied=True,
    ),
    Source(
        name="wide",
        about="four times as wide as high",
        filename="a.mp4",
        make=lambda path: film(path, size=(720, 180)),
        rungs=((720, 180), (576, 144)),
        is_copied=True,
    ),
)

TIMES = (
    Source(
        name="variable-rate",
        about="frames at uneven distances",
        filename="a.mp4",
        make=lambda path: _selected(path, r"not(mod(n\,3))+lt(mod(n\,50)\,20)", 150),
        frames=[n for n in range(150) if n % 3 == 0 or n % 50 < 20],
        beeps=(),
        is_copied=True,
        seconds=149 / 25,
    ),
    Source(
        name="screen-recording",
        about="nothing new for 23 and for 12 seconds",
        filename="a.mkv",
        make=lambda path: _selected(
            path, r"lt(n\,20)+between(n\,250\,260)+gt(n\,380)", 400, rate="10"
        ),
        frames=[n for part in _RESTS for n in part],
        rate=Fraction(10),
        beeps=(),
    ),
    Source(
        name="240-fps",
        about="240 frames a second",
        filename="a.mp4",
        make=lambda path: film(
            path, numbers=range(720), rate="240", size=(160, 90), sound=every_second(3)
        ),
        frames=range(720),
        rate=Fraction(240),
        beeps=(0.5, 1.5, 2.5),
        rungs=((160, 90),),
        is_copied=True,
    ),
    Source(
        name="23.976-fps",
        about="24000/1001 frames a second, HEVC, so that all rungs are encoded",
        filename="a.mp4",
        make=lambda path: film(path, "-tag:v", "hvc1", rate="24000/1001", video=X265),
        rate=_NTSC_FILM,
    ),
    Source(
        name="paused",
        about="a recording that was paused for ten seconds, sound as well",
        filename="a.mp4",
        make=lambda path: film(
            path,
            *("-af", r"asetpts=if(gte(T\,2)\,PTS+10/TB\,PTS)", "-fps_mode", "vfr"),
            numbers=[*range(50), *range(300, 350)],
            filters=rf"setpts=if(gte(N\,50)\,PTS+10/TB\,PTS),{BT709}",
        ),
        frames=[*range(50), *range(300, 350)],
        beeps=(0.5, 1.5, 12.5, 13.5),
    ),
    Source(
        name="slides",
        about="one frame a second",
        filename="a.mkv",
        make=lambda path: film(path, numbers=range(20), rate="1", sound=every_second(20)),
        frames=range(20),
        rate=Fraction(1),
        beeps=tuple(n + 0.5 for n in range(20)),
    ),
    Source(
        name="one-frame",
        about="a single frame",
        filename="a.mp4",
        make=lambda path: film(path, numbers=range(1), sound=None),
        frames=range(1),
        beeps=(),
        is_copied=True,
    ),
    Source(
        name="fifth-of-a-second",
        about="0.2 s of picture and sound",
        filename="a.mp4",
        make=lambda path: film(path, numbers=range(5), sound=every_second(0.2)),
        frames=range(5),
        beeps=(),
        is_copied=True,
    ),
    Source(
        name="one-keyframe-in-42-s",
        about="a single keyframe, at the beginning of 42 s",
        filename="a.mp4",
        make=lambda path: film(
            path,
            numbers=range(210),
            rate="5",
            video=(*X264, "-g", "999", "-bf", "3"),
            sound=every_second(42),
        ),
        frames=range(210),
        rate=Fraction(5),
        beeps=tuple(n + 0.5 for n in range(42)),
    ),
    Source(
        name="open-gops",
        about="H.264 with frames that need the group before theirs",
        filename="a.mp4",
        make=lambda path: film(
            path, video=(*X264, "-x264-params", "open-gop=1:bframes=3:keyint=25:scenecut=0")
        ),
    ),
    Source(
        name="open-gops-hevc",
        about="the same in HEVC",
        filename="a.mp4",
        make=lambda path: film(
            path,
            *("-tag:v", "hvc1"),
            video=(
                *("-c:v", "libx265", "-preset", "ultrafast"),
                *("-x265-params", "log-level=error:crf=16:open-gop=1:keyint=25:bframes=3"),
            ),
        ),
    ),
    _interlaced("top", "H.264", "a.mp4", X264),
    _interlaced("bottom", "MPEG-2 in a transport stream", "a.ts", _MPEG2),
)

COLOURS = (
    Source(
        name="10-bit-h264",
        about="H.264 in 10 bits",
        filename="a.mp4",
        make=lambda path: film(path, filters=tagged("yuv420p10le", "bt709")),
    ),
    Source(
        name="10-bit-hevc",
        about="HEVC in 10 bits",
        filename="a.mp4",
        make=lambda path: film(
            path, *_HEVC_TAG, video=X265, filters=tagged("yuv420p10le", "bt709")
        ),
    ),
    Source(
        name="4:2:2",
        about="H.264 4:2:2",
        filename="a.mp4",
        make=lambda path: film(path, filters=tagged("yuv422p", "bt709")),
    ),
    Source(
        name="4:4:4",
        about="H.264 4:4:4 of 101×57",
        filename="a.mp4",
        make=lambda path: film(path, size=(101, 57), filters=tagged("yuv444p", "bt709")),
        rungs=((100, 56),),
    ),
    Source(
        name="rgb",
        about="H.264 that stores red, green and blue (screen recorders)",
        filename="a.mp4",
        make=lambda path: film(
            path, video=("-c:v", "libx264rgb", "-preset", "ultrafast"), filters="null"
        ),
    ),
    Source(
        name="full-range",
        about="full range in H.264 10 bits, encoded to limited range",
        filename="a.mp4",
        make=lambda path: film(path, filters=tagged("yuv420p10le", "bt709", "pc")),
    ),
    Source(
        name="full-range-copied",
        about="full range in H.264 8 bits, as phones record it",
        filename="a.mp4",
        make=lambda path: film(path, filters=tagged("yuvj420p", "bt709", "pc")),
        is_copied=True,
    ),
    Source(
        name="bt601",
        about="the matrix of BT.601, HEVC",
        filename="a.mp4",
        make=lambda path: film(path, *_HEVC_TAG, video=X265, filters=tagged("yuv420p", "bt601")),
    ),
    Source(
        name="untagged",
        about="no word about colours (they are BT.601 then), MPEG-4",
        filename="a.mp4",
        make=lambda path: film(
            path,
            video=("-c:v", "mpeg4", "-q:v", "2", "-g", "25"),
            filters="scale=out_color_matrix=bt601:out_range=tv,format=yuv420p",
        ),
    ),
    Source(
        name="hdr10",
        about="HEVC in 10 bits, BT.2020, PQ: tones are mapped",
        filename="a.mp4",
        make=lambda path: film(path, *_HEVC_TAG, video=X265, filters=hdr("smpte2084")),
        colours="tones",
    ),
    Source(
        name="hlg",
        about="HEVC in 10 bits, BT.2020, HLG: tones are mapped",
        filename="a.mp4",
        make=lambda path: film(path, *_HEVC_TAG, video=X265, filters=hdr("arib-std-b67")),
        colours="tones",
    ),
)

SOURCES = (*SHAPES, *TIMES, *COLOURS)
