"""Deleting a video: its work, its rows and every object of it.

The rows go first, in one transaction; from then on nobody can record anything about it. Then the
objects. A worker that publishes one more segment in between finds at its mark that the job is
gone and removes what it published; whatever a crash leaves behind, the sweep finds by its name.
"""

import logging
import uuid

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import F

from core.errors import Forbidden
from core.events import publish
from media.events import MediaDeleted
from media.jobs.queue import cancel_jobs
from media.models import MediaFile, Upload
from media.services import plans
from media.services.changes import lock
from media.services.ownership import get_own
from media.store import hls_folder, part_key, source_folder, store
from users.models import User
from users.permissions import may_moderate
from users.services import raise_version

logger = logging.getLogger(__name__)

#: How often one of the workers looks for objects of media files that are gone.
SWEEP_SECONDS = 600.0
#: How often it looks for what killed workers left in their private folders: there are few.
FOLDERS_SECONDS = 5.0
#: No job works for so long without writing a byte into its private folder.
WORK_SECONDS = 2 * 3600.0


def delete_media(*, actor: AbstractBaseUser, media_id: uuid.UUID) -> None:
    """Delete a media file of `actor`. Raises VideoNotFound or NotYourVideo."""
    with transaction.atomic():
        _delete(get_own(actor=actor, media_id=media_id).pk)


def remove_media(*, actor: User, media_id: uuid.UUID) -> None:
    """Delete anybody's media file, as an admin. Raises VideoNotFound or Forbidden."""
    if not may_moderate(actor):
        raise Forbidden("Only admins may do this.")
    with transaction.atomic():
        _delete(media_id)


def _delete(media_id: uuid.UUID) -> None:
    media_file = lock(media_id)
    cancel_jobs(media_file)
    # What is left of its upload answers 410 until it is swept; whoever writes to it is refused.
    uploads = Upload.objects.filter(media_file=media_file, state="receiving")
    upload_id = uploads.values_list("pk", flat=True).first()
    uploads.update(state="terminated", lease_token=F("lease_token") + 1)
    publish(
        MediaDeleted(
            media_id=media_file.pk,
            owner_id=media_file.owner_id,
            owner_version=raise_version(user_id=media_file.owner_id),
        )
    )
    MediaFile.objects.filter(pk=media_file.pk).delete()
    transaction.on_commit(lambda: remove_objects(media_id))
    if upload_id is not None:
        transaction.on_commit(lambda: store().delete(part_key(upload_id)))


def remove_objects(media_id: uuid.UUID) -> None:
    """Remove every object of a media file."""
    store().delete_folder(hls_folder(media_id))
    store().delete_folder(source_folder(media_id))


def remove_leftovers(media_id: uuid.UUID) -> None:
    """Remove the objects of a media file if it has been deleted."""
    if not MediaFile.objects.filter(pk=media_id).exists():
        remove_objects(media_id)


def sweep_folders() -> int:
    """Remove what killed workers left in their private folders; returns how many."""
    return store().sweep_work(WORK_SECONDS)


def sweep_orphans() -> int:
    """Remove the objects of all media files that are gone; returns of how many.

    What killed workers published of plans that are gone goes too.
    """
    plans.sweep_strays()
    ids = set()
    for folder in ("hls", "videos"):
        for name in store().folders(folder):
            try:
                ids.add(uuid.UUID(name))
            except ValueError:
                logger.warning("not ours", extra={"folder": f"{folder}/{name}"})
    known = set(MediaFile.objects.filter(pk__in=ids).values_list("pk", flat=True))
    for media_id in ids - known:
        logger.info("orphan removed", extra={"media": str(media_id)})
        remove_objects(media_id)
    return len(ids - known)
