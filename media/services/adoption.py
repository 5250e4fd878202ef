"""What was made before the last byte arrived, once the whole file has been looked at.

It counts if the whole file is cut alike, as far as the early plan was certain. Then its segments
are renamed to where the playlists say they are, and marked; else all of it is forgotten.
"""

import logging
import uuid
from dataclasses import dataclass, field

from django.db import transaction

from core.units import MiB
from media.ffmpeg.facts import Inspection
from media.ffmpeg.partial import encoded_as, is_same_cut
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from media.jobs.queue import PRIORITY
from media.models import EarlyPiece, EarlyWork, Job, MediaFile, Rendition, Segment
from media.models import Plan as PlanRow
from media.selectors import Ranges
from media.services import arriving
from media.services.changes import announce_progress
from media.services.first_pictures import first_picture_bytes
from media.services.sources import source_path
from media.store import early_folder, early_key, segment_key, store, tail_key
from media.workshop.recording import gaps

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The plan of a whole file, with the pieces of it that were made early."""

    plan: Plan
    number: int
    #: Whether the rungs of `plan` are those of the early work.
    is_early: bool = False
    #: Numbers of the pieces, by rung.
    made: dict[str, list[int]] = field(default_factory=dict)

    def missing(self, rung: str) -> Ranges:
        """Which segments of a rendition are to be made."""
        made: Ranges = [(number, number) for number in sorted(self.made.get(rung, ()))]
        return gaps(made, len(self.plan.segments(rung)))


def make_kept(media_id: uuid.UUID, inspection: Inspection, number: int) -> Kept:
    """Plan the whole file; keep what was made early if it is cut alike, or throw it away.

    Renames what there is to its place; doing it again changes nothing. Called before the plan is
    recorded, so that the rename of thousands of segments holds no transaction.
    """
    work = EarlyWork.objects.filter(pk=media_id).first()
    begun = work.begun if work else None
    if work is not None and begun is not None:
        plan = make_plan(inspection, begun=begun)
        if is_same_cut(begun, plan) and _is_same_end(work):
            plan, made = encoded_as(begun.plan, plan), _move(work, number)
            return Kept(plan=plan, number=number, is_early=True, made=made)
    with transaction.atomic():
        arriving.forget(media_id)
    return Kept(plan=make_plan(inspection), number=number)


def _move(work: EarlyWork, number: int) -> dict[str, list[int]]:
    """Rename all that was made to its place: numbers of pieces, by rung."""
    made: dict[str, list[int]] = {}
    for piece in work.pieces.all():
        for rung in _moved(piece, number):
            made.setdefault(rung, []).append(piece.number)
    logger.info("made early", extra={"media": str(work.pk), "pieces": work.pieces.count()})
    return made


def adopt(kept: Kept, locked: MediaFile, row: PlanRow) -> None:
    """Mark what was kept, in the transaction that records the plan.

    From then on whoever still works on an early piece publishes it like any other.
    """
    if not kept.is_early:
        return
    ids = dict(Rendition.objects.filter(plan=row).values_list("name", "id"))
    pieces = EarlyPiece.objects.filter(work=locked.pk)
    segments = [
        Segment(
            rendition_id=ids[rung],
            number=piece.number,
            size_bytes=piece.segments[rung][0],
            duration_seconds=piece.segments[rung][1],
            picture_bytes=first_picture_bytes(locked.pk, kept.number, rung, piece.number),
        )
        for piece in pieces
        for rung in _moved(piece, kept.number)
    ]
    Segment.objects.bulk_create(segments)
    EarlyWork.objects.filter(pk=locked.pk).delete()
    # Those that wait keep their place among the pieces; those that run are told by their end.
    jobs = Job.objects.filter(
        media_file=locked, kind=Job.Kind.EARLY, state__in=["queued", "running"]
    )
    jobs.filter(args__has_key="piece").update(
        kind=Job.Kind.LADDER, priority=PRIORITY[Job.Kind.LADDER]
    )
    planned = sum(Rendition.objects.filter(plan=row).values_list("segment_count", flat=True))
    announce_progress(locked, made=len(segments), planned=planned)
    folder = early_folder(locked.pk)
    transaction.on_commit(lambda: store().delete_folder(folder))


def _is_same_end(work: EarlyWork) -> bool:
    """Whether the end of the file, where it was sent ahead, has come once more as it was."""
    if work.tail_bytes is None:
        return True
    try:
        ahead, _ = store().open(tail_key(work.pk))
        with ahead, source_path(work.media_file).open("rb") as whole:
            whole.seek(work.tail_bytes)
            while data := ahead.read(1 * MiB):
                if whole.read(len(data)) != data:
                    return False
            return not whole.read(1)
    except FileNotFoundError:
        return False


def _moved(piece: EarlyPiece, number: int) -> list[str]:
    """Rename the segments of a piece to their places; the rungs of which there is one."""
    found = []
    for rung, (size_bytes, _seconds) in piece.segments.items():
        key = segment_key(piece.work_id, number, rung, piece.number)
        early = early_key(piece.work_id, rung, piece.number)
        facts = store().facts(early)
        if facts is not None:
            store().put_file(key, store().path(early))
        else:
            facts = store().facts(key)
        if facts is not None and facts.size_bytes == size_bytes:
            found.append(rung)
    return found
