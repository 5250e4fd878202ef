"""Everything that is made from a clip, made once per test run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from media.ffmpeg import encode
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.facts import Inspection
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.integration.media.ffmpeg import clips


@dataclass
class Made:
    """A clip, its plan, and all segments of all renditions."""

    clip: Path
    source: Path
    work_dir: Path
    inspection: Inspection
    plan: Plan
    segments: dict[str, list[MadeSegment]] = field(default_factory=dict)

    def joined(self, rung: str) -> Path:
        """Init and all segments of a rendition, as one file."""
        path = self.work_dir / f"joined-{rung}.mp4"
        parts = [self.plan.init(rung), *(s.path.read_bytes() for s in self.segments[rung])]
        path.write_bytes(b"".join(parts))
        return path


def prepare(clip: Path, work_dir: Path) -> Made:
    """Inspect, remux if needed, plan, and make the inits."""
    source, inspection = clip, inspect(clip)
    if inspection.probe.needs_remux:
        source = encode.remux(clip, work_dir=work_dir)
        inspection = inspect(source)
    plan = make_plan(inspection)
    plan = plan.with_inits(encode.make_inits(plan, work_dir=work_dir))
    return Made(clip, source, work_dir, inspection, plan)


def make_all(made: Made) -> None:
    """All segments of all renditions."""
    plan, keep = made.plan, made.segments

    def add(segment: MadeSegment) -> bool:
        keep.setdefault(segment.rung, []).append(segment)
        return True

    encoded = [name for name in plan.rung_names if name not in (AUDIO, plan.copied_rung)]
    for number in range(plan.piece_count if encoded else 0):
        for segment in encode.make_piece(
            made.source, plan=plan, number=number, rungs=encoded, work_dir=made.work_dir
        ):
            add(segment)
    if plan.copied_rung:
        encode.copy_pieces(made.source, plan=plan, work_dir=made.work_dir, on_segment=add)
    if plan.audio:
        encode.make_audio(made.source, plan=plan, work_dir=made.work_dir, on_segment=add)


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Made]]:
    """Make everything from the clip with this name."""

    @cache
    def made(name: str) -> Made:
        result = prepare(clips.clip(name), tmp_path_factory.mktemp(name))
        make_all(result)
        return result

    yield made
    clips.remove_all()
