"""Take over what a media process has made, without believing that it made what it should.

A process that a hostile file has taken over can put anything into its folder: a link to a file
that it may not read itself, in the hope that we publish it, or bytes without end.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from media.ffmpeg.errors import UnexpectedOutput


def take(path: Path, *, most_bytes: int) -> bytes:
    """The content of a plain file; empty if there is none. Raises UnexpectedOutput for others."""
    if not is_there(path, most_bytes=most_bytes):
        return b""
    return path.read_bytes()


def is_there(path: Path, *, most_bytes: int) -> bool:
    """Whether a plain file of an acceptable size was made. Raises UnexpectedOutput for others.

    The process that made it has ended by now, so nothing changes between the look and the use.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise UnexpectedOutput(f"{path.name} is not a plain file")
    if found.st_size > most_bytes:
        raise UnexpectedOutput(f"{path.name} has {found.st_size} bytes, more than it can have")
    return True
