"""What is marked as made, but of which the store has nothing, or not all.

A disk was swapped, for example, or the power failed before it was written out. The marks are
taken back, so that it is made again like what never was.
"""

import logging
import uuid
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Sum

from media.ffmpeg.plan import Plan
from media.ffmpeg.storyboard import board_for, file_names
from media.jobs.queue import enqueue
from media.models import Job, MediaFile, Rendition, Segment
from media.services.changes import announce, announce_progress
from media.services.plans import find_plan
from media.services.sources import has_source
from media.store import picture_key, segment_key, store

logger = logging.getLogger(__name__)


def find_lost(rendition: Rendition, numbers: Iterable[int]) -> dict[int, int]:
    """Those of the numbers that are marked without a whole object, and the ids of their marks.

    The marks are read before the store is asked: who makes a segment publishes it, then marks it.
    """
    marks = Segment.objects.filter(rendition=rendition, number__in=numbers)
    row = rendition.plan
    return {
        number: mark
        for number, mark, size_bytes in marks.values_list("number", "pk", "size_bytes")
        if _stored_bytes(segment_key(row.media_file_id, row.number, rendition.name, number))
        != size_bytes
    }


def _stored_bytes(key: str) -> int | None:
    facts = store().facts(key)
    return facts.size_bytes if facts else None


def take_back(locked: MediaFile, rendition: Rendition, marks: Iterable[int]) -> None:
    """Remove these very marks; one that was set anew meanwhile has another id, and stays."""
    taken, _ = Segment.objects.filter(pk__in=list(marks)).delete()
    if not taken:
        return
    about = {"media": str(locked.pk), "rung": rendition.name, "count": taken}
    logger.error("segments lost", extra=about)
    if rendition.plan.state != "active":
        return
    siblings = Rendition.objects.filter(plan=rendition.plan_id)
    planned = siblings.aggregate(count=Sum("segment_count"))["count"]
    made = Segment.objects.filter(rendition__in=siblings).count()
    announce_progress(locked, made=made, planned=planned)


#: Of what is one file: what says that it is there, and the job that makes it.
_MARKS = {
    "poster.jpg": ("has_poster", Job.Kind.POSTER),
    "waveform.json": ("has_waveform", Job.Kind.LOUDNESS),
}


def _names(media_file: MediaFile) -> list[str]:
    """What is made of its segments: the files of the storyboard, or the waveform."""
    row = find_plan(media_file.pk, None)
    if row and row.document and media_file.kind == MediaFile.Kind.AUDIO:
        return ["waveform.json"]
    return file_names(board_for(Plan.from_json(row.document))) if row and row.document else []


def request_picture(*, media_id: uuid.UUID, name: str) -> None:
    """Have a picture that was lost made again; nothing happens to what never was.

    Idempotent: until it is there, the media file says that it has none. The caller has found no
    such object in the store.
    """
    is_poster = name == "poster.jpg"
    mark, kind = _MARKS.get(name, ("has_storyboard", Job.Kind.STORYBOARD))
    media_file = MediaFile.objects.filter(pk=media_id, **{mark: True}).first()
    if media_file is None or _stored_bytes(picture_key(media_id, name)):
        return
    # The others are made of segments. Those that are lost are made when somebody watches them.
    if not has_source(media_file) if is_poster else name not in _names(media_file):
        return
    with transaction.atomic():
        locked = MediaFile.objects.select_for_update().filter(pk=media_id, **{mark: True}).first()
        if locked is not None:
            logger.error("picture lost", extra={"media": str(media_id), "picture": name})
            announce(locked, **{mark: False})
            enqueue(kind=kind, media_file=locked)
