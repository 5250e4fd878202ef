"""Small clips of every awkward kind, made by ffmpeg when a test first asks for one."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from media.ffmpeg.binary import ffmpeg_binary

_PICTURE = "testsrc2=s=192x108:r=25:d={seconds}"
_SOUND = "sine=f=440:r=44100:d={seconds}"
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "30", "-pix_fmt", "yuv420p")

#: Name of a clip: the file, seconds of picture, seconds of sound, output arguments.
_PLAIN: dict[str, tuple[str, float, float, tuple[str, ...]]] = {
    "cfr": ("cfr.mp4", 9, 9, (*_X264, "-g", "25", "-bf", "2", "-c:a", "aac")),
    "short": ("short.mp4", 1, 1, (*_X264, "-g", "25", "-c:a", "aac")),
    "silent": ("silent.mp4", 3, 0, (*_X264, "-g", "25")),
    "one-keyframe": ("one.mp4", 14, 14, (*_X264, "-g", "999", "-bf", "3", "-c:a", "aac")),
    "open-gop": (
        "open.mp4",
        9,
        0,
        (*_X264, "-x264-params", "open-gop=1:bframes=3:keyint=25:scenecut=0"),
    ),
    "vfr": (
        "vfr.mp4",
        9,
        0,
        ("-vf", r"select=not(mod(n\,3))+lt(mod(n\,50)\,20)", "-fps_mode", "vfr", *_X264),
    ),
    "screen": (
        "screen.mkv",
        30,
        0,
        ("-vf", r"select=lt(n\,60)+between(n\,400\,420)+gt(n\,700)", "-fps_mode", "vfr", *_X264),
    ),
    "late": ("late.mkv", 5, 5, (*_X264, "-c:a", "aac", "-output_ts_offset", "3.7")),
    "mkv-ac3": ("ac3.mkv", 5, 5, (*_X264, "-c:a", "ac3")),
    "hour": (
        "hour.mkv",
        5,
        5,
        ("-c:v", "mpeg4", "-g", "50", "-c:a", "ac3", "-output_ts_offset", "3600"),
    ),
    "gif": ("clip.gif", 5, 0, ()),
    "webm": ("clip.webm", 5, 5, ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")),
    "ts-mpeg2": ("m2.ts", 5, 5, ("-c:v", "mpeg2video", "-bf", "2", "-g", "12", "-c:a", "mp2")),
    "ts-h264": ("h264.ts", 5, 5, (*_X264, "-g", "50", "-bf", "2", "-c:a", "aac")),
    "avi": ("clip.avi", 5, 5, ("-c:v", "mpeg4", "-bf", "0", "-c:a", "libmp3lame")),
    "odd-size": (
        "odd.mp4",
        2,
        0,
        ("-vf", "scale=101:57", "-c:v", "libx264", "-pix_fmt", "yuv444p"),
    ),
    "wide-pixels": ("wide.mp4", 2, 0, ("-vf", "setsar=4/3", *_X264)),
    "one-frame": ("frame.mp4", 2, 0, ("-frames:v", "1", *_X264)),
    "fifth": ("fifth.mp4", 0.2, 0.2, (*_X264, "-c:a", "aac")),
    "interlaced": ("laced.mp4", 3, 0, ("-vf", "setfield=tff", "-flags", "+ilme+ildct", *_X264)),
    "hlg": (
        "hlg.mp4",
        1,
        0,
        (
            *("-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-color_trc", "arib-std-b67"),
            *("-color_primaries", "bt2020", "-colorspace", "bt2020nc"),
        ),
    ),
    "microseconds": ("us.mkv", 5, 0, ("-vf", "settb=1/90000,setpts=PTS+7", *_X264)),
    "m4a": ("sound.m4a", 0, 20, ("-c:a", "aac")),
    "mp3": ("sound.mp3", 0, 20, ("-c:a", "libmp3lame")),
    "opus": ("sound.webm", 0, 20, ("-c:a", "libopus")),
    "flac": ("sound.flac", 0, 5, ("-c:a", "flac")),
    "surround": ("surround.mp4", 2, 5, (*_X264, "-ac", "6", "-c:a", "aac")),
}

#: Clips that are made from another one without encoding: input arguments, output arguments.
_DERIVED: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "rotated": ("rotated.mp4", "short", ("-display_rotation", "90"), ()),
    "edit-list": ("edits.mp4", "one-keyframe", ("-ss", "1.3"), ()),
    "joined": ("join.mp4", "short", ("-stream_loop", "12"), ()),
    "fragmented": ("frag.mp4", "cfr", (), ("-movflags", "+frag_keyframe+empty_moov")),
    "faststart": ("fast.mp4", "cfr", (), ("-movflags", "+faststart")),
    "h264-mkv": ("cfr.mkv", "cfr", (), ()),
}

NAMES = (*_PLAIN, *_DERIVED)


def clip(name: str) -> Path:
    """The path of the clip called `name`."""
    path = _folder() / (_PLAIN.get(name) or _DERIVED[name])[0]
    if not path.exists():
        if name in _PLAIN:
            _, picture, sound, arguments = _PLAIN[name]
            inputs = []
            if picture:
                inputs += ["-f", "lavfi", "-i", _PICTURE.format(seconds=picture)]
            if sound:
                inputs += ["-f", "lavfi", "-i", _SOUND.format(seconds=sound)]
        else:
            _, base, before, arguments = _DERIVED[name]
            inputs = [*before, "-i", str(clip(base))]
            arguments = ("-c", "copy", *arguments)
        ffmpeg(*inputs, *arguments, str(path))
    return path


def ffmpeg(*arguments: str) -> str:
    """Run ffmpeg and return what it prints."""
    done = subprocess.run(
        [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def presented(path: Path, stream: str = "v:0") -> list[tuple[int, float]]:
    """What a decoder shows of a file, by ffmpeg itself: timestamp in 1/90000 s, and seconds."""
    lines = ffmpeg(
        *("-copyts", "-i", str(path), "-map", f"0:{stream}", "-fps_mode", "passthrough"),
        *("-enc_time_base", "1:90000", "-f", "framecrc", "-"),
    ).splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return [(int(row[2]), int(row[2]) / 90_000) for row in rows]


@cache
def _folder() -> Path:
    return Path(mkdtemp(prefix="reelay-clips-"))


def remove_all() -> None:
    """Delete the clips that were made."""
    rmtree(_folder(), ignore_errors=True)
