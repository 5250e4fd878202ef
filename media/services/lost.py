"""Segments that are marked as made, but of which the store has nothing, or not all.

A disk was swapped, for example, or the power failed before they were written out. Their marks are
taken back, so that they are made again like those that never were.
"""

import logging
from collections.abc import Iterable

from django.db.models import Sum

from media.models import MediaFile, Rendition, Segment
from media.services.changes import announce_progress
from media.store import segment_key, store

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
