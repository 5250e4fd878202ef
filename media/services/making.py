"""A claimed job of this instance: its plan, what is missing, how results are recorded.

A segment is made in a private folder, checked, published by one rename, and then marked: the
mark, the progress and the new version are one transaction that is guarded by the fencing token.
Somebody who lost the lease in between has published bytes that equal those of the next worker,
and marks nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import Count

from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.plan import Plan
from media.jobs.claim import Claim, LeaseLost
from media.jobs.queue import enqueue
from media.models import Job, MediaFile, Rendition, Segment
from media.models import Plan as PlanRow
from media.selectors import Ranges, made_ranges, percent
from media.services import extras
from media.services.changes import announce, announce_progress
from media.services.first_pictures import first_picture_bytes
from media.services.plans import ALIVE, find_plan, plan_number, tell_coming
from media.services.sources import source_path
from media.store import poster_key, segment_key, store
from media.workshop.protocol import Spans
from media.workshop.recording import gaps


@dataclass(frozen=True, kw_only=True)
class Work:
    """One claimed job, the plan it follows and the source it reads: a Workshop with a database."""

    claim: Claim
    media_id: uuid.UUID
    plan_id: int
    number: int
    #: Something else plays meanwhile, so nobody waits for this.
    is_coming: bool
    plan: Plan
    source: Path
    rendition_ids: dict[str, int]

    @property
    def args(self) -> Mapping[str, Any]:
        """What the job is about."""
        args: dict[str, Any] = self.claim.job.args
        return args

    @property
    def is_suspect(self) -> bool:
        """Whether the job has failed before, and not for want of room.

        On a full disk a still would stand for ever in the place of a good picture.
        """
        return self.claim.job.failures > 0 and store().free_bytes() > 0

    def check(self, *_: object) -> None:
        """Go on? Raises LeaseLost or Stopping."""
        self.claim.check()

    def folder(self) -> AbstractContextManager[Path]:
        """A private folder from which publishing is cheap."""
        return store().work_dir()

    def made(self, rung: str) -> Ranges:
        """Which segments of a rendition exist now."""
        rendition_id = self.rendition_ids[rung]
        return made_ranges([rendition_id])[rendition_id]

    def missing(self, rung: str) -> Ranges:
        """Which segments of a rendition do not exist yet."""
        return gaps(self.made(rung), len(self.plan.segments(rung)))

    def is_made(self, rung: str, number: int) -> bool:
        """Whether somebody has made this segment."""
        return Segment.objects.filter(rendition=self.rendition_ids[rung], number=number).exists()

    def somebody_waits(self) -> bool:
        """Whether another viewer's request waits for this slot."""
        waiting = Job.objects.filter(state="queued", is_urgent=True, kind=Job.Kind.ON_DEMAND)
        return waiting.exclude(pk=self.claim.job.pk).exists()

    def publish(self, made: MadeSegment) -> None:
        """Put a segment where the playlists say it is."""
        key = segment_key(self.media_id, self.number, made.rung, made.number)
        store().put_file(key, made.path)

    def record(self, segments: Sequence[MadeSegment], *, finish: bool, damaged: Spans = ()) -> None:
        """Mark published segments, in one transaction that only the holder of the token gets."""
        if segments or finish:
            with self.claim.recording() as media_file:
                rows = [_row(self, made) for made in segments]
                self.mark(media_file, rows, damaged=damaged)
                if finish:
                    self.claim.finish()

    def mark(self, media_file: MediaFile, rows: Sequence[Segment], *, damaged: Spans = ()) -> None:
        """The marks and the progress, inside `claim.recording`, which gives the media file."""
        if rows:
            Segment.objects.bulk_create(rows, ignore_conflicts=True)
            _tell_progress(self, media_file, damaged)

    def put_back(self, rung: str, first: int, last: int) -> None:
        """Leave the rest to a job that stands behind those who wait now."""
        args = {"plan": self.number, "rung": rung, "first": first, "last": last}
        with self.claim.recording() as media_file:
            enqueue(kind=Job.Kind.ON_DEMAND, media_file=media_file, args=args)
            self.claim.finish()

    def publish_poster(self, made: Path) -> None:
        """Publish the still, and end the job."""
        store().put_file(poster_key(self.media_id), made)
        self.record_poster()

    def record_poster(self) -> None:
        """Tell that there is a still."""
        with self.claim.recording() as media_file:
            announce(media_file, has_poster=True)
            self.claim.finish()


def load_work(claim: Claim) -> Work:
    """The work of a claim on the plan that its job follows. Raises LeaseLost if that is over."""
    media_file = claim.job.media_file
    row = find_plan(media_file.pk, plan_number(claim.job))
    if row is None or row.document is None:
        # Jobs are written together with their plan: without one, both have been deleted.
        raise LeaseLost
    return Work(
        claim=claim,
        media_id=media_file.pk,
        plan_id=row.pk,
        number=row.number,
        is_coming=row.state == "coming",
        plan=Plan.from_json(row.document),
        source=source_path(media_file),
        rendition_ids=dict(Rendition.objects.filter(plan=row).values_list("name", "id")),
    )


def _row(work: Work, made: MadeSegment) -> Segment:
    return Segment(
        rendition_id=work.rendition_ids[made.rung],
        number=made.number,
        size_bytes=made.size_bytes,
        duration_seconds=made.duration_seconds,
        picture_bytes=first_picture_bytes(work.media_id, work.number, made.rung, made.number),
    )


def _tell_progress(work: Work, media_file: MediaFile, damaged: Spans) -> None:
    # Its state changes only while the media file is held.
    row = PlanRow.objects.defer("document").filter(pk=work.plan_id).first()
    if row is None or row.state not in ALIVE:
        raise LeaseLost
    counts = {name: len(work.plan.segments(name)) for name in work.rendition_ids}
    rows = Segment.objects.filter(rendition__in=work.rendition_ids.values())
    made_of = dict(rows.values_list("rendition__name").annotate(count=Count("id")))
    planned, made = sum(counts.values()), sum(made_of.values())
    if row.state == "coming":
        tell_coming(media_file, row, work.plan, made=made, planned=planned, damaged=damaged)
    elif row.state == "beside":
        PlanRow.objects.filter(pk=row.pk).update(progress_percent=percent(made, planned))
    elif row.state == "active":
        changes: dict[str, object] = {}
        if damaged:
            changes["damaged"] = sorted({tuple(span) for span in [*media_file.damaged, *damaged]})
        announce_progress(media_file, made=made, planned=planned, **changes)
        complete = [name for name, count in counts.items() if made_of.get(name, 0) >= count]
        extras.enqueue_ready(media_file, work.plan, complete)
