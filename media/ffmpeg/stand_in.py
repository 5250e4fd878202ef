"""Files that hold some bytes of another one, enough for FFmpeg to encode one piece of it.

The index of most phones' files comes last: with it and the bytes of a piece, all at their true
places and holes between them, FFmpeg reads the piece as it would from the whole file. Where there
is no index, as in Matroska, the head of the file and what holds the piece are put together.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: Half open: from and to.
Span = tuple[int, int]


def make_stand_in(
    path: Path, *, size_bytes: int, front: Path, spans: Iterable[Span], tail: Path, tail_at: int
) -> Path:
    """Write `spans` of `front`, and `tail` from `tail_at` on, into a file of `size_bytes`.

    Raises FileNotFoundError where a file is not there any more, EOFError where it is too short.
    """
    with path.open("wb") as target:
        target.truncate(size_bytes)
        with front.open("rb") as source:
            for start, end in spans:
                _copy(source.fileno(), start, target.fileno(), start, end - start)
        with tail.open("rb") as source:
            _copy(source.fileno(), 0, target.fileno(), tail_at, size_bytes - tail_at)
    return path


def make_excerpt(path: Path, *, source: Path, spans: Iterable[Span]) -> Path:
    """Write `spans` of `source` into a file, one after the other. Raises as `make_stand_in`."""
    at = 0
    with path.open("wb") as target, source.open("rb") as whole:
        for start, end in spans:
            _copy(whole.fileno(), start, target.fileno(), at, end - start)
            at += end - start
    return path


def _copy(source: int, at: int, target: int, to: int, count: int) -> None:
    """Inside the kernel, or not at all where the file system shares blocks."""
    while count > 0:
        copied = _copy_some(source, at, target, to, count)
        if not copied:
            raise EOFError("the file ends before what is needed of it")
        at, to, count = at + copied, to + copied, count - copied


def _copy_some(source: int, at: int, target: int, to: int, count: int) -> int:
    try:
        return os.copy_file_range(source, target, count, at, to)
    except (OSError, AttributeError):
        # Not on this system, or not between these two.
        return os.pwrite(target, os.pread(source, min(count, 1 << 20), at), to)
