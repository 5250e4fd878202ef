"""Files that are still arriving: which of them can be encoded already, and how much of them.

One worker compares the offsets of all uploads with what is waited for, once per second. Nothing is
put into the queue before its bytes are there, so no slot ever waits for bytes.
"""

import logging
import uuid
from bisect import bisect_right

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from media.ffmpeg.front import Front, Layout, front_of
from media.jobs.queue import Spec, cancel, enqueue, enqueue_many
from media.models import EarlyWork, Job, MediaFile, Upload
from media.selectors import VideoNotFound
from media.services.changes import announce, lock
from media.store import early_folder, part_key, store

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
#: Rows that one look takes; the next one sees the rest.
LOOK_ROWS = 200
#: What will have arrived in so many seconds, at its pace so far, gains nothing: a look would be in
#: the way of its first segment.
QUICK_SECONDS = 1.0
#: Who can send the end ahead has begun to by then.
TAIL_SECONDS = 2.0
#: So much of what follows an index has to be there before it is worth looking at a picture.
FIRST_BYTES = 512 * 1024


def look_around() -> None:
    """Do for every file that arrives what its bytes allow now. Idempotent."""
    if not settings.EARLY_ENCODING:
        return
    arriving = Upload.objects.filter(state="receiving", media_file__state="uploading")
    # Of files whose length is not told yet nobody can say whether their index is right.
    new = arriving.filter(
        offset_bytes__gt=0,
        offset_bytes__lt=F("length_bytes"),
        media_file__early_work=None,
    )
    for upload in new[:LOOK_ROWS]:
        if _seconds_left(upload) >= QUICK_SECONDS:
            _go_on(upload)
    ready = arriving.filter(media_file__early_work__next_bytes__lte=F("offset_bytes"))
    for upload in ready[:LOOK_ROWS]:
        _go_on(upload)


def _seconds_so_far(upload: Upload) -> float:
    return (timezone.now() - upload.created_at).total_seconds()


def _seconds_left(upload: Upload) -> float:
    """How long the rest will take, if it comes as fast as what is there."""
    left_bytes: int = (upload.length_bytes or 0) - upload.offset_bytes
    return _seconds_so_far(upload) * left_bytes / upload.offset_bytes


def _go_on(upload: Upload) -> None:
    """Look at the front of a file, or queue the pieces that can be encoded now."""
    try:
        front = front_of(store().path(part_key(upload.pk)), stored_bytes=upload.offset_bytes)
    except FileNotFoundError:
        return  # It is on the disk of another host, or has just been finished.
    with transaction.atomic():
        try:
            media_file = lock(upload.media_file_id)  # type: ignore[arg-type]  # a join says so
        except VideoNotFound:
            return
        if media_file.state != "uploading":
            return
        work, _ = EarlyWork.objects.get_or_create(media_file=media_file)
        if work.next_bytes is None or work.next_bytes > upload.offset_bytes:
            return  # Another worker has looked in the same moment.
        if front.layout.is_growing:
            needs_bytes = work.next_bytes if work.document else front.needs_bytes + FIRST_BYTES
            _queue_look(work, media_file, upload.offset_bytes, needs_bytes)
        elif work.document is not None:
            queue_pieces(work, media_file, upload.offset_bytes)
        elif front.layout == Layout.UNKNOWN:
            _wait(work, front.needs_bytes)
        elif front.layout == Layout.INDEX_FIRST or _has_tail(work, front):
            _queue_look(work, media_file, upload.offset_bytes, front.needs_bytes + FIRST_BYTES)
        elif front.layout == Layout.OTHER:
            give_up(media_file, MediaFile.Early.LATER)
        elif _seconds_so_far(upload) >= TAIL_SECONDS:
            give_up(media_file, MediaFile.Early.INDEX_AT_END)


def _has_tail(work: EarlyWork, front: Front) -> bool:
    """Whether the index comes last, and was sent ahead."""
    return front.layout == Layout.INDEX_LAST and work.tail_bytes is not None


def _queue_look(
    work: EarlyWork, media_file: MediaFile, stored_bytes: int, needs_bytes: int
) -> None:
    """Have a worker look at it, once at a time, when some of the pictures are there."""
    if stored_bytes < needs_bytes:
        return _wait(work, needs_bytes)
    _wait(work, None)
    enqueue(kind=Job.Kind.EARLY, media_file=media_file)
    return None


def queue_pieces(
    work: EarlyWork, media_file: MediaFile, stored_bytes: int, *, else_bytes: int | None = None
) -> None:
    """Queue the pieces whose bytes are there, and wait for those of the next one.

    When all are queued, `else_bytes` is what is waited for.
    """
    ready = bisect_right(work.reaches, stored_bytes)
    pieces = range(work.queued_pieces, ready)
    enqueue_many(
        Spec(kind=Job.Kind.EARLY, media_file=media_file, args={"piece": piece}, position=piece)
        for piece in pieces
    )
    work.queued_pieces = ready
    _wait(work, work.reaches[ready] if ready < len(work.reaches) else else_bytes)


def _wait(work: EarlyWork, next_bytes: int | None) -> None:
    work.next_bytes = next_bytes
    work.save(update_fields=["next_bytes", "queued_pieces"])


def give_up(locked: MediaFile, why: MediaFile.Early) -> None:
    """Do no more before the last byte, and say so. What is made by now may count in the end."""
    EarlyWork.objects.filter(pk=locked.pk).update(next_bytes=None)
    queued = Job.objects.filter(media_file=locked, kind=Job.Kind.EARLY, state="queued")
    cancel(list(queued))
    if locked.early != why:
        announce(locked, early=why)


def forget(media_id: uuid.UUID) -> None:
    """Throw away what was made early: the bytes that it was made of do not count any more.

    In the caller's transaction; the objects go after it.
    """
    if not EarlyWork.objects.filter(pk=media_id).exists():
        return
    logger.info("early work thrown away", extra={"media": str(media_id)})
    work = Job.objects.filter(media_file=media_id, kind=Job.Kind.EARLY)
    cancel(list(work.filter(state__in=["queued", "running"])))
    EarlyWork.objects.filter(pk=media_id).delete()
    folder = early_folder(media_id)
    transaction.on_commit(lambda: store().delete_folder(folder))
