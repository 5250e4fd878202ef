"""Make films of numbered pictures and beeps with FFmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from media.ffmpeg.binary import ffmpeg_binary
from tests.matrix.beeps import Beeps, every_second
from tests.matrix.pictures import PLAIN, Layout, draw

SIZE = (320, 180)
FOUR_SECONDS = every_second(4)

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "25", "-bf", "2")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:crf=16")
AAC = ("-c:a", "aac", "-b:a", "96k")

#: What most films are: limited range, BT.709, and they say so.
BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)


def film(
    path: Path,
    *arguments: str,
    video: Sequence[str] = X264,
    audio: Sequence[str] = AAC,
    numbers: Iterable[int] = range(100),
    rate: str = "25",
    size: tuple[int, int] = SIZE,
    filters: str = BT709,
    layout: Layout = PLAIN,
    sound: Beeps | None = FOUR_SECONDS,
) -> Path:
    """Write a film: `numbers` are drawn one after the other, `rate` of them a second."""
    width, height = size
    inputs = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}"]
    inputs += ["-framerate", rate, "-i", "pipe:0"]
    if sound is not None:
        tones = path.with_name("beeps.wav")
        sound.write(tones)
        inputs += ["-i", str(tones)]
    heard = audio if sound is not None else ()
    pictures = b"".join(draw(number, width, height, layout) for number in numbers)
    ffmpeg(*inputs, "-vf", filters, *video, *heard, *arguments, str(path), given=pictures)
    return path


def sound_file(path: Path, *arguments: str, sound: Beeps, inputs: Sequence[str] = ()) -> Path:
    """Write a file of beeps alone, or with what other `inputs` bring."""
    tones = path.with_name("beeps.wav")
    sound.write(tones)
    ffmpeg("-i", str(tones), *inputs, *arguments, str(path))
    return path


def ffmpeg(*arguments: str, given: bytes | None = None) -> bytes:
    """Run ffmpeg and return what it writes to its output."""
    done = subprocess.run(
        [ffmpeg_binary(), "-hide_banner", "-v", "error", "-y", *arguments],
        input=given if given is not None else b"",
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:2000]
    return done.stdout
