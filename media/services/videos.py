"""What the owner of a video changes about it: title, visibility, another try."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core.states import IllegalTransition
from media.jobs import queue
from media.models import MediaFile, Visibility
from media.selectors import get_media_file
from media.services import ingest, plans
from media.services.changes import announce, lock
from media.services.ownership import get_own

#: From the widest circle to the narrowest.
_CIRCLES: list[str] = [
    Visibility.PUBLIC,
    Visibility.UNLISTED,
    Visibility.FOLLOWERS,
    Visibility.PRIVATE,
]


@transaction.atomic
def update_video(
    *,
    actor: AbstractBaseUser,
    media_id: uuid.UUID,
    title: str | None = None,
    visibility: str | None = None,
    is_downloadable: bool | None = None,
) -> MediaFile:
    """Change what is given. A narrower circle ends every playback link given out before."""
    media_file = lock(get_own(actor=actor, media_id=media_id).pk)
    changes: dict[str, object] = {}
    if title is not None:
        changes["title"] = title
    if is_downloadable is not None:
        changes["is_downloadable"] = is_downloadable
    if visibility is not None:
        changes["visibility"] = visibility
        if _CIRCLES.index(visibility) > _CIRCLES.index(media_file.visibility):
            changes["visibility_epoch"] = media_file.visibility_epoch + 1
    if changes:
        announce(media_file, **changes)
    return get_media_file(viewer=actor, media_id=media_id)


@transaction.atomic
def retry(*, actor: AbstractBaseUser, media_id: uuid.UUID) -> MediaFile:
    """Queue a failed or cancelled media file again; what is made already stays.

    Raises IllegalTransition in any other state.
    """
    ingest.start_again(media_file=get_own(actor=actor, media_id=media_id))
    return get_media_file(viewer=actor, media_id=media_id)


@transaction.atomic
def cancel(*, actor: AbstractBaseUser, media_id: uuid.UUID) -> MediaFile:
    """End all work on a media file that waits or is made; what is made already stays.

    Of one that plays, the plan that is coming ends. Twice is once. Raises IllegalTransition for
    one that has come to its end, or arrives still.
    """
    media_file = lock(get_own(actor=actor, media_id=media_id).pk)
    coming = plans.find_coming(media_file.pk)
    if coming is not None:
        plans.end(media_file, coming, "cancelled")
    if media_file.state in ("in_queue", "processing"):
        queue.cancel_jobs(media_file)
        announce(media_file, state="cancelled")
    elif coming is None and media_file.state != "cancelled":
        raise IllegalTransition("Only what waits or is being made can be cancelled.")
    return get_media_file(viewer=actor, media_id=media_id)
