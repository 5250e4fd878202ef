"""The rendition commands of MediaCMS and PeerTube, as their own code builds them.

MediaCMS: files/helpers.py, `get_base_ffmpeg_command` (one command per profile, preset medium, two
seconds of keyframe jitter bounded by keyint, x264 with all threads).
PeerTube: packages/ffmpeg, `buildH264VODCommand` with its default profile (preset veryfast, one
thread, bits per pixel by height, a GOP of two seconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from media.ffmpeg.binary import ffmpeg_binary


@dataclass(frozen=True)
class PeerRung:
    """What the two do for one height: bounding width and kbit/s; most bits per second."""

    height: int
    mediacms_width: int
    mediacms_kbps: int
    peertube_bps: int


RUNGS = (
    PeerRung(1080, 1920, 6750, 6_220_800),
    PeerRung(720, 1280, 3750, 3_041_280),
    PeerRung(480, 853, 1500, 1_474_560),
    PeerRung(360, 640, 750, 1_036_800),
    PeerRung(240, 427, 450, 522_240),
    PeerRung(144, 256, 225, 210_124),
)


def mediacms_command(rung: PeerRung, source: Path, out: Path) -> list[str]:
    """MediaCMS, one H.264 rendition."""
    height, width = rung.height, rung.mediacms_width
    scale = (
        f"scale=if(lt(iw\\,ih)\\,{height}\\,{width}):if(lt(iw\\,ih)\\,{width}\\,{height})"
        ":force_original_aspect_ratio=decrease:force_divisible_by=2:flags=lanczos,fps=fps=30"
    )
    return [
        *_start(source),
        *("-c:v", "libx264", "-filter:v", scale, "-pix_fmt", "yuv420p", "-crf", "23"),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2"),
        *("-maxrate", f"{rung.mediacms_kbps}k", "-bufsize", f"{rung.mediacms_kbps}k"),
        *("-force_key_frames", "expr:gte(t,n_forced*4)"),
        *("-x264-params", "keyint=240:keyint_min=120"),
        *("-preset", "medium", "-profile:v", "main", "-level", "4.2", "-strict", "-2", str(out)),
    ]


def peertube_command(rung: PeerRung, source: Path, out: Path) -> list[str]:
    """PeerTube, one H.264 rendition."""
    return [
        *_start(source),
        *("-acodec", "aac", "-vcodec", "libx264", "-f", "mp4", "-threads", "1"),
        *("-movflags", "faststart", "-map_metadata", "-1", "-pix_fmt", "yuv420p"),
        *("-vf", f"scale=w=-2:h={rung.height}", "-preset", "veryfast"),
        *("-maxrate:v", str(rung.peertube_bps), "-bufsize:v", str(2 * rung.peertube_bps)),
        *("-b_strategy", "1", "-bf", "16", "-r", "30", "-g:v", "60", str(out)),
    ]


def peertube_copy_command(source: Path, out: Path) -> list[str]:
    """PeerTube, the top rendition of a source that it finds fit: a copy."""
    return [*_start(source), "-c", "copy", "-movflags", "faststart", "-f", "mp4", str(out)]


def _start(source: Path) -> list[str]:
    return [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", "-i", str(source)]
