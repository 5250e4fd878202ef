"""Whose a media file is."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser

from core.errors import Forbidden
from media.models import MediaFile
from media.selectors import get_media_file


class NotYourVideo(Forbidden):
    """The video may be seen, but only its owner may change it."""

    code, title = "not-your-video", "Only its owner may change a video."


def get_own(*, actor: AbstractBaseUser, media_id: uuid.UUID) -> MediaFile:
    """The media file, if `actor` may change it. Raises VideoNotFound or NotYourVideo."""
    media_file = get_media_file(viewer=actor, media_id=media_id)
    if media_file.owner_id != actor.pk:
        raise NotYourVideo
    return media_file
