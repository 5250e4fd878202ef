"""What every job that makes segments shares: its plan, what is missing, how results are recorded.

A segment is made in a private folder, checked, published by one rename, and then marked: the
mark, the progress and the new version are one transaction that is guarded by the fencing token.
Somebody who lost the lease in between has published bytes that equal those of the next worker,
and marks nothing.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import NotFound
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.plan import AUDIO, Plan
from media.jobs.claim import Claim, LeaseLost
from media.models import Plan as PlanRow
from media.models import Rendition, Segment
from media.selectors import Ranges, made_ranges
from media.services.changes import announce_progress, lock
from media.services.sources import source_path
from media.store import segment_key, store

#: Marks of segments that come quickly are written together, so often at most.
MARK_SECONDS = 0.25

#: Pairs of start and end, in seconds.
Spans = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Work:
    """One claimed job, the plan it follows and the source it reads."""

    claim: Claim
    media_id: uuid.UUID
    number: int
    plan: Plan
    source: Path
    rendition_ids: dict[str, int]

    def made(self, rung: str) -> Ranges:
        """Which segments of a rendition exist now."""
        rendition_id = self.rendition_ids[rung]
        return made_ranges([rendition_id])[rendition_id]

    def missing(self, rung: str) -> Ranges:
        """Which segments of a rendition do not exist yet."""
        return gaps(self.made(rung), len(self.plan.segments(rung)))


def load_work(claim: Claim) -> Work:
    """The work of a claim that follows the newest plan. Raises LeaseLost if there is none."""
    media_file = claim.job.media_file
    row = PlanRow.objects.filter(media_file=media_file).order_by("-number").first()
    if row is None:
        # Jobs are written together with their plan: without one, both have been deleted.
        raise LeaseLost
    return Work(
        claim=claim,
        media_id=media_file.pk,
        number=row.number,
        plan=Plan.from_json(row.document),
        source=source_path(media_file),
        rendition_ids=dict(Rendition.objects.filter(plan=row).values_list("name", "id")),
    )


def gaps(made: Ranges, count: int) -> Ranges:
    """The ranges between and after those that are made.

    >>> gaps([(0, 2), (5, 5)], 8), gaps([], 3), gaps([(0, 2)], 3)
    ([(3, 4), (6, 7)], [(0, 2)], [])
    """
    missing, start = [], 0
    for first, last in [*made, (count, count)]:
        if start < first:
            missing.append((start, first - 1))
        start = last + 1
    return missing


@dataclass
class Recorder:
    """Publishes what a job makes, and marks it in batches, one per MARK_SECONDS at most."""

    work: Work
    _waiting: list[MadeSegment] = field(default_factory=list)
    _damaged: list[tuple[float, float]] = field(default_factory=list)
    _marked_at: float = float("-inf")

    def take(self, made: MadeSegment) -> None:
        """Check and publish one segment; mark it now if nothing was marked a moment ago.

        A copy leaves out what is broken in the source, and no second try would bring it.
        """
        self.work.claim.check()
        is_copy = made.rung == self.work.plan.copied_rung
        publish_segment(self.work, made, tolerate_damage=is_copy)
        if is_copy and is_damaged(self.work, made):
            self._damaged.append(span_of(self.work, made))
        self._waiting.append(made)
        if time.monotonic() - self._marked_at >= MARK_SECONDS:
            self.mark()

    def mark(self, *, finish: bool = False) -> None:
        """Mark all that was published since, and end the job with it if `finish`."""
        if self._waiting or finish:
            record(self.work, self._waiting, finish=finish, damaged=self._damaged)
            self._waiting, self._damaged = [], []
            self._marked_at = time.monotonic()


def publish_segment(work: Work, made: MadeSegment, *, tolerate_damage: bool = False) -> None:
    """Check a segment against the plan and put it where the playlists say it is."""
    if made.rung != AUDIO and not tolerate_damage and is_damaged(work, made):
        raise UnexpectedOutput(f"segment {made.number} of {made.rung} has {made.frames} frames")
    store().put_file(segment_key(work.media_id, work.number, made.rung, made.number), made.path)


def is_damaged(work: Work, made: MadeSegment) -> bool:
    """Whether a video segment has other frames than were planned."""
    return work.plan.video is not None and made.frames != work.plan.video.frames[made.number]


def span_of(work: Work, made: MadeSegment) -> tuple[float, float]:
    """From when until when a segment is shown, in seconds."""
    planned = work.plan.segments(made.rung)[made.number]
    start = planned.start_seconds
    return round(start, 3), round(start + planned.duration_seconds, 3)


def record(
    work: Work, segments: Sequence[MadeSegment], *, finish: bool, damaged: Spans = ()
) -> None:
    """Mark published segments, in one transaction that only the holder of the token gets."""
    if not segments and not finish:
        return
    with work.claim.recording():
        if segments:
            Segment.objects.bulk_create(
                [_row(work, made) for made in segments], ignore_conflicts=True
            )
            _tell_progress(work, damaged)
        if finish:
            work.claim.finish()


def _row(work: Work, made: MadeSegment) -> Segment:
    return Segment(
        rendition_id=work.rendition_ids[made.rung],
        number=made.number,
        size_bytes=made.size_bytes,
        duration_seconds=made.duration_seconds,
    )


def _tell_progress(work: Work, damaged: Spans) -> None:
    try:
        media_file = lock(work.media_id)
    except NotFound as error:
        raise LeaseLost from error
    planned = sum(len(work.plan.segments(name)) for name in work.rendition_ids)
    made = Segment.objects.filter(rendition__in=work.rendition_ids.values()).count()
    changes: dict[str, object] = {}
    if damaged:
        changes["damaged"] = sorted({tuple(span) for span in [*media_file.damaged, *damaged]})
    announce_progress(media_file, made=made, planned=planned, **changes)
