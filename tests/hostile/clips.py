"""Honest clips of every container, which hostile ones are made from."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from media.ffmpeg.binary import ffmpeg_binary

_PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=1")
_SOUND = ("-f", "lavfi", "-i", "sine=f=440:r=48000:d=1")
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "5")
_AAC = ("-c:a", "aac", "-b:a", "32k")

#: How each container is filled: extension to FFmpeg's options.
BASES: dict[str, tuple[str, ...]] = {
    "mp4": (*_PICTURE, *_SOUND, *_X264, *_AAC),
    "mov": (*_PICTURE, *_SOUND, *_X264, "-c:a", "pcm_s16le"),
    "mkv": (*_PICTURE, *_SOUND, *_X264, *_AAC),
    "webm": (*_PICTURE, *_SOUND, "-c:v", "libvpx", "-cpu-used", "8", "-c:a", "libopus"),
    "avi": (*_PICTURE, *_SOUND, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "ts": (*_PICTURE, *_SOUND, *_X264, *_AAC),
    "mpg": (*_PICTURE, *_SOUND, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"),
    "flv": (*_PICTURE, *_SOUND, *_X264, *_AAC),
    "ogg": (*_SOUND, "-c:a", "libopus"),
    "mp3": (*_SOUND, "-c:a", "libmp3lame"),
    "wav": (*_SOUND, "-c:a", "pcm_s16le"),
    "aac": (*_SOUND, *_AAC),
    "flac": (*_SOUND, "-c:a", "flac"),
    "gif": (*_PICTURE,),
}


@cache
def base(kind: str) -> bytes:
    """A second of picture and sound, as far as the container takes both."""
    return made(*BASES[kind], suffix=kind)


@cache
def made(*arguments: str, suffix: str) -> bytes:
    """What FFmpeg writes with these arguments."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made.{suffix}"
        command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", *arguments, str(path)]
        subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)
        return path.read_bytes()


def fragmented() -> bytes:
    """The MP4 in fragments."""
    flags = "+frag_keyframe+empty_moov+default_base_moof"
    return made(*BASES["mp4"], "-movflags", flags, suffix="mp4")
