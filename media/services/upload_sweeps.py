"""What is done about uploads that nobody comes back for, or whose last process died."""

import logging

from django.db.models import F, Q
from django.db.models.functions import Now

from media.errors import OffsetMismatch, UploadGone
from media.models import Upload
from media.services.uploads import end_upload, finish_upload
from media.store import UPLOADS_FOLDER, part_key, store

logger = logging.getLogger(__name__)

#: How often the sweeper looks for uploads that nobody comes back for.
SWEEP_SECONDS = 60.0
#: How often it looks for bytes that are of no upload any more.
PARTS_SECONDS = 600.0
#: How often it looks for those whose last byte was stored by a process that died.
FINISH_SECONDS = 5.0
#: Rows that one sweep looks at; the next one sees the rest.
SWEEP_ROWS = 200


def expire_uploads() -> int:
    """End the uploads that nobody came back for in time; returns how many. Idempotent."""
    over = Upload.objects.filter(Q(expires_at__lt=Now()) | Q(media_file=None), state="receiving")
    ended = 0
    for upload in over.select_related("owner")[:SWEEP_ROWS]:
        try:
            end_upload(upload, "expired")
        except UploadGone:
            continue  # its owner was faster
        ended += 1
        logger.info("upload expired", extra={"upload": str(upload.pk)})
    forgotten = Upload.objects.filter(expires_at__lt=Now(), media_file=None)
    forgotten.exclude(state="receiving").delete()
    return ended


def sweep_parts() -> int:
    """Remove the bytes of uploads that are over; returns of how many.

    Whoever ends an upload removes them. What is found here is of a process that was killed before
    it could, or of an account that was deleted.
    """
    # The parts before the rows: an upload has its row before its first byte.
    found = store().parts(UPLOADS_FOLDER)
    receiving = Upload.objects.filter(state="receiving").values_list("pk", flat=True)
    orphans = set(found) - {part_key(upload_id) for upload_id in receiving}
    for key in orphans:
        logger.info("part of an upload that is over removed", extra={"key": key})
        store().delete(key)
    return len(orphans)


def finish_full_uploads() -> int:
    """Finish uploads whose last byte was stored by a process that died; returns how many."""
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
    full = Upload.objects.filter(free, state="receiving", offset_bytes=F("length_bytes"))
    ids = list(full.filter(media_file__isnull=False).values_list("pk", flat=True)[:SWEEP_ROWS])
    for upload_id in ids:
        try:
            finish_upload(upload_id=upload_id)
        except (UploadGone, OffsetMismatch) as error:
            logger.info("not finished", extra={"upload": str(upload_id), "reason": error.code})
        except OSError:
            # The disk has refused this one; it stays full, and the others are not to wait for it.
            logger.warning("not finished", exc_info=True, extra={"upload": str(upload_id)})
    return len(ids)
