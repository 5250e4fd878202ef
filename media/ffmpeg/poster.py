"""The poster: of a handful of stills from all over the video the one that shows most.

A fade from black, a white flash, a blurred pan: each compresses to little, and has few shades. So
a still is judged by the size of its JPEG, by how far it is from black and white, and by its
contrast. The one near the beginning is taken unless another is clearly better.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean, pstdev

from media.ffmpeg import command, outputs
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.errors import ToolFailed
from media.ffmpeg.limits import Limits
from media.ffmpeg.plan import Plan, VideoPlan
from media.ffmpeg.run import run

#: Where later stills are taken from, as parts of the number of pieces.
LATER = (0.2, 0.4, 0.6, 0.9)
#: How much better a later still has to be.
CLEARLY_BETTER = 1.2
#: Mean shades (of 0 to 255) between which nothing is said against a still, and beyond which all.
FAIR_SHADES, WORST_SHADES = (45.0, 205.0), (12.0, 245.0)
#: Less contrast than this (standard deviation of the shades) counts against a still.
FAIR_CONTRAST = 30.0
_TIMEOUT_SECONDS = 600.0
_SMALL = Limits(file_bytes=64 << 20)


def make_poster(
    source: Path,
    *,
    plan: Plan,
    work_dir: Path,
    on_progress: Callable[[float], None] = lambda _seconds: None,
    nice: int = 0,
) -> Path:
    """A JPEG of a frame that shows something, in its display shape. Raises ToolFailed if none can
    be made; a still that fails is no reason as long as there is another.
    """
    if plan.video is None:
        raise ValueError("the plan has no picture")
    best: tuple[float, Path] | None = None
    failure: ToolFailed | None = None
    for number in candidates(plan.video):
        path, grey = work_dir / f"poster-{number}.jpg", bytearray()
        argv = command.poster_command(ffmpeg_binary(), plan, number=number, source=source, out=path)
        try:
            run(
                argv,
                timeout_seconds=_TIMEOUT_SECONDS,
                on_output=_keep(grey),
                on_progress=on_progress,
                nice=nice,
                limits=_SMALL,
            )
        except ToolFailed as error:
            failure = error
            continue
        if outputs.is_there(path, most_bytes=_SMALL.file_bytes):
            worth = score(bytes(grey), path.stat().st_size)
            if best is None or worth > best[0]:
                best = (worth if best else worth * CLEARLY_BETTER, path)
    if best is None:
        raise failure or ToolFailed("no poster was made")
    return best[1].rename(work_dir / "poster.jpg")


def candidates(video: VideoPlan) -> list[int]:
    """The pieces that stills are taken from: one near the beginning, and later ones.

    A later one is worth a look only where another keyframe is found there.
    """
    last = len(video.frames) - 1
    first = min(1, last)
    later = sorted({round(part * last) for part in LATER} - set(range(first + 1)))
    return [first, *(number for number in later if video.sought(number) is not None)]


def score(grey: bytes, jpeg_bytes: int) -> float:
    """How much a still shows; `grey` are its shades in small."""
    if not grey:
        return 0.0
    mean, contrast = fmean(grey), pstdev(grey)
    (low, high), (least, most) = FAIR_SHADES, WORST_SHADES
    exposure = min((mean - least) / (low - least), (most - mean) / (most - high), 1.0)
    return jpeg_bytes * max(exposure, 0.0) * min(contrast / FAIR_CONTRAST, 1.0)


def _keep(data: bytearray) -> Callable[[bytes], bool]:
    most_bytes = command.GREY_WIDTH * command.GREY_HEIGHT

    def keep(part: bytes) -> bool:
        data.extend(part[: most_bytes - len(data)])
        return True

    return keep
