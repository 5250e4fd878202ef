"""Do with a file what a worker does, without a database: look, plan, and make every kind of output.

What it used is measured from outside: memory of all processes that were started, time, bytes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from media.ffmpeg import encode
from media.ffmpeg.errors import FFmpegError, UnreadableMedia
from media.ffmpeg.facts import ProbeLimits
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.poster import make_poster
from media.ffmpeg.probe import inspect
from tests.hostile.case import PLAYS


@dataclass
class Handled:
    """What became of a file, and what that took."""

    becomes: str = PLAYS
    detail: str = ""
    seconds: float = 0.0
    memory_bytes: int = 0
    output_bytes: int = 0
    trouble: list[str] = field(default_factory=list)


def handle(source: Path, work_dir: Path, *, probe_seconds: float = 20.0) -> Handled:
    """Take a source as far as it goes."""
    handled = Handled()
    began = time.monotonic()
    with _memory_watched(handled):
        try:
            _make(source, work_dir, probe_seconds, handled)
        except UnreadableMedia as error:
            handled.becomes, handled.detail = error.code, error.detail
        except FFmpegError as error:
            # The worker tries such a job again, and then says so.
            handled.becomes, handled.detail = "encoding-failed", f"{error}."
    handled.seconds = time.monotonic() - began
    handled.output_bytes = sum(each.stat().st_size for each in work_dir.rglob("*"))
    return handled


def _make(source: Path, work_dir: Path, probe_seconds: float, handled: Handled) -> None:
    limits = ProbeLimits()
    inspection = inspect(source, limits=limits, timeout_seconds=probe_seconds)
    if inspection.probe.needs_remux:
        source = encode.remux(source, work_dir=work_dir)
        inspection = inspect(source, limits=limits, timeout_seconds=probe_seconds)
    plan = make_plan(inspection)
    plan = plan.with_inits(encode.make_inits(plan, work_dir=work_dir))
    _make_segments(source, plan, work_dir, handled)
    encode.make_subtitles(source, plan=plan, work_dir=work_dir)


def _make_segments(source: Path, plan: Plan, work_dir: Path, handled: Handled) -> None:
    """The first and last segment of what is there; what cannot be made is trouble, not the end."""

    def one(_made: encode.MadeSegment) -> bool:
        return False

    video = plan.video
    if video is not None:
        encoded = [rung.name for rung in video.rungs if not rung.is_copy][-1:]
        for number in {0, plan.piece_count - 1} if encoded else ():
            encode.make_piece(
                source,
                plan=plan,
                number=number,
                rungs=encoded,
                work_dir=work_dir,
                tolerate_damage=True,
            )
        if plan.copied_rung:
            with _noting(handled):
                encode.copy_pieces(source, plan=plan, work_dir=work_dir, on_segment=one)
        with _noting(handled):
            make_poster(source, plan=plan, work_dir=work_dir)
    if plan.audio is not None:
        with _noting(handled):
            encode.make_audio(source, plan=plan, work_dir=work_dir, on_segment=one)


@contextlib.contextmanager
def _noting(handled: Handled) -> Iterator[None]:
    try:
        yield
    except FFmpegError as error:
        handled.trouble.append(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def _memory_watched(handled: Handled) -> Iterator[None]:
    """Note the most memory that any process below this one has held at a time."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.03):
            for pid in _below(os.getpid()):
                handled.memory_bytes = max(handled.memory_bytes, _most_held(pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _below(pid: int) -> Iterator[int]:
    """All processes that this one and its children have started."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            children = [int(each) for each in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from _below(child)


def _most_held(pid: int) -> int:
    """Anonymous memory now: what the files of the program take is not the process's doing."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    kib = [int(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
    return sum(kib) * 1024
