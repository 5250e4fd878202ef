"""The use cases of a worker: make the segments, inits and poster of a planned source.

Every function writes finished files into `work_dir`, a private folder of the caller, and returns
what it made. Nothing is published here. All of them raise FFmpegError or one of its kinds; an
exception from a callback ends the processes and propagates, which is how a caller cancels.

`background` puts the processes below everything else on the machine (the ladder); without it they
run at normal priority (what a viewer waits for).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from media.ffmpeg.plan import Plan


@dataclass(frozen=True, kw_only=True)
class MadeSegment:
    """One finished segment file. `bandwidth_bps` is its exact bits per second."""

    rung: str
    number: int
    path: Path
    size_bytes: int
    frames: int
    duration_seconds: float
    bandwidth_bps: int


def ignore_progress(_seconds: float) -> None:
    """Do nothing; the default of `on_progress`."""


def make_piece(
    source: Path,
    *,
    plan: Plan,
    number: int,
    rungs: Sequence[str],
    work_dir: Path,
    on_progress: Callable[[float], None] = ignore_progress,
    background: bool = True,
    tolerate_damage: bool = False,
) -> list[MadeSegment]:
    """Encode piece `number` for all `rungs` with one decode: {rung}-{number}.m4s in `work_dir`.

    Raises DamagedPiece when the frames are not those of the plan. With `tolerate_damage` the
    piece is made from the frames there are, or as one still picture, and joins all the same.
    """
    raise NotImplementedError


def copy_pieces(
    source: Path,
    *,
    plan: Plan,
    work_dir: Path,
    on_segment: Callable[[MadeSegment], bool],
    first: int = 0,
    last: int | None = None,
    background: bool = False,
) -> int:
    """Copy pieces `first` to `last` (inclusive; all that follow by default) of the copied rung.

    Each is announced to `on_segment` as soon as its file is there; False stops. Returns how many
    were made.
    """
    raise NotImplementedError


def make_audio(
    source: Path,
    *,
    plan: Plan,
    work_dir: Path,
    on_segment: Callable[[MadeSegment], bool],
    first: int = 0,
    last: int | None = None,
    background: bool = False,
) -> int:
    """Copy or encode, as planned, the audio segments `first` to `last` (inclusive).

    Each is announced to `on_segment` as soon as its file is there; False stops (for example
    because the next one is made already). Returns how many were made.
    """
    raise NotImplementedError


def make_inits(source: Path, *, plan: Plan, work_dir: Path) -> dict[str, Path]:
    """The init of every rendition, byte for byte what its segments need; then `plan.with_inits`."""
    raise NotImplementedError


def make_poster(source: Path, *, plan: Plan, work_dir: Path, background: bool = False) -> Path:
    """A JPEG of a frame near the beginning that is not blank, in its display shape."""
    raise NotImplementedError


def remux(
    source: Path,
    *,
    work_dir: Path,
    on_progress: Callable[[float], None] = ignore_progress,
    background: bool = False,
) -> Path:
    """Copy the packets of a source that cannot be sought exactly into a Matroska file."""
    raise NotImplementedError
