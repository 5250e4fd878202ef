"""The order in which rows are locked: the media file, then its jobs, then their wake-ups.

Whoever ends the work on a video locks the video first. Workers that began with their job and came
to the video later would meet them half way, and PostgreSQL would end one of the two.
"""

import uuid

from media.models import MediaFile


def hold_media(media_id: uuid.UUID) -> MediaFile | None:
    """Lock the row of a media file, if it is there, until the end of the transaction."""
    return MediaFile.objects.select_for_update().filter(pk=media_id).first()
