"""Changes of a media file that others hear of: lock the row, change it, raise its version.

Two topics show it, `media:<id>` and `user:<owner>`, so two versions are raised, always in this
order: whoever holds the row of an account asks for no media file that exists already.
"""

import uuid

from django.utils import timezone

from core.events import publish
from media.events import MediaChanged
from media.jobs.locks import hold_media
from media.models import MediaFile
from media.selectors import VideoNotFound, percent
from users.services import raise_version

#: What was foreseen in one state says nothing about the next.
NO_FORECAST: dict[str, object] = {"queue_position": None, "begins_at": None, "ends_at": None}


def lock(media_id: uuid.UUID) -> MediaFile:
    """The row, held until the end of the caller's transaction. Raises VideoNotFound.

    Whoever counts segments holds it, so that of two workers that make the last two segments at
    the same moment one sees the other's.
    """
    found = hold_media(media_id)
    if found is None:
        raise VideoNotFound
    return found


def announce(locked: MediaFile, **changes: object) -> None:
    """Write `changes` and the next version in one UPDATE, and tell of it after the commit."""
    values = {"version": locked.version + 1, "updated_at": timezone.now(), **changes}
    if "state" in changes:
        values = NO_FORECAST | values
    MediaFile.objects.filter(pk=locked.pk).update(**values)
    for name, value in values.items():
        setattr(locked, name, value)
    tell(media_id=locked.pk, owner_id=locked.owner_id, version=locked.version)


def announce_progress(locked: MediaFile, *, made: int, planned: int, **changes: object) -> None:
    """Tell how many of the planned segments are marked, and that it is complete when all are.

    What was complete once stays so: a segment of it that is lost is made again when it is asked
    for.
    """
    if locked.state != "completed":
        changes["progress_percent"] = percent(made, planned)
    # A single job that a person had retried may complete what had failed.
    if made >= planned and locked.state in ("processing", "failed"):
        changes |= {"state": "completed", "error_code": "", "error_detail": ""}
    announce(locked, **changes)


def tell(*, media_id: uuid.UUID, owner_id: uuid.UUID, version: int) -> None:
    """Tell after the commit that a media file is at `version`, which the owner's topic shows too.

    Called in the transaction of the UPDATE that raised `MediaFile.version`.
    """
    owner_version = raise_version(user_id=owner_id)
    publish(
        MediaChanged(
            media_id=media_id, owner_id=owner_id, version=version, owner_version=owner_version
        )
    )
