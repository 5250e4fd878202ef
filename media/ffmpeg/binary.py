"""Where the ffmpeg binary is."""

from __future__ import annotations

import functools
import os
from importlib import import_module


def ffmpeg_binary() -> str:
    """The path of ffmpeg: FFMPEG_BINARY if it is set, else the one imageio-ffmpeg brings."""
    return os.environ.get("FFMPEG_BINARY") or _packaged_binary()


@functools.cache
def _packaged_binary() -> str:
    return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())
