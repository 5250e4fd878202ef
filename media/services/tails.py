"""The end of a file, sent before the rest of it, so that its index is known early.

An addition of ours to tus. The bytes lie beside the upload, never in it: they do not count as
received, and come again at their place. What was made by them counts only if they come the same.
"""

import uuid
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from media.errors import DiskFull, TailInvalid, TailUnwanted
from media.models import EarlyWork
from media.selectors import VideoNotFound
from media.services.changes import lock
from media.services.uploads import get_upload
from media.store import store, tail_key
from users.models import User


@dataclass(frozen=True, kw_only=True)
class ExpectedTail:
    """The end of an upload that is about to come."""

    media_id: uuid.UUID
    begins_at: int
    size_bytes: int


def expect_tail(
    *, actor: User, upload_id: uuid.UUID, offset_bytes: int, size_bytes: int | None
) -> ExpectedTail | None:
    """What may come now; None where there is no use for it any more, which is no error.

    Raises TailUnwanted where this instance takes none, TailInvalid, DiskFull, and what
    `get_upload` raises.
    """
    most: int = settings.UPLOAD_TAIL_MAX_BYTES if settings.EARLY_ENCODING else 0
    if not most:
        raise TailUnwanted
    upload = get_upload(actor=actor, upload_id=upload_id)
    if not size_bytes or size_bytes > most:
        raise TailInvalid(f"It has to have a Content-Length of at most {most} bytes.")
    if upload.length_bytes is None or offset_bytes + size_bytes != upload.length_bytes:
        raise TailInvalid("It has to reach from Upload-Offset to the end of the file.")
    assert upload.media_file_id is not None  # noqa: S101  # it is alive
    is_there = EarlyWork.objects.filter(pk=upload.media_file_id, tail_bytes__isnull=False)
    if upload.state != "receiving" or upload.offset_bytes > offset_bytes or is_there.exists():
        return None
    if store().free_bytes() < size_bytes:
        raise DiskFull
    return ExpectedTail(
        media_id=upload.media_file_id, begins_at=offset_bytes, size_bytes=size_bytes
    )


@transaction.atomic
def keep_tail(tail: ExpectedTail, made: Path) -> None:
    """Put the end where the early work finds it; the first one that came stays."""
    try:
        media_file = lock(tail.media_id)
    except VideoNotFound:
        return
    work, _ = EarlyWork.objects.get_or_create(media_file=media_file)
    if media_file.state == "uploading" and work.tail_bytes is None and work.document is None:
        store().put_file(tail_key(media_file.pk), made)
        work.tail_bytes, work.next_bytes = tail.begins_at, 0
        work.save(update_fields=["tail_bytes", "next_bytes"])
