"""Encoding a source once more with the settings of today, while what there is plays on."""

import uuid

from django.db import transaction

from core.errors import Conflict
from core.states import IllegalTransition
from media.jobs import queue
from media.models import MediaFile
from media.selectors import get_media_file
from media.services import plans
from media.services.changes import NO_FORECAST, announce, lock
from media.services.ownership import get_own
from media.services.sources import SourceLost, has_source
from media.states import MEDIA
from users.models import User
from users.permissions import may_moderate

#: From here on a video can be encoded anew: nothing works on it.
_AT_REST = ("completed", "failed", "cancelled")


class ReEncodeRunning(Conflict):
    """The video is being encoded anew already; wait for that, or cancel it."""

    code, title = "re-encode-running", "This video is being encoded anew already."


@transaction.atomic
def re_encode(*, actor: User, media_id: uuid.UUID) -> MediaFile:
    """Make a new plan of the stored source, and all of its segments.

    What is complete plays on until the new plan is complete too, which then takes over. Where the
    first encoding failed or was cancelled, the new plan plays as soon as it stands. For its owner
    and admins. Raises VideoNotFound, NotYourVideo, ReEncodeRunning, SourceLost, and
    IllegalTransition while it arrives or is encoded for the first time.
    """
    found = _get(actor, media_id)
    if found.state in ("failed", "cancelled"):
        # Before the media file is held: whoever records for such a job waits for that.
        queue.cancel_jobs(found)
    media_file = lock(found.pk)
    if plans.find_coming(media_file.pk) is not None:
        raise ReEncodeRunning
    if media_file.state not in _AT_REST:
        raise IllegalTransition("Only what is not being encoded can be encoded anew.")
    if not has_source(media_file):
        raise SourceLost
    if media_file.state == "completed":
        announce(media_file)
    else:
        MEDIA.move(media_file, "in_queue", error_code="", error_detail="")
        announce(media_file, **NO_FORECAST)
    plans.begin(media_file)
    return MediaFile.objects.select_related("owner").get(pk=media_file.pk)


def _get(actor: User, media_id: uuid.UUID) -> MediaFile:
    if may_moderate(actor):
        found = MediaFile.objects.filter(pk=media_id).first()
        return found or get_media_file(viewer=actor, media_id=media_id)
    return get_own(actor=actor, media_id=media_id)
