"""A finished rendition and the sound as one progressive MP4: packets copied, index in front."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.command import join_command
from media.ffmpeg.run import BACKGROUND, run

#: Opens an init or a segment of one rendition, in the order in which they follow one another.
Parts = Iterable[Callable[[], BinaryIO]]

#: The slowest that packets may be copied: seconds of work per second of source, and in any case.
_SLOWEST = 2.0
_LEAST_TIMEOUT_SECONDS = 600.0


def join(
    renditions: Iterable[Parts],
    *,
    duration_seconds: float,
    work_dir: Path,
    on_progress: Callable[[float], None],
) -> Path:
    """One file of all `renditions`, each given as its init and all of its segments.

    `on_progress` gets the part that is done, from 0 to 1; what it raises ends the work.
    """
    inputs = []
    for number, parts in enumerate(renditions):
        path = work_dir / f"{number}.mp4"
        with path.open("wb") as whole:
            for open_part in parts:
                on_progress(0.0)
                with closing(open_part()) as part:
                    shutil.copyfileobj(part, whole, 1 << 20)
        inputs.append(path)
    out = work_dir / "joined.mp4"
    run(
        join_command(ffmpeg_binary(), inputs=inputs, out=out),
        timeout_seconds=max(duration_seconds * _SLOWEST, _LEAST_TIMEOUT_SECONDS),
        # The index is moved to the front at the end, without a word about how far that is.
        stall_seconds=_LEAST_TIMEOUT_SECONDS,
        on_progress=lambda seconds: on_progress(min(seconds / max(duration_seconds, 0.001), 1.0)),
        nice=BACKGROUND,
    )
    return out
