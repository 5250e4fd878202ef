"""Changes of a media file that others hear of: lock the row, change it, raise its version."""

import uuid

from django.utils import timezone

from core.events import publish
from media.events import MediaChanged
from media.models import MediaFile
from media.selectors import VideoNotFound


def lock(media_id: uuid.UUID) -> MediaFile:
    """The row, held until the end of the caller's transaction. Raises VideoNotFound.

    Whoever counts segments holds it, so that of two workers that make the last two segments at
    the same moment one sees the other's.
    """
    found = MediaFile.objects.select_for_update().filter(pk=media_id).first()
    if found is None:
        raise VideoNotFound
    return found


def announce(locked: MediaFile, **changes: object) -> None:
    """Write `changes` and the next version in one UPDATE, and tell of it after the commit."""
    values = {"version": locked.version + 1, "updated_at": timezone.now(), **changes}
    MediaFile.objects.filter(pk=locked.pk).update(**values)
    for name, value in values.items():
        setattr(locked, name, value)
    publish(MediaChanged(media_id=locked.pk, owner_id=locked.owner_id, version=locked.version))
