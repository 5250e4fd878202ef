"""The source of a media file: which file is read, and whether there is one at all."""

import logging
import uuid
from pathlib import Path

from django.conf import settings

from core.errors import Gone, NotFound
from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.facts import ProbeLimits
from media.models import MediaFile
from media.store import remux_key, store

logger = logging.getLogger(__name__)


class SourceLost(Gone):
    """What a segment would be made of is not in the store any more, and neither is the segment."""

    code, title = "source-lost", "The file that this video is made of is lost."


def source_limits() -> ProbeLimits:
    """What a source may be at most on this instance."""
    return ProbeLimits(
        duration_seconds=settings.SOURCE_MAX_SECONDS,
        pixels=settings.SOURCE_MAX_PIXELS,
        frames=settings.SOURCE_MAX_FRAMES,
        frames_times_pixels=settings.SOURCE_MAX_FRAMES_PIXELS,
    )


def source_path(media_file: MediaFile) -> Path:
    """The file to read: the source, or its remux where the source cannot be sought exactly.

    Raises UnreadableMedia where there is neither.
    """
    return store().path(stored_key(media_file))


def stored_key(media_file: MediaFile) -> str:
    """The key of that file. Raises UnreadableMedia."""
    key = _key(media_file)
    if key is None:
        raise UnreadableMedia("source-lost", "The uploaded file is not in the store any more.")
    return key


def has_source(media_file: MediaFile) -> bool:
    """Whether anything can be made of it still."""
    return _key(media_file) is not None


def require_source(media_id: uuid.UUID) -> None:
    """Raise NotFound for a media file that is gone, and SourceLost where nothing can be made of it.

    What is marked as made stays so: the whole disk may be away, and come back.
    """
    media_file = MediaFile.objects.filter(pk=media_id).first()
    if media_file is None:
        raise NotFound
    if not has_source(media_file):
        logger.warning("source lost", extra={"media": str(media_id)})
        raise SourceLost


def _key(media_file: MediaFile) -> str | None:
    keys = (remux_key(media_file.pk), media_file.source_key)
    return next((key for key in keys if key and store().facts(key)), None)
